"""`waterclock notices mute | mutes | unmute` against a real API."""

from __future__ import annotations

import msgspec
import pytest

from tests.integration.api.cli.test_verbs_of_jobs import read, typed
from tests.integration.api.conftest import MakeRig
from tests.integration.api.terminal import brief, told
from waterclock.model.timestamps import millis

WHY = ("--reason", "INC-4711: the source is down")


async def test_a_job_is_muted_listed_and_unmuted(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        job = await story.api.create(jobGroup="reports")
        other = await story.api.create(jobName="other")

        done = await typed(terminal, "notices", "mute", "reports/nightly", "--for", "2h", *WHY)
        said, end = done.output.splitlines()
        assert said.startswith("reports/nightly is muted until 20")
        mute_id = end.split()[-1]
        assert end == f"  waterclock notices unmute {mute_id}"
        again = ("notices", "mute", job["id"], "--for", "60", *WHY, "--idempotency-key", "one", "--json")
        second = read(await typed(terminal, *again))
        assert read(await typed(terminal, *again)) == second
        assert (second["jobId"], second["reason"]) == (job["id"], WHY[1])
        assert millis(second["until"]) - millis(second["mutedAt"]) == pytest.approx(60_000, abs=2_000)

        heads, *rows = (await typed(terminal, "notices", "mutes", "--job", "reports/nightly")).output.splitlines()
        assert heads.split() == ["mute", "of", "since", "until", "by", "reason"]
        assert [row.split()[:2] for row in rows] == [[second["id"], "reports/nightly"], [mute_id, "reports/nightly"]]
        assert rows[0].endswith(WHY[1])
        assert (await typed(terminal, "notices", "mutes", "--job", other["id"])).output == "No mutes found.\n"

        done = await typed(terminal, "notices", "unmute", mute_id, "--reason", "it is back")
        assert done.output == f"{mute_id} is over\n"
        listed = read(await typed(terminal, "notices", "mutes", "--json"))["items"]
        assert [one["id"] for one in listed] == [second["id"]]
        rows = (await typed(terminal, "notices", "mutes", "--all")).output.splitlines()
        assert "ended by anonymous@127.0.0.1: it is back" in rows[-1]
        history = (await typed(terminal, "job", "history", job["id"], "--type", "notices")).output
        assert f"mute {mute_id} ended: it is back" in history
        assert f"notices muted until {brief(second['until'])}: {WHY[1]}" in history or second["until"][:19] in history


async def test_groups_labels_and_everything_are_muted_until_a_time(rig: MakeRig) -> None:
    async with told(rig) as (_, terminal):
        for whose, name in (
            (("--group", "reports"), "group reports"),
            (("--label", "tier=gold"), "label tier=gold"),
            (("--all",), "everything"),
        ):
            when = ("--until", "1h", "--utc") if name == "everything" else ("--for", "PT1H")
            done = await typed(terminal, "notices", "mute", *whose, *when, *WHY)
            assert done.output.startswith(f"{name} is muted until ")
        listed = (await typed(terminal, "notices", "mutes")).output
        assert all(name in listed for name in ("group reports", "label tier=gold", "everything"))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--for", "1h"), 2, "give JOB, --group, --label or --all"),
        (("reports/nightly", "--all", "--for", "1h"), 2, "JOB and --all cannot be combined: give one"),
        (("--group", "a"), 2, "give --for or --until"),
        (("--group", "a", "--for", "1h", "--until", "2h"), 2, "--for and --until cannot be combined: give one"),
        (("--group", "a", "--for", "31d"), 1, "/for must be from 1 to 2592000 seconds"),
        (("--label", "tier", "--for", "1h"), 1, "/label is not name=value"),
        (("reports/none", "--for", "1h"), 1, "No job 'none' in the group 'reports'."),
    ],
)
async def test_what_is_wrong_is_said(rig: MakeRig, words: tuple[str, ...], code: int, said: str) -> None:
    async with told(rig) as (_, terminal):
        done = await typed(terminal, "notices", "mute", *words, *WHY, code=code)
        assert said in done.output
        assert read(await typed(terminal, "notices", "mutes", "--all", "--json"))["items"] == []
        await typed(terminal, "notices", "mute", "--group", "a", "--for", "1h", code=2)  # without a reason
        assert msgspec.json.decode((await typed(terminal, "notices", "mutes", "--json")).stdout)["items"] == []
        unknown = await typed(terminal, "notices", "unmute", "mnobody", code=1)
        assert unknown.output == "Error: No mute mnobody.\n"

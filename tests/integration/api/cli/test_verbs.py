"""`waterclock ledger verify` and `waterclock explain` against a real API."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.integration.api.conftest import MakeRig
from tests.integration.api.deciding import HOUR, MINUTE
from tests.integration.api.terminal import Terminal, brief, told
from waterclock.cli.verbs.backfill import backfill
from waterclock.cli.verbs.explain import explain
from waterclock.cli.verbs.ledger import ledger
from waterclock.cli.verbs.preview import fires, preview
from waterclock.cli.verbs.simulate import simulate
from waterclock_dev.servers.ports import free_port


async def test_a_sound_ledger_exits_0_and_a_broken_one_1(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        job_id = await story.job(job_name="tide", job_group="demo", end_at=story.at(0))
        await story.decide(job_id, every=MINUTE)
        range_ = ("--from", story.at(HOUR - 1), "--to", story.at(0))

        done = await terminal.run(ledger, "verify", *range_, "--job", "demo/tide")
        assert done.exit_code == 0, done.output
        assert "ok: each scheduled time has exactly one decision, and each decision its scheduled time\n" in done.output
        assert done.output.endswith("(this does not say whether runs succeeded: none failed)\n")
        done = await terminal.run(ledger, "verify")
        assert done.exit_code == 0, done.output

        async with story.api.parts.reading() as connection:
            await connection.execute(
                "DELETE FROM events WHERE (epoch, seq) IN (SELECT epoch, seq FROM events"
                " WHERE type = 'run.requested' ORDER BY seq OFFSET 3 LIMIT 1)"
            )
        done = await terminal.run(ledger, "verify", *range_)
        assert done.exit_code == 1, done.output
        assert "NOT ok: 1 holes, 0 doubles, 0 strays\n" in done.output
        done = await terminal.run(ledger, "verify", *range_, "--json")
        assert done.exit_code == 1
        proof: dict[str, Any] = msgspec.json.decode(done.output)
        assert (proof["ok"], proof["holes"][0]["jobId"]) == (False, job_id)


async def test_strips_show_what_became_of_scheduled_times(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        job_id = await story.job(job_name="tide", job_group="demo", misfire_policy="2", end_at=story.at(0))
        await story.decide(job_id, ago=10 * MINUTE)
        await story.api.caught_up()
        range_ = ("--from", story.at(HOUR - 1), "--to", story.at(-1))

        done = await terminal.run(ledger, "strips", "demo/tide", *range_, "--bins", "12")
        assert done.exit_code == 0, done.output
        heading, names, row, legend, pending = done.output.splitlines()
        assert heading == f"{story.at(HOUR - 1)} to {story.at(-1)}, a character for each 5 min"
        assert names.split() == ["job", "strip", "scheduled", "times"]
        assert row == "demo/tide  |mmmmmmmmmw??|  48 merged, 10 pending, 2 waiting"
        assert legend == "? pending   w waiting   m merged"
        assert pending.startswith("pending: the oldest was due at ")

        done = await terminal.run(
            ledger, "strips", job_id, "--by", "hour", "--zone", "Asia/Kathmandu", "--json", *range_
        )
        assert msgspec.json.decode(done.output)["edges"][0].endswith("15:00.000Z")
        done = await terminal.run(ledger, "strips", job_id, "--by", "day", "--bins", "3")
        assert (done.exit_code, "do not go together" in done.output) == (2, True)
        done = await terminal.run(ledger, "strips", "demo/none")
        assert done.exit_code == 1


async def test_what_comes_next_is_listed_and_counted(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.job("30 1 * * *", job_name="tide", job_group="demo", timezone="Europe/Berlin")
        await story.job("0 * * * *", job_name="moon", job_group="demo")
        await story.api.caught_up()
        range_ = ("--from", "2030-10-27T00:00:00Z", "--to", "2030-10-28T01:00:00Z")

        done = await terminal.run(fires, *range_, "--limit", "2")
        assert done.exit_code == 0, done.output
        heading, names, first, second, more = done.output.splitlines()
        assert heading == "2030-10-27T00:00:00Z to 2030-10-28T01:00:00Z: 26 scheduled times"
        assert names.split() == ["scheduled", "job", "queue", "note"]
        assert first.split() == ["2030-10-27T00:00:00Z", "demo/moon", "default", "-"]
        assert second.split() == ["2030-10-27T01:00:00Z", "demo/moon", "default", "-"]
        done = await terminal.run(fires, *range_, *more.split()[-2:])
        assert done.output.splitlines()[-1].split()[:2] == ["2030-10-28T00:30:00Z", "demo/tide"]
        done = await terminal.run(fires, *range_, "--bins", "2")
        assert [line.split() for line in done.output.splitlines()[1:]] == [
            ["from", "times"],
            ["2030-10-27T00:00:00Z", "13"],
            ["2030-10-27T12:30:00Z", "13"],
        ]
        done = await terminal.run(fires)
        assert done.exit_code == 0


async def test_instants_are_explained_page_by_page_and_one_by_one(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        job_id = await story.job(job_name="tide", job_group="demo")
        await story.decide(job_id, every=MINUTE)
        range_ = ("demo/tide", "--from", story.at(HOUR - 1), "--to", story.at(0), "--limit", "40")

        done = await terminal.run(explain, *range_, "--oldest")
        assert done.exit_code == 0, done.output
        lines = done.output.splitlines()
        assert len(lines) == 1 + 40 + 1
        assert lines[1].startswith(f"{brief(story.at(59 * MINUTE))}  fired    Fired")
        done = await terminal.run(explain, *range_, "--oldest", *lines[-1].split()[-2:])
        assert len(done.output.splitlines()) == 1 + 20

        done = await terminal.run(explain, *range_)
        lines = done.output.splitlines()
        assert [line.split()[0] for line in lines[1:3]] == [brief(story.at(0)), brief(story.at(MINUTE))]
        done = await terminal.run(explain, *range_, *lines[-1].split()[-2:])
        lines = done.output.splitlines()
        assert [line.split()[0] for line in lines[-2:]] == [brief(story.at(58 * MINUTE)), brief(story.at(59 * MINUTE))]

        done = await terminal.run(explain, job_id, "--at", story.at(MINUTE // 2), "--json")
        (item,) = msgspec.json.decode(done.output)["items"]
        assert item["fate"] == "notDue"

        on_demand = await story.job(None)
        done = await terminal.run(explain, on_demand)
        assert done.output == "No scheduled times found: the job has no schedule and runs on demand only.\n"


async def test_an_expression_is_previewed_with_what_the_clock_does(rig: MakeRig) -> None:
    async with told(rig) as (_, terminal):
        autumn = ("--zone", "Europe/Berlin", "--from", "2026-10-24T12:00:00Z", "--count", "2")
        done = await terminal.run(preview, "30 2 * * *", *autumn)
        assert done.exit_code == 0, done.output
        assert [line.split("  ")[-1].strip() for line in done.output.splitlines()] == [
            "at 02:30 every day, Europe/Berlin",
            "note",
            "first pass: the clock is about to go back",
            "left out: second pass: the clock went back",
            "-",
        ]
        done = await terminal.run(preview, "30 2 * * *", *autumn, "--dst-fold", "both", "--json")
        assert len(msgspec.json.decode(done.output)["items"]) == 2
        done = await terminal.run(preview, "61 * * * *")
        assert done.exit_code == 1
        assert "/cronExpression '61' in the minute field is invalid: use 0-59" in done.output


async def test_an_outage_is_foretold_policy_by_policy(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.job(job_name="tide", job_group="demo", misfire_policy="1")
        await story.api.caught_up()
        outage = ("demo/tide", "--from", story.at(HOUR), "--to", story.at(0))

        done = await terminal.run(simulate, *outage)
        assert done.exit_code == 0, done.output
        lines = done.output.splitlines()
        assert lines[0].startswith("Scheduled times are decided up to")
        assert [line.split()[0] for line in lines[2:5]] == ["runAll", "runOnce", "skip"]
        assert [line.split("  ")[1].strip() for line in lines if "(its own)" in line] == ["60"]
        assert lines[-1].startswith("More than 10 results")
        done = await terminal.run(simulate, *outage, "--json")
        assert [one["fired"] for one in msgspec.json.decode(done.output)["policies"]] == [60, 2, 1]


async def test_a_backfill_is_told_first_and_done_once(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        job_id = await story.job()
        await story.decide(job_id)
        range_ = (job_id, "--from", story.at(9 * MINUTE), "--to", story.at(0), "--limit", "4", "--pace", "0")

        done = await terminal.run(backfill, *range_)
        assert done.exit_code == 0, done.output
        lines = done.output.splitlines()
        assert lines[1].split() == [brief(story.at(9 * MINUTE)), "skipped", "at", "once"]
        assert lines[-2].startswith("4 of 10 scheduled times would get a run; nothing was stored")
        assert lines[-1] == f"More results: add --from {story.at(6 * MINUTE)[:-4]}001Z"
        done = await terminal.run(backfill, *range_, "--run", "--idempotency-key", "mend")
        assert "4 of 10 scheduled times got a run" in done.output
        assert (await terminal.run(backfill, *range_, "--run", "--idempotency-key", "mend")).output == done.output


async def test_a_refusal_is_one_line_and_exit_code_1(rig: MakeRig) -> None:
    async with told(rig) as (_, terminal):
        for arguments, said in (
            (("nobody",), "No job nobody"),
            (("demo/nobody",), "no job 'nobody' in the group 'demo'"),
        ):
            done = await terminal.run(explain, *arguments)
            assert done.exit_code == 1, done.output
            assert said.lower() in done.output.lower()
            assert len(done.output.splitlines()) == 1
        done = await terminal.run(ledger, "verify", "--from", "2026-11-28", "--to", "2026-11-27")
        assert done.exit_code == 2, "1 is left to what is proved"


async def test_an_api_out_of_reach_is_named_with_its_setting() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = await Terminal(url).run(ledger, "verify")
    assert done.exit_code == 2
    assert f"no answer from {url} (WATERCLOCK_API_URL)" in done.output
    done = await Terminal("localhost:8080").run(ledger, "verify")
    assert done.exit_code == 2
    assert "WATERCLOCK_API_URL" in done.output

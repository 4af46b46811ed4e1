"""`waterclock job`, `run`, `queue`, `fleet` and `tail` against a real API."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from click.testing import Result

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import Worker
from tests.integration.api.terminal import Terminal, told
from waterclock.cli.main import main
from waterclock.cli.verbs import read_runs


async def typed(terminal: Terminal, *arguments: str, code: int = 0) -> Result:
    done = await terminal.run(main, *arguments)
    assert done.exit_code == code, done.output
    return done


def read(done: Result) -> Any:
    return msgspec.json.decode(done.stdout)


async def worked(worker: Worker, *, fails: bool = False) -> str:
    """The next run, executed in one step."""
    async with asyncio.timeout(10):
        while not (grants := await worker.claim()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # a hand's claims do not block
    (grant,) = grants
    await worker.step(grant, "Measure", "high water")
    if fails:
        await worker.fail(grant, "no gauge")
    else:
        await worker.succeed(grant, {"metres": 3})
    return grant.run_id


async def test_a_job_is_created_listed_edited_disabled_and_deleted(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        when = ("--cron", "0 4 * * *", "--zone", "Europe/Berlin")
        options = (*when, "--param", "seconds=2", "--set", "misfirePolicy=runAll")
        done = await typed(terminal, "job", "create", "demo/tide", "demo.sleep", *options, "--set", "jitter=5")
        said = dict(line.split("  ", 1) for line in done.output.splitlines())
        assert {name: said[name].strip() for name in ("schedule", "parameters", "misfirePolicy")} == {
            "schedule": "0 4 * * * (Europe/Berlin)",
            "parameters": '{"seconds":2}',
            "misfirePolicy": "runAll",
        }
        lines = (await typed(terminal, "job", "list", "--label", "none")).output.splitlines()
        assert lines == ["No jobs found."]
        heads, row = (await typed(terminal, "job", "list", "--group", "demo")).output.splitlines()
        assert heads.split("  ")[0] == "job"
        assert row.split()[:3] == ["demo/tide", "enabled", "demo.sleep"]

        edit = ("job", "edit", "demo/tide", "--unset", "misfirePolicy", "--set", 'labels={"team":"sea"}', "--json")
        job = read(await typed(terminal, *edit, "--reason", "INC-4711"))
        assert (job["version"], job["misfirePolicy"], job["labels"], job["jitter"]) == (2, "3", {"team": "sea"}, 5)
        assert job["invokeParams"] == {"seconds": 2}
        await typed(terminal, "job", "edit", "demo/tide", "--queue", "low", "--version", "1", code=1)
        await typed(terminal, "job", "edit", "demo/tide", code=2)

        assert " disabled\n" in (await typed(terminal, "job", "disable", "demo/tide", "--reason", "ebb")).output
        assert read(await typed(terminal, "job", "enable", job["id"], "--json"))["status"] == "0"
        shown = (await typed(terminal, "job", "show", "demo/tide")).output
        assert len([line for line in shown.splitlines() if line.startswith("  20")]) == 10, "its next instants"
        done = await typed(terminal, "job", "history", "demo/tide", "--type", "job")
        assert [line.split()[1] for line in done.output.splitlines()[1:]] == [
            "job.enabled",
            "job.disabled",
            "job.changed",
            "job.created",
        ]
        assert "job.changed: INC-4711" in done.output

        for named in (job["id"], "demo/tide"):
            assert (
                "0 would be cancelled" in (await typed(terminal, "run", "cancel", "--job", named, "--dry-run")).output
            )
            again = ("run", "retry", "--failed", "--job", named, "--dry-run")
            assert "0 would be run again" in (await typed(terminal, *again)).output
            assert "at 09:00 every day" in (await typed(terminal, "preview", "0 9 * * *", "--job", named)).output
            assert (await typed(terminal, "run", "list", "--job", named)).output == "No runs found.\n"
            await typed(terminal, "ledger", "verify", "--job", named)
            assert "jobName: tide" in (await typed(terminal, "export", named)).output
        await typed(terminal, "run", "cancel", "--job", "", "--dry-run", code=2)

        done = await typed(terminal, "job", "delete", "demo/none", code=1)
        assert done.output == "Error: No job 'none' in the group 'demo'.\n", "it is not asked about"
        done = await typed(terminal, "job", "delete", job["id"], code=1)  # nobody said yes
        assert "Delete demo/tide?" in done.output
        await typed(terminal, "job", "delete", "demo/tide", "--yes", "--reason", "moved to sea")
        done = await typed(terminal, "job", "history", job["id"], "--type", "job.deleted")
        assert "job.deleted: moved to sea" in done.output
        done = await typed(terminal, "job", "show", "demo/tide", code=1)
        assert done.output == "Error: No job 'tide' in the group 'demo'.\n"


async def test_a_promise_is_written_by_options_of_its_own_and_told_in_words(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        create = ("job", "create", "demo/tide", "demo.sleep", "--cron", "0 4 * * *", "--finish-within", "1h", "--json")
        assert read(await typed(terminal, *create))["promise"] == {"finishWithin": 3600}
        await typed(terminal, "job", "edit", "demo/tide", "--unset", "promise.finishWithin")
        promising = ("--start-within", "5m", "--finish-by", "06:30", "--success-within", "26h", "--disable-after", "5")
        lines = (await typed(terminal, "job", "edit", "demo/tide", *promising)).output.splitlines()
        said = "starts within 5 min, ends by 06:30, succeeds every 1 d 2 h, disabled after 5 failed runs in a row"
        assert [line.split("  ", 1)[1].strip() for line in lines if line.startswith("promise ")] == [said]
        edit = ("job", "edit", "demo/tide", "--runs-at-most", "90", "--set", "promise.startWithin=null", "--json")
        promise = read(await typed(terminal, *edit, "--unset", "promise.finishBy"))["promise"]
        assert promise == {"runsAtMost": 90, "successWithin": 93_600, "disableAfter": 5}
        assert "    runsAtMost: 90\n" in (await typed(terminal, "export", "demo/tide")).output
        refused = await typed(terminal, "job", "edit", "demo/tide", "--finish-by", "6 o'clock", code=1)
        assert "/promise/finishBy is not a time of day" in refused.output
        assert (
            read(await typed(terminal, "job", "edit", "demo/tide", "--unset", "promise", "--json"))["promise"] is None
        )


async def test_what_the_api_refuses_names_the_field_and_what_is_typed_wrong_is_usage(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        done = await typed(terminal, "job", "create", "demo/x", "demo.noop", "--set", "misfirePolicy=9", code=1)
        assert "/misfirePolicy" in done.output
        done = await typed(terminal, "job", "create", "demo/x", "demo.noop", "--set", "mispolicy=1", code=1)
        assert "/mispolicy is unknown; did you mean" in done.output
        for wrong in (("--set", "nothing"), ("--params", "[1]"), ("--nonsense",)):
            await typed(terminal, "job", "create", "demo/x", "demo.noop", *wrong, code=2)


async def test_a_run_without_a_job_is_started_and_awaited(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        worker = await story.api.worker()
        work = asyncio.create_task(worked(worker))
        options = ("--param", "seconds=0.5", "--set", 'labels={"team":"sea"}', "--set", "timeout=60", "--reason", "ebb")
        done = await typed(terminal, "run", "start", "demo.sleep", *options, "--wait", "--json")
        run = read(done)
        assert run["id"] == await work
        assert (run["jobId"], run["invokeTarget"], run["params"], run["labels"], run["reason"], run["status"]) == (
            None, "demo.sleep", {"seconds": 0.5}, {"team": "sea"}, "ebb", "succeeded",
        )  # fmt: skip

        once = ("run", "start", "demo.noop", "--queue", "low", "--delay", "1m30s", "--idempotency-key", "once")
        later = await typed(terminal, *once)
        again = await typed(terminal, *once)
        assert later.output == again.output
        shown = read(await typed(terminal, "run", "show", later.output.strip(), "--json"))
        assert (shown["status"], shown["queue"]) == ("delayed", "low")
        done = await typed(terminal, "run", "start", "demo.nop", code=1)
        assert "/invokeTarget" in done.output
        await typed(terminal, "run", "start", "demo.nop", "--allow-unknown", "--set", "nonsense=1", code=1)


async def test_a_part_of_a_member_is_set_and_the_others_stay(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        parts = ("--set", "retry.maxAttempts=2", "--set", "labels.team=sea", "--set", "labels.a.b/c=1")
        made = read(await typed(terminal, "job", "create", "demo/tide", "demo.sleep", *parts, "--json"))
        assert (made["retry"]["maxAttempts"], made["labels"]) == (2, {"team": "sea", "a.b/c": "1"})
        parts = ("--set", "retry.backoff=fixed", "--set", "labels.team=air", "--set", "invokeParams.seconds=2")
        kept = read(await typed(terminal, "job", "edit", "demo/tide", *parts, "--json"))
        assert kept["retry"] == {**made["retry"], "backoff": "fixed"}
        assert (kept["labels"], kept["invokeParams"]) == ({"team": "air", "a.b/c": "1"}, {"seconds": 2})
        done = await typed(terminal, "job", "edit", "demo/tide", "--set", "retry.most=2", code=1)
        assert "/retry/most" in done.output


async def test_a_run_is_followed_to_its_end_and_the_exit_code_says_how_it_ended(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        worker = await story.api.worker()
        await typed(terminal, "job", "create", "demo/tide", "demo.noop", "--set", 'retry={"maxAttempts":1}')

        work = asyncio.create_task(worked(worker))
        done = await typed(terminal, "job", "trigger", "demo/tide", "--follow")
        run_id = await work
        said = [line.split("  ", 1)[1] for line in done.output.splitlines()]
        assert said[1:] == [
            "started by w1, attempt 1",
            "▸ Measure",
            "    high water",
            "✓ step 1 succeeded",
            "succeeded",
        ]
        assert "requested (manual)" in said[0]
        assert (await typed(terminal, "run", "follow", run_id)).output == done.output
        events = [
            msgspec.json.decode(line)
            for line in (await typed(terminal, "run", "follow", run_id, "--json")).output.splitlines()
        ]
        assert events[-1]["event"] == "end"

        work = asyncio.create_task(worked(worker, fails=True))
        done = await typed(terminal, "job", "trigger", "demo/tide", "--wait", code=1)
        failed = await work
        assert done.output == f"{failed} failed: ValueError: no gauge\n"
        work = asyncio.create_task(worked(worker))
        done = await typed(terminal, "run", "retry", failed, "--wait", "--json")
        assert (read(done)["id"], read(done)["retryOf"]) == (await work, failed)

        await story.api.caught_up()
        listed = (await typed(terminal, "run", "list", "--job", "demo/tide")).output.splitlines()
        assert [line.split()[3] for line in listed[1:]] == ["succeeded", "failed", "succeeded"]
        assert (await typed(terminal, "run", "list", "--status", "failed", "--limit", "1")).output.count(failed) == 1
        assert (await typed(terminal, "run", "logs", run_id)).output.endswith("  info     high water\n")
        assert "error      ValueError: no gauge\n" in (await typed(terminal, "run", "show", failed)).output
        done = await typed(terminal, "run", "cancel", failed, "nobody", code=1)
        assert [line.split()[:2] for line in done.output.splitlines()] == [[failed, "refused:"], ["nobody", "refused:"]]


async def test_queues_are_held_and_the_fleet_is_told(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        assert (await typed(terminal, "queue", "pause", "low", "--reason", "flood")).output == "low is paused\n"
        rows = [line.split()[:3] for line in (await typed(terminal, "queue", "list")).output.splitlines()[1:]]
        assert rows == [["critical", "6", "open"], ["default", "3", "open"], ["low", "1", "paused"]]
        for _ in range(2):
            await story.api.ask(invokeTarget="demo:sleep")
        await story.api.ask()
        for executors, wanted in (((), "3"), (("demo.sleep",), "2"), (("demo.sleep", "demo.noop"), "3"), (("x",), "0")):
            options = [word for name in executors for word in ("--executor", name)]
            head, *listed = (await typed(terminal, "queue", "list", *options)).output.splitlines()
            default = dict(zip(head.split(), listed[1].split(), strict=False))
            assert (default["waiting"], default["aside"]) == (wanted, "0")
        assert read(await typed(terminal, "queue", "list", "--executor", "demo.sleep", "--json"))["demand"] == 2
        assert read(await typed(terminal, "queue", "resume", "low", "--json")) == {"name": "low", "paused": False}
        await typed(terminal, "queue", "pause", "lower", code=1)
        await story.api.caught_up()
        assert (await typed(terminal, "fleet", "workers")).output.splitlines()[1].split()[:3] == ["w1", "live", "0/10"]
        row = (await typed(terminal, "fleet", "executors")).output.splitlines()[-1]
        assert row.split("  ")[0] == "demo.sleep"
        assert "seconds" in row


async def test_a_run_is_tailed_from_its_first_event(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        worker = await story.api.worker()
        job = read(await typed(terminal, "job", "create", "demo/tide", "demo.noop", "--json"))
        run_id = read(await typed(terminal, "job", "trigger", job["id"], "--json"))["runId"]
        assert await worked(worker) == run_id
        done = await typed(terminal, "tail", "--run", run_id)
        assert done.output.splitlines()[-1].endswith("  succeeded")
        await typed(terminal, "tail", "demo/tide", "--run", run_id, code=2)


async def test_runs_that_fit_a_filter_are_run_again_and_cancelled(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        worker = await story.api.worker()
        await typed(terminal, "job", "create", "demo/tide", "demo.noop", "--set", "concurrent=0")
        await typed(terminal, "job", "create", "demo/ebb", "demo.noop")
        await typed(terminal, "job", "edit", "demo/tide", "--set", 'retry={"maxAttempts":1}')
        failed: list[str] = []
        for fails in (True, True, False):
            await typed(terminal, "job", "trigger", "demo/tide")
            run_id = await worked(worker, fails=fails)
            failed += [run_id] * fails
        await story.api.caught_up()

        again = ("run", "retry", "--failed", "--job", "demo/tide")
        done = await typed(terminal, *again, "--dry-run")
        *named, said = done.output.splitlines()
        assert sorted(named) == sorted(failed)
        assert said == "2 would be run again; nothing was done: repeat without --dry-run to do it"
        done = await typed(terminal, *again, "--idempotency-key", "once")
        assert done.output.endswith("2 of 2 run again, 0 refused\n")
        assert (await typed(terminal, *again, "--idempotency-key", "once")).output == done.output
        await typed(terminal, "job", "trigger", "demo/ebb")

        done = await typed(terminal, "run", "cancel", "--job", "demo/tide", "--dry-run", "--json")
        assert read(done)["matched"] == 2
        done = await typed(terminal, "run", "cancel", "--job", "demo/tide")
        assert done.output.endswith("2 of 2 cancelled, 0 refused\n")
        done = await typed(terminal, "run", "cancel", "--all")
        assert done.output.endswith("1 of 1 cancelled, 0 refused\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cancel",), "Give a run, or a filter: --all"),
        (("retry",), "Give a run, or a filter: --failed"),
        (("cancel", "a-b", "--all"), "not both"),
        (("cancel", "--all", "--of-queue", "low"), "not both"),
        (("retry", "a-b", "--dry-run"), "not both"),
        (("retry", "a-b", "c-d"), "One run at a time"),
        (("retry", "--failed", "--follow"), "need a run id"),
    ],
)
async def test_which_runs_are_meant_is_never_guessed(words: tuple[str, ...], said: str) -> None:
    done = await Terminal("http://127.0.0.1:1").run(main, "run", *words)

    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


async def test_all_pages_of_a_log_are_printed_as_they_are(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_runs, "LINES", 2)
    async with told(rig) as (story, terminal):
        worker = await story.api.worker()
        await typed(terminal, "job", "create", "demo/tide", "demo.noop")
        run_id = await story.api.trigger(read(await typed(terminal, "job", "show", "demo/tide", "--json"))["job"]["id"])
        (grant,) = await worker.claim()
        await worker.step(grant, "Measure", *(f"line {number}" for number in range(5)))
        await worker.succeed(grant)
        await story.api.caught_up()

        done = await typed(terminal, "run", "logs", run_id, "--json")

        pages = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
        assert [[item["text"] for item in page["items"]] for page in pages] == [
            ["line 0", "line 1"],
            ["line 2", "line 3"],
            ["line 4"],
        ]

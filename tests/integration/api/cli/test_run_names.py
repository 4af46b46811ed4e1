"""Runs by the name of their job, what narrows their lists and logs, and whose an event is."""

from __future__ import annotations

from tests.integration.api.cli.test_verbs_of_jobs import read, typed, worked
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS
from tests.integration.api.terminal import told

ONCE = ("--set", 'retry={"maxAttempts":1}')


async def test_the_last_run_of_a_job_is_named_by_the_job(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        worker = await story.api.worker()
        await typed(terminal, "job", "create", "demo/tide", "demo.noop", *ONCE)
        for verb in ("show", "logs", "follow", "retry"):
            done = await typed(terminal, "run", verb, "demo/tide", code=1)
            assert "demo/tide has no run yet: start one with `waterclock job trigger demo/tide`" in done.output
            done = await typed(terminal, "run", verb, "demo/none", code=1)
            assert "No job 'none' in the group 'demo'." in done.output
            done = await typed(terminal, "run", verb, "nobody", code=1)
            assert done.output.startswith("Error: No run 'nobody'. List runs with `waterclock run list`")
        assert "no such run. List runs with" in (await typed(terminal, "run", "cancel", "nobody", code=1)).output

        first = await story.api.trigger(read(await typed(terminal, "job", "show", "demo/tide", "--json"))["job"]["id"])
        assert await worked(worker) == first
        second = (await typed(terminal, "job", "trigger", "demo/tide")).output.strip()
        assert await worked(worker, fails=True) == second
        await story.api.caught_up()

        assert read(await typed(terminal, "run", "show", "demo/tide", "--json"))["id"] == second
        done = await typed(terminal, "run", "logs", "demo/tide")
        assert done.stdout.endswith("  info     high water\n")
        assert done.stderr == f"run {second} of demo/tide, failed\n"
        assert (await typed(terminal, "run", "follow", "demo/tide", code=1)).stdout.endswith(
            "failed: ValueError: no gauge\n"
        )
        assert (await typed(terminal, "tail", "--run", "demo/tide", code=1)).stdout.endswith(
            "failed: ValueError: no gauge\n"
        )
        third = (await typed(terminal, "run", "retry", "demo/tide")).stdout.strip()
        assert read(await typed(terminal, "run", "show", third, "--json"))["retryOf"] == second
        await story.api.caught_up()
        assert (await typed(terminal, "run", "cancel", "demo/tide")).stdout == f"{third} cancel requested\n"


async def test_runs_are_listed_by_what_they_execute_and_by_label(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        label = ("--set", 'labels={"team":"sea"}')
        sleeping = (await typed(terminal, "run", "start", "demo.sleep", *label)).output.strip()
        doing = (await typed(terminal, "run", "start", "demo.noop")).output.strip()
        await story.api.caught_up()
        for options, wanted in (
            (("--executor", "demo.sleep"), [sleeping]),
            (("--executor", "demo.sleep", "--executor", "demo.noop"), [doing, sleeping]),
            (("--label", "team=sea"), [sleeping]),
            (("--label", "team", "--executor", "demo.noop"), []),
        ):
            page = read(await typed(terminal, "run", "list", *options, "--json"))
            assert [item["id"] for item in page["items"]] == wanted, options


async def test_a_log_is_narrowed_to_an_attempt_a_level_or_its_end(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        worker = await story.api.worker()
        run_id = await story.api.ask()
        grant = await worker.claim_one()
        await worker.step(grant, "Measure", *(f"line {number}" for number in range(5)))
        await worker.succeed(grant)
        await story.api.caught_up()

        async def lines(*options: str) -> list[str]:
            return [
                line.split("  ")[-1].strip()
                for line in (await typed(terminal, "run", "logs", run_id, *options)).output.splitlines()
            ]

        assert await lines("--tail", "2") == ["line 3", "line 4"]
        assert len(await lines("--attempt", "1", "--level", "info")) == 5
        assert await lines("--attempt", "2") == await lines("--level", "error") == []
        await typed(terminal, "run", "logs", run_id, "--follow", "--tail", "2", code=2)
        await typed(terminal, "run", "logs", run_id, "--json", "--tail", "2", code=2)


async def test_a_list_of_jobs_has_their_last_run_and_last_success(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        worker = await story.api.worker()
        await typed(terminal, "job", "create", "demo/tide", "demo.noop", *ONCE)
        job_id = read(await typed(terminal, "job", "show", "demo/tide", "--json"))["job"]["id"]
        ended: list[str] = []
        for fails in (False, True):
            run_id = await story.api.trigger(job_id)
            await worked(worker, fails=fails)
            await story.api.caught_up()
            ended.append((await story.api.http.get(f"{RUNS}/{run_id}")).json()["finishedAt"])
            (job,) = (await story.api.http.get(JOBS)).json()["items"]
            assert job["lastSuccessAt"] == ended[0]
        assert (await story.api.http.get(f"{JOBS}/{job_id}")).json()["lastSuccessAt"] == ended[0]
        assert (await story.api.http.put(f"{JOBS}/{job_id}", json=job)).status_code == 200, "what is known is no member"
        await typed(terminal, "job", "edit", "demo/tide", "--queue", "low")
        heads, row = (await typed(terminal, "job", "list")).output.splitlines()
        columns = {name: row[heads.index(name) :].split("  ")[0] for name in ("last run", "last success")}
        assert columns == {"last run": f"failed {ended[1][:19]}Z", "last success": f"{ended[0][:19]}Z"}


async def test_a_run_in_a_paused_queue_says_so_until_it_starts(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        await typed(terminal, "job", "create", "demo/tide", "demo.noop", *ONCE)
        await typed(terminal, "job", "trigger", "demo/tide")
        said: list[str] = []
        for verb in ("pause", "resume"):
            await typed(terminal, "queue", verb, "default")
            await story.api.caught_up()
            lines = (await typed(terminal, "run", "show", "demo/tide")).output.splitlines()
            said += [line.split(maxsplit=1)[1] for line in lines if line.startswith("queue ")]
        assert said == ["default (paused)", "default"]


async def test_events_name_their_jobs_and_who_did_it(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        worker = await story.api.worker()
        await typed(terminal, "job", "create", "demo/tide", "demo.noop", *ONCE)
        await typed(terminal, "queue", "pause", "low", "--reason", "flood")
        run_id = (await typed(terminal, "job", "trigger", "demo/tide")).output.strip()
        await worked(worker, fails=True)
        await story.api.caught_up()

        lines = (await typed(terminal, "events", "--since", "1h")).output.splitlines()
        failed = next(line for line in lines if " run.failed " in line)
        assert f"  demo/tide  {run_id}  " in failed
        assert failed.endswith("failed: ValueError: no gauge")
        paused = next(line for line in lines if " queue.paused " in line)
        assert "  low  " in paused
        assert paused.endswith("flood")
        done = await typed(terminal, "events", "--type", "run.failed", "--run", "demo/tide")
        assert len(done.output.splitlines()) == 2
        done = await typed(terminal, "events", "--job", "demo/tide", "--until", "1h")
        assert done.output == "No events found.\n"

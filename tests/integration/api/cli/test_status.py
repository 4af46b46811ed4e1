"""`waterclock status` and `doctor` by the API alone: whether the clock runs, and what is said where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count

import msgspec
import pytest

from tests.integration.api.cli.test_contexts import typed
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import NOOP, SLEEP, Rig, Worker, served
from tests.integration.stage import waterclock
from waterclock.log.commands.bodies import part
from waterclock.log.liveness.leadership import acquire
from waterclock.log.liveness.sessions import renew
from waterclock.model.events import LeadershipTaken
from waterclock_api.validation import live_executors
from waterclock_dev.servers.ports import free_port


@pytest.fixture(autouse=True)
def nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_executors, "FRESH_FOR", -1.0)


async def led(api: Rig) -> None:
    body = part(LeadershipTaken, scheduler="one")
    for partition in range(api.log.partitions):
        await acquire(api.log, partition, scheduler="one", ttl_ms=600_000, body=body, next_at=0)


@asynccontextmanager
async def alive(api: Rig, worker: Worker) -> AsyncGenerator[None]:
    """The worker's lease is renewed, as its thread would."""

    async def keep() -> None:
        for number in count(1):
            for partition in range(api.log.partitions):
                await renew(api.log, partition, worker.session, number)
            await asyncio.sleep(1)

    keeping = asyncio.ensure_future(keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])


def troubles(said: str, level: str = "problem") -> list[str]:
    """Checks that came to this level."""
    lines = [line.removeprefix(level).strip() for line in said.splitlines() if line.startswith(f"{level} ")]
    return [line.partition(":")[0] for line in lines]


async def test_status_says_whether_the_clock_runs_and_what_keeps_it(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        done = await typed("status", "--url", url)
        assert (done.exit_code, troubles(done.stdout)) == (1, ["schedules", "workers"]), done.output
        assert done.stdout.startswith("The scheduler does not work properly: schedules, workers.\n")

        await led(api)
        worker = await api.worker(NOOP, name="one", queues=("default", "low"), announces=True)
        async with alive(api, worker):
            await api.caught_up()
            done = await typed("status", "--url", url)
            assert (done.exit_code, troubles(done.stdout), troubles(done.stdout, "warning")) == (0, [], []), done.output
            assert "The scheduler works.\n" in done.stdout
            assert "workers: 1 live, 0 of 10 slots busy" in done.stdout

            job = await api.create(jobGroup="reports", jobName="nightly")
            for _ in range(2):
                await api.trigger(job["id"], overlapPolicy="buffer_all")
                await worker.fail(await worker.claim_one(), "no such table")
            await api.http.post("/v1/monitor/queues/low/pause")
            await api.caught_up()
            done = await typed("status", "--url", url)
            assert (done.exit_code, sorted(troubles(done.stdout, "warning"))) == (0, ["failed runs", "queue"]), (
                done.output
            )
            assert "failed runs: 2 in the last 1h: reports/nightly (2)" in done.stdout
            assert "low is paused, and 0 run(s) wait in it" in done.stdout

            await api.ask(queue="low")
            await api.caught_up()
            done = await typed("status", "--url", url)
            assert (done.exit_code, troubles(done.stdout)) == (1, ["queue"]), done.output
            assert "`waterclock queue resume low`" in done.stdout

            await api.http.post("/v1/monitor/queues/low/resume")
            sleeper = await api.worker(SLEEP, name="sleeper", queues=("low",), announces=True)
            await sleeper.leave()
            await api.ask(invokeTarget="demo.sleep")
            await api.caught_up()
            done = await typed("status", "--url", url, "--json")
            told = msgspec.json.decode(done.stdout)
            waiting = [one["said"] for one in told["checks"] if one["check"] == "executors"]
            assert (done.exit_code, told["ok"]) == (1, False)
            assert "1 run(s) in the queue default wait for demo.sleep, which no live worker of it has" in waiting


async def test_doctor_by_the_api_alone_says_what_takes_the_stores_to_see(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        await led(api)
        worker = await api.worker()
        await api.caught_up()
        async with alive(api, worker):
            code, out, _ = await waterclock("doctor", "--url", url)
            assert code == 0, out
            assert troubles(out, "skipped") == ["Redis", "Postgres"]
            assert "set WATERCLOCK_POSTGRES_URL to check it" in out
            assert "workers: 1 live" in out
            assert out.endswith("Everything that was checked is healthy.\n")

            weak, able = await api.key("query", name="weak"), await api.key("list", name="able")
            code, out, _ = await waterclock("doctor", "--url", url, API_KEY=weak)
            assert (code, "lacks the scope 'list'. (WATERCLOCK_API_KEY)" in out) == (1, True), out
            code, out, _ = await waterclock("doctor", "--json", API_URL=url, API_KEY=able)
            assert (code, msgspec.json.decode(out)["findings"][-1]["level"]) == (0, "skipped")
            done = await typed("status", "--url", url, WATERCLOCK_API_KEY=weak)
            assert (done.exit_code, "lacks the scope 'list'. (WATERCLOCK_API_KEY)" in done.stderr) == (1, True)


@pytest.mark.parametrize(("verb", "told"), [("status", "no answer from"), ("doctor", "does not answer")])
async def test_an_api_that_is_not_there_is_exit_code_2(verb: str, told: str) -> None:
    code, out, said = await waterclock(verb, "--url", f"http://127.0.0.1:{free_port()}")
    assert (code, told in out + said) == (2, True), out + said

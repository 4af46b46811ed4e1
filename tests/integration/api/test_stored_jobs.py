"""Workers announce another schema: the stored jobs that it does not fit are found once, and told wherever one looks."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, NOOP, SLEEP, Rig
from tests.support.waiting import until
from waterclock.kit.randomness import token
from waterclock.kit.telemetry import catalog
from waterclock.model.events import ExecutorSpec
from waterclock.store.connection.pool import Connection, connect_anew, open_pool
from waterclock_api.operator.diagnostics import schemas
from waterclock_api.operator.diagnostics.checks import Finding
from waterclock_api.validation import stored_jobs, unfit_jobs
from waterclock_api.validation.executors import executors_of_workers
from waterclock_api.validation.stored_jobs import StoredJobs
from waterclock_api.validation.values import stored_flaws
from waterclock_dev.servers.ports import free_port
from waterclock_dev.services import Service

SECRET = "5a7c0ffee"
MANY = (
    "INSERT INTO jobs (job_id, partition, version, job_name, job_group, invoke_target, status, queue, labels,"
    " definition, created_at, updated_at)"
    " SELECT 'many-' || n, 0, 1, 'many ' || n, 'DEFAULT', 'demo.sleep', '0', 'default', '{}', jsonb_build_object("
    " 'jobName', 'many ' || n, 'invokeTarget', 'demo.sleep', 'invokeParams', jsonb_build_object('seconds', n %% 5)),"
    " now(), now() FROM generate_series(1, %s) AS n"
)


def sleeping(**properties: Any) -> ExecutorSpec:
    """What a later release of the executor announces."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return ExecutorSpec(key="demo.sleep", description="Sleeps.", params_schema=schema, aliases=SLEEP.aliases)


SHORT = sleeping(seconds={"type": "number", "maximum": 3})


@asynccontextmanager
async def checking(api: Rig) -> AsyncGenerator[tuple[StoredJobs, Connection]]:
    """One process that checks, which does so when it is asked (`checked`)."""
    async with (
        await open_pool(api.postgres_url, name="projector", max_size=1) as pool,
        await connect_anew(pool) as connection,
    ):
        yield StoredJobs(pool), connection
    catalog.UNFIT_JOBS.replace({})


async def checked(api: Rig, by: tuple[StoredJobs, Connection]) -> None:
    """All that is announced by now, to the end."""
    await api.caught_up()
    await by[0].look(by[1])
    while await by[0].look(by[1]):
        pass


async def doctor(api: Rig) -> list[Finding]:
    async with api.parts.reading() as connection:
        return [one async for one in schemas.of_jobs(connection)]


async def notes(api: Rig, job_id: str) -> list[dict[str, str]]:
    read = (await api.http.get(f"{JOBS}/{job_id}")).json()["notes"]
    listed = {one["id"]: one["notes"] for one in (await api.http.get(JOBS)).json()["items"]}
    assert listed[job_id] == read
    return read


def told(caplog: pytest.LogCaptureFixture, message: str = "stored jobs invalid") -> list[Any]:
    return [record for record in caplog.records if record.message == message]


async def test_a_job_that_a_new_schema_does_not_fit_is_told_in_all_places_and_until_it_fits(
    rig: MakeRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with rig() as api, checking(api) as by:
        await api.worker(name="old")
        params = {"seconds": 5}
        job = await api.create(jobName="nightly", invokeTarget="demo:sleep", invokeParams=params, concurrent="0")
        other = await api.create(jobName="short", invokeTarget="demo.sleep", invokeParams={"seconds": 2})
        await checked(api, by)
        assert (told(caplog), await notes(api, job["id"])) == ([], [])

        await api.worker(SHORT, NOOP, name="new")
        await checked(api, by)

        (line,) = told(caplog)
        assert (line.executor, line.count, line.looked_at) == ("demo.sleep", 1, 2)
        assert line.jobs == [f"DEFAULT/nightly ({job['id']}): /invokeParams/seconds"]
        (note,) = await notes(api, job["id"])
        assert note["pointer"] == "/invokeParams/seconds"
        assert note["message"].startswith("a run with it fails: ")
        assert await notes(api, other["id"]) == []
        wrong, well = await doctor(api)
        assert (wrong.level, "DEFAULT/nightly" in wrong.said, "/invokeParams/seconds" in wrong.said, well.level) == (
            "problem", True, True, "ok",
        )  # fmt: skip
        assert catalog.UNFIT_JOBS.series == {("demo.sleep",): 1}

        async def told_when_triggered() -> bool:
            asked = await api.http.post(f"{JOBS}/{job['id']}/trigger", json={})
            return asked.status_code == 202 and note in asked.json()["notes"]

        await until(told_when_triggered, within=10, what="the note of a run")

        edited = await api.http.put(f"{JOBS}/{job['id']}", json=job | {"invokeParams": {"seconds": 3}})
        assert (edited.status_code, edited.json()["notes"], await notes(api, job["id"])) == (200, [], [])
        assert [one.level for one in await doctor(api)] == ["ok"]
        await checked(api, by)
        assert catalog.UNFIT_JOBS.series == {}
        assert len(told(caplog)) == 1


async def test_a_schema_is_checked_once_whoever_looks_and_however_often_it_is_announced(
    rig: MakeRig, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig() as api, checking(api) as by, checking(api) as another:
        await api.worker(name="old")
        await api.create(invokeTarget="demo.sleep", invokeParams={"seconds": 5})
        await api.worker(SHORT, NOOP, name="new")
        for each in (by, another):
            await checked(api, each)
        await api.worker(SHORT, NOOP, name="new again")
        for each in (by, another):
            await checked(api, each)
        assert len(told(caplog)) == 1


async def test_while_two_releases_announce_in_turn_nothing_is_checked_and_then_the_last_one_counts(
    rig: MakeRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with rig() as api, checking(api) as by:
        job_id = (await _stored(api, seconds=5))["id"]
        for number in range(3):
            for spec in (SHORT, SLEEP):
                await api.worker(spec, NOOP, name=f"w{number}")
                await api.caught_up()
                await by[0].look(by[1])
        assert (await unfit_jobs.checks(by[1])).get("demo.sleep") is None

        await api.worker(SHORT, NOOP, name="new")
        await checked(api, by)
        assert len(await notes(api, job_id)) == 1
        await api.worker(SLEEP, NOOP, name="back")
        await checked(api, by)
        assert await notes(api, job_id) == []
        (line,) = told(caplog, "stored jobs valid again")
        assert (line.executor, line.before) == ("demo.sleep", 1)


async def test_a_disabled_job_is_known_and_does_not_alarm_and_a_deleted_one_is_forgotten(rig: MakeRig) -> None:
    async with rig() as api, checking(api) as by:
        job_id = (await _stored(api, seconds=5))["id"]
        await api.worker(SHORT, NOOP, name="new")
        await checked(api, by)
        for status, alarms in (("1", 0), ("0", 1)):
            answered = await api.http.put(f"{JOBS}/{job_id}/status", json={"status": status})
            assert len(answered.json()["notes"]) == 1
            await checked(api, by)
            assert (len(await notes(api, job_id)), catalog.UNFIT_JOBS.series.get(("demo.sleep",), 0)) == (1, alarms)
            assert [one.level for one in await doctor(api)] == ["problem", "ok"][1 - alarms :]
        assert (await api.http.delete(f"{JOBS}/{job_id}")).status_code == 204
        assert [one.level for one in await doctor(api)] == ["ok"]
        await checked(api, by)
        assert await unfit_jobs.changed(by[1], 10) == ([], [])
        assert await unfit_jobs.page_of(by[1]) == []


async def test_a_job_that_is_changed_and_still_does_not_fit_stays_found(rig: MakeRig) -> None:
    async with rig() as api, checking(api) as by:
        job = await _stored(api, seconds=5)
        await api.worker(SHORT, NOOP, name="new")
        await checked(api, by)
        with psycopg.connect(api.postgres_url, autocommit=True) as connection:  # by an API that knew the old schema
            connection.execute(
                "UPDATE jobs SET version = 2, definition = jsonb_set(definition, '{invokeParams,seconds}', '7')"
            )
        assert await notes(api, job["id"]) == []
        await checked(api, by)
        assert len(await notes(api, job["id"])) == 1


async def test_many_jobs_are_checked_page_by_page_and_whoever_comes_next_goes_on(
    rig: MakeRig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_jobs, "PAGE", 50)
    monkeypatch.setattr(stored_jobs, "PAGES", 3)
    count = 1_000
    async with rig() as api, checking(api) as by, checking(api) as next_one:
        await api.worker(SHORT, NOOP)
        await api.caught_up()
        with psycopg.connect(api.postgres_url, autocommit=True) as connection:
            connection.execute(MANY, [count])
        await by[0].look(by[1])
        assert await by[0].look(by[1])
        (part,) = [one for one in (await unfit_jobs.checks(by[1])).values() if one.executor == "demo.sleep"]
        assert (part.looked, part.has_ended) == (150, False)

        await checked(api, next_one)
        await checked(api, by)

        (line,) = told(caplog)
        assert (line.looked_at, line.count, len(line.jobs)) == (count, count // 5, stored_jobs.LOGGED)
        assert len(await doctor(api)) == count // 5 + 1


async def test_of_two_who_check_the_same_page_one_gets_on(rig: MakeRig) -> None:
    async with rig() as api, checking(api) as by:
        await unfit_jobs.begin(by[1], "demo.sleep", "d")
        of = (await unfit_jobs.checks(by[1]))["demo.sleep"]
        first = await unfit_jobs.advance(by[1], of, "a", looked_at=["a"], found=[], untold=0)
        second = await unfit_jobs.advance(by[1], of, "a", looked_at=["a"], found=[], untold=0)
        assert (first is None, second is None) == (False, True)


async def test_what_takes_too_long_is_left_to_the_worker_and_the_rest_is_checked(
    rig: MakeRig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_jobs, "PAGE_SECONDS", 0)  # each page ends after one job
    monkeypatch.setattr(stored_jobs, "BESIDE", 1_000)
    monkeypatch.setattr(stored_jobs, "SLOW_MOST", 3)
    slow = sleeping(x={"items": {"type": "integer"}}, seconds={"maximum": 3})
    async with rig() as api, checking(api) as by:
        for _ in range(5):
            await _stored(api, x=[1] * 5_000)
        late = await _stored(api, seconds=5)
        await api.worker(slow, NOOP, name="new")
        await checked(api, by)
        (line,) = told(caplog)
        assert (line.looked_at, line.count, late["id"] in line.jobs[0]) == (6, 1, True)
        assert "5 of demo.sleep" in (await doctor(api))[-1].said


@pytest.mark.parametrize(
    "schema", [{"type": "object", "properties": {"seconds": {"pattern": "(?=x)y"}}}, {"type": 5}, {"$ref": "#/nowhere"}]
)
async def test_what_only_a_worker_can_tell_is_no_finding(rig: MakeRig, schema: dict[str, Any]) -> None:
    async with rig() as api, checking(api) as by:
        await _stored(api, seconds="5")
        await api.worker(ExecutorSpec(key="demo.sleep", description="", params_schema=schema), NOOP, name="new")
        await checked(api, by)
        (well,) = await doctor(api)
        assert (well.level, "1 of demo.sleep" in well.said) == ("ok", True)


async def test_a_check_that_breaks_holds_up_no_other_and_tells_no_parameter(
    rig: MakeRig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = stored_flaws

    def broken(spec: ExecutorSpec, params: Any, *rest: Any, **more: Any) -> Any:
        if params.get("seconds") == 5:
            raise KeyError(SECRET)
        return usual(spec, params, *rest, **more)

    monkeypatch.setattr(stored_jobs, "stored_flaws", broken)
    async with rig() as api, checking(api) as by:
        await _stored(api, seconds=5)
        await _stored(api, seconds=6)
        await api.worker(SHORT, NOOP, name="new")
        await checked(api, by)
        assert [line.count for line in told(caplog)] == [1]
        (line,) = told(caplog, "stored job not checked")
        assert (line.error, SECRET in caplog.text) == ("KeyError", False)


async def test_a_parameter_that_nobody_takes_any_more_is_named_without_its_value(
    rig: MakeRig, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig() as api, checking(api) as by:
        job = await _stored(api, password=SECRET)
        await api.worker(SHORT, NOOP, name="new")
        await checked(api, by)
        (note,) = await notes(api, job["id"])
        assert note == {"pointer": "/invokeParams/password", "message": "a run with it fails: is unknown"}
        said = f"{[vars(record) for record in caplog.records]} {await doctor(api)}"
        assert ("/invokeParams/password" in said, SECRET in said) == (True, False)


async def test_unfit_jobs_go_with_the_executor_that_nobody_has_announced(rig: MakeRig) -> None:
    """As after a restore from a time before it."""
    async with rig() as api, checking(api) as by:
        await _stored(api, seconds=5)
        await api.worker(SHORT, NOOP, name="new")
        await checked(api, by)
        with psycopg.connect(api.postgres_url, autocommit=True) as connection:
            connection.execute("DELETE FROM executors WHERE key = 'demo.sleep'")
        await checked(api, by)
        assert [one.level for one in await doctor(api)] == ["ok"]
        assert "demo.sleep" not in await unfit_jobs.checks(by[1])


async def test_one_process_checks_and_another_does_when_that_one_ends(
    rig: MakeRig, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig() as api, await open_pool(api.postgres_url, name="projector", max_size=1) as pool:
        await _stored(api, seconds=5)
        await api.worker(SHORT, NOOP, name="new")
        both = [asyncio.ensure_future(StoredJobs(pool, every=0.05).keep()) for _ in range(2)]

        async def line() -> bool:
            return bool(told(caplog))

        await until(line, within=20, what="a finding")
        both[0].cancel()
        await asyncio.wait([both[0]])
        await api.worker(sleeping(), NOOP, name="newer")

        async def second() -> bool:
            return len(told(caplog)) == 2

        await until(second, within=20, what="a finding by the other")
        both[1].cancel()
        await asyncio.wait([both[1]])
        assert catalog.UNFIT_JOBS.series == {}


async def test_what_cannot_be_read_is_told_once_and_does_not_end_who_checks(
    rig: MakeRig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []

    async def unreadable_at_first(connection: Connection) -> list[ExecutorSpec]:
        reads.append(len(reads))
        if len(reads) <= 3:
            raise ValueError("of a later release")
        return await executors_of_workers(connection)

    monkeypatch.setattr(stored_jobs, "executors_of_workers", unreadable_at_first)
    async with rig() as api, await open_pool(api.postgres_url, name="projector", max_size=1) as pool:
        await _stored(api, seconds=5)
        await api.worker(SHORT, NOOP, name="new")
        await api.caught_up()
        work = asyncio.ensure_future(StoredJobs(pool, every=0.05).keep())

        async def found() -> bool:
            return bool(told(caplog))

        await until(found, within=20, what="a finding")
        work.cancel()
        await asyncio.wait([work])
    (line,) = told(caplog, "stored jobs not checked")
    assert (line.levelname, line.error) == ("ERROR", "ValueError: of a later release")


async def test_a_projector_as_a_process_tells_it_in_its_log_and_by_its_metric(rig: MakeRig) -> None:
    lines: list[str] = []
    port = free_port()
    async with rig() as api:
        env = {name: value for name, value in os.environ.items() if not name.startswith("WATERCLOCK_")} | {
            "WATERCLOCK_REDIS_URL": api.redis_url,
            "WATERCLOCK_KEY_PREFIX": api.log.keys.prefix,
            "WATERCLOCK_POSTGRES_URL": api.postgres_url,
            "WATERCLOCK_HEALTH_PORT": str(port),
        }
        job = await _stored(api, seconds=5)
        await api.worker(SHORT, NOOP, name="new")
        projector = Service("projector", verb="projector", env=env, on_line=lines.append, grace=10)
        await projector.start()
        try:
            await projector.ready(deadline=60)
            async with httpx.AsyncClient() as http:

                async def counted() -> bool:
                    said = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
                    return 'waterclock_unfit_jobs{executor="demo.sleep"} 1.0' in said

                await until(counted, within=60, what="the metric of the projector")
            assert len(await notes(api, job["id"])) == 1
        finally:
            await projector.stop()
    (line,) = [line for line in lines if "stored jobs invalid" in line]
    assert "executor=demo.sleep" in line
    assert job["id"] in line


async def _stored(api: Rig, **params: Any) -> dict[str, Any]:
    """A job that fits what is announced at first, which is anything."""
    free = ExecutorSpec(key="demo.sleep", description="Sleeps.", params_schema={"type": "object"})
    await api.worker(free, NOOP, name="first")
    return await api.create(jobName=f"stored {token(8)}", invokeTarget="demo.sleep", invokeParams=params)

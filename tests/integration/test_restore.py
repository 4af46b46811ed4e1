"""The log filled again from the archive, into the same number of partitions and into others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.contract.log import build
from tests.contract.log.recovery.test_repair import TellingPlay
from tests.contract.log.test_laws import JOBS as PLAYED
from tests.integration.api.rig import JOBS, QUEUES, RUNS, Rig, assembled_rig, served
from tests.integration.api.sse import stream
from tests.integration.stage import Stage, staged
from tests.support import proofs
from tests.support.byhand import put_in
from tests.support.held import Held, held
from waterclock.kit.service import Unfit
from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.errors import Halted
from waterclock.log.gates import gate_of
from waterclock.log.liveness import leadership
from waterclock.log.recovery import clearance, opening
from waterclock.log.topology.routing import Routing
from waterclock.model.definition import Definition
from waterclock.model.events import LogForked
from waterclock.model.ids import JobId, partition_of
from waterclock.store import archive
from waterclock.store.connection.pool import connect_anew, open_pool
from waterclock.store.partitioning import partitionings
from waterclock.store.readmodels.rebuild import Rebuild, compare
from waterclock_api.consistency.compare import Ends, Fork
from waterclock_api.consistency.open_partition import OtherPartitions, ensure_open
from waterclock_api.consistency.repair import repair
from waterclock_api.operator.restore import Restore

EPOCH = 7
ODD = [
    Definition(job_name=name, job_group=group, invoke_target="demo.noop")
    for group, name in (
        ("DEFAULT", " padded "),
        ("DEFAULT", "twin"),
        ("DEFAULT", "twi\u200bn"),
        ("DEFAULT", "cafe\u0301"),
    )
] + [Definition(job_name="c", job_group="a/b", invoke_target="demo.noop")]


class Elsewhere:
    """Another log, which is filled from the archive of a stage again and again, and empties in between."""

    def __init__(self, stage: Stage, log: Log, partitions: int) -> None:
        self.stage = stage
        self.log = log
        self.partitions = partitions

    async def filled(self) -> list[Held]:
        await clearance.clear(self.log)
        await opening.prepare(self.log, partitions=self.partitions, queues=build.QUEUES, restored=EPOCH)
        await self.log.refresh()
        async with await connect_anew(self.stage.pool) as connection:
            for partition in range(self.partitions):
                archived = await archive.position(connection, partition)
                ends = Ends(archived, None, forked=True, begins=True)
                await repair(self.log, connection, partition, ends, Fork(None, 0), epoch=EPOCH)
        return [await held(self.log, partition) for partition in range(self.partitions)]


@contextlib.asynccontextmanager
async def elsewhere(stage: Stage, prefix: str, partitions: int) -> AsyncGenerator[Elsewhere]:
    log = await Log.reach(LogSettings(url=stage.redis_url, prefix=prefix), role="test")
    try:
        yield Elsewhere(stage, log, partitions)
    finally:
        await log.close()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 9))])
async def test_at_each_step_of_a_history_a_restore_holds_what_the_log_holds(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, seed: int
) -> None:
    async with (
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        elsewhere(stage, f"{key_prefix}-a", 1) as same,
        elsewhere(stage, f"{key_prefix}-b", 3) as more,
        stage.projecting(),
    ):
        await stage.ready.wait()
        play = TellingPlay(stage.log, seed)
        await play.begin()
        for _ in range(20):
            for _ in range(3):
                await play.deed()
            await stage.projected()
            before = await held(stage.log)
            alike(before, await same.filled())
            alike(before, await more.filled())


def alike(before: Held, after: list[Held]) -> None:
    """The same of each job, and each job in its partition."""
    partitions = len(after)
    for partition, one in enumerate(after):
        owned = {*one.jobs, *one.runs, *one.ended}
        assert all(partition_of(some_id, partitions) == partition for some_id in owned)
    merged = {name: _union(getattr(one, name) for one in after) for name in ("jobs", "marks", "successes", "specs")}
    assert merged == {name: getattr(before, name) for name in merged}
    assert _union(one.runs for one in after) == before.runs
    assert set[str]().union(*(one.active for one in after)) == before.active
    assert _union(one.ended for one in after) == before.ended
    assert all(one.paused == before.paused for one in after)
    for job_id in PLAYED:
        line = [member for one in after for member in one.waiting if member.startswith(job_id)]
        assert line == [member for member in before.waiting if member.startswith(job_id)]
    told = {name for name in before.answers if not name.startswith("!refused ")}
    again = _union(one.answers for one in after)
    assert {name: before.answers[name] for name in again if name in told} == {
        name: again[name] for name in again if name in told
    }
    lacking = told - again.keys()
    assert all("stop" in name or "pause" in name for name in lacking)


def _union(parts: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        found |= part
    return found


async def test_a_log_goes_on_in_another_number_of_partitions(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    """From one partition into three, and from three into two; jobs, runs, streams, ledger and rebuild go on."""
    key = {"idempotency-key": "once"}
    async with assembled_rig(redis_url, migrated_postgres_url, key_prefix) as api:
        await api.worker()
        jobs = [await api.create(jobName=f"job-{number}", cronExpression="0 0 1 1 *") for number in range(6)]
        odd = {await put_in(api.log, one): one for one in ODD}
        told = await ended_run(api, jobs[0]["id"], "first")
        waiting = {job["id"]: await api.trigger(job["id"]) for job in jobs}
        once = await api.http.post(f"{JOBS}/{jobs[1]['id']}/trigger", json={"overlapPolicy": "buffer_all"}, headers=key)
        await api.http.put(f"{JOBS}/{jobs[5]['id']}/status", json={"status": "1"})
        await api.caught_up()
        stale = await Log.connect(LogSettings(url=redis_url, prefix=key_prefix), role="stale")

    for partitions in (3, 2):
        said = await restored(redis_url, key_prefix, migrated_postgres_url, partitions)
        assert any(f"into {partitions}." in line for line in said)
        async with assembled_rig(redis_url, migrated_postgres_url, key_prefix, partitions=partitions) as api:
            with pytest.raises(Halted):
                await leadership.watch(stale, 0)
            for partition in range(partitions):
                await api.caught_up(partition)
            again = await api.http.post(
                f"{JOBS}/{jobs[1]['id']}/trigger", json={"overlapPolicy": "buffer_all"}, headers=key
            )
            assert (again.json()["runId"], again.headers["idempotency-replayed"]) == (once.json()["runId"], "true")
            taken = await api.http.post(JOBS, json={"jobName": "job-2", "invokeTarget": "demo.noop"})
            assert taken.status_code == 409, taken.text
            assert (await api.http.get(f"{JOBS}/{jobs[5]['id']}")).json()["status"] == "1"
            await goes_on_as_it_is(api, odd, f"in {partitions}")
            await tells_the_same(api, told)
            await ends(api, waiting.pop(jobs[partitions]["id"]))
            await ended_run(api, jobs[0]["id"], f"in {partitions}")
            proof = (await api.http.get("/v1/monitor/ledger/verify")).json()
            assert proof["ok"], proof
            for partition in range(partitions):
                await api.caught_up(partition)
            async with api.parts.reading() as connection:
                assert [one.partitions for one in await partitionings(connection)][-1] == partitions
                entries = await archive.entries(connection, partitions - 1, None, None, 10_000)
            assert [*proofs.chain(entries)] == []
            forks = [entry.event for entry in entries if isinstance(entry.event, LogForked)]
            assert (forks[-1].partitions, forks[-1].lost) == (partitions, 0)
        async with await open_pool(migrated_postgres_url, name="test") as pool, pool.connection() as connection:
            assert await compare(connection) == []
    await stale.close()


async def goes_on_as_it_is(api: Rig, odd: Mapping[JobId, Definition], remark: str) -> None:
    """What an earlier release stored and this one would refuse is read and edited, and its names are taken."""
    for job_id, one in odd.items():
        job = (await api.http.get(f"{JOBS}/{job_id}")).json()
        assert (job["jobGroup"], job["jobName"]) == (one.job_group, one.job_name)
        edited = await api.http.put(f"{JOBS}/{job_id}", json=job | {"remark": remark})
        assert edited.status_code == 200, edited.text
    for name in ("twin", "caf\u00e9"):
        taken = await api.http.post(JOBS, json={"jobName": name, "invokeTarget": "demo.noop"})
        assert taken.status_code == 409, taken.text


async def ended_run(api: Rig, job_id: str, line: str) -> tuple[str, list[tuple[str | None, Any]]]:
    """A run with a line, and what its stream tells: the places and the documents."""
    run_id = await api.trigger(job_id, overlapPolicy="buffer_all")
    worker = await api.worker()
    partition = api.log.partition_of(job_id)
    async with asyncio.timeout(10):
        while True:
            grants = await worker.claim(partition)
            own = [grant for grant in grants if grant.run_id == run_id]
            for grant in grants:
                if grant.run_id != run_id:
                    await worker.succeed(grant)
            if own:
                break
    await worker.step(own[0], "Collect", line)
    await worker.succeed(own[0])
    await api.caught_up(partition)
    async with served(api) as url, stream(f"{url}{RUNS}/{run_id}/logs/stream") as events:
        return run_id, [(event.id, event.data) for event in await events.until("end")]


async def ends(api: Rig, run_id: str) -> None:
    """A run that was requested before the restore is given to a worker, and ends."""
    worker = await api.worker()
    partition = api.log.partition_of(run_id)
    status = ""
    async with asyncio.timeout(10):
        while status != "succeeded":
            for grant in await worker.claim(partition):
                await worker.succeed(grant)
            await api.caught_up(partition)
            status = (await api.http.get(f"{RUNS}/{run_id}")).json()["status"]


async def tells_the_same(api: Rig, told: tuple[str, list[tuple[str | None, Any]]]) -> None:
    """From any place of before the stream goes on with what stood after it, and from nowhere with all."""
    run_id, events = told
    documents = [document for _, document in events]
    async with served(api) as url:
        for place, (position, _) in enumerate(events[:-2]):
            for after, rest in ((position, documents[place + 1 :]), (None, documents)):
                async with stream(f"{url}{RUNS}/{run_id}/logs/stream", after=after) as again:
                    assert [event.data for event in await again.until("end")] == rest


async def restored(
    redis_url: str, prefix: str, postgres_url: str, partitions: int | None = None, *, replace: bool = True, **how: Any
) -> list[str]:
    """What `waterclock restore` says."""
    log = await Log.reach(LogSettings(url=redis_url, prefix=prefix), role="restore")
    said: list[str] = []
    try:
        async with (
            await open_pool(postgres_url, name="restore", max_size=1) as pool,
            await connect_anew(pool, work="restoring") as connection,
        ):
            await Restore(log, connection, QUEUES, said.append).do(partitions, replace=replace, **how)
    finally:
        await log.close()
    return said


async def test_a_log_of_one_server_goes_on_as_a_cluster_of_two_masters(
    redis_url: str, redis_cluster_urls: tuple[str, str], key_prefix: str, migrated_postgres_url: str
) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        async with stage.projecting():
            await stage.ready.wait()
            play = TellingPlay(stage.log, 3)
            await play.begin()
            for _ in range(40):
                await play.deed()
            await stage.projected()
        before = await held(stage.log)

    first, second = redis_cluster_urls
    await restored(first, key_prefix, migrated_postgres_url, 4, replace=False)
    for replace in (False, True):  # the second one empties both masters, and is by way of the other
        if replace:
            await restored(second, key_prefix, migrated_postgres_url, 4, replace=True, accept_loss=True)
        log = await Log.connect(LogSettings(url=first, prefix=key_prefix), role="test")
        try:
            after = [await held(log, partition) for partition in range(4)]
        finally:
            await log.close()
        for name in ("jobs", "marks", "successes", "specs"):
            assert _union(getattr(one, name) for one in after) == getattr(before, name), name
        assert set[str]().union(*(one.active for one in after)) == before.active
        assert all(one.paused.keys() == before.paused.keys() for one in after)
        for url in redis_cluster_urls:
            master: Any = Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType]
            async with master:
                assert await master.dbsize() > 0


async def test_a_restore_refuses_what_would_lose_something(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    place = (redis_url, key_prefix, migrated_postgres_url)
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        with pytest.raises(Unfit, match="archive is empty"):
            await restored(*place)
        async with stage.projecting():
            await stage.ready.wait()
            await build.create(stage.log)
            await stage.projected()
            with pytest.raises(Unfit, match="A projector or another restore is running"):
                await restored(*place)
        with pytest.raises(Unfit, match="not empty"):
            await restored(*place, replace=False)
        await build.ask(stage.log, build.wish(1))
        with pytest.raises(Unfit, match="would be lost"):
            await restored(*place)
        with pytest.raises(Halted):
            await build.ask(stage.log, build.wish(2))

        await restored(*place, accept_loss=True)

        after = await held(stage.log)
        assert (list(after.jobs), after.runs) == ([build.J], {})
        async with stage.projecting():
            await stage.projected()
            await stage.ready.wait()
            await build.ask(stage.log, build.wish(3))
            await stage.projected()
        async with await connect_anew(stage.pool) as connection:
            assert await compare(connection) == []


async def test_a_restore_that_was_stopped_is_gone_on_with(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after each call to the log that it makes, and repeated until it is through."""
    place = (redis_url, key_prefix, migrated_postgres_url)
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        async with stage.projecting():
            await stage.ready.wait()
            play = TellingPlay(stage.log, 5)
            await play.begin()
            for _ in range(60):
                await play.deed()
            await stage.projected()
        before = await held(stage.log)
        real = Routing.carry  # every command passes here
        calls = 0

        async def dying(routing: Routing, *given: Any, **named: Any) -> Any:
            nonlocal calls
            answer = await real(routing, *given, **named)
            calls += 1
            if calls > step:
                raise Killed
            return answer

        step, done = 1, False
        while not done:
            calls = 0
            monkeypatch.setattr(Routing, "carry", dying)
            with contextlib.suppress(Killed):
                await restored(*place, 2, replace=step < 30)
                done = True
            monkeypatch.setattr(Routing, "carry", real)
            step += 7

        other = await Log.connect(LogSettings(url=redis_url, prefix=key_prefix), role="test")
        after = [await held(other, partition) for partition in range(2)]
        assert _union(one.jobs for one in after) == before.jobs
        assert _union(one.specs for one in after) == before.specs
        assert [(await gate_of(other, partition)).opened for partition in range(2)] == [True, True]
        async with await connect_anew(stage.pool) as connection:
            with pytest.raises(OtherPartitions):
                await ensure_open(stage.log, connection, 0)
        await other.close()


class Killed(Exception):
    pass


async def test_lines_that_were_deleted_stay_so_after_a_rebuild_and_a_restore(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    """Gone from tables, streams, archive and the history of streams; lines of later runs are there."""
    async with assembled_rig(redis_url, migrated_postgres_url, key_prefix) as api:
        await api.worker()
        job_id = (await api.create())["id"]
        run_id, told = await ended_run(api, job_id, SECRET)
        assert SECRET in str(told)
        assert await leftovers(api) == ["events", "log_lines"]
        assert (await api.http.delete(f"{JOBS}/{job_id}/logs")).status_code == 204
        async with asyncio.timeout(10):
            while await leftovers(api):  # noqa: ASYNC110  the projector deletes stream entries after its commit
                await asyncio.sleep(0.01)
        await tells_no_lines(api, job_id, run_id)
        later, _ = await ended_run(api, job_id, "kept")
        await api.caught_up()
    async with await open_pool(migrated_postgres_url, name="test") as pool, await connect_anew(pool) as connection:
        rebuild = await Rebuild.begin(connection)
        await rebuild.fold(lambda _, __: None)
        await rebuild.swap()
        await rebuild.drop()

    await restored(redis_url, key_prefix, migrated_postgres_url, 2)

    async with assembled_rig(redis_url, migrated_postgres_url, key_prefix, partitions=2) as api:
        assert await leftovers(api) == []
        await tells_no_lines(api, job_id, run_id)
        assert [line["text"] for line in (await api.http.get(f"{RUNS}/{later}/logs")).json()["items"]] == ["kept"]


SECRET = "the-word-that-goes"


async def tells_no_lines(api: Rig, job_id: str, run_id: str) -> None:
    for answer in (
        await api.http.get(f"{RUNS}/{run_id}/logs"),
        await api.http.get(f"{JOBS}/{job_id}/detail"),
        await api.http.get(f"{RUNS}/{run_id}"),
    ):
        assert answer.status_code == 200
        assert SECRET not in answer.text
    async with served(api) as url, stream(f"{url}{RUNS}/{run_id}/logs/stream") as events:
        told = await events.until("end")
    assert SECRET not in str(told)
    assert "gap" in [event.kind for event in told]


async def leftovers(api: Rig) -> list[str]:
    """In which keys and tables the secret still is."""
    found: list[str] = []
    for partition in range(api.log.partitions):
        key = api.log.keys.partition(partition, "events")
        if SECRET in str(await api.log.execute(key, "XRANGE", key, "-", "+")):
            found.append("events")
    async with api.parts.reading() as connection:
        for table, column in (("events", "document"), ("log_lines", "text"), ("steps", "name"), ("runs", "params")):
            text = f"SELECT count(*) FROM {table} WHERE position(%s in {column}::text) > 0"
            needle = SECRET if column != "document" else SECRET.encode().hex()
            row = await (await connection.execute(text.encode(), [needle])).fetchone()
            if row is not None and row[0]:
                found.append(table)
    return found

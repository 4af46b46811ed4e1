"""The projector on a real log and a real store: what it does when things stop, lie or are lost."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from psycopg import sql
from redis.asyncio import Redis

from tests.contract.log import build
from tests.integration.stage import DEADLINE, Stage, append, eventually, staged, work
from tests.support.servers import OwnPostgres, OwnValkey
from waterclock.kit.telemetry import traces as telemetry
from waterclock.log import tail
from waterclock.log.client import Log
from waterclock.log.commands import attempts
from waterclock.log.commands.jobs import define
from waterclock.log.connection.errors import Halted
from waterclock.log.liveness import sessions
from waterclock.log.recovery import opening
from waterclock.model.events import LogLine, LogsCleared, StepLogged, StepStarted
from waterclock.model.ids import created_job
from waterclock.model.positions import Position
from waterclock.model.timestamps import Stamp
from waterclock.store import archive
from waterclock.store.connection.pool import connect_anew
from waterclock.store.connection.statements import statement
from waterclock.store.readmodels.rebuild import compare
from waterclock.store.readmodels.wait_for_position import wait_for
from waterclock_api.projector import follow, service, trim
from waterclock_api.projector.trim import Keeping
from waterclock_api.queries import read_models

AT = Stamp("2027-01-15T10:00:00.000Z")


@pytest_asyncio.fixture
async def stage(redis_url: str, key_prefix: str, migrated_postgres_url: str) -> AsyncIterator[Stage]:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as made:
        yield made


async def test_the_first_projector_opens_the_log_and_projects_what_follows(stage: Stage) -> None:
    with pytest.raises(Halted):
        await build.create(stage.log)
    async with stage.projecting():
        await stage.ready.wait()
        assert await opening.server_state(stage.log, 0) == (True, 1, (await opening.server_state(stage.log, 0)).run_id)

        await build.create(stage.log, overlap_policy="buffer_all")
        await work(stage.log, 1, 2, 3)
        await stage.projected()

    assert await stage.rows("SELECT status, count(*) FROM runs GROUP BY 1") == [("succeeded", 3)]
    assert await stage.rows("SELECT job_name, last_run_id FROM jobs") == [("report", build.run_of(3))]
    (server,) = await stage.rows("SELECT server, opening FROM partitions")
    assert server == ((await opening.server_state(stage.log, 0)).run_id, 1)
    await stage.assert_true_to_the_log()


async def test_a_projector_goes_on_where_the_last_one_stopped(stage: Stage) -> None:
    async with stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log)
        await stage.projected()
    await work(stage.log, 1, 2)

    async with stage.projecting():
        assert (await stage.projected()).epoch == 1  # the same server process: opened once

    await stage.assert_true_to_the_log()


async def test_after_a_restart_of_the_log_the_partition_is_opened_in_a_new_epoch(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str
) -> None:
    server = await own_valkey()
    async with staged(server.url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log)
        await work(stage.log, 1)
        await stage.projected()
        stage.ready.clear()

        await server.kill()
        await stage.reasons.get()
        await server.start()
        await stage.ready.wait()
        await work(stage.log, 2)
        end = await stage.projected()

        assert end.epoch == 2
        await stage.assert_true_to_the_log()


async def test_what_was_not_projected_before_the_restart_is_projected_after_it(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str
) -> None:
    server = await own_valkey()
    async with staged(server.url, key_prefix, migrated_postgres_url) as stage:
        async with stage.projecting():
            await stage.ready.wait()
        await build.create(stage.log)
        await work(stage.log, 1)
        await server.kill()
        await server.start()

        async with stage.projecting():
            await eventually(lambda: stage.rows("SELECT FROM partitions WHERE epoch = 2"))

        await stage.assert_true_to_the_log()


async def test_a_stream_that_loses_events_while_it_is_open_is_left_alone(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log)
        archived = await stage.projected()
    stage.ready.clear()
    key = stage.log.keys.partition(0, "events")
    await stage.log.execute(key, "DEL", key)
    before = await stage.rows("TABLE partitions")

    async with stage.projecting():
        await eventually(lambda: _logged(caplog, "projection stopped"))

    assert not stage.ready.is_set()
    assert await tail.tail_of(stage.log, 0) is None
    assert await stage.rows("TABLE partitions") == before
    (line,) = [record for record in caplog.records if record.message == "projection stopped"]
    assert str(archived) in line.__dict__["reason"]
    assert line.levelno == logging.ERROR


async def test_a_restart_of_postgres_counts_nothing_twice(
    redis_url: str, key_prefix: str, own_postgres: OwnPostgres
) -> None:
    server = await own_postgres()
    async with staged(redis_url, key_prefix, server.url) as stage, stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log)
        await work(stage.log, *range(20))
        await server.kill()
        stage.ready.clear()
        await work(stage.log, *range(20, 40))
        await server.start()
        await stage.ready.wait()
        await eventually(lambda: stage.rows("SELECT FROM runs HAVING count(finished_at) = 40"))

        await stage.assert_true_to_the_log()


async def test_two_projectors_share_the_partitions_and_one_takes_over(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LOOK_EVERY", 0.05)
    held = (
        "SELECT pid, count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid IN (0, 1) AND mode = 'ExclusiveLock'"
    )
    async with staged(redis_url, key_prefix, migrated_postgres_url, partitions=2) as stage:
        job = next(made for n in range(9) if stage.log.partition_of(made := created_job(str(n))) == 1)
        async with stage.projecting():
            await stage.ready.wait()
            async with stage.projecting():
                both = f"SELECT FROM ({held} GROUP BY pid) AS held HAVING count(*) = 2"
                await eventually(lambda: stage.rows(both))
                await build.create(stage.log, job, overlap_policy="buffer_all")
                await work(stage.log, 1, 2, job=job)
                await build.create(stage.log, created_job(next(str(n) for n in range(9) if not on_one(stage, n))))
                await stage.projected()
            await eventually(lambda: stage.rows(f"{held} GROUP BY pid HAVING count(*) = 2"))
            await work(stage.log, 3, job=job)
            await stage.projected()

        await stage.assert_true_to_the_log()


def on_one(stage: Stage, number: int) -> bool:
    return stage.log.partition_of(created_job(str(number))) == 1


async def test_two_followers_of_one_partition_count_each_event_once(stage: Stage) -> None:
    class Quiet:
        def following(self, partition: int, at: Position | None) -> None: ...
        def reached(self, partition: int, at: Position) -> None: ...
        def stopped(self, partition: int, reason: str) -> None: ...

    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(follow.follow(stage.log, stage.pool, 0, Quiet(), Keeping())) for _ in range(2)]
        await eventually(lambda: stage.rows("SELECT FROM partitions WHERE epoch > 0"))  # 2, if the first was beaten
        await build.create(stage.log)
        for number in range(0, 60, 3):
            await work(stage.log, number, number + 1, number + 2)
        await stage.projected()
        for each in both:
            each.cancel()

    await stage.assert_true_to_the_log()


async def said(caplog: pytest.LogCaptureFixture, line: str, *, times: int = 1) -> None:
    """Wait until a line is said: that comes after what it is about is stored."""

    async def is_said() -> bool:
        return sum(record.message == line for record in caplog.records) >= times

    await eventually(is_said)


async def test_events_of_an_unknown_type_are_parked(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async with stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log)
        await stage.projected()
        end = await tail.tail_of(stage.log, 0)
        assert end is not None
        body = b'{"type":"job.levitated","jobId":"j"}'
        fields: dict[Any, Any] = {"b": body, "p": end.entry, "t": 1_800_000_000_000}
        async with Redis.from_url(stage.redis_url) as client:  # pyright: ignore[reportUnknownMemberType]
            key = stage.log.keys.partition(0, "events")
            await client.xadd(key, fields, id=f"{end.epoch}-{end.seq + 1}")
        await stage.projected()
        await said(caplog, "events parked")

    assert (await stage.rows("SELECT type FROM events ORDER BY seq DESC LIMIT 1")) == [("job.levitated",)]
    (line,) = [record for record in caplog.records if record.message == "events parked"]
    assert (line.__dict__["type"], line.__dict__["count"]) == ("job.levitated", 1)
    await stage.assert_true_to_the_log()


async def test_an_event_that_nobody_can_read_is_parked_and_named(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log)
        await stage.projected()
        await work(stage.log, 1)
        bodies = (b'{"type":"run.started","runId":7}', b"no JSON \xff\x00")
        for body in bodies:
            end = await tail.tail_of(stage.log, 0)
            assert end is not None
            fields: dict[Any, Any] = {"b": body, "p": end.entry, "t": 1_800_000_000_000}
            async with Redis.from_url(stage.redis_url) as client:  # pyright: ignore[reportUnknownMemberType]
                key, meta = (stage.log.keys.partition(0, name) for name in ("events", "meta"))
                await client.xadd(key, fields, id=f"{end.epoch}-{end.seq + 1}")
                await client.hset(meta, "seq", str(end.seq + 1))
        await work(stage.log, 2)
        await stage.projected()
        await said(caplog, "event unreadable", times=2)

    stored = await stage.rows("SELECT type FROM events WHERE at > '2027-01-01' ORDER BY seq")
    assert stored == [("run.started",), ("unreadable",)]
    lines = [record.__dict__["type"] for record in caplog.records if record.message == "event unreadable"]
    assert lines == ["run.started", "unreadable"]
    await stage.assert_true_to_the_log()


async def test_what_is_being_written_when_a_projector_is_told_to_stop_is_written(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stop = asyncio.Event()
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks, await connect_anew(stage.pool) as other:
        tasks.create_task(service.run(stage.log, stage.pool, stop=stop, ready=stage.ready.set))
        await stage.ready.wait()
        await build.create(stage.log)
        before = await stage.projected()
        async with other.transaction():
            await other.execute("LOCK partitions IN EXCLUSIVE MODE")
            await work(stage.log, 1)
            waits = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'partitions'::regclass"
            await eventually(lambda: stage.rows(waits))
            stop.set()
            assert await stage.rows(waits)  # by then it has heard, and waits on

    assert (await stage.archived())[-1].position > before
    assert [record for record in caplog.records if record.name.startswith("psycopg")] == []


async def test_cleared_log_lines_leave_the_store_and_the_stream(stage: Stage) -> None:
    async with stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log)
        await write_lines(stage.log, 1, "secret")
        await stage.projected()
        assert await stage.rows("SELECT text FROM log_lines") == [("secret",)]

        cleared = await clear(stage.log)
        await stage.projected()
        await eventually(lambda: _gone(stage, "secret"))
        await write_lines(stage.log, 2, "later")
        await stage.projected()

    assert await stage.rows("SELECT text FROM log_lines") == [("later",)]
    assert await stage.rows("TABLE clearings") == []
    assert cleared.seq > 0
    reader = archive.ArchiveReader(stage.pool)
    chain = await tail.read(stage.log, 0, None, count=1000, block=None, archive=reader)
    assert [entry.position.seq for entry in chain] == list(range(1, len(chain) + 1))


async def test_projection_goes_on_while_cleared_lines_are_deleted(stage: Stage) -> None:
    async with stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log)
        await write_lines(stage.log, 1, "secret")
        await stage.projected()
        async with stage.pool.connection() as slow, slow.transaction():
            await slow.execute("SELECT FROM log_lines FOR UPDATE")  # as if there were very many

            await clear(stage.log)
            await stage.projected()
            await write_lines(stage.log, 2, "later")
            await stage.projected()

            lines = "SELECT text FROM log_lines ORDER BY seq"
            assert await stage.rows(lines) == [("secret",), ("later",)]
            async with stage.pool.connection() as connection:
                assert [line.text for line in await read_models.job_lines(connection, build.J, 10)] == ["later"]
        await eventually(lambda: stage.rows("SELECT FROM clearings HAVING count(*) = 0"))
        assert await stage.rows(lines) == [("later",)]


async def test_projection_that_is_held_up_says_so_again_and_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(follow, "TELL_EVERY", 0.05)

    async def told() -> bool:
        said = [one.__dict__["reason"] for one in caplog.records if one.message == "projection stopped"]
        return sum("holds it up" in reason for reason in said) >= 3

    async with stage.projecting():
        await stage.ready.wait()
        await stage.projected()
        async with stage.pool.connection() as other, other.transaction():
            await other.execute(statement("hold_positions"))
            await build.create(stage.log)
            await eventually(told)
        await stage.projected()


async def test_a_clearing_that_was_interrupted_is_finished_at_the_next_start(stage: Stage) -> None:
    async with stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log)
        await write_lines(stage.log, 1, "secret")
        await stage.projected()
    position = await clear(stage.log)
    async with stage.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO clearings (partition, job_id, epoch, seq) VALUES (0, %s, %s, %s)",
            [build.J, position.epoch, position.seq],
        )

    async with stage.projecting():
        await eventually(lambda: _gone(stage, "secret"))
        await stage.projected()
        await eventually(lambda: stage.rows("SELECT FROM clearings HAVING count(*) = 0"))


async def test_the_stream_is_trimmed_below_what_is_archived(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "TRIM_EVERY", 0.05)
    monkeypatch.setattr(trim, "MARGIN", 10)
    async with stage.projecting(keeping=Keeping(keep_bytes=1, trim_after=0.001)):
        await stage.ready.wait()
        await build.create(stage.log)
        await work(stage.log, *range(200))
        end = await stage.projected()
        key = stage.log.keys.partition(0, "events")
        await eventually(lambda: _shorter(stage.log, key, 100))

        left = await stage.log.execute(key, "XLEN", key)
        assert left >= 10
        reader = archive.ArchiveReader(stage.pool)
        chain = await tail.read(stage.log, 0, None, count=1000, block=None, archive=reader)
        assert [entry.position.seq for entry in chain] == list(range(1, end.seq + 1))


async def test_under_load_the_streams_keep_to_their_budget_and_nothing_unarchived_goes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "TRIM_EVERY", 0.02)
    monkeypatch.setattr(trim, "MARGIN", 10)
    key = stage.log.keys.partition(0, "events")
    budget = 64 * 1024

    async def unarchived_gone() -> int:
        """Entries that are in neither: the archive is asked last, and only grows."""
        (first,) = await tail.entries_from(stage.log, 0, Position(0, 0, 1), count=1)
        async with stage.pool.connection() as connection:
            archived = await archive.position(connection, 0)
        return 0 if archived is None else max(0, first.position.seq - 1 - archived.seq)

    async def within() -> bool:
        return await stage.log.execute(key, "MEMORY", "USAGE", key, "SAMPLES", 0) <= budget

    async with stage.projecting(keeping=Keeping(keep_bytes=budget, trim_after=0.001)):
        await stage.ready.wait()
        await build.create(stage.log, overlap_policy="buffer_all")
        for number in range(0, 600, 20):
            await work(stage.log, *range(number, number + 20))
            assert await unarchived_gone() == 0
        await stage.projected()
        await eventually(within)
        async with stage.pool.connection() as gate, gate.transaction():
            await gate.execute("LOCK TABLE partitions IN EXCLUSIVE MODE")  # nothing is archived any more
            before = await archive.position(gate, 0)
            assert before is not None
            for number in range(600, 1000, 40):
                await work(stage.log, *range(number, number + 40))
            assert not await within()
            (first,) = await tail.entries_from(stage.log, 0, Position(0, 0, 1), count=1)
            assert first.position.seq - 1 <= before.seq
        await stage.projected()
        await eventually(within)
        assert await unarchived_gone() == 0

    async with await connect_anew(stage.pool) as connection:
        assert await compare(connection) == []


async def test_an_event_is_readable_soon_after_it_was_appended(stage: Stage) -> None:
    async with stage.projecting(), stage.pool.connection() as connection:
        await stage.ready.wait()
        await build.create(stage.log)
        loop = asyncio.get_running_loop()
        waits: list[float] = []
        for number in range(40):
            began = loop.time()
            await build.ask(stage.log, build.wish(number))
            end = await tail.tail_of(stage.log, 0)
            assert end is not None
            assert await wait_for(connection, end, DEADLINE)
            waits.append(loop.time() - began)

    assert sorted(waits)[len(waits) // 2] < 1  # a read that nobody wakes blocks for longer


async def test_a_batch_is_a_span_linked_to_what_led_to_its_events(stage: Stage) -> None:
    exporter = InMemorySpanExporter()
    telemetry.install("projector", SimpleSpanProcessor(exporter))
    try:
        async with stage.projecting():
            await stage.ready.wait()
            with telemetry.span("command"):
                started = StepStarted(
                    run_id=build.run_of(1), attempt=1, fence=1, number=1, name="n", traceparent=telemetry.inject()
                )
            await append(stage, [started])
            await stage.projected()
            await eventually(lambda: _linked(exporter))
    finally:
        telemetry.shutdown()


async def write_lines(log: Log, number: int, text: str) -> None:
    """A run of the job that logs one line."""
    await build.ask(log, build.wish(number))
    session = f"s{number}"
    await sessions.join(log, session, body=None)
    claimed = await build.grab(log, 1, session=session)
    (grant,) = claimed.grants
    logged = StepLogged(
        run_id=grant.run_id,
        job_id=build.J,
        attempt=grant.attempt,
        fence=grant.fence,
        lines=(LogLine(at=AT, level="info", text=text),),
    )
    batch = attempts.StepBatch(run_id=grant.run_id, fence=grant.fence, number=1, bodies=[build.body_of(logged)])
    assert await attempts.record(log, 0, [batch]) == ["done"]
    await build.finish(log, build.ending(grant))


async def clear(log: Log) -> Position:
    stored = await build.load_job(log, build.J)
    assert stored is not None
    done = await define(
        log,
        build.J,
        command=build.Command(id="clear"),
        expected_version=stored.version,
        expected_mark=None,
        through=None,
        units=(),
        event=LogsCleared(job_id=build.J),
        job=stored,
    )
    assert isinstance(done, build.Appended)
    return done.position


async def _logged(caplog: pytest.LogCaptureFixture, message: str) -> bool:
    return any(record.message == message for record in caplog.records)


async def _gone(stage: Stage, text: str) -> bool:
    found = await tail._stored(stage.log, 0, "0-0", count=10_000, block=None)  # pyright: ignore[reportPrivateUsage]
    return not any(text.encode() in fields[b"b"] for _, fields in found)


async def _shorter(log: Log, key: str, length: int) -> bool:
    return await log.execute(key, "XLEN", key) < length


async def _linked(exporter: InMemorySpanExporter) -> bool:
    spans = exporter.get_finished_spans()
    (command,) = [span for span in spans if span.name == "command"]
    traces = [link.context.trace_id for span in spans if span.name == "project events" for link in span.links]
    return command.context is not None and command.context.trace_id in traces


async def test_a_read_only_postgres_is_waited_for_and_told_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """As after a fail-over: at the start of a projector, and under way."""
    async with await connect_anew(stage.pool) as owner:
        name = sql.Identifier(owner.info.dbname)
        writable = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
        await owner.execute(writable.format(name, sql.SQL("on")))
        unready = asyncio.Event()
        stop = asyncio.Event()
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            tasks.create_task(_watched(stage, stop, unready))
            await _until_said(caplog, "read-only")
            await owner.execute(writable.format(name, sql.SQL("off")))
            await stage.ready.wait()
            await owner.execute(writable.format(name, sql.SQL("on")))
            await owner.execute(END_OTHERS)
            await unready.wait()
            await build.create(stage.log)
            await _until_said(caplog, "read-only", lines=2)
            await owner.execute(writable.format(name, sql.SQL("off")))
            await stage.projected()
            stop.set()
    assert not [record for record in caplog.records if record.exc_info]
    told = [record.getMessage() for record in caplog.records if "read-only" in str(vars(record).get("reason"))]
    assert told.count("projection stopped") == 2


END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE '% follow %'
"""


async def _watched(stage: Stage, stop: asyncio.Event, unready: asyncio.Event) -> None:
    def fallen(_: str) -> None:
        unready.set()

    await service.run(stage.log, stage.pool, stop=stop, ready=stage.ready.set, unready=fallen)


async def _until_said(caplog: pytest.LogCaptureFixture, words: str, *, lines: int = 1) -> None:
    async def said() -> bool:
        return sum(words in str(vars(record).get("reason")) for record in caplog.records) >= lines

    await eventually(said)

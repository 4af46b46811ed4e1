"""`waterclock reconcile`: what log and archive lack is named, and mended only if told."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.contract.log import build
from tests.integration.stage import DEADLINE, Stage, eventually, staged, work
from tests.support import proofs
from tests.support.held import held
from tests.support.servers import OwnValkey
from waterclock.kit.clock import SystemClock
from waterclock.log import clock
from waterclock.log.commands.aside import announced
from waterclock.log.commands.queues import depths
from waterclock.log.connection.floors import NAMES
from waterclock.log.gates import gate_of
from waterclock.log.liveness import sessions
from waterclock.log.recovery.opening import identify
from waterclock.model.events import ArchiveLost, LogForked, RunDied
from waterclock.model.ids import created_job
from waterclock.model.outcomes import RunStatus
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp
from waterclock.store.chain import verify
from waterclock.store.connection.pool import connect_anew
from waterclock.store.connection.statements import statement
from waterclock.store.locks import PROJECTORS
from waterclock.store.readmodels.rebuild import compare
from waterclock_api.consistency.fit import misfit
from waterclock_api.consistency.identity import check_installation
from waterclock_api.consistency.settle_runs import settle_lost
from waterclock_api.operator.diagnostics.clocks import of_clocks
from waterclock_api.operator.reconcile import Reconcile


async def reconciled(stage: Stage, *, do: bool = False, accept_loss: bool = False) -> tuple[bool, str]:
    said: list[str] = []
    async with await connect_anew(stage.pool) as connection:
        one = Reconcile(stage.log, connection, said.append, do=do, accept_loss=accept_loss)
        done = await one.partition(0)
    return done, "\n".join(said)


async def test_an_open_log_that_lost_its_entries_is_repaired_by_hand(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        async with stage.projecting():
            await stage.ready.wait()
            await build.create(stage.log, overlap_policy="buffer_all")
            await work(stage.log, 1, 2)
            await build.ask(stage.log, build.wish(3))
            archived = await stage.projected()
        assert (await reconciled(stage))[0]
        before = await held(stage.log)
        events = stage.log.keys.partition(0, "events")
        await stage.log.execute(events, "DEL", events)

        done, said = await reconciled(stage)
        assert (done, f"lost {archived.seq} entries" in said, "--apply" in said) == (False, True, True), said
        assert (await held(stage.log)) == before
        done, said = await reconciled(stage, do=True)

        assert (done, "open in epoch 2" in said) == (True, True), said
        after = await held(stage.log)
        assert (after.jobs, after.marks, after.runs, after.ended) == (
            before.jobs,
            before.marks,
            before.runs,
            before.ended,
        )
        async with stage.projecting():
            await stage.projected()
            entries = await stage.archived()
        assert [entry.event.lost for entry in entries if isinstance(entry.event, LogForked)] == [archived.seq]
        assert (await reconciled(stage))[0]


async def test_a_stream_that_has_nothing_in_common_with_our_archive_is_let_go_only_if_told(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    """The database was put back to a state of another past, and both bear one identity."""
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        async with stage.projecting():
            await stage.ready.wait()
            await build.create(stage.log)
            await work(stage.log, 1, 2)
            archived = await stage.projected()
        async with stage.pool.connection() as connection:
            await connection.execute("UPDATE events SET at = at - interval '1 second'")
        before = await held(stage.log)

        done, said = await reconciled(stage, do=True, accept_loss=True)
        assert (done, "another installation" in said) == (False, True), said  # neither says whose it is
        async with await connect_anew(stage.pool) as connection:
            owner = [stage.log.keys.prefix]
            await connection.execute("INSERT INTO installation (identity, prefix) VALUES ('ours', %s)", owner)
            stage.log.handshake.identity = "ours"
            for place in (NAMES, 0):
                await identify(stage.log, place)
            await check_installation(stage.log, connection)
            for do, accept_loss in ((False, False), (True, False), (False, True)):
                done, said = await reconciled(stage, do=do, accept_loss=accept_loss)
                assert not done
                assert "restored to" in said or f"{archived.seq} entries that the archive does not know" in said, said
            assert (await held(stage.log)) == before
            found = await misfit(stage.log, connection, 0, exact=True)
            assert found is not None
            assert "--accept-loss --apply" in found.do

        done, said = await reconciled(stage, do=True, accept_loss=True)

        assert (done, "open in epoch 2" in said) == (True, True), said
        async with stage.projecting():
            await stage.projected()
            entries = await stage.archived()
        (forked,) = (entry.event for entry in entries if isinstance(entry.event, LogForked))
        assert (forked.common, forked.dropped, forked.lost) == (None, archived.seq, archived.seq)
        assert await stage.rows("SELECT count(*) FROM dropped") == [(archived.seq,)]
        assert not list(proofs.chain(entries))
        assert (await reconciled(stage))[0]


async def test_what_neither_has_is_recorded_as_lost_only_if_told(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    """Postgres is put back to before what the log has trimmed."""
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        async with stage.projecting():
            await stage.ready.wait()
            await build.create(stage.log, overlap_policy="buffer_all")
            backup = await stage.projected()
            await work(stage.log, 1, 2)
            trimmed = await stage.projected()
        events = stage.log.keys.partition(0, "events")
        for table in ("events", "chain"):
            await stage.rows(f"DELETE FROM {table} WHERE seq > {backup.seq} RETURNING seq")
        await stage.rows(f"UPDATE partitions SET seq = {backup.seq} RETURNING seq")
        await stage.rows("DELETE FROM runs RETURNING run_id")
        await stage.rows("DELETE FROM attempts RETURNING run_id")
        await stage.log.execute(events, "XTRIM", events, "MINID", f"{trimmed.epoch}-{trimmed.seq + 1}")
        await build.ask(stage.log, build.wish(3))

        for how in ({}, {"do": True}, {"accept_loss": True}):
            done, said = await reconciled(stage, **how)
            assert (done, f"{trimmed.seq - backup.seq} entries are in neither" in said) == (False, True), said
        assert len(await stage.archived()) == backup.seq
        done, said = await reconciled(stage, do=True, accept_loss=True)

        assert (done, f"recorded at {trimmed}" in said) == (True, True), said
        assert "do not restart or empty" in said
        async with stage.projecting():
            await stage.ready.wait()
            await work(stage.log, 5)
            await stage.projected()
            entries = await stage.archived()
        lost = [entry for entry in entries if isinstance(entry.event, ArchiveLost)]
        assert [(one.position, one.prev) for one in lost] == [(trimmed, backup.entry)]
        assert lost[0].event == ArchiveLost(actor="operator", known_through=str(backup), lost=trimmed.seq - backup.seq)
        at = entries.index(lost[0])
        assert [*proofs.chain(entries[:at])] == []
        assert [one.prev for one in entries[at + 1 :]] == [one.position.entry for one in entries[at:-1]]
        async with await connect_anew(stage.pool) as connection:
            assert await compare(connection) == []
            assert [one.broken for one in await verify(connection, {})] == [None]


async def test_runs_that_ended_in_what_was_lost_end_again_and_no_repair_executes_them(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str
) -> None:
    """Postgres is put back to when they ran. The log remembers the end of most, of one no more; one is still live."""
    server = await own_valkey()
    async with staged(server.url, key_prefix, migrated_postgres_url) as stage:
        names: tuple[RunStatus, ...] = ("succeeded", "failed", "succeeded")
        async with stage.projecting():
            await stage.ready.wait()
            await build.create(stage.log, concurrent="0")
            await build.ask(stage.log, *(build.wish(number) for number in range(4)))
            await sessions.join(stage.log, "s", body=None)
            grants = (await build.grab(stage.log, 1, slots=3, session="s")).grants
            backup = await stage.projected()
            await build.finish(
                stage.log, *(build.ending(one, status=name) for one, name in zip(grants, names, strict=True))
            )
            trimmed = await stage.projected()
        await put_back(stage, backup, trimmed)
        forgotten = grants[2].run_id
        for name in ("ended0", "ended1"):
            key = stage.log.keys.partition(0, name)
            await stage.log.execute(key, "HDEL", key, forgotten)
        before = await states(stage)

        async with stage.projecting():
            await projects(stage)
            done, said = await reconciled(stage, do=True, accept_loss=True)
            await stage.projected()
            after = await states(stage)
            ends = [entry.event for entry in await stage.archived() if isinstance(entry.event, RunDied)]
            stage.ready.clear()
            await stage.log.execute("", "FLUSHALL")
            await stage.reasons.get()
            await stage.ready.wait()
            await sessions.join(stage.log, "again", body=None)
            executed = (await build.grab(stage.log, 1, session="again")).grants
            await stage.projected()
            async with await connect_anew(stage.pool) as connection:
                assert await compare(connection) == []
                assert await settle_lost(stage.log, connection, 0) == (True, [], [], [])

    assert (done, "not known" in said) == (True, False), said
    live = build.run_of(3)
    assert before == dict.fromkeys((one.run_id for one in grants), "running") | {live: "queued"}
    assert after == {grants[0].run_id: "succeeded", grants[1].run_id: "failed", forgotten: "died", live: "queued"}
    assert [(one.run_id, one.reason) for one in ends] == [(forgotten, "storeLost")]
    assert [one.run_id for one in executed] == [live]


async def put_back(stage: Stage, backup: Position, trimmed: Position) -> None:
    """Postgres as it was when `backup` was its last event, and a log that has trimmed what came up to `trimmed`."""
    events = stage.log.keys.partition(0, "events")
    for table in ("events", "chain"):
        await stage.rows(f"DELETE FROM {table} WHERE seq > {backup.seq} RETURNING seq")
    await stage.rows(f"UPDATE partitions SET seq = {backup.seq} RETURNING seq")
    await stage.rows(
        "UPDATE runs SET status = 'running', finished_at = NULL, error = NULL WHERE attempt > 0 RETURNING run_id"
    )
    await stage.rows("UPDATE attempts SET finished_at = NULL, outcome = NULL, error = NULL RETURNING run_id")
    await stage.log.execute(events, "XTRIM", events, "MINID", f"{trimmed.epoch}-{trimmed.seq + 1}")


async def states(stage: Stage) -> dict[str, str]:
    return dict(await stage.rows("SELECT run_id, status FROM runs"))


async def projects(stage: Stage) -> None:
    """Until a projector is at work, which may stand still."""

    async def at_work() -> bool:
        async with stage.pool.connection() as connection:
            cursor = await connection.execute(statement("count_sharers"), {"sharers": PROJECTORS.all})
            return [row[0] for row in await cursor.fetchall()] != [0]

    async with asyncio.timeout(DEADLINE):
        await eventually(at_work)


async def test_a_clock_is_set_back_to_its_servers(redis_url: str, key_prefix: str, migrated_postgres_url: str) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        meta, marks = (stage.log.keys.partition(0, name) for name in ("meta", "marks"))
        real = await clock.server_time(stage.log, meta)
        jobs = {name: created_job(name) for name in ("often", "seldom", "off", "asked", "early")}
        definitions: dict[str, dict[str, Any]] = {
            "often": {"cron_expression": "@every 1h"},
            "seldom": {"cron_expression": "0 0 1 1 ? 2199"},
            "off": {"cron_expression": "@every 1h", "status": "1"},
            "asked": {},
            "early": {"cron_expression": "@every 1h"},
        }
        for name, more in definitions.items():
            await build.create(stage.log, jobs[name], **more)
        await stage.log.execute(meta, "HSET", meta, "clock", real + 10**9)
        for name in ("often", "seldom", "off", "asked"):
            await stage.log.execute(marks, "HSET", marks, jobs[name], real + 10**9)
        said: list[str] = []
        async with await connect_anew(stage.pool) as connection:
            looking = Reconcile(stage.log, connection, said.append, do=False, accept_loss=False)
            doing = Reconcile(stage.log, connection, said.append, do=True, accept_loss=False)
            assert not await looking.clock(0)
            assert await clock.now(stage.log, 0) >= real + 10**9
            assert [jobs["often"] in line for line in said if "would be silent" in line] == [True]
            assert await doing.clock(0)
            assert await looking.clock(0)
            told = [line for line in said if "are silent" in line]
            assert len(told) == 2
            assert all(line.startswith("  1 jobs are silent") and jobs["often"] in line for line in told), told
            found = [one async for one in of_clocks(stage.log, SystemClock())]
            assert [one.level for one in found if one.check == "silent jobs"] == ["warning"]
            assert all(f"until {stamp(real + 10**9)}" in one.said for one in found if one.check == "silent jobs")
            await stage.log.execute(marks, "HSET", marks, jobs["often"], real)
            assert [one.check async for one in of_clocks(stage.log, SystemClock())] == ["clock of the store"]
        assert real <= await clock.now(stage.log, 0) < real + 10**8
        assert (await gate_of(stage.log, 0)).opened


async def test_runs_that_wait_for_an_executor_are_put_back_into_their_queues_by_hand(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        async with stage.projecting():
            await stage.ready.wait()
        await build.create(stage.log)
        await sessions.join(stage.log, "lacking", body=None, executors=announced(()))
        await build.ask(stage.log, build.wish(1), build.wish(2))
        await build.grab(stage.log, 1, session="lacking")
        said: list[str] = []
        for do in (False, True, True):
            async with await connect_anew(stage.pool) as connection:
                step = Reconcile(stage.log, connection, said.append, do=do, accept_loss=False)
                assert await step.aside(0) is do
        assert said == [
            "partition 0: 2 runs of queue default wait for executor 'demo.noop'",
            "  would return to their queues, for workers of an earlier release: --apply",
            "partition 0: 2 runs of queue default wait for executor 'demo.noop'",
            "  2 returned to their queues",
            "partition 0: no run waits for an executor",
        ]
        assert (await depths(stage.log, 0)).queues["default"].queued == 2

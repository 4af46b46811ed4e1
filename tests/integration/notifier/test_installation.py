"""What is told when the installation itself is not well: by whom, how often, whatever is away; then the recovery."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.contract.log import build
from tests.contract.log.commands.test_aside import BACKUP, REPORT, session, wishes
from tests.integration.notifier.standing import (
    SOON,
    abandon,
    is_kept,
    lead,
    notices_of,
    reasons,
    rules_in,
    tells,
    watching,
)
from tests.integration.notifier.test_notifier import Receiver, until
from tests.integration.scheduler.stage import Stage as Schedules
from tests.integration.scheduler.stage import is_decision_of, scheduling
from tests.integration.stage import eventually, staged
from tests.support.servers import OwnPostgres, OwnValkey
from tests.support.stalls import watched, within
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.queues import set_paused
from waterclock.log.connection.errors import LogError
from waterclock.model.events import QueuePaused, QueueResumed
from waterclock.model.promise import Promise
from waterclock.model.timestamps import stamp
from waterclock.store.connection.pool import connect_anew

NO_LEADER = ("clock", "noLeader")


def over(told: tuple[str, str]) -> tuple[str, str]:
    return "recovered", told[1]


async def test_that_nobody_leads_is_told_once_by_two_and_then_that_somebody_does(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver, rules = Receiver(), rules_in(tmp_path)
    async with (
        staged(redis_url, key_prefix, migrated_postgres_url, partitions=2) as stage,
        stage.projecting(),
    ):
        await stage.ready.wait()
        await lead(stage.log)
        async with watching(stage, rules, receiver), watching(stage, rules, receiver):
            await abandon(stage.log)
            await tells(receiver, NO_LEADER)
            await lead(stage.log)
            await tells(receiver, NO_LEADER, over(NO_LEADER))
            await abandon(stage.log)
            await tells(receiver, NO_LEADER, over(NO_LEADER), NO_LEADER)
            await until(lambda: is_kept(stage, "clock", "recovered", "clock"), within=SOON, what="that it is recorded")
        assert len({one.id for one in receiver.told}) == 3


async def test_an_instant_that_its_leader_does_not_decide_is_told(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver, overdue = Receiver(), ("clock", "overdue")
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        due = await now(stage.log, 0) - 60_000
        await lead(stage.log, next_at=due)
        async with watching(stage, rules_in(tmp_path), receiver):
            await tells(receiver, overdue)
            await lead(stage.log, next_at=due + 3_600_000)
            await tells(receiver, overdue, over(overdue))
        [told, _] = notices_of(receiver)
        assert told.since_ms == due


@pytest.mark.parametrize("how", ["is killed", "stands still"])
async def test_while_redis_is_away_it_is_told_and_then_that_it_is_over(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str, tmp_path: Path, how: str
) -> None:
    receiver, server, halted = Receiver(), await own_valkey(), ("clock", "halted")
    async with staged(server.url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        await lead(stage.log)
        async with watching(stage, rules_in(tmp_path), receiver):
            if how == "is killed":
                await server.kill()
            else:
                os.kill(server.pid, signal.SIGSTOP)
            await tells(receiver, halted)
            [told] = notices_of(receiver)
            assert told.explain
            if how == "is killed":
                await server.start()
            else:
                os.kill(server.pid, signal.SIGCONT)
            await eventually(lambda: leads(stage.log))
            await tells(receiver, halted, over(halted))


async def leads(log: Log) -> bool:
    """Lead, if the log is open again."""
    try:
        await lead(log)
    except LogError:
        return False
    return True


async def test_while_postgres_is_away_each_notifier_tells_it_from_memory_by_one_id_and_it_is_recorded_as_told(
    redis_url: str, key_prefix: str, own_postgres: OwnPostgres, tmp_path: Path
) -> None:
    here, there, server = Receiver(), Receiver(), await own_postgres()
    projection, rules = ("clock", "notProjected"), rules_in(tmp_path)
    async with staged(redis_url, key_prefix, server.url) as stage, stage.projecting():
        await stage.ready.wait()
        await lead(stage.log)
        async with watching(stage, rules, here), watching(stage, rules, there):
            await server.kill()
            await tells(here, projection)
            await tells(there, projection)
            await abandon(stage.log)  # what the log tells is told as well
            await tells(here, projection, NO_LEADER)
            await tells(there, projection, NO_LEADER)
            assert [one.id for one in here.told] == [one.id for one in there.told]
            await server.start()
            await until(lambda: len(here.told) + len(there.told) == 5, within=SOON, what="the recovery, by one of them")
            await lead(stage.log)
            await until(lambda: len(here.told) + len(there.told) == 6, within=SOON, what="the other, by one of them")
            both = ["clock", "recovered"] * 2
            await until(lambda: is_kept(stage, *both), within=SOON, what="that it is recorded")
        assert sorted([*reasons(here)[2:], *reasons(there)[2:]]) == [over(NO_LEADER), over(projection)]


@pytest.mark.soak
async def test_what_no_channel_took_while_postgres_was_away_is_in_the_outbox_afterwards(
    redis_url: str, key_prefix: str, own_postgres: OwnPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("dispatch", "installation.memory"):
        monkeypatch.setattr(f"waterclock_api.notifier.{module}.fraction", lambda: 0.01)
    receiver, server, projection = Receiver(), await own_postgres(), ("clock", "notProjected")
    async with staged(redis_url, key_prefix, server.url) as stage, stage.projecting():
        await stage.ready.wait()
        await lead(stage.log)
        async with watching(stage, rules_in(tmp_path), receiver):
            receiver.broken = True
            await server.kill()
            await until(lambda: receiver.refused > 0, within=SOON, what="that it was tried")
            await server.start()
            await eventually(lambda: stage.rows("SELECT FROM notice_deliveries WHERE failures > 0"))
            receiver.broken = False
            await tells(receiver, projection, over(projection))


async def test_a_projection_that_stands_is_told(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver, projection = Receiver(), ("clock", "notProjected")
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        async with stage.projecting():
            await stage.ready.wait()
            await lead(stage.log)
            await stage.projected()
        async with watching(stage, rules_in(tmp_path), receiver):
            await build.create(stage.log)
            await tells(receiver, projection)
            async with stage.projecting():
                await tells(receiver, projection, over(projection))


async def test_a_deadline_that_no_reading_judges_is_told(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver, undecided = Receiver(), ("clock", "undecided")
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        await lead(stage.log)
        await stage.projected()
        async with watching(stage, rules_in(tmp_path), receiver) as work:
            await until(lambda: work.places.get(0) is not None, within=SOON, what="that it judges")
            async with await connect_anew(stage.pool) as connection, connection.transaction():
                await connection.execute("SELECT FROM notifier_positions FOR UPDATE")  # so nobody can judge
                await stage.rows(
                    "INSERT INTO notice_facts (key, partition, job_id, due_at, document) VALUES ('silence j', 0, 'j', "
                    """now() - interval '9 s', '{"fact":"silence","job":"j","until":1}') RETURNING key"""
                )
                await tells(receiver, undecided)
            await tells(receiver, undecided, over(undecided))


@pytest.mark.parametrize("paused", [False, True])
async def test_runs_that_nobody_can_execute_are_told_but_not_those_of_a_paused_queue(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path, *, paused: bool
) -> None:
    receiver, lacking = Receiver(), ("clock", f"noExecutor {BACKUP}")
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log)
        await lead(stage.log)
        reports = await session(stage.log, "reports", REPORT)
        await wishes(stage.log, BACKUP)
        await reports.claim()
        if paused:
            await set_paused(stage.log, command=Command(id="p"), event=QueuePaused(queue="default", actor="test"))
        async with watching(stage, rules_in(tmp_path), receiver):
            if paused:
                await abandon(stage.log)  # what lasts as long is told
                await tells(receiver, NO_LEADER)
                await set_paused(stage.log, command=Command(id="r"), event=QueueResumed(queue="default", actor="test"))
                await tells(receiver, NO_LEADER, lacking)
            else:
                await tells(receiver, lacking)
                await session(stage.log, "backups", BACKUP)
                await tells(receiver, lacking, over(lacking))


WITH_PROMISES = """
channels:
  ops: {webhook: "https://ops.example/hook", secret: "env:OPS_SECRET"}
rules:
  - {name: all, on: [clock, late, missing], channels: [ops]}
clockAfter: 1
"""


async def test_without_a_leader_only_that_is_told_and_what_is_late_or_missing_with_its_decision(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver = Receiver()
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        at, schedules = await now(stage.log, 0), Schedules(stage.log)
        past: dict[str, Any] = {
            "cron": "* * * * * *",
            "mark": at - 7_000,
            "end_at": stamp(at - 5_000),
            "promise": Promise(start_within=1),
        }
        late = await schedules.create(**past, misfire_policy="1")
        missing = await schedules.create(**past, misfire_policy="3", misfire_threshold=1)
        await stage.projected()
        async with watching(stage, rules_in(tmp_path, WITH_PROMISES), receiver), watched() as stalls:
            await tells(receiver, NO_LEADER)
            async with scheduling(stage.log):
                await until(lambda: len(receiver.told) == 3, within=SOON, what="both")
            decided = {
                kind: (await schedules.until(partial(is_decision_of, job)))[0].at
                for kind, job in (("late", late), ("missing", missing))
            }
        told = {one.kind: (one.job_id, at) for one, at in zip(notices_of(receiver), receiver.told_at, strict=True)}
        assert told.keys() == {"clock", "late", "missing"}
        assert (told["late"][0], told["missing"][0]) == (late.job_id, missing.job_id)
        for kind, began in decided.items():
            ended = told[kind][1]
            assert ended - began - within(stalls, began, ended) <= 2_000

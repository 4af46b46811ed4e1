"""A log that is restored into another number of partitions: what notifiers know moves with the jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.contract.log import build
from tests.integration.notifier.test_notifier import (
    PROMISED,
    RULES,
    Receiver,
    created,
    notifying,
    run,
    until,
    written,
)
from tests.integration.stage import Stage, append, staged
from tests.integration.test_restore import restored
from waterclock.log.clock import server_time
from waterclock.log.commands.bodies import body_of
from waterclock.log.liveness import sessions
from waterclock.model.events import RunRequested
from waterclock.model.ids import JobId, RunId, partition_of
from waterclock.model.notices.facts import Trouble
from waterclock.model.positions import Position
from waterclock.model.promise import Promise
from waterclock.model.timestamps import stamp
from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.connection.pool import connect_anew
from waterclock.store.locks import NOTIFIERS, Shares
from waterclock.store.notices import facts

MORE = 3
JOB = next(one for one in map(JobId, "abcdefgh") if partition_of(one, MORE) == 2)
"""A job that changes its partition."""
DUE = "SELECT 1 FROM notice_facts WHERE due_at IS NOT NULL"
NOWHERE = Position(2, 0, 0)


async def asked_by_schedule(stage: Stage, *, due_in: int) -> RunId:
    """A run whose start is promised so many ms from now; it is requested, and its request is projected."""
    within = 60.0
    await build.create(stage.log, JOB, promise=Promise(start_within=within))
    now = await server_time(stage.log, stage.log.keys.partition(0, "meta"))
    wish = build.wish(1, job_id=JOB)
    event = RunRequested(
        run_id=wish.run_id, job_id=JOB, trigger="schedule", nominal_at=stamp(now + due_in - int(within * 1000)),
        invoke_target="demo.noop", queue="default",
    )  # fmt: skip
    await build.ask(stage.log, msgspec.structs.replace(wish, body=body_of(event)))
    await stage.projected()
    return wish.run_id


async def homes(stage: Stage) -> set[Any]:
    return {row[0] for row in await stage.rows(f"SELECT partition FROM notice_facts WHERE job_id = '{JOB}'")}


async def test_a_deadline_that_is_open_over_a_repartition_is_told_once_by_the_clock_of_where_the_job_is_now(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver, rules = Receiver(), written(tmp_path, PROMISED)
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        async with notifying(stage, rules, receiver):
            run_id = await asked_by_schedule(stage, due_in=4_000)
            await until(lambda: _found(stage, DUE), within=15, what="the deadline")
        assert await homes(stage) == {0}
    assert receiver.told == []

    await restored(redis_url, key_prefix, migrated_postgres_url, MORE)

    async with staged(redis_url, key_prefix, migrated_postgres_url, partitions=MORE) as stage, stage.projecting():
        assert await homes(stage) == {2}
        async with notifying(stage, rules, receiver):
            await until(lambda: receiver.kinds == ["late"], within=25, what="that it is late")
            await sessions.join(stage.log, "s", body=None)
            await build.grab(stage.log, 1, slots=1, session="s", partition=2)
            await until(lambda: receiver.kinds == ["late", "recovered"], within=15, what="that it has started")
        assert await stage.rows("SELECT DISTINCT partition FROM notice_readings") == [(2,)]
        assert await stage.rows("SELECT run_id FROM notices WHERE kind = 'late'") == [(run_id,)]


async def _found(stage: Stage, query: str) -> bool:
    return bool(await stage.rows(query))


async def test_who_knows_of_another_number_of_partitions_writes_nothing(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver, rules = Receiver(), written(tmp_path, PROMISED)
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        async with stage.projecting():
            await stage.ready.wait()
            await build.create(stage.log, JOB)
            await stage.projected()
        trouble = Trouble(job=JOB, bad=1)

        async def goes_on() -> None:
            async with notifying(stage, rules, receiver):
                await restored(redis_url, key_prefix, migrated_postgres_url, MORE)
                written(tmp_path, PROMISED.replace("promises", "others"))
                await until(lambda: False, within=20, what="its end")

        with pytest.raises(ExceptionGroup) as ended:  # and its supervisor starts it anew
            await goes_on()
        assert ended.group_contains(StoreUnfit, match="into 3 partitions; this process knows of 1")
        async with stage.pool.connection() as connection:
            with pytest.raises(StoreUnfit):
                await facts.write(connection, {trouble.key: trouble}, partitions=1)
            await facts.write(connection, {trouble.key: trouble}, partitions=MORE)
        assert await homes(stage) == {2}


@pytest.mark.soak
async def test_what_is_older_is_judged_first_wherever_it_lies(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver, rules = Receiver(), written(tmp_path, PROMISED)
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        async with notifying(stage, rules, receiver):
            await asked_by_schedule(stage, due_in=4_000)
            await until(lambda: _found(stage, DUE), within=15, what="the deadline")
        due = await server_time(stage.log, stage.log.keys.partition(0, "meta")) + 4_000
        await sessions.join(stage.log, "s", body=None)
        await build.grab(stage.log, 1, slots=1, session="s")  # in time; no notifier has judged it
        await stage.projected()
    await restored(redis_url, key_prefix, migrated_postgres_url, MORE)

    async with (
        staged(redis_url, key_prefix, migrated_postgres_url, partitions=MORE) as stage,
        stage.projecting(),
        await connect_anew(stage.pool) as other,
    ):
        shares = Shares(other, MORE, NOTIFIERS)
        assert await shares.take(0)  # so that nobody judges what the job's partition was before

        async def has_passed() -> bool:
            return await server_time(stage.log, stage.log.keys.partition(2, "meta")) > due + 2_000

        async with notifying(stage, rules, receiver, partition=2) as work:
            await until(has_passed, within=20, what="the deadline by the clock of where the job is now")
            assert work.places[2] == Position(2, 0, 0)
            await shares.give(0)
            await until(lambda: (work.places[2] or NOWHERE).epoch > 0, within=15, what="what is new is judged")
            assert not await _found(stage, DUE)
    assert receiver.told == []


async def test_what_a_partition_holds_that_is_no_more_is_judged_to_its_end(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver, rules = Receiver(), written(tmp_path, RULES)
    async with staged(redis_url, key_prefix, migrated_postgres_url, partitions=MORE) as stage, stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log, JOB)
        await stage.projected()
        async with notifying(stage, rules, receiver, partition=2):
            pass
        await build.ask(stage.log, build.wish(1, job_id=JOB))
        await sessions.join(stage.log, "s", body=None)
        claimed = await build.grab(stage.log, 1, slots=1, session="s", partition=2)
        await build.finish(stage.log, build.ending(claimed.grants[0], status="failed"), partition=2)
        await stage.projected()
    await restored(redis_url, key_prefix, migrated_postgres_url, 1)

    async with (
        staged(redis_url, key_prefix, migrated_postgres_url, partitions=1) as stage,
        stage.projecting(),
        notifying(stage, rules, receiver),
    ):
        await until(lambda: receiver.kinds == ["failed"], within=20, what="the failure")


async def test_who_begins_after_a_restore_begins_with_the_present_of_all_that_ever_was(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver, rules = Receiver(), written(tmp_path, RULES)
    async with staged(redis_url, key_prefix, migrated_postgres_url, partitions=MORE) as stage, stage.projecting():
        await stage.ready.wait()
        await append(stage, [created(), *run(1, fails=True)], partition=2)
        await stage.projected()
    await restored(redis_url, key_prefix, migrated_postgres_url, 2)

    async with (
        staged(redis_url, key_prefix, migrated_postgres_url, partitions=2) as stage,
        stage.projecting(),
        notifying(stage, rules, receiver) as work,
    ):
        await until(lambda: set(work.places) == {0, 1, 2}, within=15, what="all partitions")
        await until(lambda: None not in work.places.values(), within=15, what="their places")
        assert work.places[2] == [one.position for one in await stage.archived(2)][-1]
        assert await stage.rows("SELECT kind FROM notices") == []
    assert receiver.told == []

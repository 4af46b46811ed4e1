"""A log that is restored into another number of partitions: what notifiers know moves with the jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.contract.log import build
from tests.integration.notifier.test_notifier import PROMISED, Receiver, notifying, until, written
from tests.integration.stage import Stage, staged
from tests.integration.test_restore import restored
from waterclock.log.clock import server_time
from waterclock.log.commands.bodies import body_of
from waterclock.log.liveness import sessions
from waterclock.model.events import RunRequested
from waterclock.model.ids import JobId, RunId, partition_of
from waterclock.model.notices.facts import Trouble
from waterclock.model.promise import Promise
from waterclock.model.timestamps import stamp
from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.notices import facts

MORE = 3
JOB = next(one for one in map(JobId, "abcdefgh") if partition_of(one, MORE) == 2)
"""A job that changes its partition."""


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
            known = "SELECT 1 FROM notice_facts WHERE due_at IS NOT NULL"
            await until(lambda: _found(stage, known), within=15, what="the deadline")
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

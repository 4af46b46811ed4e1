"""The last success of each job, of which few of its runs are read."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from tests.contract.store.test_project import project
from tests.support.histories import BEGAN, entries_of
from waterclock.model.definition import Definition
from waterclock.model.events import JobCreated, RunRequested, RunSucceeded
from waterclock.model.ids import JobId, RunId
from waterclock.store import retention
from waterclock.store.connection.pool import Connection
from waterclock.store.readmodels import partition_state
from waterclock.store.retention import Keep

LOOKED_AT = 3
DAY = 86_400_000
FATES = {"s": ("succeeded", "schedule"), "f": ("failed", "schedule"), "b": ("succeeded", "backfill")}
STORIES = ["".join(story) for length in range(6) for story in itertools.product("sfb", repeat=length)]
"""Of a job, by its runs' fates, oldest first."""
MORE = """
INSERT INTO runs
SELECT (jsonb_populate_record(runs, fresh.run)).*
FROM runs
CROSS JOIN jsonb_array_elements(%s) AS fresh (run)
WHERE runs.run_id = 'j-0'
"""


async def put(connection: Connection) -> None:
    """A job of each story; all that its runs differ in is what tells a success."""
    definition = Definition(job_name="n", invoke_target="demo.noop")
    jobs = [JobId(f"j{number}") for number in range(len(STORIES))]
    run = RunId("j-0")
    events = [
        *(JobCreated(job_id=job, version=1, definition=definition) for job in jobs),
        RunRequested(run_id=run, job_id=JobId("j"), trigger="manual", invoke_target="demo.noop", queue="default"),
        RunSucceeded(run_id=run, job_id=JobId("j"), attempt=1, fence=1, result=None),
    ]
    assert await project(connection, None, entries_of(events))
    fresh = [
        {"run_id": f"{job}-{place}", "job_id": job, "status": status, "trigger": trigger, "requested_at": at(place)}
        for job, story in zip(jobs, STORIES, strict=True)
        for place, (status, trigger) in enumerate(map(FATES.__getitem__, story))
    ]
    await connection.execute(MORE, [Jsonb(fresh)])


def at(place: int) -> str:
    return f"2027-01-15T{place:02}:00:00Z"


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_success_is_found_however_long_ago_it_was(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, *, forgotten: bool
) -> None:
    """Also where the runs are not kept any more."""
    monkeypatch.setattr(partition_state, "LOOKED_AT", LOOKED_AT)
    monkeypatch.setattr(partition_state, "_AT_ONCE", 100)
    await put(connection)
    rows = await (
        await connection.execute(
            "SELECT job_id, (extract(epoch FROM max(requested_at)) * 1000)::bigint FROM runs"
            " WHERE status = 'succeeded' GROUP BY job_id"
        )
    ).fetchall()
    expected = dict(rows)
    if forgotten:
        await retention.forget(connection, Keep(runs={"succeeded": timedelta(days=2)}), BEGAN + 100 * DAY)
        left = await (await connection.execute("SELECT count(*) FROM runs WHERE status = 'succeeded'")).fetchone()
        assert left == (0,)

    async with partition_state.known(connection, 0, partitions=1) as known:
        found = {job.job_id: job.last_success async for jobs in known.jobs() for job in jobs}

    assert found == {JobId(f"j{number}"): expected.get(f"j{number}", 0) for number in range(len(STORIES))}
    assert 0 < list(found.values()).count(0) < len(found)

"""What keeps runs from going on that no event tells of: a queue that is paused, an attempt that does not stop.

That a queue is paused the log says; by whom and since when, the event of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from waterclock.log.commands.queues import TRUTH, depths
from waterclock.log.connection.errors import LogError
from waterclock.model.definition import DEFAULT_TIMEOUT
from waterclock.model.events import ExecutorSpec, QueuePaused, RunRequested
from waterclock.model.instants.reasons import Paused
from waterclock.model.positions import at_entry
from waterclock.model.timestamps import stamp
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import decode_document
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.sources import Reading, Sources
from waterclock_api.validation.live_executors import PATIENCE

OVERDUE_S = 10.0  # past the timeout: a child is killed by then, and what is asked for has been projected


class OverdueRun(NamedTuple):
    """`limit`: the timeout of its attempt, `past`: by how much that is exceeded; both in seconds."""

    run_id: str
    executor: str
    worker: str
    limit: float
    past: float


async def pauses_of(sources: Sources, of: Reading, queues: Collection[str]) -> Mapping[str, Paused]:
    """Those of some queues that are paused now. Where the log does not answer nothing is said."""
    if not queues:
        return {}
    try:
        async with asyncio.timeout(PATIENCE):
            held = (await depths(sources.log, TRUTH)).queues
    except (LogError, TimeoutError):
        return {}
    entries = {queue: depth.paused for queue, depth in held.items() if queue in queues and depth.paused}
    return {queue: await _paused(sources, of, queue, entry) for queue, entry in entries.items()}


async def overdue_of(
    connection: Connection, run_ids: Sequence[str], executors: Mapping[str, ExecutorSpec]
) -> list[OverdueRun]:
    """Those of some runs that execute for longer than they may; `executors` by all of their names."""
    if not run_ids:
        return []
    wanted = {"run_ids": list(run_ids)}
    rows = await (await connection.execute(statement("running", PACKAGE), wanted)).fetchall()
    found: list[OverdueRun] = []
    for run_id, target, worker, seconds, document in rows:
        limit = _limit(bytes(document), executors.get(target))
        if limit and seconds > limit + OVERDUE_S:
            found.append(OverdueRun(run_id, target, worker, limit, seconds - limit))
    return found


async def _paused(sources: Sources, of: Reading, queue: str, entry: str) -> Paused:
    """What the event says; nothing more than that it is paused, where that is not archived yet."""
    place = at_entry(TRUTH, entry)
    wanted = {"partition": place.partition, "epoch": place.epoch, "seq": place.seq}
    async with sources.reading(of) as connection:
        row = await (await connection.execute(statement("pause_of_queue", PACKAGE), wanted)).fetchone()
    event = None if row is None else decode_document(bytes(row[1]))
    if row is None or not isinstance(event, QueuePaused):
        return Paused(queue)
    return Paused(queue, since=stamp(row[0]), by=event.actor, reason=event.reason)


def _limit(document: bytes, executor: ExecutorSpec | None) -> float:
    """Seconds that an attempt may take: the run's own word, else its executor's, else a worker's; 0: no limit."""
    request = decode_document(document)
    own = request.timeout if isinstance(request, RunRequested) else None
    executors = None if executor is None else executor.timeout
    return next(said for said in (own, executors, DEFAULT_TIMEOUT) if said is not None)

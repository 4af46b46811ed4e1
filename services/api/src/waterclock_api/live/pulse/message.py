"""The message of the pulse, from what was seen. What is not known is null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from waterclock.log.liveness.leadership import Watch
from waterclock.model.timestamps import stamp
from waterclock_api.live.pulse.changes import Changed
from waterclock_api.live.pulse.looks import OfLog, OfStore
from waterclock_api.schemas.responses import Pulse, PulseMemory, PulseQueue, PulseWorkers

OVERDUE_MS = 2_000
"""What a leader says of what is undecided is up to a third of its term old: of less than this nobody can tell."""

_encoder = msgspec.json.Encoder()


def pulse_of(
    now: int,
    queues: Sequence[str],
    seen: Sequence[Watch | None],
    of_log: OfLog | None,
    of_store: OfStore | None,
) -> Pulse:
    """How everything is at `now`, ms, and nothing of what has changed. `seen`: of each partition's schedule."""
    lag = _lag(seen)
    undecided = None if lag is None else stamp(now - lag)
    return Pulse(
        at=stamp(now),
        decided_through=undecided,
        lag_ms=lag,
        oldest_pending=undecided if lag else None,
        led=None if None in seen else all(one is not None and one.until > one.now for one in seen),
        queues=[_queue(name, of_log, of_store) for name in queues],
        workers=PulseWorkers(
            live=None if of_log is None else of_log.fleet.live,
            silent=None if of_log is None else of_log.fleet.silent,
            lost=None if of_store is None else of_store.lost,
        ),
        memory=None if of_log is None else PulseMemory(used=of_log.memory.used, max=of_log.memory.limit or None),
        projection_lag_ms=None if of_store is None else of_store.lag_ms,
    )


def changed_in(pulse: Pulse, changed: Changed) -> Pulse:
    return msgspec.structs.replace(
        pulse, jobs=list(changed.jobs), runs=list(changed.runs), many=changed.many, ended=dict(changed.ended)
    )


def framed(pulse: Pulse) -> bytes:
    return b"event: pulse\ndata: %b\n\n" % _encoder.encode(pulse)


def summary(pulse: Pulse) -> Pulse:
    """What is worth a message when it changes: not what always does, and of a lag only whether it has about doubled."""
    return msgspec.structs.replace(
        pulse,
        at=stamp(0),
        decided_through=None,
        lag_ms=_doublings(pulse.lag_ms),
        memory=None if pulse.memory is None else PulseMemory(used=0, max=pulse.memory.max),
        projection_lag_ms=_doublings(pulse.projection_lag_ms),
    )


def _doublings(lag_ms: int | None) -> int | None:
    """From one second on."""
    return None if lag_ms is None else (lag_ms // 1000).bit_length()


def _lag(seen: Sequence[Watch | None]) -> int | None:
    """How long the oldest undecided scheduled time has been due, ms."""
    lag = 0
    for one in seen:
        if one is None or one.next_at is None:
            return None
        if one.next_at:
            lag = max(lag, one.now - one.next_at)
    return lag if lag > OVERDUE_MS else 0


def _queue(name: str, of_log: OfLog | None, of_store: OfStore | None) -> PulseQueue:
    depth = None if of_log is None else of_log.queues.get(name)
    count = None if of_store is None else of_store.count_of(name)
    return PulseQueue(
        name=name,
        paused=None if depth is None else depth.paused,
        waiting=None if depth is None else depth.waiting,
        delayed=None if count is None else count.delayed,
        blocked=None if count is None else count.blocked,
        running=None if count is None else count.running,
    )


def seen_of(partitions: int, seen: Mapping[int, Watch]) -> list[Watch | None]:
    return [seen.get(partition) for partition in range(partitions)]

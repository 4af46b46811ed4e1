"""What a partition holds, as the archive and the read models know it: the material of a repair.

All of one moment, in bounded portions, however long the archive is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from waterclock.model.definition import Definition
from waterclock.model.events import (
    AnyJobEvent,
    AnyRunEvent,
    NoticesMuted,
    NoticesUnmuted,
    QueuePaused,
    QueueResumed,
    ResultRefused,
    RunCancelled,
    RunCancelRequested,
    RunDied,
    RunFailed,
    RunRequested,
    RunSucceeded,
    RunTimedOut,
    StoredEvent,
)
from waterclock.model.ids import JobId, partition_of
from waterclock.model.positions import Position
from waterclock.model.readmodels.repair import (
    ENDS_KEPT_MS,
    KEYS_KEPT_MS,
    Answered,
    Ended,
    KnownJob,
    Standing,
    Unfinished,
    answered,
    ended,
    evolve,
    lined_up,
    paused,
    waiting_from,
)
from waterclock.model.timestamps import stamp
from waterclock.store import archive
from waterclock.store.connection.moment import one_moment
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import UnknownEvent, decode_document, request_body

LOOKED_AT = 1_000  # newest runs of a job, for one that succeeded
_AT_ONCE = 1_000  # rows

_definition = msgspec.json.Decoder(Definition)


def _tags(union: Any) -> list[str]:
    return [str(kind.__struct_config__.tag) for kind in union.__args__]


_OF_RUNS = _tags(AnyRunEvent)
_REMEMBERED = _tags(
    AnyJobEvent
    | QueuePaused
    | QueueResumed
    | NoticesMuted
    | NoticesUnmuted
    | ResultRefused
    | RunCancelRequested
    | RunRequested
    | RunSucceeded
    | RunFailed
    | RunTimedOut
    | RunCancelled
    | RunDied
)


class Known:
    """One partition at the moment of its archive's end.

    Where there was another number of partitions before the epoch `restored`, its jobs and runs are found among all.
    """

    def __init__(self, connection: Connection, partition: int, partitions: int, restored: int) -> None:
        self._connection = connection
        self._partition = partition
        self._partitions = partitions
        self._restored = restored

    async def position(self) -> Position | None:
        return await archive.position(self._connection, self._partition)

    async def jobs(self) -> AsyncGenerator[list[KnownJob]]:
        """The jobs that exist."""
        unsettled: list[tuple[Any, ...]] = []
        async with aclosing(self._rows("standing_jobs", looked_at=LOOKED_AT)) as portions:
            async for rows in portions:
                own = [row for row in rows if self._owns(row[0])]
                unsettled += [row for row in own if row[-1]]
                yield [self._job(row[:-1]) for row in own if not row[-1]]
        for first in range(0, len(unsettled), _AT_ONCE):
            some = unsettled[first : first + _AT_ONCE]
            known = await self._last_successes([row[0] for row in some])
            yield [self._job((*row[:-2], known.get(row[0]))) for row in some]

    async def _last_successes(self, job_ids: list[str]) -> dict[str, int]:
        """Of jobs with many runs, none of which succeeded lately."""
        await self._connection.execute(statement("prefer_nothing"))
        cursor = await self._connection.execute(statement("last_successes"), {"job_ids": job_ids})
        found = dict(await cursor.fetchall())
        await self._connection.execute(statement("prefer_lookups"))
        return found

    async def runs(self) -> AsyncGenerator[list[tuple[Unfinished, bytes]]]:
        """The unfinished runs with the bodies of their RunRequested, in the order in which they were requested."""
        async with aclosing(self._rows("standing_lines")) as portions:
            lines = waiting_from([self._standing(row) async for rows in portions for row in rows])
        held: list[tuple[Any, ...]] = []  # of a run whose events may go on in the next portion
        async with aclosing(self._rows("standing_runs", types=_OF_RUNS)) as portions:
            async for rows in portions:
                held += rows
                whole = [row for row in held if row[0] != held[-1][0]]
                held = held[len(whole) :]
                own = [row for row in whole if self._owns(row[0])]
                yield [(lined_up(run, lines), body) for run, body in self._folded(own)]
        held = [row for row in held if self._owns(row[0])]
        yield [(lined_up(run, lines), body) for run, body in self._folded(held)]

    async def recent(self) -> AsyncGenerator[tuple[list[Ended], list[Answered]]]:
        """Ends, and commands that were answered, that were still remembered at the archive's end."""
        now = await self.last_at()
        since = {"since": now - KEYS_KEPT_MS, "all_since": now - ENDS_KEPT_MS}
        async with aclosing(self._rows("recent_entries", types=_REMEMBERED, **since)) as portions:
            async for rows in portions:
                events = [self._event(*row[:3]) for row in rows if self._remembers(*row[3:])]
                yield (
                    [one for position, event in events if event and (one := ended(position, event))],
                    [one for position, event in events if event and (one := answered(position, event))],
                )

    async def paused(self) -> dict[str, Position]:
        """The queues that are paused, and since which event."""
        place = {"partition": self._partition, "restored": self._restored}
        cursor = await self._connection.execute(statement("pauses"), place)
        events = [self._event(*row) for row in await cursor.fetchall()]
        return paused((position, event) for position, event in events if event is not None)

    async def last_at(self) -> int:
        """When its last event happened, ms; 0 before the first. Its jobs may come from any partition."""
        place = await self.position()
        if self._restored and (place is None or place.epoch < self._restored):
            row = await (await self._connection.execute(statement("last_at"))).fetchone()
            return row[0] or 0 if row is not None else 0
        known = await archive.places(self._connection, [place]) if place is not None else {}
        return known[place][1] if place is not None else 0

    async def _rows(self, name: str, **arguments: Any) -> AsyncGenerator[list[tuple[Any, ...]]]:
        async with self._connection.cursor(name) as cursor:
            place = {"partition": self._partition, "all": self._restored > 0, "restored": self._restored}
            await cursor.execute(statement(name), {**place, **arguments})
            while rows := await cursor.fetchmany(_AT_ONCE):
                yield rows

    def _owns(self, some_id: str) -> bool:
        return not self._restored or partition_of(some_id, self._partitions) == self._partition

    def _remembers(self, partition: int, run_id: str | None, job_id: str | None) -> bool:
        """Whether an event is of this partition's jobs, or of its queues, which were partition 0's before."""
        some_id = run_id or job_id
        return partition in {0, self._partition} if some_id is None else self._owns(some_id)

    def _folded(self, rows: list[tuple[Any, ...]]) -> list[tuple[Unfinished, bytes]]:
        """The runs of these events, which are all of each run."""
        found: list[tuple[Unfinished, bytes]] = []
        for _, own in groupby(rows, key=itemgetter(0)):
            run: Unfinished | None = None
            body = b""
            for _, epoch, seq, document, requested_at in own:
                position, event = self._event(epoch, seq, document)
                if isinstance(event, RunRequested):
                    body = request_body(document)
                if event is not None:
                    run = evolve(run, position, event, at=requested_at)
            if run is not None:
                found.append((run, body))
        return found

    def _event(self, epoch: int, seq: int, document: bytes) -> tuple[Position, StoredEvent | None]:
        event = decode_document(document)
        return Position(self._partition, epoch, seq), None if isinstance(event, UnknownEvent) else event

    def _job(self, row: tuple[Any, ...]) -> KnownJob:
        job_id, version, definition, created_at, updated_at, mark, barred_epoch, barred_seq, last_success = row
        return KnownJob(
            job_id=JobId(job_id),
            version=version,
            definition=_definition.decode(definition),
            created_at=stamp(created_at),
            updated_at=stamp(updated_at),
            mark=mark,
            barred_through=self._place(barred_epoch, barred_seq),
            last_success=last_success or 0,
        )

    def _standing(self, row: tuple[Any, ...]) -> Standing:
        job_id, epoch, seq, waits, released_epoch, released_seq = row
        released = self._place(released_epoch, released_seq)
        return Standing(JobId(job_id), Position(self._partition, epoch, seq), waits, released)

    def _place(self, epoch: int | None, seq: int | None) -> Position | None:
        return None if epoch is None or seq is None else Position(self._partition, epoch, seq)


@asynccontextmanager
async def known(connection: Connection, partition: int, *, partitions: int, restored: int = 0) -> AsyncGenerator[Known]:
    """What is known of a partition at one moment, for as long as the context lasts."""
    async with one_moment(connection), connection.transaction():
        await connection.execute(statement("prefer_lookups"))
        yield Known(connection, partition, partitions, restored)

"""One message a second about the installation, made once for all who listen; while nobody does, nothing is read.

    event log ── hub ──► changes ──┐ kept until the read models show them
    Redis, Postgres ──► looks ─────┼──► message ──► group of all listeners
    schedule watch ────────────────┘    when something has changed, and now and then anyway

A listener is told first how everything is, then what changes. What a store does not answer is null, and the message
goes out without it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator, Mapping
from contextlib import AsyncExitStack, contextmanager

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogError
from waterclock.log.liveness.leadership import Watch
from waterclock.log.liveness.store_clock import StoreClocks
from waterclock.model.positions import Position
from waterclock.store.connection.lanes import Connections
from waterclock_api.live.hub import Hub
from waterclock_api.live.pulse.changes import Changed, Changes
from waterclock_api.live.pulse.looks import LogLook, OfStore, StoreLook
from waterclock_api.live.pulse.message import changed_in, framed, pulse_of, seen_of, summary
from waterclock_api.live.subscriptions import Question
from waterclock_api.schemas.responses import Pulse

EVERY = 1.0  # s
ANYWAY = 13.0  # s: before a quiet stream is sent a heartbeat
HEARD_MOST = 64
"""Partitions that are read for it: each takes a connection. Of more it is known only that many have changed."""
LISTENERS = Question((), subject="pulse")

JOINING = 1.5  # s, for the ends of the streams


class Seen:
    """What others keep in mind of partitions: the schedule, a moment ago; up to where each was said to be projected."""

    def __init__(self) -> None:
        self.schedules: dict[int, Watch] = {}
        self.projected: dict[int, Position] = {}


class Beat:
    def __init__(
        self, log: Log, pool: Connections, hub: Hub, clock: Clock, store_clocks: StoreClocks, seen: Seen
    ) -> None:
        self._log = log
        self._pool = pool
        self._hub = hub
        self._clock = clock
        self._store_clocks = store_clocks
        self._seen = seen
        self._listeners = 0
        self._wanted = asyncio.Event()
        self._state: Pulse | None = None
        self._known = asyncio.Event()

    async def keep(self) -> None:
        """Beat while somebody listens, for ever."""
        while True:
            await self._wanted.wait()
            try:
                async with AsyncExitStack() as tapped:
                    await self._beat(_Inputs(self._log, self._pool, self._clock), tapped)
            finally:
                self._known.clear()

    @contextmanager
    def listening(self) -> Generator[None]:
        self._listeners += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._wanted.clear()

    async def first(self) -> bytes:
        """How everything is, for one who has just come."""
        await self._known.wait()
        assert self._state is not None
        return framed(self._state)

    async def _beat(self, inputs: _Inputs, tapped: AsyncExitStack) -> None:
        told: Pulse | None = None  # what was worth a message
        told_at = -ANYWAY
        while self._listeners:
            began = self._clock.monotonic()
            await self._hear(inputs, tapped)
            state, changed = await self._look(inputs)
            self._state = state
            due = told is None
            if changed != Changed() or (not due and (summary(state) != told or began - told_at >= ANYWAY)):
                self._hub.tell(LISTENERS, framed(changed_in(state, changed)))
                due = True
            if due:
                told, told_at = summary(state), began
            self._known.set()  # who has come is told the state first
            await asyncio.sleep(max(0.0, EVERY - (self._clock.monotonic() - began)))

    async def _hear(self, inputs: _Inputs, tapped: AsyncExitStack) -> None:
        """Hear all partitions; if that is over, or could not begin, again, and what came meanwhile is not known."""
        if self._log.partitions > HEARD_MOST:
            if inputs.projected != self._seen.projected:
                inputs.projected = dict(self._seen.projected)
                inputs.changes.lose()
            return
        if inputs.hears():
            return
        await tapped.aclose()
        if inputs.missed:
            inputs.changes.lose()
        inputs.missed = True
        with contextlib.suppress(LogError, TimeoutError):
            async with asyncio.timeout(JOINING):
                inputs.hears = await tapped.enter_async_context(self._hub.tap(inputs.changes))

    async def _look(self, inputs: _Inputs) -> tuple[Pulse, Changed]:
        news, now = inputs.changes.news(), self._store_clocks.now_ms(0)
        async with asyncio.TaskGroup() as tasks:
            log = tasks.create_task(inputs.log.look(news), name="pulse of the log")
            store = tasks.create_task(inputs.store.look(news, inputs.changes.last, now), name="pulse of the store")
        of_log, of_store = log.result(), store.result()
        seen = seen_of(self._log.partitions, self._seen.schedules)
        names = [queue.name for queue in self._log.queues]
        return pulse_of(now, names, seen, of_log, of_store), inputs.changes.take(self._reached(of_store))

    def _reached(self, of_store: OfStore | None) -> Mapping[int, Position]:
        """Up to where the read models are, by what is heard of them and what was read."""
        found = dict(self._seen.projected)
        if of_store is not None:
            for partition, place in of_store.places.items():
                found[partition] = max(place, found.get(partition, place))
        return found


class _Inputs:
    """What is looked with from the first listener until there is none."""

    def __init__(self, log: Log, pool: Connections, clock: Clock) -> None:
        self.changes = Changes()
        self.log = LogLook(log, clock)
        self.store = StoreLook(log, pool, clock)
        self.hears: Callable[[], bool] = _nothing
        self.missed = False
        self.projected: dict[int, Position] | None = None  # where they are not heard


def _nothing() -> bool:
    return False

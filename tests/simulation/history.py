"""One seed, one history: schedulers, a client and a worker on one log in memory, in virtual time, under faults.

What runs is what is shipped: the scheduler's walker and terms, the API's edits, every script. Only the wire, the clocks
and the server under the scripts are ours (`wire`, `virtual`, `tests.support.memory`).
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from random import Random  # noqa: TID251  a history is repeated from its seed
from typing import Any

import pytest

from tests.simulation.actors import Client, lawful, usurper
from tests.simulation.oracle import Oracle
from tests.simulation.virtual import VirtualClock, VirtualLoop, play
from tests.simulation.wire import Weather, Wire
from tests.simulation.workers import EXECUTORS, Worker, sweeper
from tests.support.memory.connection import memory_log
from tests.support.memory.store import Store
from waterclock.log.client import Log, Queue
from waterclock.log.recovery.opening import open_partition, prepare
from waterclock.model.instants.ledger import verify
from waterclock.model.timestamps import Stamp, millis
from waterclock.wire.keys import Keys

QUEUES = (Queue(name="critical", weight=6), Queue(name="default", weight=3), Queue(name="low", weight=1))
BEGINNINGS = (
    Stamp("2026-05-05T11:58:40.000Z"),
    Stamp("2026-03-29T00:40:00.000Z"),
    Stamp("2026-10-25T00:10:00.000Z"),
    Stamp("2026-10-03T15:10:00.000Z"),
)
LOOK_S = 20.0
"""How often a scheduler looks at its change feed here: half a second would fill every history with looks."""
PEACE_S = 400.0
"""How long all goes well at the end: long enough for a stepped clock to be believed, and to be caught up with."""
STARTED_WITHIN_MS = 120_000
"""How long a run may wait at the end, where a worker has its executor and a slot for it."""
WORKERS = ("w1", "w2", "w3")
NEVER_KILLED = ("sweeper",)

Work = Callable[[Log], Coroutine[Any, Any, None]]


class History:
    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop, millis(self.chance.choice(BEGINNINGS)))
        self.stepped_ms = 0
        self.store = Store(lambda: (self.clock.now_ms() + self.stepped_ms) * 1000)
        self.oracle = Oracle(self.store, Keys())
        self.weather = self._drawn_weather()
        beside = Random(f"beside {seed}")  # the draws of `chance` stay as they were
        self.busy, self._hasty = beside.random() < 0.25, beside.random() < 0.5
        self.told: list[str] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._dead: list[asyncio.Task[None]] = []
        self._wires: dict[str, Wire] = {}
        self._workers: dict[str, Worker] = {}  # those that work, or are about to leave
        self._starts = 0

    def play(self) -> None:
        """
        Raises:
            Broken: a law does not hold.
        """
        with _simulated(self.chance):
            try:
                play(self.loop, self._play())
            finally:
                self.store.close()
                if self.oracle.broken is not None:
                    raise self.oracle.broken

    async def _play(self) -> None:
        self.store.watch(self.oracle.evaluate)
        own = await memory_log(self.store)
        await prepare(own, partitions=1, queues=QUEUES)
        await own.refresh()
        await open_partition(own, 0, epoch=1, expect_tail=None)
        client_log = await self._log(Wire(self.chance, self.weather))
        client = Client(client_log, self.clock, self.chance, busy=self.busy)
        for _ in range(2):
            await client.create()
        self._start("sweeper", lambda log: sweeper(log, self.chance, self._is_dead, hasty=self.busy and self._hasty))
        for name in WORKERS[:2]:
            self._engage(name)
        self._start("a", lambda log: lawful("a", log, self.clock))
        for _ in range(self.chance.randint(4, 14)):
            await asyncio.sleep(self._pause())
            await self._deed(client)
            await self._staff()
            self._check_alive()
            self.oracle.check_places()
        await self._peace(client)
        assert all(task.done() for task in self._dead), "a scheduler goes on that was told to end"
        for task in self._tasks.values():
            task.cancel()
        self._check_ledger()

    def _pause(self) -> float:
        """Until the next deed, s: often just when something is due, so that they meet."""
        pause = self.chance.choice((0.0, 0.5, 20.0, 61.0, 200.0))
        if self.chance.random() < 0.5:
            ahead = (self.clock.now_ms() + self.stepped_ms) / 1000 + pause
            pause += -ahead % 20 + self.chance.uniform(-0.002, 0.004)
        return max(0.0, pause)

    async def _deed(self, client: Client) -> None:
        match self.chance.choice(
            ("create", "change", "change", "change", "change", "start", "start", "kill", "outage", "step", "usurp")
        ):
            case "create" if len(client.job_ids) < 4:
                await client.create()
            case "change":
                await client.change()
            case "start":
                self._start("a", lambda log: lawful("a", log, self.clock))
            case "usurp":
                name = self.chance.choice(("b", "c"))
                self._start(name, lambda log: usurper(name, log, self.clock))
            case "kill":
                self._kill(self.chance.choice(("a", "b", "c")))
            case "outage":
                for name in ("a", "b", "c"):
                    self._kill(name)
                await asyncio.sleep(self.chance.choice((30.0, 70.0, 700.0, 7_000.0, 90_000.0)))
            case "step":
                self.stepped_ms += self.chance.choice((-7_200_000, -30_000, -1_500, 1_500, 30_000, 7_200_000))
            case _:
                return

    async def _staff(self) -> None:
        """Workers come, leave and die, and have other executors when they come again."""
        name = self.chance.choice(WORKERS)
        match self.chance.choice(("come", "come", "come", "leave", "die")):
            case "come":
                self._engage(name)
            case "leave" if name in self._workers:
                self._workers[name].leaving = True
            case "die":
                self._kill(name)
            case _:
                return

    def _engage(self, name: str, *, has: frozenset[str] | None = None) -> None:
        """`has`: what it can run, says so, and does not rest."""
        if name in self._tasks and self._tasks[name].done():
            del self._tasks[name]
        if name in self._tasks:
            return
        self._starts += 1
        brisk, says = has is not None, has is not None or self.chance.random() < 0.85
        has = has or frozenset(one for one in EXECUTORS if self.chance.random() < 0.6)
        made = Worker(f"{name}.{self._starts}", self.chance, self.clock, has=has, says=says)
        self._workers[name] = made
        self._start(name, lambda log: made.run(log, brisk=brisk))

    def _is_dead(self, session: str) -> bool:
        process = session.rpartition("-")[0]
        return not any(made.name == process and name in self._tasks for name, made in self._workers.items())

    async def _peace(self, client: Client) -> None:
        """Nothing fails any more, and one scheduler is alive: what is owed is decided."""
        self.weather.clear()
        for name in ("a", "b", "c", *WORKERS):
            self._kill(name)
        has = frozenset(EXECUTORS[self.chance.choice((0, 2)) :])
        self._engage(WORKERS[0], has=has)
        ahead = self.oracle.clock() - self.store.now_ms()
        self.stepped_ms += max(0, ahead)  # a clock set back is set right again
        self._start("a", lambda log: lawful("a", log, self.clock))
        await asyncio.sleep(PEACE_S / 2)
        for _ in range(4):
            await client.change()
        await asyncio.sleep(PEACE_S / 2)
        self._check_alive()
        self.oracle.check_settled(self.store.now_ms(), within_ms=60_000)
        self.oracle.check_places()
        self.oracle.check_started(self.store.now_ms(), within_ms=STARTED_WITHIN_MS, has=has)

    def _start(self, name: str, work: Work) -> None:
        if name in self._tasks:
            return
        die = None if name in NEVER_KILLED else lambda: self._kill(name)
        wire = self._wires[name] = Wire(self.chance, self.weather, die)
        self._tasks[name] = asyncio.create_task(self._run(wire, work), name=name)

    async def _run(self, wire: Wire, work: Work) -> None:
        while True:
            try:
                log = await self._log(wire)
                break
            except Exception:  # noqa: BLE001
                await asyncio.sleep(1.0)
        await work(log)

    async def _log(self, wire: Wire) -> Log:
        log = await memory_log(self.store, fault=wire.carry)
        log.partitions, log.queues = 1, QUEUES
        return log

    def _kill(self, name: str) -> None:
        task = self._tasks.get(name)
        if task is not None and name not in NEVER_KILLED:
            self._wires[name].cut = True
            del self._tasks[name]
            self._dead.append(task)
            task.cancel()

    def _check_alive(self) -> None:
        """Nobody has ended of itself, and all laws hold."""
        if self.oracle.broken is not None:
            raise self.oracle.broken
        for task in self._tasks.values():
            if task.done() and not task.cancelled() and task.exception() is not None:
                raise task.exception()  # pyright: ignore[reportGeneralTypeIssues]

    def _check_ledger(self) -> None:
        """The product's own proof agrees with the oracle."""
        for job_id in self.oracle.jobs:
            entries = [one for one in self.oracle.entries if getattr(one.event, "job_id", None) == job_id]
            verdict = verify(entries, from_ms=0, to_ms=self.store.now_ms(), now_ms=self.store.now_ms())
            assert verdict.ok, verdict

    def _drawn_weather(self) -> Weather:
        def likely(most: float) -> float:
            return self.chance.choice((0.0, most / 4, most))

        return Weather(lost=likely(0.1), unheard=likely(0.1), late=likely(0.05), killed=likely(0.01), slow=likely(0.1))


@contextmanager
def _simulated(chance: Random) -> Generator[None]:
    """The scheduler's chance is the history's, and it looks at its change feed less often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("waterclock.kit.randomness._system", chance)
        patch.setattr("waterclock_scheduler.decider.LOOK_S", LOOK_S)
        yield
    gc.unfreeze()  # the agendas are of no use any more

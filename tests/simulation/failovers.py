"""One seed, one history of stores that change places: two servers of the log, an address, a database, processes.

A server is killed, emptied, put back to before, promoted beside one that lives on; the address leads to either, with
the connections cut or kept; the projector is led elsewhere; the database is put back. For a moment all, or for a while
the projector, are led to an old server by mistake: nothing is opened there. Opening and repairing, scripts, the log's
client and what processes tell each other are as shipped; only the stores are ours.

A *calm* history changes places only when all is archived, and all have heard of the change before: nothing may be lost
or done twice then. In a wild one what was answered may be lost, but only what was not archived when a store was, or was
answered by a server that another had taken the place of while somebody was still led there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random  # noqa: TID251  a history is repeated from its seed
from typing import Any

import msgspec
import pytest

from tests.contract.log import build
from tests.simulation.oracle import Broken
from tests.simulation.postgres import Postgres, State
from tests.simulation.servers import Address, Place, connected
from tests.simulation.virtual import VirtualClock, VirtualLoop, play
from tests.support import proofs
from tests.support.memory.store import Words
from tests.support.memory.values import Value
from waterclock.log import tail
from waterclock.log.client import Log
from waterclock.log.connection.errors import BrokenChain, LogError, NoSession, NotInitialised
from waterclock.log.connection.floors import NAMES
from waterclock.log.gates import gate_of
from waterclock.log.liveness import sessions
from waterclock.log.recovery.opening import prepare
from waterclock.log.tail import tail_of
from waterclock.model.events import LogForked, RunRequested
from waterclock.model.ids import RunId
from waterclock.model.positions import Position
from waterclock.store import dropped
from waterclock.wire.keys import Keys
from waterclock_api.consistency import reachability, repair
from waterclock_api.consistency.compare import Strangers
from waterclock_api.consistency.epoch_reservations import RENEWED, Reservations
from waterclock_api.consistency.open_partition import ArchiveAhead, ensure_open
from waterclock_api.consistency.sole_server import NotOpened

BEGAN_MS = 1_778_000_000_000
PEACE_S = RENEWED + 15.0
"""A repair that has come to nothing is begun anew only after a while."""
GLIMPSE_S = 0.2, 4.0
"""For how long all are led to an old server: less than lies between two looks."""
ASTRAY_S = 7.0, 15.0
"""For how long the projector is, while others say what they reach; or is not there, nor the API."""
EMPTIED = "empty after a fork"
IDENTITY = "the installation"
_META, _META_OF_NAMES = Keys().meta(0), Keys().meta(NAMES)
Kept = tuple[dict[bytes, Value], State]

_unpack = msgspec.msgpack.Decoder().decode


class _ForAPerson(Exception):
    """Nothing goes on by itself any more, as documented."""


class Failovers:
    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.calm = self.chance.random() < 0.5
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop, BEGAN_MS)
        self.broken: Broken | None = None
        self.deeds: list[str] = []
        self.left_alone = False
        self.acked: dict[str, bool] = {}  # runs: whether it may be lost
        self.ended: Counter[str] = Counter()
        self.postgres = Postgres(self.loop.time, identity=IDENTITY, prefix="wc")
        self._forgets = self.chance.random() < 0.5  # the database is put back; else projectors are replaced
        self._places = tuple(Place(name, lambda: self.clock.now_ms() * 1000, self._told, self._wrote) for name in "ab")
        self._address, self._projectors = Address(self._places[0]), Address(self._places[0])
        self._split = False  # somebody may be connected to a server that another has taken the place of
        self._kept: list[Kept] = []
        self._opened: dict[tuple[str, int], bytes] = {}
        self._fences: dict[int, tuple[str, int]] = {}
        self._wanted, self._under_way, self._numbers = True, 0, 0
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._logs: dict[str, Log] = {}

    def play(self) -> None:
        """
        Raises:
            Broken: a law does not hold.
        """
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dropped, "keep", self.postgres.keep)
            patch.setattr(repair, "known", self.postgres.known)
            try:
                play(self.loop, self._play())
            finally:
                for place in self._places:
                    place.store.close()
                for task in self._tasks.values():
                    if task.done() and not task.cancelled():
                        task.exception()  # what broke is raised below
        if self.broken is not None:
            raise self.broken

    async def _play(self) -> None:
        log = await connected(self._address, role="migrate")
        await prepare(log, partitions=1, queues=build.QUEUES, identity=IDENTITY)
        for name, work in (
            ("projector", self._project),
            ("api", self._serve),
            ("client", self._ask),
            ("worker", self._work),
        ):
            self._begin(name, work)
        for _ in range(self.chance.randint(3, 9)):
            await asyncio.sleep(self.chance.choice((0.5, 3.0, 7.0, 12.0)))
            if not self.calm:
                self._kept.append((self._address.place.copy(), self.postgres.copy()))
            await self._deed()
            self._check_alive()
        with suppress(_ForAPerson):
            await self._peace()
            self._check()
        self._check_alive()
        for task in self._tasks.values():
            task.cancel()

    # --- what happens to the stores

    async def _deed(self) -> None:
        if self.calm:
            await self._caught_up()
        here, other = self._address.place, self._other()
        mistakes = ("glimpse", "blink", "astray") if not self._split and self._is_older(other, here) else ()
        wild = () if self.calm else self._wild()
        name = self.chance.choice(("restart", "failover", "failover", "back", "empty", *mistakes, *wild))
        self.deeds.append(name)
        if name in mistakes:
            await self._mislead(name)
            return
        self._at_risk()
        match name:
            case "restart":
                here.restart()
            case "failover":
                self._fail_over(here, other)
            case "back" if other.processes > 1 and other.is_up:
                self._lead_to(other)
            case "empty":
                here.restart({})
            case "older":
                here.restart(self.chance.choice(self._kept)[0])
            case "older database":
                self._put_back_database(self.chance.choice(self._kept)[1])
            case "both":
                keys, state = self.chance.choice(self._kept)
                here.restart(keys)
                self._put_back_database(state)
            case "projector alone":
                if self._projectors.place is here:
                    other.restart(here.copy())
                    self._projectors.lead_to(other)
                    self._split = True
            case "projector anew":
                self._tasks.pop("projector").cancel()
                self._begin("projector", self._project)
            case _:
                self.deeds[-1] = "nothing"
        self._wanted = True

    def _wild(self) -> tuple[str, ...]:
        return ("older", "projector alone", *(("older database", "both") if self._forgets else ("projector anew",)))

    def _fail_over(self, here: Place, other: Place) -> None:
        """The other is promoted: in step, or, in wild histories, some time behind; the old one lives on, or not."""
        lags = not self.calm and self.chance.random() < 0.3
        other.restart(self.chance.choice(self._kept)[0] if lags else here.copy())
        here.is_up = self.chance.random() < 0.7
        self._lead_to(other, cut=self.calm or self.chance.random() < 0.7)

    def _lead_to(self, place: Place, *, cut: bool = True) -> None:
        for address in (self._address, self._projectors):
            address.lead_to(place, cut=cut)
        self._split = not cut

    async def _mislead(self, name: str) -> None:
        """Lead all, or the projector alone, to an old server and back: that changes nothing.

        Who sees the old server in a blink has not noted anything for a while, nor has anybody else.
        """
        here, other = self._address.place, self._other()
        self._wanted = True
        await asyncio.sleep(self.chance.uniform(0.5, 6.0))
        before = self._latest()
        misled = (self._projectors,) if name == "astray" else (self._address, self._projectors)
        if name == "blink":
            self._tasks.pop("projector").cancel()
            self._tasks.pop("api").cancel()
            await asyncio.sleep(self.chance.uniform(*ASTRAY_S))
        for address in misled:
            address.lead_to(other)
        self._split = not self.calm and name != "astray"  # who has not heard of the change yet may be answered there
        if name == "blink":
            self._begin("projector", self._project)
            self._begin("api", self._serve)
        await asyncio.sleep(self.chance.uniform(*(ASTRAY_S if name == "astray" else GLIMPSE_S)))
        for address in misled:
            address.lead_to(here)
        self._expect(
            self._latest() == before, f"an old server was opened: {before} was the latest, now {self._latest()}"
        )

    def _is_older(self, other: Place, here: Place) -> bool:
        """Whether `here` is open, and `other` was once, before it."""
        mine, old = here.meta(_META), other.meta(_META)
        is_open = here.is_up and mine.get(b"run_id") == here.store.run_id
        return is_open and other.is_up and 0 < int(old.get(b"epoch", 0)) < int(mine[b"epoch"])

    def _latest(self) -> dict[str, int]:
        """The latest epoch that was opened of each."""
        return {key: max(epoch for name, epoch in self._opened if name == key) for key, _ in self._opened}

    def _put_back_database(self, state: State) -> None:
        """What is archived after that is in the log, unless that changes before it is archived again."""
        self.postgres.put_back(state)
        kept = self._archived()
        self.acked |= {run: True for run in self.acked if run not in kept}

    def _at_risk(self) -> None:
        kept = self._archived()
        self.acked |= {run: True for run in self.acked if run not in kept}

    def _archived(self) -> set[str]:
        entries = [*self.postgres.state.entries, *self.postgres.counted()]
        return {entry.event.run_id for entry in entries if isinstance(entry.event, RunRequested)}

    def _other(self) -> Place:
        return next(place for place in self._places if place is not self._address.place)

    async def _peace(self) -> None:
        """All are led to one server, which is up, and what is asked is answered."""
        place = self._address.place
        place.is_up = True
        self._lead_to(place)
        await asyncio.sleep(PEACE_S)
        if self.left_alone:
            raise _ForAPerson
        before = len(self.acked)
        await asyncio.sleep(15.0)
        self._expect(len(self.acked) > before, "nothing is answered in peace")
        await self._caught_up()

    async def _caught_up(self) -> None:
        """All have heard of the latest epoch, nobody asks any more, and all is archived."""
        log = await self._until_answered(lambda: connected(self._address, role="look"))
        for wanted in (True, False):
            self._wanted = wanted
            for _ in range(600):
                if await self._is_settled(log):
                    break
                await asyncio.sleep(0.5)
            else:
                self._expect(holds=False, otherwise=f"the archive, at {self.postgres.position}, comes to no end")

    async def _is_settled(self, log: Log) -> bool:
        """
        Raises:
            _ForAPerson: it never will be.
        """
        if self.left_alone:
            self._expect(not self.calm, "a calm history needs a person")
            raise _ForAPerson
        with suppress(LogError):
            gate, end = await gate_of(log, 0), await tail_of(log, 0)
            heard = all(one.floors.of(0) == gate.epoch for one in self._logs.values())
            if not gate.opened or not heard:
                return False
            return self._wanted or (self._under_way == 0 and self.postgres.position == end is not None)
        return False

    # --- processes

    def _begin(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await work()

        self._tasks[name] = asyncio.create_task(run(), name=name)

    async def _project(self) -> None:
        log, reservations = await self._joined(self._projectors, "projector"), Reservations()
        while True:
            try:
                at = await ensure_open(log, self.postgres.connection(), 0, reservations=reservations)
                self.left_alone = False
                await self._follow(log, at)
            except (
                BrokenChain,
                ArchiveAhead,
                Strangers,
            ):  # the database was put back, and does not fit: only a person goes on
                self.left_alone = True
                await asyncio.sleep(1.0)
            except (LogError, NotOpened):
                self.left_alone = False
                await asyncio.sleep(self.chance.uniform(0.05, 1.0))

    async def _follow(self, log: Log, at: Position | None) -> None:
        reader = log.reader()
        noted_at = -10.0
        try:
            while True:
                if self.loop.time() - noted_at >= reachability.EVERY:
                    await reachability.look(log, self.postgres.connection())
                    noted_at = self.loop.time()
                found = await tail.read(reader, 0, at, count=100, block=None, archive=None)
                if found and not self.postgres.archive(at, found):
                    return
                at = found[-1].position if found else at
                if not reader.is_open(0):
                    return
                if not found:
                    await asyncio.sleep(self.chance.uniform(0.01, 1.0))
        finally:
            await reader.close()

    async def _serve(self) -> None:
        """An API: it tells and hears what is reached, and asks for runs."""
        log = await self._joined(self._address, "api")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask_by(log), name="ask")
            while True:
                with suppress(LogError):
                    await reachability.look(log, self.postgres.connection())
                await asyncio.sleep(reachability.EVERY)

    async def _ask(self) -> None:
        """Another that asks for runs, and knows no database: a scheduler."""
        await self._ask_by(await self._joined(self._address, "client"))

    async def _ask_by(self, log: Log) -> None:
        while True:
            await asyncio.sleep(self.chance.uniform(0.05, 6.0))
            if self._wanted:
                self._numbers += 1
                wish = build.wish(self._numbers, job_id=None, run_id=build.run_of(self._numbers))
                self._under_way += 1
                try:
                    await self._until_answered(lambda wish=wish: build.ask(log, wish))
                finally:
                    self._under_way -= 1
                self.acked[wish.run_id] = self._split

    async def _work(self) -> None:
        log = await self._joined(self._address, "worker")
        session, claims, starts = "", 0, 0
        while True:
            self._under_way += 1
            try:
                if not session:
                    starts, claims = starts + 1, 0
                    session = f"session-{starts}"
                    await sessions.join(log, session, body=None)
                claims += 1
                claimed = await build.grab(log, claims, slots=5, session=session)
                for grant in claimed.grants:
                    self._granted(grant.fence, grant.run_id, grant.attempt)
                await self._end(log, [build.ending(grant) for grant in claimed.grants])
            except NoSession:
                session = ""
            except LogError:
                claims -= 1
            finally:
                self._under_way -= 1
            await asyncio.sleep(self.chance.uniform(0.2, 4.0))

    async def _end(self, log: Log, endings: list[Any]) -> None:
        if not endings:
            return
        results = await self._until_answered(lambda: build.finish(log, *endings))
        for ending, result in zip(endings, results, strict=True):
            self.ended[ending.run_id] += result == "done"

    async def _joined(self, address: Address, role: str) -> Log:
        async def join() -> Log:
            log = await connected(address, role=role)
            try:
                await log.refresh()
            except NotInitialised:  # an operator reads that it is to be migrated
                await prepare(log, partitions=1, queues=build.QUEUES, identity=IDENTITY)
                await log.refresh()
            self._logs[role] = log
            return log

        return await self._until_answered(join)

    async def _until_answered(self, call: Callable[[], Awaitable[Any]]) -> Any:
        while True:
            try:
                return await call()
            except LogError:
                await asyncio.sleep(self.chance.uniform(0.05, 0.5))

    # --- laws

    def _told(self, place: Place, words: Words, reply: Any) -> None:  # noqa: ARG002
        """Each epoch is opened on one server process, and no other."""
        for key in (_META, _META_OF_NAMES):
            meta = place.meta(key)
            if meta.get(b"run_id") == place.store.run_id:
                epoch = int(meta[b"epoch"])
                first = self._opened.setdefault((key, epoch), place.store.run_id)
                self._expect(
                    first == place.store.run_id,
                    f"epoch {epoch} of {key} is open on {place.store.run_id!r} and {first!r}",
                )

    def _wrote(self, place: Place, floor: int) -> None:
        """Nobody writes on a server that, as he knows, another has taken the place of."""
        epoch = int(place.meta(_META)[b"epoch"])
        self._expect(epoch >= floor, f"who has seen epoch {floor} has written in epoch {epoch}")
        if not self.calm and EMPTIED not in self.deeds and place.has_dropped() and self.chance.random() < 0.5:
            self.loop.call_soon(self._empty, place)  # before that is archived

    def _empty(self, place: Place) -> None:
        self.deeds.append(EMPTIED)
        self._at_risk()
        forked = _META, int(place.meta(_META)[b"epoch"])
        place.restart({})
        if all(one.floors.of(0) < forked[1] for one in self._logs.values()):
            del self._opened[forked]  # nobody has heard of it, so it may begin again where Postgres forgets it, too

    def _granted(self, fence: int, run_id: RunId, attempt: int) -> None:
        first = self._fences.setdefault(fence, (run_id, attempt))
        self._expect(first == (run_id, attempt), f"the fence {fence} is that of {first} and of {run_id}, {attempt}")

    def _check(self) -> None:
        entries = self.postgres.state.entries
        self._expect(not (faults := list(proofs.chain(entries))), f"the archive is no chain: {faults}")
        kept = self._archived()
        lost = [run for run, may_be in self.acked.items() if run not in kept and not may_be]
        self._expect(not lost, f"answered, and nowhere: {lost}")
        if self.calm:
            self._expect(self.acked.keys() <= kept, "something was lost in calm")
            self._expect(not self.postgres.counted(), "something was dropped in calm")
            twice = [run for run, count in self.ended.items() if count > 1]
            self._expect(not twice, f"ended twice: {twice}")
        known = {(one.position, one.prev) for one in [*entries, *self.postgres.counted()]}
        gone = [
            str(one.position)
            for one in self.postgres.kept
            if (one.position, one.prev) not in known and not any(place.stands(one) for place in self._places)
        ]
        self._expect(not gone, f"kept by a repair, and nowhere: {gone}")
        forks = [one.event for one in entries if isinstance(one.event, LogForked)]
        unkept = [one.epoch for one in forks if one.dropped != len(self.postgres.state.dropped.get(one.epoch, ()))]
        self._expect(self._forgets or not unkept, f"not all that repairs have dropped is kept, in epochs {unkept}")
        place = self._address.place
        for key, latest in self._latest().items():
            epoch = int(place.meta(key)[b"epoch"])
            self._expect(epoch == latest, f"{key} is in epoch {epoch}, and {latest} was opened")

    def _check_alive(self) -> None:
        if self.broken is not None:
            raise self.broken
        for task in self._tasks.values():
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def _expect(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.broken = self.broken or Broken(f"{otherwise} (after {', '.join(self.deeds)})")
            raise self.broken

"""Workers of a history: some say what they can run, some are of the release before; they join, leave, die.

A run that comes to one that lacks its executor is handed back by the first kind, and fails at the second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from random import Random  # noqa: TID251  a history is repeated from its seed
from typing import Any, TypeVar

import msgspec

from tests.contract.log.build import CANCELLED, DIED, LOST, QUEUES, STARTED, ending
from tests.simulation.virtual import VirtualClock
from tests.support.previous import unannounced
from waterclock.log.client import Log
from waterclock.log.commands.aside import announced, return_aside, some_lie_aside
from waterclock.log.commands.attempts import Claimed, Grant, QueueCredit, RunEnding, claim, end, promote
from waterclock.log.commands.bodies import body_of, part
from waterclock.log.connection.errors import LogUnavailable, NoSession
from waterclock.log.liveness.sessions import join, leave, sessions, sweep
from waterclock.model.events import RunDied, RunLost, RunRequested
from waterclock.model.timestamps import stamp

EXECUTORS = ("demo.noop", "report", 'say "hi": ü', "db.backup")
SLOTS = 3
BACK_MS = 5_000
_DIED = part(RunDied, reason="storeLost")
_grants = partial(msgspec.convert, type=list[Grant])
_request = msgspec.json.Decoder(RunRequested).decode
T = TypeVar("T")


class Worker:
    """One process. `says`: what it can run and tells so; `has`: what it can run."""

    def __init__(self, name: str, chance: Random, clock: VirtualClock, *, has: frozenset[str], says: bool) -> None:
        self.name = name
        self.has = has
        self.session = ""
        self.leaving = False
        self._says = announced(sorted(has)) if says else None
        self._chance = chance
        self._clock = clock
        self._held: list[Grant] = []
        self._opened = 0
        self._claims = 0
        self._looked = 0
        self._sought = ""
        self._credits = [QueueCredit(name=queue.name, weight=queue.weight) for queue in QUEUES]

    async def run(self, log: Log, *, brisk: bool = False) -> None:
        """Claim and end runs until it is to leave; a call without an answer is repeated. `brisk`: without a rest."""
        more = False
        while not self.leaving:
            try:
                if not self.session:
                    await self._join(log)
                more = await self._claim(log)
            except NoSession:
                self.session, self._held = "", []
                continue
            if more and len(self._held) < SLOTS:
                continue
            longest = 120.0 if self._held else 600.0
            await asyncio.sleep(self._chance.uniform(2.0, 8.0) if brisk else self._chance.uniform(3.0, longest))
            await self._end(log, all_of_them=brisk)
            await _answered(lambda: promote(log, 0, body_cancelled=CANCELLED, limit=100))
        await self._leave(log)

    async def _join(self, log: Log) -> None:
        self._opened += 1
        session = f"{self.name}-{self._opened}"
        if self._says is None:
            await _answered(lambda: log.call(unannounced("join"), 0, {"session": session, "body": None}))
        else:
            await _answered(lambda: join(log, session, body=None, executors=self._says))
        self.session, self._claims, self._sought, self._held = session, 0, "", []

    async def _leave(self, log: Log) -> None:
        back = [ending(grant, back=True) for grant in self._held]
        if back:
            await _answered(lambda: end(log, 0, back))
        if self.session and self._says is None:
            await _answered(lambda: log.call(unannounced("leave"), 0, {"session": self.session, "body": None}))
        elif self.session:
            await _answered(lambda: leave(log, self.session, body=None))
        self.session = ""

    async def _claim(self, log: Log) -> bool:
        slots = SLOTS - len(self._held)
        if slots == 0:
            return False
        self._claims += 1
        claimed = await _answered(lambda: self._ask(log, slots))
        self._looked, self._sought = claimed.looked, claimed.sought
        self._credits = [
            msgspec.structs.replace(queue, credit=credit)
            for queue, credit in zip(self._credits, claimed.credits, strict=True)
        ]
        self._held += claimed.grants
        return claimed.more

    async def _ask(self, log: Log, slots: int) -> Claimed:
        asked: dict[str, Any] = {
            "session": self.session,
            "number": self._claims,
            "slots": slots,
            "suspects": int(all(grant.losses < 2 for grant in self._held)),
            "queues": self._credits,
            "strict": False,
            "body": STARTED,
            "body_cancelled": CANCELLED,
        }
        if self._says is not None:
            return await claim(log, 0, **asked, looked=self._looked, sought=self._sought)
        reply: Any = await log.call(unannounced("claim"), 0, asked | {"partition": 0, "body_died": _DIED})
        if reply["status"] == "nosession":
            raise NoSession(self.session, 0)
        grants = _grants(reply["grants"])
        return Claimed(grants, reply["credits"], reply["wake"], reply["next_at"] or None, bool(reply["more"]))

    async def _end(self, log: Log, *, all_of_them: bool) -> None:
        ended = [grant for grant in self._held if all_of_them or self._chance.random() < 0.7]
        if ended:
            endings = [self._ending(grant) for grant in ended]
            await _answered(lambda: end(log, 0, endings))
            self._held = [grant for grant in self._held if grant not in ended]

    def _ending(self, grant: Grant) -> RunEnding:
        now = self._clock.now_ms()
        if _request(grant.body.encode()).invoke_target in self.has:
            return ending(grant, status=self._chance.choice(("succeeded", "failed", None)), ready_at=now + 20_000)
        if self._says is None:
            return ending(grant, status=None, ready_at=now + 20_000)
        told = {"run_id": grant.run_id, "job_id": grant.job_id, "attempt": grant.attempt, "fence": grant.fence}
        lost = RunLost(**told, reason="handedBack", ready_at=stamp(now + BACK_MS))  # type: ignore[arg-type]
        back = ending(grant, back=True)
        return msgspec.structs.replace(back, give_back=False, ready_at=now + BACK_MS, body=body_of(lost))


async def sweeper(log: Log, chance: Random, is_dead: Callable[[str], bool], *, hasty: bool) -> None:
    """Empties sessions of the dead, as this release does, or the one before; and some of those that live.

    As a scheduler's it returns what lies aside beside workers of the release before. `hasty`: so often that runs die of
    it.
    """
    rest, errs = (0.25, 0.5) if hasty else (1.0, 0.01)
    for _ in count():
        await asyncio.sleep(chance.uniform(10.0, 150.0) * rest)
        found = await _answered(lambda: sessions(log, 0))
        for session, number in found.items():
            if number < 0 or is_dead(session) or chance.random() < errs:
                await _swept(log, session, number, before=chance.random() < 0.3)
        if await _answered(lambda: some_lie_aside(log, 0)):
            await _answered(lambda: return_aside(log, 0, beside=True))


async def _swept(log: Log, session: str, number: int, *, before: bool) -> None:
    bodies = {"body_left": None, "body_lost": LOST, "body_died": DIED, "body_cancelled": CANCELLED}
    asked: dict[str, Any] = {"session": session, "number": number, "limit": 2, **bodies}
    state = "more"
    while state == "more":
        if before:
            reply: Any = await _answered(lambda: log.call(unannounced("sweep"), 0, asked))
            state = reply["status"]
        else:
            state = (await _answered(lambda: sweep(log, 0, **asked))).state


async def _answered(call: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await call()
        except LogUnavailable:
            await asyncio.sleep(1.0)

"""Claiming: free slots → runs, one claim under way in each partition, never more than there are slots for.

A claim follows while more is left, after each entry of the stream `wake`, when a delayed run is due, and at the latest
after a second. Rings are heard by one blocking read for all partitions of a server; what is not answered (the log away,
halted) is asked again with the same number, so that no grant is lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import msgspec

from waterclock.kit.clock import Clock
from waterclock.kit.randomness import fraction, token
from waterclock.kit.telemetry import catalog
from waterclock.log.client import Log, Queue
from waterclock.log.commands.attempts import Claimed, Grant, QueueCredit, claim, wait_wake
from waterclock.log.commands.bodies import Body, part
from waterclock.log.connection.errors import NoSession
from waterclock.log.connection.transient import PASSES
from waterclock.log.liveness.sessions import join_partition
from waterclock.model.events import RunCancelled, RunStarted
from waterclock.model.ids import RunId
from waterclock_worker.claiming.poison import PoisonRuns
from waterclock_worker.claiming.sessions import PartitionSession
from waterclock_worker.execution.pool import AttemptPool
from waterclock_worker.retry import FIRST, LONGEST, until_answered

IDLE = 1.0  # s until another claim, whatever was heard
CLAIM_MOST = 100  # runs: about 2 ms of the server's time
HALVED_FROM = 50  # runs: a claim takes at most half of more slots, so that some execute while the next are claimed

log = logging.getLogger(__name__)


class WakeUp:
    """What was heard of one partition: the id of the last ring."""

    def __init__(self) -> None:
        self.last = "0-0"
        self._rung = asyncio.Event()

    def ring(self, entry: str) -> None:
        self.last = entry
        self._rung.set()

    def wake(self) -> None:
        """Ring without an entry: something else has changed."""
        self._rung.set()

    async def wait(self, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._rung.wait()
        except TimeoutError:
            return
        self._rung.clear()


class Claimer:
    """Claims in one partition until it is told to stop."""

    def __init__(
        self,
        store: Log,
        ours: PartitionSession,
        running: AttemptPool,
        suspects: PoisonRuns,
        *,
        worker: str,
        queues: Sequence[Queue],
        strict: bool,
        executors: str,
        lease: float,
        clock: Clock,
        joined: Callable[[str], Body | None],
        opened: Callable[[], None],
        ready_at: Callable[[int | None], None],
    ) -> None:
        """`executors`: what this process can run, as it is announced; `lease`: s that a new session is trusted;
        `joined`: the WorkerJoined of a session, where it is announced; `opened`: called when there is one;
        `ready_at`: told when the next delayed run is due."""
        self.wake_up = WakeUp()
        self._log = store
        self._ours = ours
        self._running = running
        self._poison_runs = suspects
        self._worker = worker
        self._credits = [QueueCredit(name=queue.name, weight=queue.weight) for queue in queues]
        self._strict = strict
        self._executors = executors
        self._looked = int(fraction() * (1 << 30))  # at runs that lie aside, in turn with each claim; others elsewhere
        self._sought = ""
        self._most = min(CLAIM_MOST, max(HALVED_FROM, running.slots // 2))
        self._lease = lease
        self._clock = clock
        self._joined = joined
        self._opened = opened
        self._ready_at = ready_at
        self._stopping = False
        self._body = ""

    def stop(self) -> None:
        """No further claim; one under way comes to its end, and what it grants is given back."""
        self._stopping = True
        self.wake_up.wake()

    async def run(self) -> None:
        more = True
        while not self._stopping:
            if not self._ours.session:
                await self.open()
                more = True
            if not more:
                await self.wake_up.wait(IDLE)
            slots = await self._running.offer(self._most)
            grants: list[Grant] = []
            try:
                if not self._stopping:
                    claimed = await self._claim(slots)
                    grants = claimed.grants
                    more = self._note(claimed)
                    stopped = "returned" if self._stopping else None
                    self._running.begin(self._ours, grants, stopped=stopped)
            except NoSession:
                self.lost(self._ours.session)
            finally:
                self._ours.claiming = False
                self._poison_runs.answered(self._ours.partition, grants)
                self._running.give_back_slots(slots - len(grants))

    async def open(self) -> None:
        """Open a session in the partition, one never used before."""
        while True:
            session = f"{self._worker}-{token(8)}"
            asked_at = self._clock.monotonic()
            try:
                await until_answered(lambda: self._join(session), what="join")  # noqa: B023
            except NoSession:
                continue
            self._sought = ""
            self._body = part(RunStarted, worker=self._worker, session=session)
            self._ours.opened(session, trusted_until=asked_at + self._lease)
            log.info("session opened", extra={"partition": self._ours.partition, "session": session})
            self._opened()
            return

    def lost(self, session: str) -> None:
        """The session was found dead: its runs are other workers' now."""
        attempts = self._ours.lost(session)
        if session:
            catalog.SESSIONS_LOST.add(1)
            log.warning("session lost", extra={"partition": self._ours.partition, "session": session})
        for attempt in attempts:
            attempt.lose()
        self.wake_up.wake()

    async def _join(self, session: str) -> None:
        body = self._joined(session)
        await join_partition(self._log, self._ours.partition, session, body=body, executors=self._executors)

    async def _claim(self, slots: int) -> Claimed:
        """One claim, asked until it is answered."""
        ours = self._ours
        number = ours.claims + 1
        suspects = self._poison_runs.ask(ours.partition)
        ours.claiming = True

        def ask():  # noqa: ANN202
            return claim(
                self._log,
                ours.partition,
                session=ours.session,
                number=number,
                slots=slots,
                suspects=suspects,
                queues=self._credits,
                strict=self._strict,
                looked=self._looked,
                sought=self._sought,
                body=self._body,
                body_cancelled=_CANCELLED,
            )

        ours.asked_at = self._clock.monotonic()
        claimed = await until_answered(ask, what="claim")
        ours.claims = number
        catalog.CLAIMS.add(1)
        return claimed

    def _note(self, claimed: Claimed) -> bool:
        """Keep what the answer says beside its grants; returns whether to claim again at once."""
        self._credits = [
            msgspec.structs.replace(queue, credit=credit)
            for queue, credit in zip(self._credits, claimed.credits, strict=True)
        ]
        self._looked, self._sought = claimed.looked, claimed.sought
        self._ready_at(claimed.next_at)
        return claimed.more or _entry(self.wake_up.last) > _entry(claimed.wake)


_CANCELLED = part(RunCancelled)


def _entry(text: str) -> tuple[int, int]:
    ms, _, number = text.partition("-")
    return int(ms), int(number)


async def listen(
    store: Log, wake_up: dict[int, WakeUp], *, cancel: Callable[[RunId], None], back: Callable[[], None]
) -> None:
    """For ever: hear the rings of these partitions of one server. `back`: it answers again after it did not."""
    reader = store.reader()
    after = dict.fromkeys(wake_up, "0-0")
    wait = 0.0
    try:
        while True:
            try:
                woken = await wait_wake(reader, after, IDLE)
            except PASSES:
                wait = min(max(wait * 2, FIRST), LONGEST)
                await asyncio.sleep(wait * (0.5 + fraction() / 2))
                continue
            if wait:
                wait = 0.0
                back()
            after = woken.last
            for partition in woken.partitions:
                wake_up[partition].ring(after[partition])
            for run_id in woken.cancels:
                cancel(run_id)
    finally:
        await reader.close()

"""The renewing thread: says that this process lives, whatever its loops are doing.

It has an event loop and connections of its own. What the answers say (cancels, strangers, lost runs) is carried to the
I/O loop. A lease is trusted from before the renewal was sent until its end less a margin; past that, attempts that must
not overlap are stopped from here, and if one does not stop before the lease ends, the process does.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence

from waterclock.kit.clock import Clock
from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.errors import Halted, LogError, NoSession
from waterclock.log.connection.transient import PASSES
from waterclock.log.liveness.sessions import Held, renew
from waterclock_worker.claiming.sessions import PartitionSession
from waterclock_worker.execution.attempt import Attempt
from waterclock_worker.settings import WorkerSettings

LEASE_LOST = 75  # exit code: try again (EX_TEMPFAIL)
STOPPING = 0.5  # s that an attempt gets to stop, where the lease was found to have ended already
_WATCH_EVERY = 0.1  # s
_LAST_WORDS = 2.0  # s for handing back before the process ends

log = logging.getLogger(__name__)

Renewed = Callable[[PartitionSession, str, float, list[Held]], None]


class Leases:
    """Renews the sessions of all sessions until it is closed."""

    def __init__(
        self,
        sessions: Sequence[PartitionSession],
        log_settings: LogSettings,
        settings: WorkerSettings,
        clock: Clock,
        *,
        beside: Log,
        renewed: Renewed,
        lost: Callable[[PartitionSession, str], None],
        hand_back: Callable[[], Awaitable[None]],
        end_process: Callable[[int], None],
    ) -> None:
        """`beside`: the process's log, on another thread; what one of the two has seen opened, both know.

        `renewed` (ours, session, asked at, what it holds) and `lost` are called on the loop that makes this;
        `hand_back` too, when the process has to end, by `end_process`.
        """
        self._sessions = sessions
        self._log_settings = log_settings
        self._beside = beside
        self._settings = settings
        self._clock = clock
        self._renewed = renewed
        self._lost = lost
        self._hand_back = hand_back
        self._end_process = end_process
        self._io = asyncio.get_running_loop()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="leases", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._ready = threading.Event()
        self._outages = {
            ours.partition: Outage(log, "lease not renewed", "lease renewed again", partition=ours.partition)
            for ours in sessions
        }

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """End the thread; waits for a renewal under way, at most its timeout."""
        assert self._loop is not None
        assert self._closing is not None
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(self._log_settings.control_timeout)

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        async with asyncio.TaskGroup() as tasks:
            working = [
                tasks.create_task(self._renewals(), name="renew"),
                tasks.create_task(self._watch(), name="watch the leases"),
            ]
            await self._closing.wait()
            for task in working:
                task.cancel()

    async def _renewals(self) -> None:
        store = await self._connected()
        try:
            while True:
                started = self._clock.monotonic()
                async with asyncio.TaskGroup() as tasks:
                    for ours in self._sessions:
                        if ours.session:
                            tasks.create_task(self._renew(store, ours), name=f"renew in {ours.partition}")
                spent = self._clock.monotonic() - started
                await asyncio.sleep(max(0.0, self._settings.renew_every - spent))
        finally:
            await store.close()

    async def _connected(self) -> Log:
        outage = Outage(log, "lease connection lost", "lease connection restored")
        while True:
            try:
                connected = await Log.connect(self._log_settings, role="leases", beside=self._beside)
            except LogError as error:
                outage.failed(error)
                await asyncio.sleep(min(1.0, self._settings.renew_every))
            else:
                outage.over()
                return connected

    async def _renew(self, store: Log, ours: PartitionSession) -> None:
        session, asked_at = ours.session, self._clock.monotonic()
        ours.renewals += 1
        try:
            answer = await renew(store, ours.partition, session, ours.renewals)
        except NoSession:
            self._io.call_soon_threadsafe(self._lost, ours, session)
        except Halted:
            self._trust(ours, session, asked_at)  # nobody sweeps a halted partition, and watches begin anew after it
        except PASSES as error:  # of no other answer a lease may be trusted
            catalog.RENEWALS_FAILED.add(1)
            self._outages[ours.partition].failed(error)
        else:
            self._outages[ours.partition].over()
            self._trust(ours, session, asked_at)
            self._io.call_soon_threadsafe(self._renewed, ours, session, asked_at, answer.held)

    def _trust(self, ours: PartitionSession, session: str, asked_at: float) -> None:
        if ours.session == session:
            ours.trusted_until = asked_at + self._settings.lease - self._settings.margin

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_EVERY)
            now = self._clock.monotonic()
            for ours in self._sessions:
                untrusted = bool(ours.session) and now > ours.trusted_until
                if untrusted or ours.bereaved:
                    await self._look_after(ours, now, untrusted=untrusted)

    async def _look_after(self, ours: PartitionSession, now: float, *, untrusted: bool) -> None:
        """Runs of this session are or may soon be another's: those that must not overlap stop, or the process does."""
        running = [one for one in list(ours.attempts.values()) if one.grant.serial and one.ending is None]
        ours.bereaved = any(one.lost for one in running)
        for attempt in running if untrusted else ():
            if attempt.stopped is None:
                log.warning("attempt stopped: lease not renewed", extra={"run": attempt.name})
            attempt.stop("returned")
        over = untrusted and now > ours.trusted_until + self._settings.margin
        for attempt in running:
            if (over or attempt.lost) and now > attempt.stopped_at + STOPPING:
                await self._end(attempt)

    async def _end(self, attempt: Attempt) -> None:
        log.critical("lease lost and attempt does not stop: process exits", extra={"run": attempt.name})
        handing_back = asyncio.run_coroutine_threadsafe(_awaited(self._hand_back), self._io)
        try:
            async with asyncio.timeout(_LAST_WORDS):
                await asyncio.wrap_future(handing_back)
        except TimeoutError:
            log.warning("other runs not handed back")
        self._end_process(LEASE_LOST)


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()

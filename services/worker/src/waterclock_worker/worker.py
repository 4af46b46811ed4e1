"""The worker: what it is made of, from its start to its drain.

I/O loop       claims · wake_up · endings · records · timers of delayed runs · sweeps · children
leases         a thread: renewals
executors      a thread with a loop for `async def`, threads for `def`, processes for `subprocess=True`

It is long: it wires all parts of a worker, and ends them in order.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import version
from typing import Any

from waterclock.kit.health import Report
from waterclock.kit.service import Unfit
from waterclock.log.client import Log, LogSettings, Queue
from waterclock.log.commands.aside import announced
from waterclock.log.commands.attempts import Grant, RunEnding
from waterclock.log.commands.bodies import Body, body_of
from waterclock.log.connection.errors import LogError
from waterclock.log.liveness.sessions import Held, leave
from waterclock.log.liveness.sweep import Sweeper
from waterclock.log.recovery.losses import Losses
from waterclock.model.events import ResultRefused, RunCancelled, RunLost, WorkerJoined, WorkerLeft
from waterclock.model.ids import RunId
from waterclock.model.names import normal
from waterclock.model.stored_parameters import UnfitParams
from waterclock_worker.announced_places import NOWHERE, Reach
from waterclock_worker.claiming.claim import Claimer, WakeUp, listen
from waterclock_worker.claiming.delayed import DelayedRuns
from waterclock_worker.claiming.leases import Leases
from waterclock_worker.claiming.poison import PoisonRuns
from waterclock_worker.claiming.sessions import PartitionSession
from waterclock_worker.claiming.store_clock import StoreClock
from waterclock_worker.execution import metrics
from waterclock_worker.execution.capture import captured
from waterclock_worker.execution.guarded_loop import AsyncioLoop, NewLoop, own_tasks_told
from waterclock_worker.execution.pool import AttemptPool
from waterclock_worker.registry import Registry
from waterclock_worker.settings import WorkerSettings
from waterclock_worker.stored_parameters import unfit_jobs

STOPPING = 2.0  # s for attempts to stop when the drain's time is over: a child is killed after 1.5
FAREWELL = 5.0  # s for the last endings
_HANDING_BACK = 0.5  # s

log = logging.getLogger(__name__)


class Worker:
    """One process's worker. `run` it once."""

    def __init__(
        self,
        store: Log,
        log_settings: LogSettings,
        registry: Registry,
        settings: WorkerSettings,
        *,
        reach: Reach = NOWHERE,
        new_loop: NewLoop = AsyncioLoop,
        end_process: Callable[[int], None] = os._exit,
    ) -> None:
        self._log = store
        self._log_settings = log_settings
        self._registry = registry
        self._settings = settings
        self._new_loop = new_loop
        self._end_process = end_process
        self._specs = registry.specs(reach.references)
        self._places = reach.places
        self._queues = _chosen(store.queues, settings)
        self._poison_runs = PoisonRuns()
        self._sessions = [PartitionSession(partition) for partition in range(store.partitions)]
        self._drain = asyncio.Event()
        self._running: AttemptPool | None = None
        self._unfit: tuple[UnfitParams, ...] = ()
        self._claimers: list[Claimer] = []
        self.clock = StoreClock()
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Work until `drain` is called; then finish or give back what is held, leave, and return."""
        with captured(), own_tasks_told():
            try:
                async with asyncio.TaskGroup() as tasks:
                    await self._serve(tasks)
            except* _Drained:  # the way to end a group whose tasks work for ever
                log.info("drained")

    def drain(self) -> None:
        """Stop claiming; `run` returns when what runs has ended or had its time."""
        self._drain.set()

    def is_called(self, name: str) -> bool:
        """Whether an operator who says `name` means this worker: its name, or a session that it has or had."""
        return name == self._settings.name or any(name in ours.named for ours in self._sessions)

    def cancel(self, run_id: RunId) -> None:
        """The run's cancel is in the log: stop its attempt, if it is here."""
        attempt = self._sessions[self._log.partition_of(run_id)].attempt_of(run_id)
        if attempt is not None:
            attempt.stop("cancelled")

    def report(self) -> Report:
        """Ready: it could start another run now. Unanswered: endings that the log has not answered."""
        held = [attempt for ours in self._sessions for attempt in ours.attempts.values()]
        return Report(
            ready=self.ready.is_set() and not self._drain.is_set() and self._trusted(),
            said={
                "session": self._sessions[0].session,
                "slots": self._settings.slots,
                "running": sum(attempt.ending is None for attempt in held),
                "unanswered": sum(attempt.ending is not None for attempt in held),
                "overdue": sum(attempt.overdue and attempt.ending is None for attempt in held),
                "ownLoops": [] if self._running is None else self._running.alone,
            },
        )

    async def look(self) -> None:
        """Set the gauges of what is so now."""
        held = [attempt for ours in self._sessions for attempt in ours.attempts.values()]
        own_loops = 0 if self._running is None else len(self._running.alone)
        metrics.standing(self._settings.slots, held, own_loops=own_loops)

    async def _serve(self, tasks: asyncio.TaskGroup) -> None:
        running = self._running = AttemptPool(
            self._log,
            self._sessions,
            self._registry,
            slots=self._settings.slots,
            clock=self.clock,
            tasks=tasks,
            new_loop=self._new_loop,
            answered=self._answered,
        )
        leases = Leases(
            self._sessions,
            self._log_settings,
            self._settings,
            self.clock,
            beside=self._log,
            renewed=self._renewed,
            lost=self._lost,
            hand_back=self._hand_back,
            end_process=self._end_process,
        )
        leases.start()
        try:
            self._unfit = await unfit_jobs(self._log, self._registry)
            self._start(tasks, running)
            await self._drain.wait()
            await self._empty(running)
            await running.leave_values()
            await self._leave()
        finally:
            running.close()
            leases.close()
        raise _Drained

    def _answered(self, grant: Grant) -> None:
        """The end of an attempt is answered. Of suspects another may be claimed then, which was not given before."""
        if self._poison_runs.ended(grant):
            for claimer in self._claimers:
                claimer.wake_up.wake()

    def _start(self, tasks: asyncio.TaskGroup, running: AttemptPool) -> None:
        for ours in self._sessions:
            partition = ours.partition
            promoter = DelayedRuns(self._log, partition, self.clock)
            claimer = Claimer(
                self._log,
                ours,
                running,
                self._poison_runs,
                worker=self._settings.name,
                queues=self._queues,
                strict=self._settings.strict,
                executors=announced(self._registry.names),
                lease=self._settings.lease - self._settings.margin,
                clock=self.clock,
                joined=self._joined if partition == 0 else _unannounced,
                opened=self._opened,
                ready_at=promoter.ready_at,
            )
            self._claimers.append(claimer)
            sweeper = Sweeper(self._log, partition, self.clock, lease=self._settings.lease)
            tasks.create_task(claimer.run(), name=f"claim in {partition}")
            tasks.create_task(promoter.run(), name=f"promote in {partition}")
            tasks.create_task(sweeper.run(), name=f"sweep {partition}")
        for group in self._log.groups:
            wake_ups = {partition: self._claimers[partition].wake_up for partition in group}
            hearing = listen(self._log, wake_ups, cancel=self.cancel, back=lambda wake_ups=wake_ups: _wake(wake_ups))
            tasks.create_task(hearing, name=f"listen to {group}")
        tasks.create_task(self.clock.follow(self._log), name="follow the store's clock")
        tasks.create_task(Losses(self._log, actor="worker").keep(), name="tell losses")

    async def _empty(self, running: AttemptPool) -> None:
        """Let what runs end, for a time; then ask it to stop; then give back what is left."""
        log.info("draining", extra={"running": len(running.active())})
        for claimer in self._claimers:
            claimer.stop()
        if not await _within(self._settings.drain_timeout, running.idle()):
            for attempt in running.active():
                attempt.stop("returned")
            await _within(STOPPING, running.idle())
            running.abandon()
        if not await _within(FAREWELL, running.told()):
            log.error("results not stored", extra=self.report().said)

    async def _leave(self) -> None:
        for place, session in enumerate(dict.fromkeys(ours.session for ours in self._sessions if ours.session)):
            left = WorkerLeft(session=session, worker=self._settings.name, reason="drained")
            try:
                await leave(self._log, session, body=body_of(left) if place == 0 else None)
            except LogError as error:
                log.warning("session not closed", extra={"session": session, "error": str(error)})

    async def _hand_back(self) -> None:
        """Before the process ends for an attempt that does not: the other runs go back now."""
        for claimer in self._claimers:
            claimer.stop()
        assert self._running is not None
        for attempt in self._running.active():
            attempt.stop("returned")
        await _within(_HANDING_BACK, self._running.idle())
        await self._running.told()

    def _joined(self, session: str) -> Body:
        return body_of(
            WorkerJoined(
                worker=self._settings.name,
                session=session,
                queues=tuple(queue.name for queue in self._queues),
                slots=self._settings.slots,
                executors=self._specs,
                release=version("waterclock-worker"),
                places=self._places,
                unfit=self._unfit,
            )
        )

    def _opened(self) -> None:
        if all(ours.session for ours in self._sessions) and not self.ready.is_set():
            self.ready.set()
            log.info("ready", extra={"worker": self._settings.name, "slots": self._settings.slots})

    def _trusted(self) -> bool:
        now = self.clock.monotonic()
        return all(ours.session and now < ours.trusted_until for ours in self._sessions)

    def _lost(self, ours: PartitionSession, session: str) -> None:
        self._claimers[ours.partition].lost(session)

    def _renewed(self, ours: PartitionSession, session: str, asked_at: float, held: list[Held]) -> None:
        """What a renewal says: cancels, runs that were taken from us, and runs held in our name that we do not know."""
        if ours.session != session:
            return
        for one in held:
            if one.cancel and one.fence in ours.attempts:
                ours.attempts[one.fence].stop("cancelled")
        for attempt in ours.bereft(held, asked_at=asked_at):
            log.warning("run lost to another worker", extra={"run": attempt.name})
            attempt.lose()
            ours.bereaved = True
        assert self._running is not None
        for one in ours.strangers(held):
            log.warning("unknown run handed back", extra={"run": one.run_id})
            self._running.endings[ours.partition].put(_returned(one))


class _Drained(Exception):
    """The worker has nothing left to do."""


def _chosen(queues: Sequence[Queue], settings: WorkerSettings) -> tuple[Queue, ...]:
    """The queues to claim from; with strict order, the heaviest first unless the setting says otherwise.

    Raises:
        Unfit: one does not exist.
    """
    known = {queue.name: queue for queue in queues}
    wanted = dict.fromkeys(name if name in known else normal(name) for name in settings.queues)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        said = f"unknown queue {unknown[0]!r}; known queues: {', '.join(known)}"
        raise Unfit(f"WATERCLOCK_QUEUES (--queues): {said}")
    if wanted:
        return tuple(known[name] for name in wanted)
    return tuple(sorted(queues, key=lambda queue: -queue.weight))


def _returned(one: Held) -> RunEnding:
    return RunEnding(
        run_id=one.run_id,
        attempt=one.attempt,
        fence=one.fence,
        body=body_of(RunLost(run_id=one.run_id, reason="handedBack", attempt=one.attempt, fence=one.fence)),
        give_back=True,
        body_cancelled=body_of(RunCancelled(run_id=one.run_id, attempt=one.attempt, fence=one.fence)),
        body_refused=body_of(
            ResultRefused(run_id=one.run_id, attempt=one.attempt, fence=one.fence, outcome="returned")
        ),
    )


def _unannounced(session: str) -> None:
    del session


def _wake(wake_ups: dict[int, WakeUp]) -> None:
    for bell in wake_ups.values():
        bell.wake()


async def _within(seconds: float, work: Coroutine[Any, Any, None]) -> bool:
    """Whether `work` came to its end in time."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return False
    return True

"""Queues, workers and the attempts that they make, as the log's scripts and real workers would have it.

request ──► queue ──claim──► attempt ──► ended │ delayed, to come again │ lost, to come again
              ▲ paused?                        └── the next waiting run of its job is let go
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from waterclock.model.definition import DEFAULT_TIMEOUT
from waterclock.model.events import (
    CancelReason,
    ExecutorSpec,
    QueuePaused,
    QueueResumed,
    RunCancelled,
    RunCancelRequested,
    RunDied,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
    StoredEvent,
    WorkerJoined,
    WorkerLeft,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import AttemptOutcome, Error
from waterclock.model.retry import delay
from waterclock.model.run import may_retry
from waterclock.model.timestamps import millis, stamp
from waterclock_dev.sample.attempts import told
from waterclock_dev.sample.chance import Chance
from waterclock_dev.sample.clockwork import SECOND, Clockwork
from waterclock_dev.sample.plays import Play
from waterclock_dev.sample.workers import Run, Worker

QUEUES = ("critical", "default", "low")
"""Those of a new installation, the first served first."""
EPOCH = 1
LOSSES_MOST = 3
_LEASE = 8 * SECOND
_FENCES = EPOCH << 40

Perform = Callable[[RunRequested, int, int], Play]
"""What an attempt of a run does: by its request, its number and its moment."""


class Fleet:
    """All workers and all unfinished runs."""

    def __init__(
        self, clock: Clockwork, chance: Chance, perform: Perform, executors: Sequence[ExecutorSpec], release: str
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._perform = perform
        self._executors = tuple(executors)
        self._limits = {one.key: one.timeout or DEFAULT_TIMEOUT for one in executors}
        self._release = release
        self._ready: dict[str, deque[Run]] = {queue: deque() for queue in QUEUES}
        self._fences = _FENCES
        self._claims = False  # a claim is under way
        self.workers: list[Worker] = []
        self.paused: set[str] = set()
        self.runs: dict[RunId, Run] = {}
        self._of_job: dict[JobId, dict[RunId, Run]] = {}

    # ------------------------------------------------------------------------------------------------------ workers

    def join(self, worker: Worker) -> None:
        if worker not in self.workers:
            self.workers.append(worker)
        worker.session = f"{worker.name}-{self._chance.bits():016x}"[: len(worker.name) + 9]
        worker.draining = False
        self._clock.tell(
            WorkerJoined(
                worker=worker.name,
                session=worker.session,
                queues=QUEUES,
                slots=worker.slots,
                executors=self._executors,
                release=self._release,
                places=(),
            )
        )
        self._claim_soon()

    def drain(self, worker: Worker, ms: int, *, then_join: bool = True) -> None:
        """Let a worker claim nothing, hand back after so many ms what it still has, and leave."""
        worker.draining = True
        self._clock.after(ms, partial(self._leave, worker, then_join=then_join))

    def _leave(self, worker: Worker, *, then_join: bool) -> None:
        for run in list(worker.runs.values()):
            self._clock.tell(RunLost(**run.who, reason="handedBack"))
            run.settled = run.fence
            self._again(run)
        self._clock.tell(WorkerLeft(session=worker.session, worker=worker.name, reason="drained"))
        worker.session = ""
        if then_join:
            self._clock.after(3 * SECOND, partial(self.join, worker))

    def crash(self, worker: Worker, *, back_after: int) -> None:
        """A worker is gone without a word; a sweeper finds out once its lease has run out."""
        worker.draining = True
        for run in worker.runs.values():
            run.fence = -run.fence  # nothing more is heard of these attempts
        self._clock.after(_LEASE + 700, partial(self._sweep, worker, back_after))

    def _sweep(self, worker: Worker, back_after: int) -> None:
        self._clock.tell(WorkerLeft(session=worker.session, worker=worker.name, reason="lost"))
        worker.session = ""
        for run in list(worker.runs.values()):
            run.fence = abs(run.fence)
            self.lose(run)
        self._clock.after(back_after, partial(self.join, worker))

    def lose(self, run: Run) -> None:
        """The lease of a run's attempt has run out; it comes again, or dies where that has happened too often."""
        run.losses += 1
        who = run.who
        if run.losses >= LOSSES_MOST:
            self._end(run, RunDied(**who, reason="leaseExpired", settled=run.settled))
        else:
            self._clock.tell(RunLost(**who, reason="leaseExpired"))
            self._again(run)

    # ------------------------------------------------------------------------------------------------------- queues

    def pause(self, queue: str, actor: str, reason: str, command_id: str) -> None:
        self.paused.add(queue)
        self._clock.tell(QueuePaused(queue=queue, reason=reason, actor=actor, command_id=command_id))

    def resume(self, queue: str, actor: str, reason: str, command_id: str) -> None:
        self.paused.discard(queue)
        self._clock.tell(QueueResumed(queue=queue, reason=reason, actor=actor, command_id=command_id))
        self._claim_soon()

    # --------------------------------------------------------------------------------------------------------- runs

    def unfinished(self, job_id: JobId) -> list[Run]:
        """Of a job, in the order of their requests."""
        return list(self._of_job.get(job_id, {}).values())

    def requested(self, request: RunRequested) -> None:
        """Take a run in as its request says: to wait, for its time or in its queue."""
        self._clock.tell(request)
        run = self.runs[request.run_id] = Run(request)
        if request.job_id is not None:
            self._of_job.setdefault(request.job_id, {})[run.run_id] = run
        if run.state == "delayed":
            assert request.ready_at is not None
            self._clock.at(millis(request.ready_at), partial(self._ready_now, run, run.attempt))
        elif run.state == "queued":
            self._queue(run)

    def cancel(
        self, run: Run, reason: CancelReason, *, actor: str | None = None, command_id: str | None = None
    ) -> None:
        """Stop a run: at once, or, where it runs, as soon as its worker has heard of it."""
        if run.state != "running":
            self._end(
                run,
                RunCancelled(run_id=run.run_id, job_id=run.job_id, reason=reason, actor=actor, command_id=command_id),
            )
            return
        run.cancelled = True
        self._clock.tell(
            RunCancelRequested(run_id=run.run_id, job_id=run.job_id, reason=reason, actor=actor, command_id=command_id)
        )
        self._clock.after(self._chance.between(400, 1_900), partial(self._cancelled, run, run.fence))

    def _cancelled(self, run: Run, fence: int) -> None:
        if run.fence == fence and run.state == "running":
            self._end(run, RunCancelled(**run.who))

    def _ready_now(self, run: Run, attempt: int) -> None:
        if run.state == "delayed" and run.attempt == attempt:
            self._queue(run)

    def _queue(self, run: Run) -> None:
        run.state = "queued"
        self._ready[run.request.queue].append(run)
        self._claim_soon()

    def _again(self, run: Run) -> None:
        self._free(run)
        run.state = "queued"
        self._ready[run.request.queue].appendleft(run)
        self._claim_soon()

    def _free(self, run: Run) -> None:
        if run.worker is not None:
            del run.worker.runs[run.run_id]
            run.worker = None
            self._claim_soon()

    def _claim_soon(self) -> None:
        if not self._claims:
            self._claims = True
            self._clock.after(self._chance.between(2, 8), self._claim)

    def _claim(self) -> None:
        self._claims = False
        for queue in QUEUES:
            ready = self._ready[queue]
            while ready and queue not in self.paused:
                if ready[0].state != "queued":  # it was cancelled meanwhile
                    ready.popleft()
                    continue
                worker = max(self.workers, key=lambda one: one.free, default=None)
                if worker is None or worker.free < 1:
                    return
                self._start(ready.popleft(), worker)

    def _start(self, run: Run, worker: Worker) -> None:
        self._fences += 1
        run.state, run.attempt, run.fence, run.worker = "running", run.attempt + 1, self._fences, worker
        worker.runs[run.run_id] = run
        who = run.who
        self._clock.tell(RunStarted(**who, worker=worker.name, session=worker.session))
        play = self._perform(run.request, run.attempt, self._clock.now)
        limit = round(self._limit_of(run) * 1000)
        ms, over = min(play.ms, limit), play.ms > limit
        for after, event in told(play, run.request, run.attempt, run.fence, began=self._clock.now, within=ms):
            self._clock.after(after, partial(self._tell, run, run.fence, event))
        self._clock.after(ms, partial(self._ended, run, run.fence, play, over=over))

    def _limit_of(self, run: Run) -> float:
        """In seconds."""
        request = run.request
        return request.timeout or self._limits.get(request.invoke_target, DEFAULT_TIMEOUT)

    def _tell(self, run: Run, fence: int, event: StoredEvent) -> None:
        if run.fence == fence:
            self._clock.tell(event)

    def _ended(self, run: Run, fence: int, play: Play, *, over: bool) -> None:
        if run.fence != fence:
            return
        who = run.who
        if not over and play.error is None:
            self._end(run, RunSucceeded(**who, result=play.result))
            return
        outcome: AttemptOutcome = "timedOut" if over else play.outcome
        error = Error(type="TimeoutError", message=f"ran longer than {self._limit_of(run):g} s") if over else play.error
        assert error is not None
        run.failures += 1
        policy = run.request.retry
        if not run.cancelled and may_retry(outcome, failures=run.failures, policy=policy):
            ready_at = self._clock.now + round(delay(policy, run.failures, self._chance.fraction()) * 1000)
            self._clock.tell(RunRetryScheduled(**who, outcome=outcome, error=error, ready_at=stamp(ready_at)))
            run.state, run.settled, run.fence = "delayed", run.fence, 0
            self._free(run)
            self._clock.at(ready_at, partial(self._ready_now, run, run.attempt))
        elif over:
            self._end(run, RunTimedOut(**who, error=error))
        else:
            self._end(run, RunFailed(**who, outcome=outcome, error=error))

    def _end(self, run: Run, event: StoredEvent) -> None:
        self._clock.tell(event)
        run.state, run.fence = "ended", 0
        self._free(run)
        del self.runs[run.run_id]
        if run.job_id is None:
            return
        others = self._of_job[run.job_id]
        del others[run.run_id]
        if others and all(other.state == "waiting" for other in others.values()):
            first = next(iter(others.values()))
            ready_at = first.request.ready_at
            if ready_at is not None and millis(ready_at) > self._clock.now:
                first.state = "delayed"
                self._clock.at(millis(ready_at), partial(self._ready_now, first, first.attempt))
            else:
                self._queue(first)

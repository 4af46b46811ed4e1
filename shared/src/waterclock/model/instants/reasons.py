"""What is said of an instant, in plain sentences: why it has its fate, and by which rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, assert_never

from waterclock.model.definition import Definition
from waterclock.model.events import FireCoalesced, FireSkipped, JobCreated, RunRequested
from waterclock.model.ids import RunId
from waterclock.model.instants.misfire import FOLD_LIMIT, ON_TIME_LIMIT
from waterclock.model.instants.table import MISFIRE_POLICIES, Decided, Standing
from waterclock.model.outcomes import RunStatus
from waterclock.model.timestamps import Stamp, stamp

_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))
_IN_SECONDS = 120_000  # ms below which a length is told in seconds

_NOW: dict[RunStatus, str] = {
    "delayed": "waits for its start time",
    "waiting": "waits behind another run of the job",
    "queued": "is queued",
    "running": "is running",
    "succeeded": "succeeded",
    "failed": "failed",
    "timedOut": "ran past its timeout",
    "cancelled": "was cancelled",
    "died": "was given up after its workers were lost",
}


class Paused(NamedTuple):
    """A queue that is paused; what is None is not known."""

    queue: str
    since: Stamp | None = None
    by: str | None = None
    reason: str | None = None


class Overdue(NamedTuple):
    """An attempt that goes on `past` its timeout; both in seconds."""

    limit: float
    past: float


class RunNow(NamedTuple):
    """Where a run stands, and what is wrong with it, or with what it waits behind.

    It waits for an `executor` that no worker has had `since`; its queue is `paused`; its attempt is `overdue`.
    """

    status: RunStatus
    executor: str | None = None
    since: Stamp | None = None
    paused: Paused | None = None
    overdue: Overdue | None = None

    @property
    def is_stuck(self) -> bool:
        """Whether it does not go on by itself."""
        return self.executor is not None or self.paused is not None or self.overdue is not None


Runs = Mapping[RunId, RunNow]


def now_is(run: RunNow) -> str:
    """Where a run stands, after "it"."""
    said = _NOW[run.status]
    it, its = ("which", "whose") if run.status == "waiting" else ("and", "and its")
    if run.executor is not None:
        said += f", {it} has waited for a worker with the executor {run.executor} since {run.since}"
    if run.paused is not None:
        said += f", {its} queue {run.paused.queue} {_paused(run.paused)}"
    if run.overdue is not None:
        limit, past = length(round(run.overdue.limit * 1000)), length(round(run.overdue.past * 1000))
        said += (
            f", {it} is still executing {past} past its timeout of {limit}: its code does not stop when it is cancelled"
        )
    return said


def _paused(pause: Paused) -> str:
    why = f" ({pause.reason})" if pause.reason else ""
    if pause.since is None:
        return f"is paused{why}"
    return f"has been paused{_by(pause.by)} since {pause.since}{why}"


def length(ms: int) -> str:
    """A length of time in its two largest units: 400 ms, 73 s, 2 h 5 min."""
    if ms < 1000:
        return f"{ms} ms"
    if ms < _IN_SECONDS:
        return f"{ms // 100 / 10:g} s"  # cut, not rounded: nothing reaches a threshold by being told
    parts: list[str] = []
    for size, unit in _UNITS:
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def decided(instant: int, decision: Decided, definition: Definition, runs: Runs | None) -> str:
    """Why a decision gave the instant its fate."""
    event = decision.event
    match event:
        case RunRequested():
            return f"{_fired(instant, decision, event, definition)} {_run(event, runs)}"
        case FireSkipped():
            return f"Skipped: {_skipped(instant, decision, event, definition)}{_blocking(event.blocked_by, runs)}"
        case FireCoalesced():
            return f"Merged into another run: {_coalesced(instant, decision, event, definition, runs)}"
        case _:
            assert_never(event)


def undecided(instant: int, now: int, mark: int | None) -> str:
    """Why an instant of an enabled job has no decision; `mark` None: it should have one."""
    if mark is None:
        return "No decision is recorded for this time, although later times are decided: the ledger has a hole."
    if instant > now:
        return f"Not due yet: it is due in {length(instant - now)}."
    return f"Due for {length(now - instant)} and not decided yet: the job is decided up to {stamp(mark)}."


def stood(standing: Standing) -> str:
    """Why a job that is not enabled fires nothing: what was done, by whom and when."""
    turning = standing.since
    by = "" if turning.event.actor is None else f" by {turning.event.actor}"
    when = f"{by} at {stamp(turning.at)}"
    match standing.state:
        case "notYetCreated":
            return f"The job did not exist yet: it was created{when}."
        case "deleted":
            return f"The job was deleted{when}{_because(standing)}, and a deleted job does not fire."
        case _:
            done = "created disabled" if isinstance(turning.event, JobCreated) else "disabled"
            return f"The job was {done}{when}{_because(standing)}, and a disabled job does not fire."


def _because(standing: Standing) -> str:
    reason = getattr(standing.since.event, "reason", None)
    return f" ({reason})" if reason else ""


def _late(instant: int, decision: Decided) -> int:
    return max(0, decision.at - instant)


def _is_on_time(instant: int, decision: Decided, definition: Definition) -> bool:
    return _late(instant, decision) < definition.misfire_threshold * 1000


def _past(instant: int, decision: Decided, definition: Definition) -> str:
    return f"it was {length(_late(instant, decision))} late, past the misfire threshold of {_threshold(definition)}"


def _threshold(definition: Definition) -> str:
    return length(round(definition.misfire_threshold * 1000))


def _fired(instant: int, decision: Decided, event: RunRequested, definition: Definition) -> str:
    if event.trigger == "schedule":
        edit = "" if event.command_id is None else f" with a change of the job{_by(event.actor)}"
        late = _late(instant, decision)
        if late < 1000:
            return f"Fired on time{edit}."
        return f"Fired{edit}: it was {length(late)} late, less than the misfire threshold of {_threshold(definition)}."
    past = _past(instant, decision, definition)
    if event.policy == "1":
        window = length(round(definition.catchup_window * 1000))
        return f"Fired late: {past}, and misfirePolicy runAll runs every late scheduled time of the last {window}."
    others = f", with {event.folded} older ones since {event.folded_first} merged into it" if event.folded else ""
    return f"Fired late: {past}, and misfirePolicy runOnce runs once, for the latest late scheduled time{others}."


def _run(event: RunRequested, runs: Runs | None) -> str:
    said = f"Run {event.run_id} was requested"
    if event.state == "waiting":
        said += f" to wait behind run {event.waiting_on}"
    elif event.ready_at is not None:
        said += f", not to start before {event.ready_at}"
    run = None if runs is None else runs.get(event.run_id)
    return f"{said}." if run is None else f"{said}; it {now_is(run)}."


def _blocking(blocked_by: RunId | None, runs: Runs | None) -> str:
    """Of a run that stood in the way: that it still does, and why it does not go on."""
    run = None if runs is None or blocked_by is None else runs.get(blocked_by)
    return "" if run is None or not run.is_stuck else f" That run {now_is(run)}."


def _skipped(instant: int, decision: Decided, event: FireSkipped, definition: Definition) -> str:
    past = _past(instant, decision, definition)
    by = _by(event.actor)
    match event.reason:
        case "misfire":
            return f"{past}, and misfirePolicy skip does not run it."
        case "window":
            window = length(round(definition.catchup_window * 1000))
            return f"{past}, and misfirePolicy runAll goes back no further than the catchupWindow of {window}."
        case "overflow":
            return _overflow(past, instant, decision, event, definition)
        case "overlap":
            return (
                f"run {event.blocked_by} of the job was not finished, its runs may not overlap, and overlapPolicy "
                "skip skips scheduled times in the meantime."
            )
        case "edited":
            rule = f"{past}, and a change of the job runs nothing late"
            if _is_on_time(instant, decision, definition):
                rule = f"more than {ON_TIME_LIMIT} scheduled times were missed, and only the newest of them run"
            return f"the job was changed{by} before this was decided; {rule}."
        case "disabled":
            return (
                f"the job was disabled{by} before this was decided, and disabling a job drops the scheduled times it "
                "missed."
            )
        case "deleted":
            return (
                f"the job was deleted{by} before this was decided, and deleting a job drops the scheduled times it "
                "missed."
            )


def _overflow(past: str, instant: int, decision: Decided, event: FireSkipped, definition: Definition) -> str:
    if event.policy not in MISFIRE_POLICIES:
        return (
            f"run {event.blocked_by} of the job was not finished, and the maximum number of runs that "
            f"overlapPolicy {event.policy} allows was already waiting."
        )
    if event.policy == "3" or _is_on_time(instant, decision, definition):
        return f"more than {ON_TIME_LIMIT} scheduled times were missed at once, and only the newest of them run."
    if event.policy == "2":
        return (
            f"{past}, and misfirePolicy runOnce merges at most the newest {FOLD_LIMIT} late scheduled times into a run."
        )
    return f"{past}, and misfirePolicy runAll runs at most the newest {definition.catchup_limit} (catchupLimit)."


def _coalesced(
    instant: int,
    decision: Decided,
    event: FireCoalesced,
    definition: Definition,
    runs: Runs | None,
) -> str:
    run = None if runs is None or event.into is None else runs.get(event.into)
    now = "" if run is None else f" That run {now_is(run)}."
    if event.policy in MISFIRE_POLICIES:
        past = _past(instant, decision, definition)
        return (
            f"{past}, and misfirePolicy runOnce runs once, as run {event.into} of the latest late scheduled time.{now}"
        )
    return (
        f"runs of the job may not overlap, and under overlapPolicy {event.policy} run {event.into}, which was "
        f"already waiting, covers it.{now}"
    )


def _by(actor: str | None) -> str:
    return "" if actor is None else f" by {actor}"

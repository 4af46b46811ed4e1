"""What an attempt tells while it runs: events of its steps and lines, each with its ms after the start.

Lines are gathered as a worker gathers them, and a log that grows too long is cut by the worker's own rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from waterclock.model.events import (
    AnyStepEvent,
    LogLine,
    RunRequested,
    StepFinished,
    StepLogged,
    StepProgressed,
    StepStarted,
)
from waterclock.model.timestamps import stamp
from waterclock_dev.sample.plays import Line, Play, StepPlay
from waterclock_worker.reporting.pending import BATCH_BYTES, Lines, Pending

_LONG: Final = 1_000_000
"""Characters of a step's lines from which on they go through the worker's bounds."""
_PART, _PARTS = 12_000, 24
"""Lines and progress of a step are told once in so many ms, and at most so often."""


class _At:
    """A clock that stands where it is put."""

    def __init__(self, now: int) -> None:
        self.now = now

    def now_ms(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.now / 1000


def told(
    play: Play, request: RunRequested, attempt: int, fence: int, *, began: int, within: int
) -> Iterator[tuple[int, AnyStepEvent]]:
    """`began`: when the attempt did, ms. Of one that is stopped after `within` ms nothing more is heard then."""
    who: dict[str, Any] = {"run_id": request.run_id, "job_id": request.job_id, "attempt": attempt, "fence": fence}
    passed = 1
    for number, step in enumerate(play.steps, 1):
        last = number == len(play.steps)
        yield passed, StepStarted(**who, number=number, name=step.name)
        parts = (
            _long(step, number, who, began + passed) if _is_long(step) else _short(step, number, who, began + passed)
        )
        for after, event in parts:
            if passed + after >= within:
                return
            yield passed + after, event
        passed += step.ms
        if passed >= within and not (last and play.error is not None):
            return
        error = play.error if last else None
        status = "succeeded" if error is None else "failed"
        yield min(passed, within - 1), StepFinished(**who, number=number, status=status, error=error)


def _is_long(step: StepPlay) -> bool:
    return sum(len(line.text) for line in step.lines) > _LONG


def _short(step: StepPlay, number: int, who: dict[str, Any], began: int) -> Iterator[tuple[int, AnyStepEvent]]:
    """Lines and progress in a few events; of a step that has neither, none."""
    parts = min(_PARTS, 1 + step.ms // _PART)
    lines = list(step.lines)
    for part in range(1, parts + 1):
        end = step.ms * part // parts - 1
        some = [line for line in lines if line.after <= end]
        lines = lines[len(some) :]
        for start in range(0, len(some), 400):
            chosen = some[start : start + 400]
            yield end, StepLogged(**who, number=number, lines=tuple(_line(line, began) for line in chosen))
        if step.total is not None:
            yield end, StepProgressed(**who, number=number, done=step.total * part // parts, total=step.total)


def _long(step: StepPlay, number: int, who: dict[str, Any], began: int) -> Iterator[tuple[int, AnyStepEvent]]:
    clock = _At(began)
    pending = Pending(clock)
    for line in step.lines:
        clock.now = began + line.after
        pending.put_line(number, _line(line, began), clock.now)
        if pending.size >= BATCH_BYTES:
            yield from _taken(pending, line.after, who)
    pending.close()
    while pending:
        yield from _taken(pending, step.ms - 1, who)


def _taken(pending: Pending, after: int, who: dict[str, Any]) -> Iterator[tuple[int, AnyStepEvent]]:
    for item in pending.take(BATCH_BYTES):
        yield after, StepLogged(**who, number=item.number, lines=tuple(item.lines)) if isinstance(item, Lines) else item


def _line(line: Line, began: int) -> LogLine:
    return LogLine(at=stamp(began + line.after), level=line.level, text=line.text)

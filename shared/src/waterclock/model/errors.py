"""Refusals: the answers that a decision may give instead of events.

Refusal
├── Invalid            something written by a person is wrong; names each field
├── NotFound           no such job or run
├── NotThen            the job did not exist at the time that is asked about
├── NameTaken          another job bears the name
├── OlderPartsAtWork   a part of an earlier release would lose what is written
├── VersionMismatch    the caller decided on another version
├── RunBlocked         the job may not overlap and a run of it is unfinished
├── RunEnded           what is asked needs an unfinished run
├── RunUnfinished      what is asked needs a run that has ended
├── JobGone            the job of the run was deleted
├── KeyReused          the idempotency key was used for something else
└── TryLater           cannot be done just now; nothing was stored
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from waterclock.model.ids import RunId
from waterclock.model.outcomes import RunStatus


class Flaw(NamedTuple):
    pointer: str  # RFC 6901, into the body; `/cronExpression`
    message: str


class Refusal(Exception):
    """An answer, not a fault: carries what the caller needs to do better."""


class Invalid(Refusal):
    def __init__(self, *flaws: Flaw) -> None:
        super().__init__("; ".join(f"{flaw.pointer}: {flaw.message}" for flaw in flaws))
        self.flaws = flaws


class NotFound(Refusal):
    def __init__(self, kind: str, some_id: str) -> None:
        super().__init__(f"No {kind} {some_id}.")
        self.kind = kind
        self.some_id = some_id


class NotThen(Refusal):
    pass


class NameTaken(Refusal):
    def __init__(self, group: str, name: str, *, by: tuple[str, str] | None = None) -> None:
        """`by`: group and name of the job that bears it, where nothing that is seen sets them apart from these."""
        spelt = "" if by is None else ascii("/".join(by))
        like = f", which looks the same: {spelt}" if spelt else ""
        super().__init__(f"Another job of group {group} is named {name}{like}.")
        self.group = group
        self.name = name


class OlderPartsAtWork(Refusal):
    """`parts`: those of an earlier release, which would lose what is to be written."""

    def __init__(self, what: str, parts: Iterable[object]) -> None:
        said = ", ".join(map(str, parts))
        super().__init__(f"No {what} can be written while a part of an earlier release is at work: {said}.")


class VersionMismatch(Refusal):
    def __init__(self, *, current: int, shown: int | None = None) -> None:
        """`shown`: None: what was shown is no version of ours."""
        super().__init__(f"The job is at version {current}" + ("." if shown is None else f", not {shown}."))
        self.current = current
        self.shown = shown


class RunBlocked(Refusal):
    """`executor`: what that run waits for, where no live worker has it."""

    def __init__(self, by: RunId, executor: str | None = None) -> None:
        why = "" if executor is None else f": it waits for a worker with the executor {executor}"
        super().__init__(f"The job may not overlap, and its run {by} is not finished{why}.")
        self.by = by


class RunEnded(Refusal):
    def __init__(self, status: RunStatus) -> None:
        super().__init__(f"The run has ended: {status}.")
        self.status = status


class RunUnfinished(Refusal):
    def __init__(self, status: RunStatus) -> None:
        super().__init__(f"The run has not ended: {status}.")
        self.status = status


class JobGone(Refusal):
    def __init__(self, job_id: str) -> None:
        super().__init__(f"The job {job_id} was deleted: POST /v1/monitor/runs runs its executor without a job.")
        self.job_id = job_id


class KeyReused(Refusal):
    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request.")


class TryLater(Refusal):
    def __init__(self, message: str, *, after_s: float = 1) -> None:
        super().__init__(message)
        self.after_s = after_s


def pointer_to(*parts: str | int) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)

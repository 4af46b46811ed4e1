"""What is known of a notice when it is delivered. It may be less than was known once: runs and lines are forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast, get_args

import msgspec

from waterclock.model.notices.installation.signs import Trouble
from waterclock.model.notices.kinds import Kind
from waterclock.model.notices.notice import Notice

Level = Literal["failure", "warning", "success", "info"]
"""The colour that a service may give a message."""


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a notice is from. `name` stands for it where it has no public URL, such as `redis.example wc`."""

    name: str
    public_url: str | None = None


class NoticeDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One notice. Texts are as they were recorded: they may hold anything, at any length."""

    id: str  # stable: the same at every delivery
    kind: Kind
    rule: str
    at_ms: int  # when it came to pass
    group: str = ""
    name: str = ""  # of the job; empty: a run without one, or the installation
    executor: str = ""
    job_id: str | None = None
    run_id: str | None = None
    instant_ms: int | None = None  # the scheduled time; of several that were skipped the first
    last_ms: int | None = None  # of those the last
    zone: str = "UTC"  # the job's
    due_ms: int | None = None  # when it was promised
    since_ms: int | None = None  # when what is told began
    count: int = 1  # how often it has come to pass since then
    reminder: bool = False  # it was told before, and still holds
    attempt: int | None = None
    attempts: int | None = None  # the most there may be
    error_type: str = ""
    error_message: str = ""
    reason: str = ""  # of a skip or a cancel, as the event has it
    awaits: Literal["start", "finish"] = "finish"  # what a late run has not done
    limit_s: float | None = None  # `timedOut`, `tooLong`, `silent`: the time that it was given
    recovers: Kind | None = None
    trouble: Trouble | None = None
    about: str = ""  # of a trouble: the partition or the executor
    explain: str = ""  # the sentence of `waterclock explain`
    log_lines: tuple[str, ...] = ()  # the last ones, oldest first
    position: str | None = None


def details_of(
    notice: Notice,
    *,
    zone: str = "UTC",
    executor: str = "",
    attempts: int | None = None,
    error_type: str = "",
    error_message: str = "",
    limit_s: float | None = None,
    explain: str = "",
    log_lines: tuple[str, ...] = (),
) -> NoticeDetails:
    """A notice as it was judged, with what is known beside it."""
    reason = notice.reason or ""
    trouble, about, said = _trouble(notice.recovers or notice.kind, reason)
    return NoticeDetails(
        id=notice.id,
        kind=notice.kind,
        rule=notice.rule,
        at_ms=notice.at,
        group=notice.group or "",
        name=notice.name or "",
        executor=executor,
        job_id=notice.job,
        run_id=notice.run,
        instant_ms=notice.instant,
        last_ms=notice.last,
        zone=zone,
        due_ms=notice.due,
        since_ms=notice.since,
        count=notice.count,
        reminder=notice.reminder > 0,
        attempt=notice.attempt,
        attempts=attempts,
        error_type=error_type,
        error_message=error_message,
        reason=reason,
        awaits="start" if notice.what == "start" else "finish",
        limit_s=limit_s,
        recovers=notice.recovers,
        trouble=trouble,
        about=about,
        explain=explain or _explained(notice.kind, trouble, reason, said),
        log_lines=log_lines,
        position=notice.position,
    )


def _explained(kind: Kind, trouble: Trouble | None, reason: str, said: str) -> str:
    """What is known of an installation's trouble, or of an event that cannot be read; of what is over, nothing."""
    if kind == "unreadable" or (kind == "clock" and trouble is None):
        return reason
    return said if kind == "clock" else ""


def _trouble(kind: Kind, reason: str) -> tuple[Trouble | None, str, str]:
    """The reason of a `clock` begins with the trouble's name and what it is about; more stands in further lines."""
    first, _, said = reason.partition("\n")
    word, _, about = first.partition(" ")
    known = kind == "clock" and word in get_args(Trouble)
    return (cast("Trouble", word), about, said) if known else (None, "", "")


class PositionRange(msgspec.Struct, frozen=True, kw_only=True):
    """The events of one partition that a digest stands for."""

    first: str
    last: str


class DigestDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Notices that were too many to be told one by one: how many, and where they are found."""

    id: str
    from_ms: int
    to_ms: int
    counts: Mapping[Kind, int]
    muted: int = 0  # which are not among them
    positions: tuple[PositionRange, ...] = ()


class ChannelTest(msgspec.Struct, frozen=True, kw_only=True):
    """Asked for by an operator, to see whether a channel works."""

    id: str
    channel: str
    at_ms: int

"""The first line of a message, which is all that a telephone shows: what, what of it, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from waterclock.model.notices.installation.signs import Trouble
from waterclock.model.notices.kinds import Kind
from waterclock_api.notifier.delivery.harmless import one_line
from waterclock_api.notifier.delivery.notice_details import (
    ChannelTest,
    DigestDetails,
    Installation,
    NoticeDetails,
)
from waterclock_api.notifier.delivery.times import clock_time, span

SUBJECT_MOST = 160  # characters
_NAME_MOST = 70  # of a group or a name
_WHY_MOST = 80
_SKIPPED: Mapping[str, str] = {
    "misfire": "it was due while nothing could start it",
    "overflow": "more scheduled times were missed than are caught up",
    "window": "it was missed too long ago to be caught up",
    "overlap": "the run before it had not ended",
    "edited": "the job was changed",
    "disabled": "the job was disabled",
    "deleted": "the job was deleted",
}
_CANCELLED: Mapping[str, str] = {
    "requested": "on request",
    "jobDisabled": "the job was disabled",
    "jobDeleted": "the job was deleted",
    "replaced": "a later run took its place",
}
_PLURALS: Mapping[Kind, str] = {
    "failed": "failed",
    "timedOut": "timed out",
    "died": "died",
    "cancelled": "cancelled",
    "skipped": "skipped",
    "missing": "did not run",
    "late": "late",
    "tooLong": "running too long",
    "silent": "without a success",
    "disabled": "disabled",
    "recovered": "recovered",
    "unreadable": "unreadable",
    "clock": "of the installation",
}


def subject_of(notice: NoticeDetails, installation: Installation) -> str:
    if "clock" in {notice.kind, notice.recovers}:
        told = trouble_of(notice) if notice.kind == "clock" else f"recovered: {end_of_trouble(notice)}"
        found = f"Waterclock {one_line(installation.name, _NAME_MOST)}: {told}"
    else:
        found = f"{who(notice)} {_PREDICATES[notice.kind](notice)}"
    return one_line(f"Still: {found}" if notice.reminder else found, SUBJECT_MOST)


def digest_subject(digest: DigestDetails) -> str:
    total = sum(digest.counts.values())
    counted = ", ".join(f"{count:,} {_PLURALS[kind]}" for kind, count in by_count(digest))
    return one_line(f"Waterclock: {total:,} notices: {counted}", SUBJECT_MOST)


def test_subject(test: ChannelTest) -> str:
    return one_line(f"Waterclock: this is a test of the channel {one_line(test.channel, _NAME_MOST)}", SUBJECT_MOST)


def by_count(digest: DigestDetails) -> list[tuple[Kind, int]]:
    return sorted(digest.counts.items(), key=lambda one: (-one[1], one[0]))


def counted(kind: Kind, count: int) -> str:
    return f"{count:,} {_PLURALS[kind]}"


def who(notice: NoticeDetails) -> str:
    """The job, or what ran without one."""
    if notice.name:
        name = one_line(notice.name, _NAME_MOST)
        return f"{one_line(notice.group, _NAME_MOST)}/{name}" if notice.group else name
    return f"A run of {one_line(notice.executor, _NAME_MOST)}" if notice.executor else "A run"


def error_of(notice: NoticeDetails, most: int) -> str:
    """`KeyError 'SHOP_DSN'`, or nothing."""
    return one_line(f"{notice.error_type[: 4 * most]} {notice.error_message[: 4 * most]}", most)


def reason_of(notice: NoticeDetails) -> str:
    """Of a skip or a cancel, in words."""
    words = _CANCELLED if notice.kind == "cancelled" else _SKIPPED
    return words.get(notice.reason) or one_line(notice.reason, _WHY_MOST)


def trouble_of(notice: NoticeDetails) -> str:
    about = one_line(notice.about, _NAME_MOST)
    of = f" of {about}" if about else ""
    troubles: Mapping[Trouble, str] = {
        "noLeader": f"no scheduler decides the scheduled times{of}",
        "overdue": f"scheduled times{of} are due and not decided",
        "halted": f"the event log{of} is halted or does not answer, nothing starts",
        "notProjected": f"the projection{of} stands still",
        "noExecutor": f"no worker has the executor {about}"
        if about
        else "no worker has an executor that runs wait for",
        "hole": f"events are lost{_between(notice.about)}",
        "undecided": f"promises{of} cannot be judged",
        "channel": f"the channel {about} delivers nothing",
    }
    return troubles[notice.trouble] if notice.trouble is not None else "its clock is in trouble"


def end_of_trouble(notice: NoticeDetails) -> str:
    about = one_line(notice.about, _NAME_MOST)
    of = f" of {about}" if about else ""
    ends: Mapping[Trouble, str] = {
        "noLeader": f"a scheduler decides the scheduled times{of}",
        "overdue": f"scheduled times{of} are decided",
        "halted": f"the event log{of} is open",
        "notProjected": f"the projection{of} goes on",
        "noExecutor": f"no run waits for a worker with the executor {about}",
        "undecided": f"promises{of} are judged",
        "channel": f"the channel {about} delivers again",
    }
    return ends.get(notice.trouble, "") if notice.trouble is not None else "it is well"


def _between(about: str) -> str:
    """Of a hole: the positions on its both sides."""
    after, _, through = about.partition(" ")
    return f", after {one_line(after, _NAME_MOST)} up to {one_line(through, _NAME_MOST)}" if through else ""


def _why(said: str) -> str:
    return f": {said}" if said else ""


def _within(notice: NoticeDetails) -> str:
    return "" if notice.limit_s is None else span(notice.limit_s)


def _timed_out(notice: NoticeDetails) -> str:
    within = _within(notice)
    return f"timed out after {within}" if within else "timed out"


def _late(notice: NoticeDetails) -> str:
    done = "started" if notice.awaits == "start" else "finished"
    if notice.due_ms is None:
        return f"is late: it had not {done} in time"
    return f"is late: it had not {done} by {clock_time(notice.due_ms, notice.zone)}"


def _too_long(notice: NoticeDetails) -> str:
    within = _within(notice)
    return f"runs too long: over {within}" if within else "runs too long"


def _silent(notice: NoticeDetails) -> str:
    within = _within(notice)
    return f"has had no success for {within}" if within else "has had no success for too long"


def _disabled(notice: NoticeDetails) -> str:
    return f"was disabled: {notice.count} scheduled runs failed in a row" if notice.count > 1 else "was disabled"


def _recovered(notice: NoticeDetails) -> str:
    times = f" {notice.count} times" if notice.count > 1 else ""
    said: Mapping[Kind, str] = {
        "failed": f"it had failed{times}",
        "timedOut": f"it had timed out{times}",
        "died": f"it had died{times}",
        "cancelled": f"it had been cancelled{times}",
        "skipped": f"it had been skipped{times}",
        "missing": f"it had not run{times}",
        "late": f"it had been late{times}",
        "tooLong": f"it had run too long{times}",
        "silent": "it had had no success",
    }
    return "recovered" if notice.recovers is None else f"recovered{_why(said.get(notice.recovers, ''))}"


_PREDICATES: Mapping[Kind, Callable[[NoticeDetails], str]] = {
    "failed": lambda notice: f"failed{_why(error_of(notice, _WHY_MOST))}",
    "timedOut": _timed_out,
    "died": lambda _: "died: its workers were lost again and again",
    "cancelled": lambda notice: f"was cancelled{_why(reason_of(notice))}",
    "skipped": lambda notice: f"was skipped{_why(reason_of(notice))}",
    "missing": lambda notice: f"did not run{_why(reason_of(notice))}",
    "late": _late,
    "tooLong": _too_long,
    "silent": _silent,
    "disabled": _disabled,
    "recovered": _recovered,
    "unreadable": lambda _: "has an event that cannot be read",
}

"""From what is known of a notice to a message, as a person reads it at 03:00: what, when, since when, why, what next.

    subject     reports/nightly failed: KeyError 'SHOP_DSN'
    text        times, error, explanation, last lines of the log, links     mail
    markdown    the same, with code and a link                              chats
    short       when, and where more is told                                SMS, pagers

Fixed words; pure. Everything that others wrote is made harmless and short on its way in.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from waterclock.model.ids import ID_PATTERN
from waterclock.model.notices.kinds import Kind
from waterclock.model.timestamps import stamp
from waterclock_api.notifier.delivery.harmless import as_code, in_markdown, log_line, one_line
from waterclock_api.notifier.delivery.notice_details import (
    ChannelTest,
    DigestDetails,
    Installation,
    Level,
    NoticeDetails,
)
from waterclock_api.notifier.delivery.subjects import (
    by_count,
    counted,
    digest_subject,
    error_of,
    subject_of,
    test_subject,
)
from waterclock_api.notifier.delivery.times import moment

TEXT_MOST = 1800  # characters: a message of Discord's may have 2000
_ERROR_MOST = 400
_EXPLAIN_MOST = 400
_LINE_MOST = 160
_LINES = 10
_LABEL = 11  # width
_POSITIONS = 8
_NAME_MOST = 70
_URL_MOST = 300
_HAPPENED: Mapping[Kind, str] = {
    "failed": "Failed",
    "timedOut": "Timed out",
    "died": "Died",
    "cancelled": "Cancelled",
    "skipped": "Decided",
    "disabled": "Disabled",
    "recovered": "Recovered",
}
_LEVELS: Mapping[Kind, Level] = {
    "failed": "failure",
    "timedOut": "failure",
    "died": "failure",
    "missing": "failure",
    "disabled": "failure",
    "clock": "failure",
    "recovered": "success",
}
_BARE = frozenset(
    {"Console", "Scheduled", "to", "Promised", "Attempt", "Noticed", "Since", "Broken", "From", "To", "Asked"}
    | set(_HAPPENED.values())
)
"""Labels of rows whose values are our own words: moments, numbers, a URL."""


class Links(NamedTuple):
    """Where more is told; either may be unknown."""

    console: str | None
    command: str | None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    subject: str
    text: str
    markdown: str
    short: str
    level: Level


def message_of(told: NoticeDetails | DigestDetails | ChannelTest, installation: Installation) -> Message:
    match told:
        case NoticeDetails():
            return _notice(told, installation)
        case DigestDetails():
            return _digest(told, installation)
        case ChannelTest():
            return _test(told, installation)


def links_of(told: NoticeDetails | DigestDetails | ChannelTest, installation: Installation) -> Links:
    """The page of the console and the command that tell more."""
    base = None if installation.public_url is None else f"{installation.public_url.rstrip('/')}/console/"
    if not isinstance(told, NoticeDetails):
        return Links(base, "waterclock status")
    run = told.run_id if told.run_id is not None and ID_PATTERN.fullmatch(told.run_id) else None
    job = told.job_id if told.job_id is not None and ID_PATTERN.fullmatch(told.job_id) else None
    if run is not None:
        return Links(base and f"{base}runs/{run}", f"waterclock run show {run}")
    if job is not None:
        command = f"job show {job}"
        if told.instant_ms is not None and told.kind in {"skipped", "missing", "late"}:
            command = f"explain {job} --at {stamp(told.instant_ms)}"
        return Links(base and f"{base}jobs/{job}", f"waterclock {command}")
    if told.trouble == "channel":
        return Links(base, f"waterclock notices test {shlex.quote(one_line(told.about, _NAME_MOST))}")
    return Links(base, "waterclock doctor" if told.kind in {"clock", "unreadable"} else "waterclock status")


def _notice(notice: NoticeDetails, installation: Installation) -> Message:
    rows = list(_times(notice))
    links = links_of(notice, installation)
    ends = [*_link_rows(links), ("Rule", one_line(notice.rule, _NAME_MOST))]
    if notice.position is not None:
        ends.append(("Position", one_line(notice.position, _NAME_MOST)))
    error = error_of(notice, _ERROR_MOST) if notice.kind not in {"recovered", "clock"} else ""
    explain = one_line(notice.explain, _EXPLAIN_MOST)
    lines = [log_line(line, _LINE_MOST) for line in notice.log_lines[-_LINES:]]
    return Message(
        subject=subject_of(notice, installation),
        level=_LEVELS.get(notice.kind, "warning"),
        text=_fitting(
            lambda kept: _joined(
                _table(rows),
                error,
                explain,
                "\n".join(["Last lines of the log:", *(f"  {line}" for line in kept)]) if kept else "",
                _table(ends),
            ),
            lines,
        ),
        markdown=_fitting(
            lambda kept: _joined(
                _list(rows),
                as_code(error) if error else "",
                in_markdown(explain),
                _fenced(kept) if kept else "",
                _list(ends),
            ),
            lines,
        ),
        short=_short(rows[0], links),
    )


def _digest(digest: DigestDetails, installation: Installation) -> Message:
    opening = "Too much came to pass to tell it one by one."
    span = [("From", moment(digest.from_ms)), ("To", moment(digest.to_ms))]
    if digest.muted:
        span.append(("Muted", f"{digest.muted:,} more"))
    counts = [counted(kind, count) for kind, count in by_count(digest)]
    positions = [f"{one.first} to {one.last}" for one in digest.positions[:_POSITIONS]]
    if len(digest.positions) > _POSITIONS:
        positions.append(f"{len(digest.positions) - _POSITIONS:,} more partitions")
    where = [("Positions" if not place else "", one_line(text, 2 * _NAME_MOST)) for place, text in enumerate(positions)]
    found = links_of(digest, installation)
    links = list(_link_rows(found))
    return Message(
        subject=digest_subject(digest),
        short=_short(span[0], found),
        level="warning",
        text=_joined(opening, _table(span), "\n".join(f"  {one}" for one in counts), _table(where), _table(links)),
        markdown=_joined(opening, _list(span), "\n".join(f"- {one}" for one in counts), _list(where), _list(links)),
    )


def _test(test: ChannelTest, installation: Installation) -> Message:
    opening = "Nothing happened. Somebody asked whether this channel works, and it does."
    rows = [("Asked", moment(test.at_ms)), ("Sent by", one_line(installation.name, _NAME_MOST))]
    found = links_of(test, installation)
    links = list(_link_rows(found))
    return Message(
        subject=test_subject(test),
        short=_short(rows[0], found),
        level="info",
        text=_joined(opening, _table(rows), _table(links)),
        markdown=_joined(opening, _list(rows), _list(links)),
    )


def _times(notice: NoticeDetails) -> Iterable[tuple[str, str]]:
    zone = notice.zone
    if notice.instant_ms is not None:
        yield "Scheduled", moment(notice.instant_ms, zone)
    if notice.last_ms is not None and notice.last_ms != notice.instant_ms:
        yield "to", moment(notice.last_ms, zone)
    if notice.due_ms is not None and notice.kind != "clock":
        yield "Promised", f"by {moment(notice.due_ms, zone)}"
    if notice.attempt is not None:
        most = "" if notice.attempts is None else f" of {notice.attempts}"
        yield "Attempt", f"{notice.attempt}{most}"
    yield _HAPPENED.get(notice.kind, "Noticed"), moment(notice.at_ms, zone)
    if notice.since_ms is not None and (notice.count > 1 or notice.since_ms != notice.at_ms):
        times = f", {notice.count:,} times" if notice.count > 1 else ""
        label, before = ("Broken", "since ") if notice.kind == "recovered" else ("Since", "")
        yield label, f"{before}{moment(notice.since_ms, zone)}{times}"


def _link_rows(links: Links) -> Iterable[tuple[str, str]]:
    if links.console is not None:
        yield "Console", one_line(links.console, _URL_MOST)
    if links.command is not None:
        yield "CLI", links.command


def _short(row: tuple[str, str], links: Links) -> str:
    """Behind the subject, for what holds no more than a few hundred characters."""
    where = one_line(links.console or links.command or "", _URL_MOST)
    return "\n".join(part for part in (" ".join(row), where) if part)


def _table(rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"{label:<{_LABEL}}{value}" for label, value in rows)


def _list(rows: Sequence[tuple[str, str]]) -> str:
    """Rows in Markdown: code stays as it is, a URL becomes a link by itself, in whatever dialect."""
    return "\n".join(f"- {label or 'and'}: {value if label in _BARE else as_code(value)}" for label, value in rows)


def _fenced(lines: Sequence[str]) -> str:
    return "\n".join(["```", *(line.replace("```", "'''") for line in lines), "```"])


def _fitting(written: Callable[[Sequence[str]], str], lines: Sequence[str]) -> str:
    """With as many of the last lines as there is room for."""
    kept = list(lines)
    while len(found := written(kept)) > TEXT_MOST and kept:
        del kept[0]
    return found[:TEXT_MOST]


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)

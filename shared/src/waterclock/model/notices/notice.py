"""A notice: something has happened that a rule names. Texts are made where it is delivered."""

from __future__ import annotations

import msgspec

from waterclock.model.ids import JobId, RunId, digest
from waterclock.model.notices.facts import What
from waterclock.model.notices.kinds import Kind

ID_LENGTH = 26


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Moments are milliseconds since the epoch. Whoever judges again makes the same notice, with the same id."""

    id: str
    kind: Kind
    rule: str
    channels: tuple[str, ...]
    at: int  # when it was known, by the partition's clock
    since: int  # when it began
    count: int = 1  # how often since then
    position: str | None = None  # of the event, or of the last one before the reading of the clock
    job: JobId | None = None
    run: RunId | None = None
    group: str | None = None
    name: str | None = None
    instant: int | None = None  # scheduled time; of a range that was skipped the first
    last: int | None = None  # of that range
    due: int | None = None  # as promised
    what: What | None = None  # that was due
    attempt: int | None = None
    reason: str | None = None  # why it was skipped or cancelled; why an event cannot be read
    of: str | None = None  # id of the notice that it takes back or repeats
    recovers: Kind | None = None  # the kind of that
    reminder: int = 0  # which; 0: none
    incident: int | None = None  # of the installation: which of its subject


class BrokenPromise(msgspec.Struct, frozen=True, kw_only=True):
    """A promise was broken, whether a rule names it or not. Moments are as those of a notice.

    What was promised is due at `due`; a skip is known `at` once, and has no such moment.
    """

    id: str
    kind: Kind
    job: JobId
    at: int
    position: str
    run: RunId | None = None
    instant: int | None = None
    last: int | None = None
    due: int | None = None
    what: What | None = None
    attempt: int | None = None


class Trip(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The job is to be disabled, if it is at this version still: so many scheduled runs in a row have failed."""

    id: str
    job: JobId
    version: int
    failures: int
    position: str
    at: int


def notice_id(*parts: object) -> str:
    return digest("notice " + "\0".join(map(str, parts)), ID_LENGTH)

"""The proof that every instant is accounted for: a job's decisions against the instants its schedule names.

    hole     instants of an enabled job that no decision covers, or an interval missing from the chain of decisions
    double   an interval that was decided again
    stray    a decision about instants that the job does not name

The chain of `after` and `through` proves that nothing is missing or double, whatever the schedule; the recomputed
instants prove that each decision is about what lies in its interval. All moments are milliseconds since the epoch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from waterclock.model.cron.schedule import TZDATA_VERSION
from waterclock.model.events import RunRequested
from waterclock.model.ids import JobId
from waterclock.model.instants.misfire import digest
from waterclock.model.instants.table import Decided, Fate, Recorded, Row, table
from waterclock.model.instants.timetable import BEGINNING, Timetable
from waterclock.model.timestamps import Stamp, stamp

LISTED = 1_000
"""Breaches of a kind that a verdict lists; one with as many may hide more."""


AHEAD = 32, 2_000
"""Instants computed at once where they are proved one by one: at first and at most."""

_HOUR = 3_600_000


class Breach(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A fault: a part of a job's time whose scheduled times and outcomes do not match."""

    job_id: Annotated[JobId, Meta(description="Id of the job.")]
    after: Annotated[Stamp, Meta(description="Start of the part, exclusive.")]
    through: Annotated[Stamp, Meta(description="End of the part, inclusive.")]
    instants: Annotated[int, Meta(description="Scheduled times concerned; 0: only the chain of decisions is broken.")]
    position: Annotated[
        str | None, Meta(description="Position of the decision at fault, or of the one that follows a hole.")
    ]
    text: Annotated[str, Meta(description="The fault in words.")]


class Verdict(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`instants` are those that are to be decided; without a breach they are as many as fired, skipped and coalesced.

    Those due after the last decision are `pending`. `tzdata_changed` names the versions of the zone rules by which
    decisions were made that would be others today: they are taken at their word, and only their chain is proved.
    """

    instants: int = 0
    fired: int = 0
    skipped: int = 0
    coalesced: int = 0
    pending: int = 0
    oldest_pending: Stamp | None = None
    holes: tuple[Breach, ...] = ()
    doubles: tuple[Breach, ...] = ()
    strays: tuple[Breach, ...] = ()
    tzdata_changed: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not (self.holes or self.doubles or self.strays)


def verify(entries: Iterable[Recorded], *, from_ms: int, to_ms: int, now_ms: int, deep: bool = True) -> Verdict:
    """Prove one job's decisions about [from, to]; `entries` are its events from its creation on, in their order.

    Decisions that end before `from` may be left out, and those after the first that ends beyond `to`; events of the job
    may not. `deep` lists the instants of ranges to prove their digests (about 0.2 s for a million); otherwise they are
    counted.

    Raises:
        BadSchedule: a definition cannot be read.
    """
    proof = _Proof(from_ms - 1, to_ms, deep=deep)
    for row in table(entries, now=now_ms):
        low, high = max(row.after, proof.after), min(row.through, proof.through)
        if row.decision is not None:
            if row.through > proof.after and row.after < proof.through:
                proof.decided(row, row.decision, low, high)
        elif low < high and row.fate == "pending":
            proof.undecided(row, low, high)
    return proof.verdict()


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict on many jobs."""
    every = tuple(verdicts)
    return Verdict(
        instants=sum(one.instants for one in every),
        fired=sum(one.fired for one in every),
        skipped=sum(one.skipped for one in every),
        coalesced=sum(one.coalesced for one in every),
        pending=sum(one.pending for one in every),
        oldest_pending=min((one.oldest_pending for one in every if one.oldest_pending), default=None),
        holes=tuple(breach for one in every for breach in one.holes)[:LISTED],
        doubles=tuple(breach for one in every for breach in one.doubles)[:LISTED],
        strays=tuple(breach for one in every for breach in one.strays)[:LISTED],
        tzdata_changed=tuple(sorted({version for one in every for version in one.tzdata_changed})),
    )


class _Ahead:
    """The instants of one short part of time after the other: what follows is computed ahead."""

    __slots__ = ("_after", "_found", "_room", "_through", "named")

    def __init__(self, named: Timetable) -> None:
        self.named = named
        self._found: list[int] = []
        self._after = self._through = BEGINNING
        self._room = AHEAD[0]

    def between(self, after: int, through: int) -> list[int]:
        if not self._after <= after <= through <= self._through:
            room, far = self._room, through + self._room * _HOUR
            self._found = self.named.between(after, far, room)
            self._after = after
            self._through = self._found[-1] if len(self._found) == room else far
            self._room = min(2 * room, AHEAD[1])
            if self._through < through:
                return self.named.between(after, through)
        return self._found[bisect_right(self._found, after) : bisect_right(self._found, through)]


class _Proof:
    """The interval (after, through] that is proved, and what was found so far."""

    def __init__(self, after: int, through: int, *, deep: bool) -> None:
        self.after = after
        self.through = through
        self._deep = deep
        self._instants = 0
        self._fates: dict[Fate, int] = {"fired": 0, "skipped": 0, "coalesced": 0}
        self._pending = 0
        self._oldest_pending: int | None = None
        self._holes: list[Breach] = []
        self._doubles: list[Breach] = []
        self._strays: list[Breach] = []
        self._tzdata: set[str] = set()
        self._ahead = _Ahead(Timetable(schedule=None))

    def verdict(self) -> Verdict:
        return Verdict(
            instants=self._instants,
            fired=self._fates["fired"],
            skipped=self._fates["skipped"],
            coalesced=self._fates["coalesced"],
            pending=self._pending,
            oldest_pending=None if self._oldest_pending is None else stamp(self._oldest_pending),
            holes=tuple(self._holes),
            doubles=tuple(self._doubles),
            strays=tuple(self._strays),
            tzdata_changed=tuple(sorted(self._tzdata)),
        )

    def undecided(self, row: Row, low: int, high: int) -> None:
        """No decision says anything of a part of the enabled job's time."""
        if row.reason == "future":
            return
        missing = row.count_within(low, high)
        if row.reason == "undecided":
            self._pending += missing
            self._oldest_pending = row.standing.named.after(low) if missing else None
            return
        self._instants += missing
        if row.ended_by == "decision":
            _list(
                self._holes,
                _breach(row, low, high, missing, "the chain of decisions has a hole here"),
            )
        elif missing:
            _list(self._holes, _breach(row, low, high, missing, "the job was changed before this was decided"))

    def decided(self, row: Row, said: Decided, low: int, high: int) -> None:
        """A decision about a part of time; (low, high] is what of it is to be proved."""
        if row.after < row.mark:
            again = min(high, row.mark)
            count = row.count_within(low, again)
            _list(self._doubles, _breach(row, low, again, count, "this was decided before"))
            self._fates[row.fate] += row.count_within(low, high)
            self._instants += row.standing.named.count_between(max(low, row.mark), high)
            return
        if row.standing.state != "enabled":
            self._fates[row.fate] += said.count
            _list(self._strays, _breach(row, low, high, said.count, "the job was not enabled"))
            return
        expected = self._expected(row, said)
        if expected is None or self._trusted(row, said):
            count = row.count_within(low, high)
            self._fates[row.fate] += count
            self._instants += count
            return
        self._fates[row.fate] += said.count
        self._instants += expected
        if expected > said.count:
            text = f"the interval holds {expected} scheduled times, but the decision covers {said.count}"
            _list(self._holes, _breach(row, low, high, expected - said.count, text))
        else:
            text = f"the decision covers other scheduled times than the {expected} in its interval"
            _list(self._strays, _breach(row, low, high, said.count - expected or said.count, text))

    def _expected(self, row: Row, said: Decided) -> int | None:
        """How many instants lie in the row; None if they are those that the decision says it is about."""
        named, after, through, event = row.standing.named, row.after, row.through, said.event
        if isinstance(event, RunRequested):
            if self._ahead.named is not named:
                self._ahead = _Ahead(named)
            instants = self._ahead.between(after, through)
            return None if instants == [said.first] else len(instants)
        if self._deep:
            instants = named.between(after, through)
            ends = (instants[0], instants[-1]) if instants else (0, 0)
            same = len(instants) == said.count and ends == (said.first, said.last)
            return None if same and digest(instants) == event.digest else len(instants)
        count = named.count_between(after, through)
        same = count == said.count and named.after(after) == said.first
        return None if same and named.last_before(through + 1) == said.last else count

    def _trusted(self, row: Row, said: Decided) -> bool:
        """Whether the decision may well have been right by the zone rules of its day."""
        tzdata = said.event.tzdata
        if tzdata is None or tzdata == TZDATA_VERSION or said.count < 1:
            return False
        if not row.after < said.first <= said.last <= row.through:
            return False
        self._tzdata.add(tzdata)
        return True


def _list(breaches: list[Breach], breach: Breach) -> None:
    if len(breaches) < LISTED:
        breaches.append(breach)


def _breach(row: Row, low: int, high: int, instants: int, text: str) -> Breach:
    return Breach(
        job_id=row.standing.job.job_id,
        after=stamp(low),
        through=stamp(high),
        instants=instants,
        position=None if row.decision is None else str(row.decision.position),
        text=text,
    )

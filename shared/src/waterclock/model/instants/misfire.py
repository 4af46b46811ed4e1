"""Instants whose time has come → what each becomes: fired, coalesced, skipped.

Late is `now - instant >= threshold`, taken once for all of (mark, now]:

    mark ─────────────── cut ─────────────── edge ──────────────── now
      one Skip            Fires, or Coalesce   one Fire each
                          and its Fire         (the newest 1000)

A Skip at the front would be a Skip whenever it is decided, so a long one is settled in units of its own; everything
else is decided whole. All moments are milliseconds since the epoch.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from waterclock.model.cron.schedule import Schedule
from waterclock.model.definition import Definition, MisfirePolicy
from waterclock.model.events import EditReason, SkipReason
from waterclock.model.instants.timetable import Timetable

UNIT = 100_000
"""Instants in a unit that only skips."""
ON_TIME_LIMIT = 1_000
"""Instants less late than the threshold that fire at once; older ones are an overflow."""
FOLD_LIMIT = 1_000_000
"""Instants folded into one run; a fold is never split, so this bounds its time (about 0.1 s)."""

_BATCH = 10_000


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a job says about late instants; `catchup_limit` is 0 to 1000."""

    misfire: MisfirePolicy = "3"
    threshold_ms: int = 60_000
    catchup_window_ms: int = 86_400_000
    catchup_limit: int = 100
    catchup_pace_ms: int = 100


class Fire(msgspec.Struct, frozen=True, kw_only=True):
    """One run for `instant`, not to start before `ready_at`."""

    instant: int
    trigger: Literal["schedule", "catchup"]
    ready_at: int
    folded: int = 0  # instants that this run answers besides its own
    folded_first: int | None = None


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    """The `count` instants from `first` to `last` fire nothing."""

    first: int
    last: int
    count: int
    reason: SkipReason
    digest: str


class Coalesce(msgspec.Struct, frozen=True, kw_only=True):
    """The `count` instants from `first` to `last` are answered by the run of `into`."""

    first: int
    last: int
    count: int
    into: int
    digest: str


Decision = Fire | Skip | Coalesce


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions for all instants in (mark, through], oldest first; before `now` there is more to settle."""

    decisions: tuple[Decision, ...]
    through: int


def policy_of(definition: Definition) -> Policy:
    """What the definition says about late instants; equal policies are one object, mostly."""
    return _policy(
        definition.misfire_policy,
        definition.misfire_threshold,
        definition.catchup_window,
        definition.catchup_limit,
        definition.catchup_pace,
    )


@lru_cache(maxsize=1024)
def _policy(misfire: MisfirePolicy, threshold: float, window: float, limit: int, pace: float) -> Policy:
    return Policy(
        misfire=misfire,
        threshold_ms=round(threshold * 1000),
        catchup_window_ms=round(window * 1000),
        catchup_limit=limit,
        catchup_pace_ms=round(pace * 1000),
    )


def settle(
    schedule: Schedule | Timetable,
    *,
    mark: int,
    now: int,
    policy: Policy,
    start_at: int | None = None,
    end_at: int | None = None,
) -> Settlement:
    """Decide the instants in (mark, now]; of a long backlog that is skipped in any case, one unit of it.

    The job names no instant before `start_at` or after `end_at`. If the mark is ahead of `now`, nothing is decided.
    """
    if now <= mark:
        return Settlement(decisions=(), through=mark)
    named = _named(schedule, start_at, end_at)
    edge = now - policy.threshold_ms
    instants = named.between(mark, now, ON_TIME_LIMIT + 1)
    if len(instants) <= ON_TIME_LIMIT and (not instants or instants[0] > edge):
        return Settlement(decisions=tuple(_on_time(instants)), through=now)

    edge = min(max(edge, mark), now)
    cut, reason = _cut(named, mark, edge, now, policy)
    on_time = named.before_newest(edge, now, ON_TIME_LIMIT)
    front: list[tuple[int, int, SkipReason]] = [(mark, cut, reason)]
    if cut == edge:
        front.append((edge, on_time, "overflow"))
    skipped, through = _front(named, front)
    if through is not None:
        return Settlement(decisions=skipped, through=through)

    late: Iterable[Decision] = ()
    if cut < edge:
        late = _folded(named, cut, edge, now) if policy.misfire == "2" else _caught_up(named, cut, edge, now, policy)
        late = (*late, *_skip(named, edge, on_time, "overflow"))
    return Settlement(decisions=(*skipped, *late, *_on_time(named.between(on_time, now))), through=now)


def settle_edit(
    schedule: Schedule | Timetable,
    *,
    mark: int,
    now: int,
    policy: Policy,
    reason: EditReason,
    start_at: int | None = None,
    end_at: int | None = None,
) -> Settlement:
    """Decide what the old definition still owes in (mark, now] before a change takes effect.

    An edit fires what is less late than the threshold; disabling and deleting fire nothing. The rest is one Skip, or
    one unit of it when the backlog is long.
    """
    if now <= mark:
        return Settlement(decisions=(), through=mark)
    named = _named(schedule, start_at, end_at)
    cut = now
    if reason == "edited":
        edge = min(max(now - policy.threshold_ms, mark), now)
        cut = named.before_newest(edge, now, ON_TIME_LIMIT)
    skipped, through = _front(named, [(mark, cut, reason)])
    if through is not None:
        return Settlement(decisions=skipped, through=through)
    return Settlement(decisions=(*skipped, *_on_time(named.between(cut, now))), through=now)


def digest(*batches: Sequence[int]) -> str:
    """A fingerprint of instants in their order: 16 hex digits of the SHA-256 of their 64-bit big-endian numbers."""
    return _digest(batches)


def _digest(batches: Iterable[Sequence[int]]) -> str:
    hashed = hashlib.sha256()
    for batch in batches:
        hashed.update(struct.pack(f">{len(batch)}q", *batch))
    return hashed.hexdigest()[:16]


def _named(schedule: Schedule | Timetable, start_at: int | None, end_at: int | None) -> Timetable:
    whole = schedule if isinstance(schedule, Timetable) else Timetable(schedule=schedule)
    return whole.within(start_at, end_at)


def _cut(named: Timetable, low: int, edge: int, now: int, policy: Policy) -> tuple[int, SkipReason]:
    """Through when late instants are skipped, and why."""
    if policy.misfire == "3":
        return edge, "misfire"
    if policy.misfire == "2":
        newest = named.before_newest(low, edge, 1)
        return named.before_newest(low, newest, FOLD_LIMIT), "overflow"
    window = min(max(now - policy.catchup_window_ms - 1, low), edge)
    cut = named.before_newest(window, edge, policy.catchup_limit)
    return cut, "overflow" if cut > window else "window"


def _front(named: Timetable, ranges: list[tuple[int, int, SkipReason]]) -> tuple[tuple[Skip, ...], int | None]:
    """A Skip for each range that holds instants; with the moment they reach, if they are a unit already."""
    skips: list[Skip] = []
    room = UNIT
    for after, through, reason in ranges:
        instants = named.between(after, through, room + 1)
        full = len(instants) > room
        if kept := instants[:room]:
            skips.append(Skip(first=kept[0], last=kept[-1], count=len(kept), reason=reason, digest=digest(kept)))
            room -= len(kept)
        if full:
            return tuple(skips), skips[-1].last
    return tuple(skips), None


def _caught_up(named: Timetable, cut: int, edge: int, now: int, policy: Policy) -> Iterator[Fire]:
    for place, instant in enumerate(named.between(cut, edge)):
        yield Fire(instant=instant, trigger="catchup", ready_at=now + place * policy.catchup_pace_ms)


def _folded(named: Timetable, cut: int, edge: int, now: int) -> Iterator[Decision]:
    """One run for the newest instant in (cut, edge], with the others folded into it."""
    newest = named.last_between(cut, edge, 2)
    if not newest:
        return
    *older, into = newest
    if not older:
        yield Fire(instant=into, trigger="catchup", ready_at=now)
        return
    first, last = named.after(cut), older[0]
    assert first is not None
    count = named.count_between(cut, last)
    fingerprint = _digest(_batches(named, cut, last))
    yield Coalesce(first=first, last=last, count=count, into=into, digest=fingerprint)
    yield Fire(instant=into, trigger="catchup", ready_at=now, folded=count, folded_first=first)


def _skip(named: Timetable, after: int, through: int, reason: SkipReason) -> Iterator[Skip]:
    """One Skip for a range of any length; none, if it holds no instant."""
    first, newest = named.after(after), named.last_between(after, through, 1)
    if not newest:
        return
    assert first is not None
    count = named.count_between(after, through)
    yield Skip(first=first, last=newest[0], count=count, reason=reason, digest=_digest(_batches(named, after, through)))


def _on_time(instants: list[int]) -> Iterator[Fire]:
    return (Fire(instant=instant, trigger="schedule", ready_at=instant) for instant in instants)


def _batches(named: Timetable, after: int, through: int) -> Iterator[list[int]]:
    while batch := named.between(after, through, _BATCH):
        yield batch
        after = batch[-1]

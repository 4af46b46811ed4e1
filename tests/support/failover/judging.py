"""What must hold after a failover, whatever it was: in words what does not; empty, when all does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tests.support import proofs
from tests.support.failover.field import Outcome, Row
from tests.support.failover.pressure import ACCEPTED, OK, Asked, Pressure
from waterclock.model.events import ArchiveLost, LogForked, ResultRefused, RunLost, RunRequested
from waterclock.model.positions import Position, parse_position
from waterclock.wire.envelope import Entry

NOTICED = 2.0  # s after which `/readyz` is to know that writes are refused


class Losses(NamedTuple):
    """`gone`: answered 202 and in no store; `twice`: executed to the end more than once. `unsaid` of either."""

    gone: set[str]
    gone_unsaid: set[str]
    twice: set[str]
    twice_unsaid: set[str]

    def __str__(self) -> str:
        return (
            f"gone {len(self.gone)} ({len(self.gone_unsaid)} unsaid),"
            f" twice {len(self.twice)} ({len(self.twice_unsaid)} unsaid)"
        )


async def broken(row: Row[Any], outcome: Outcome) -> list[str]:
    """All faults, of stores, readers, processes and answers."""
    return [
        *outcome.field.faults,
        *_of_losses(row, outcome),
        *_of_tells(row, outcome),
        *_few(_of_answers(row, outcome)),
        *_few(_of_stores(outcome, has_hole=row.has_hole), 20),
        *_of_readers(outcome),
        *_few(f"exit: {one}" for one in outcome.field.fleet.exits),
        *_few(outcome.field.load.surprises),
        *(one for reader in outcome.field.load.readers for one in reader.surprises),
        *unnamed_refusals(outcome.field.load),
        *tracebacks(outcome.field.fleet.lines),
        *[fault async for fault in _of_verbs(outcome)],
        *([] if row.has_hole else await outcome.field.load.ledger()),
    ]


def _few(faults: Iterable[str], most: int = 5) -> list[str]:
    """The first, and how many there are beside."""
    found = list(faults)
    return found if len(found) <= most else [*found[:most], f"and {len(found) - most} more of this kind"]


def losses(outcome: Outcome) -> Losses:
    """Of a run that is gone, and of one executed twice: whether an event of the log names the range it was in."""
    entries = outcome.evidence.entries
    requested = {str(entry.event.run_id) for entry in entries if isinstance(entry.event, RunRequested)}
    returned = {str(entry.event.run_id) for entry in entries if isinstance(entry.event, RunLost | ResultRefused)}
    gone = set(outcome.field.load.answered.values()) - requested
    twice = {run_id for run_id, count in outcome.ended.items() if count > 1}
    named = set(_named(outcome))
    return Losses(gone, gone - named, twice, twice - returned - named)


def _named(outcome: Outcome) -> Iterator[str]:
    """Runs of which readers heard something at a place that an event says was lost."""
    ranges = [*_told_ranges(outcome)]
    for reader in outcome.field.load.readers:
        for document in reader.heard:
            where = parse_position(document["id"])
            if document.get("runId") and any(_in(where, one) for one in ranges):
                yield document["runId"]


class _Range(NamedTuple):
    """Positions of one partition after `begin`, through `end`."""

    begin: Position | None
    end: Position


def _told_ranges(outcome: Outcome) -> Iterator[_Range]:
    for entry in outcome.evidence.entries:
        document = proofs.document(entry)
        if document["type"] == "log.truncated":
            yield _Range(parse_position(str(document["endedAt"])), parse_position(str(document["knownThrough"])))
        elif isinstance(entry.event, LogForked) and entry.event.dropped_last is not None:
            common = entry.event.common
            yield _Range(parse_position(common) if common else None, parse_position(entry.event.dropped_last))
        elif isinstance(entry.event, ArchiveLost):
            yield _Range(_known(entry.event), entry.position)


def _known(event: ArchiveLost) -> Position | None:
    return parse_position(event.known_through) if event.known_through else None


def _in(where: Position, told: _Range) -> bool:
    if where.partition != told.end.partition:
        return False
    return (told.begin is None or where > told.begin) and where <= told.end


def _of_losses(row: Row[Any], outcome: Outcome) -> Iterator[str]:
    found = losses(outcome)
    if row.keeps and found.gone:
        yield f"{len(found.gone)} runs are gone: {sorted(found.gone)[:5]}"
    elif found.gone_unsaid:
        yield f"{len(found.gone_unsaid)} runs are gone, and no event says so: {sorted(found.gone_unsaid)[:5]}"
    if found.twice_unsaid:
        first = min(found.twice_unsaid)
        yield (
            f"{len(found.twice_unsaid)} runs were executed twice unsaid, of which {first} is stored as"
            f" {[f'{proofs.tag(entry)} {entry.position}' for entry in outcome.evidence.of_run(first)]} and was heard as"
            f" {[(one['type'], one['id']) for one in outcome.field.load.readers[0].heard if one.get('runId') == first]}"
        )


def _of_tells(row: Row[Any], outcome: Outcome) -> Iterator[str]:
    there = {proofs.tag(entry) for entry in outcome.evidence.entries}
    if row.tells and not there & set(row.tells):
        yield f"none of {row.tells} was told"


def _of_answers(row: Row[Any], outcome: Outcome) -> Iterator[str]:
    if row.keeps:
        yield from proofs.answers_are_kept(outcome.evidence.entries, outcome.field.load.answered)


def _of_stores(outcome: Outcome, *, has_hole: bool) -> Iterator[str]:
    evidence = outcome.evidence
    yield from (f"read models: {difference}" for difference in evidence.differences)
    yield from (f"{key} still holds {size}" for key, size in evidence.left.items())
    for partition, archived in evidence.archives.items():
        yield from proofs.alike(archived, evidence.streams[partition])
    if has_hole:  # what it held would be missed by all that follows
        return
    for archived in evidence.archives.values():
        yield from proofs.chain(archived)
    lost = set(_named(outcome))
    yield from proofs.runs_end_once(  # the end of a run whose request is lost is refused, and that is told
        one for one in evidence.entries if not (isinstance(one.event, ResultRefused) and one.event.run_id in lost)
    )
    yield from proofs.attempts_are_told_apart(evidence.entries)
    yield from proofs.serial_jobs_never_overlap(evidence.entries)


def _of_readers(outcome: Outcome) -> Iterator[str]:
    """Readers heard what `/events` tells; what they heard beyond was lost, and a `gap` told them."""
    archives = outcome.evidence.archives
    stored = {str(entry.position): proofs.document(entry) for entry in outcome.evidence.entries}

    def is_looked_at(place: str) -> bool:
        """What happened after the look is nobody's fault."""
        position = parse_position(place)
        return position <= archives[position.partition][-1].position

    if missing := stored.keys() ^ {place for place in outcome.events if is_looked_at(place)}:
        yield f"/events and the archive differ by {sorted(missing)[:5]}"
    for number, reader in enumerate(outcome.field.load.readers):
        heard: Mapping[str, dict[str, Any]] = {one["id"]: one for one in reader.heard if is_looked_at(one["id"])}
        if unheard := stored.keys() - heard.keys():
            yield f"reader {number} has not heard {len(unheard)}: {sorted(unheard)[:5]}"
        lost = {place for place in heard.keys() - stored.keys() if not _is_of_hole(place, archives)}
        if lost and not reader.gaps:
            yield f"reader {number} heard {len(lost)} events that are nowhere, and no gap: {sorted(lost)[:5]}"
        doubled = [place for place, count in Counter(one["id"] for one in reader.heard).items() if count > 1]
        if doubled and not reader.gaps:
            yield f"reader {number} heard {len(doubled)} events twice: {doubled[:5]}"


def _is_of_hole(place: str, archives: Mapping[int, list[Entry]]) -> bool:
    """Whether it was what it was when it was heard, and an archive that was put back has not got it any more."""
    position = parse_position(place)
    ranges = (
        _Range(_known(one.event), one.position)
        for one in archives[position.partition]
        if isinstance(one.event, ArchiveLost)
    )
    return any(_in(position, one) for one in ranges)


def unnamed_refusals(load: Pressure) -> Iterator[str]:
    """Looks at `/readyz` that found all well while every trigger of a job was refused, and had been for a while."""
    unnamed = [
        seen
        for seen in load.seen
        if seen.status == OK and {seen.checks.get(name, "ok") for name in ("redis", "writes")} == {"ok"}
    ]
    spans = [span for job in {one.job for one in load.asked if one.job} for span in _refused(load, job)]
    found = [seen for seen in unnamed if any(began + NOTICED < seen.at < ended for began, ended in spans)]
    if found:
        yield f"/readyz was 200 and named nothing {len(found)} times while writes were refused: {found[0].checks}"


def _refused(load: Pressure, job: str) -> Iterator[tuple[float, float]]:
    """From a first refusal of a job's trigger until the last before one was accepted."""
    run: list[Asked] = []
    for one in sorted((one for one in load.asked if one.job == job), key=lambda one: one.ended):
        if one.status == ACCEPTED:
            if run:
                yield run[0].ended, run[-1].began
            run = []
        else:
            run.append(one)


def tracebacks(lines: list[str]) -> Iterator[str]:
    places = [place for place, line in enumerate(lines) if "Traceback" in line]
    if places:
        yield f"{len(places)} tracebacks, the first: " + "\n".join(lines[places[0] : places[0] + 40])


async def _of_verbs(outcome: Outcome) -> AsyncGenerator[str]:
    verbs = (("rebuild",), ("ledger", "verify", "--chain"), ("doctor",), ("reconcile",))
    async with asyncio.TaskGroup() as tasks:
        told = [tasks.create_task(outcome.field.verb(*words), name=" ".join(words)) for words in verbs]
    for words, one in zip(verbs, told, strict=True):
        code, said = one.result()
        outcome.field.fleet.tell(f"{' '.join(words)}: {code}\n{said}")
        if code and words != ("doctor",):  # which may warn of what is so in tests, as no maxmemory
            yield f"{' '.join(words)}: exit code {code}: {said[-1500:]}"

"""What must hold of everything that ever happened, whatever was killed meanwhile.

Each proof reads archived entries and names what is wrong, in words that lead to the place; none, when all is well.
Entries are those of all partitions, each partition's in its order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

from tests.support.stalls import Span, within
from waterclock.model.events import (
    FireCoalesced,
    FireSkipped,
    JobChanged,
    JobCreated,
    ResultRefused,
    RunCancelled,
    RunDied,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
    StepFinished,
    StepLogged,
    StepProgressed,
    StepStarted,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.instants import ledger
from waterclock.model.instants.explain import explain
from waterclock.model.timestamps import millis
from waterclock.wire.envelope import Entry

ENDS_RUN = RunSucceeded | RunFailed | RunTimedOut | RunCancelled | RunDied
ENDS_ATTEMPT = ENDS_RUN | RunRetryScheduled | RunLost
OF_STEP = StepStarted | StepLogged | StepProgressed | StepFinished
EVERY = 1_000_000  # instants
COUNTED = {"failed", "timedOut", "crashed"}
"""Outcomes that use up one of `maxAttempts`."""


def chain(entries: Sequence[Entry]) -> Iterator[str]:
    """One partition: each entry names the one before, positions are dense in their epoch, epochs only grow."""
    if entries and (entries[0].prev or entries[0].position.seq != 1):
        yield f"{entries[0].position}: the first entry is not the first of all"
    for one, other in pairwise(entries):
        if other.prev != one.position.entry:
            yield f"{other.position} names {other.prev!r} as the one before, which is {one.position.entry}"
        dense = other.position == one.position._replace(seq=one.position.seq + 1)
        begins = other.position.epoch > one.position.epoch and other.position.seq == 1
        if not dense and not begins:
            yield f"{other.position} follows {one.position}"


def alike(archived: Sequence[Entry], streamed: Sequence[Entry]) -> Iterator[str]:
    """One partition: where archive and stream both have an entry it is the same, and neither ends before the other."""
    there = {entry.position: entry for entry in archived}
    for entry in streamed:
        found = there.get(entry.position)
        if found is None:
            yield f"{entry.position} is not archived"
        elif (found.prev, found.at) != (entry.prev, entry.at) or document(found) != document(entry):
            yield f"{entry.position} is {document(entry)}, archived as {document(found)}"
    if archived and (not streamed or archived[-1].position > streamed[-1].position):
        yield f"the archive goes on to {archived[-1].position}, which the stream does not have"


def runs_end_once(entries: Iterable[Entry]) -> Iterator[str]:
    """Each run is requested once, ends once, and nothing but a refusal comes after its end."""
    requested: Counter[RunId] = Counter()
    ended: dict[RunId, Entry] = {}
    for entry in entries:
        event = entry.event
        run_id: RunId | None = getattr(event, "run_id", None)
        if run_id is None:
            continue
        if isinstance(event, RunRequested):
            requested[run_id] += 1
            if requested[run_id] > 1:
                yield f"{entry.position}: {run_id} is requested again"
        elif run_id not in requested:
            yield f"{entry.position}: {tag(entry)} of {run_id}, which was never requested"
        elif run_id in ended and not isinstance(event, ResultRefused):
            yield f"{entry.position}: {tag(entry)} of {run_id}, which ended at {ended[run_id].position}"
        if isinstance(event, ENDS_RUN):
            ended[run_id] = entry
    for run_id in requested.keys() - ended.keys():
        yield f"{run_id} has not ended"


def attempts_are_told_apart(entries: Iterable[Entry]) -> Iterator[str]:
    """Attempts count from 1, one at a time for a run; fences only grow; only the attempt that is live is written of."""
    fences: dict[int, int] = defaultdict(int)  # by partition
    attempts: Counter[RunId] = Counter()
    live: dict[RunId, int] = {}  # fence
    for entry in entries:
        event, where = entry.event, entry.position
        if isinstance(event, RunStarted):
            attempts[event.run_id] += 1
            if event.attempt != attempts[event.run_id]:
                yield f"{where}: attempt {event.attempt} of {event.run_id} is its {attempts[event.run_id]}. to start"
            if event.fence <= fences[where.partition]:
                yield f"{where}: fence {event.fence} after {fences[where.partition]}"
            if event.run_id in live:
                yield f"{where}: {event.run_id} starts again, and fence {live[event.run_id]} has not ended"
            fences[where.partition] = max(event.fence, fences[where.partition])
            live[event.run_id] = event.fence
        elif isinstance(event, OF_STEP) and live.get(event.run_id) != event.fence:
            yield f"{where}: {tag(entry)} of fence {event.fence}, but {live.get(event.run_id)} is live"
        elif isinstance(event, ENDS_ATTEMPT):
            fence = live.pop(event.run_id, 0)
            if event.fence != fence:
                yield f"{where}: {tag(entry)} of fence {event.fence}, but {fence or 'none'} was live"
    for run_id, fence in live.items():
        yield f"{run_id}: fence {fence} has not ended"


def attempts_are_counted_once(entries: Iterable[Entry]) -> Iterator[str]:
    """A run that failed did so with as many attempts as it was allowed; lost ones do not count.

    Of executors that neither give up nor say themselves when to try again.
    """
    allowed: dict[RunId, int] = {}
    counted: Counter[RunId] = Counter()
    for entry in entries:
        match entry.event:
            case RunRequested() as event:
                allowed[event.run_id] = event.retry.max_attempts
            case RunFailed() | RunRetryScheduled() | RunTimedOut() as event if _is_counted(event):
                counted[event.run_id] += 1
                last = not isinstance(event, RunRetryScheduled)
                if last != (counted[event.run_id] == allowed[event.run_id]):
                    yield (
                        f"{entry.position}: {tag(entry)} of {event.run_id} after {counted[event.run_id]} counted"
                        f" attempts of {allowed[event.run_id]}"
                    )
            case _:
                continue


def serial_jobs_never_overlap(entries: Iterable[Entry]) -> Iterator[str]:
    """Of a job with `concurrent: "1"` no two attempts are live at once."""
    serial: dict[JobId, bool] = {}
    live: dict[JobId, tuple[RunId, int]] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, JobCreated | JobChanged):
            serial[event.job_id] = event.definition.concurrent == "1"
        elif isinstance(event, RunStarted) and event.job_id is not None and serial[event.job_id]:
            if event.job_id in live:
                other, fence = live[event.job_id]
                yield f"{entry.position}: {event.run_id} starts beside {other} (fence {fence}) of the same job"
            live[event.job_id] = (event.run_id, event.fence)
        elif isinstance(event, ENDS_ATTEMPT):  # one that is handed back by its run alone names no job
            for job_id in [job_id for job_id, attempt in live.items() if attempt == (event.run_id, event.fence)]:
                del live[job_id]


def instants_are_decided(entries: Iterable[Entry], *, now_ms: int) -> Iterator[str]:
    """Each instant of each job in the time it was enabled, up to now, has exactly one decision."""
    for job_id, own in _by_job(entries).items():
        verdict = ledger.verify(own, from_ms=0, to_ms=now_ms, now_ms=now_ms)
        for kind in ("holes", "doubles", "strays"):
            for breach in getattr(verdict, kind):
                yield f"{job_id}: {kind}: {breach.after} … {breach.through}: {breach.text} ({breach.position})"
        if verdict.pending:
            yield f"{job_id}: {verdict.pending} instants from {verdict.oldest_pending} on are not decided"


def told_as_decided(entries: Iterable[Entry], *, now_ms: int) -> Iterator[str]:
    """What `explain` says of all instants of a job adds up to what the ledger says of them."""
    for job_id, own in _by_job(entries).items():
        began = own[0].at
        verdict = ledger.verify(own, from_ms=began, to_ms=now_ms, now_ms=now_ms)
        told = Counter(item.fate for item in explain(own, from_ms=began, to_ms=now_ms, now_ms=now_ms, limit=EVERY))
        for fate in ("fired", "skipped", "coalesced", "pending"):
            if told[fate] != (counted := getattr(verdict, fate)):
                yield f"{job_id}: {told[fate]} instants are explained as {fate}, the ledger counts {counted}"


def lateness(entries: Iterable[Entry], away: list[Span]) -> dict[str, int]:
    """One partition: of each decision how late its oldest instant was, ms, less the time when it could not be made."""
    found: dict[str, int] = {}
    for entry in entries:
        match entry.event:
            case RunRequested(nominal_at=str(first)) | FireSkipped(first=first) | FireCoalesced(first=first):
                due = millis(first)
                found[f"{entry.position} {tag(entry)} {first}"] = entry.at - due - within(away, due, entry.at)
            case _:
                continue
    return found


def answers_are_kept(
    entries: Iterable[Entry], answered: Mapping[str, str], unsure: Iterable[str] = ()
) -> Iterator[str]:
    """Each trigger that was answered has one run, the one it was answered with; one left unanswered has at most one.

    Triggers are told by the `reason` they gave, each its own.
    """
    runs: dict[str, list[RunId]] = defaultdict(list)
    for entry in entries:
        if isinstance(entry.event, RunRequested) and entry.event.trigger == "manual":
            runs[entry.event.reason or ""].append(entry.event.run_id)
    for key, run_id in answered.items():
        if runs[key] != [run_id]:
            yield f"trigger {key} was answered with {run_id}, and requested {runs[key] or 'nothing'}"
    for key in runs.keys() - answered.keys():
        if key not in unsure or len(runs[key]) > 1:
            yield f"trigger {key} was not answered, and requested {runs[key]}"


def lines_are_whole(entries: Iterable[Entry]) -> Iterator[str]:
    """What `demo.steps` says of each step is stored once and in order: line 1 of n, line 2 of n, and so on."""
    targets: dict[RunId, str] = {}
    said: Counter[tuple[RunId, int, int]] = Counter()  # run, fence, step
    for entry in entries:
        match entry.event:
            case RunRequested() as event:
                targets[event.run_id] = event.invoke_target
            case StepLogged(number=int(number)) as event if targets.get(event.run_id) == "demo.steps":
                place = (event.run_id, event.fence, number)
                for line in event.lines:
                    said[place] += 1
                    if not line.text.startswith(f"line {said[place]} of "):
                        yield f"{entry.position}: {line.text!r} of {event.run_id} is its {said[place]}. line"
            case _:
                continue


def heard_once(heard: Sequence[Mapping[str, object]], stored: Sequence[Entry]) -> Iterator[str]:
    """A stream gave every stored event, once, in order, as it is stored; what it is not about it may call null."""
    places = {str(entry.position): place for place, entry in enumerate(stored)}
    names = [str(one["id"]) for one in heard]
    yield from (f"{name} was heard {count} times" for name, count in Counter(names).items() if count > 1)
    yield from (f"{name} was not heard" for name in places.keys() - set(names))
    known = [name for name in names if name in places]
    for one, other in pairwise(known):
        if places[one] > places[other]:
            yield f"{other} was heard after {one}"
    for one, name in zip(heard, names, strict=True):
        if name not in places:
            yield f"{name} was heard, and is not of this stream"
        elif one != (expected := document(stored[places[name]])) and _said(one, expected) != expected:
            yield f"{name} was heard as {one}, and is {expected}"


def _said(heard: Mapping[str, object], stored: Mapping[str, object]) -> dict[str, object]:
    """Without the names that every event of a stream has, where the stored one has them not."""
    empty = {name for name in ("runId", "jobId", "attempt") if name not in stored and not heard.get(name)}
    return {name: value for name, value in heard.items() if name not in empty}


def through_end(entries: Iterable[Entry]) -> list[Entry]:
    """A run's entries up to its end, where its stream ends too: a refusal may follow."""
    found: list[Entry] = []
    for entry in entries:
        found.append(entry)
        if isinstance(entry.event, ENDS_RUN):
            break
    return found


def document(entry: Entry) -> dict[str, object]:
    return msgspec.json.decode(entry.document, type=dict[str, object])


def _by_job(entries: Iterable[Entry]) -> dict[JobId, list[Entry]]:
    jobs: dict[JobId, list[Entry]] = defaultdict(list)
    for entry in entries:
        job_id: JobId | None = getattr(entry.event, "job_id", None)
        if job_id is not None:
            jobs[job_id].append(entry)
    return jobs


def _is_counted(event: RunFailed | RunRetryScheduled | RunTimedOut) -> bool:
    return isinstance(event, RunTimedOut) or event.outcome in COUNTED


def tag(entry: Entry) -> str:
    return str(document(entry)["type"])

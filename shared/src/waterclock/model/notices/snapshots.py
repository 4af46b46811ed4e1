"""Where the judge begins: with the jobs and unfinished runs of a moment, read at one position of each partition."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from waterclock.model.ids import partition_of
from waterclock.model.notices.deadlines import begin_silence
from waterclock.model.notices.draft import Draft, Judged
from waterclock.model.notices.facts import (
    AnyFact,
    Binding,
    CatchUp,
    OpenRun,
    Place,
    Silence,
    Trouble,
    WatchedJob,
    bound,
    silence_key,
    trouble_key,
)
from waterclock.model.notices.inputs import JobNow, RunNow, Snapshot
from waterclock.model.notices.kinds import CLOSED_BY_ANSWER
from waterclock.model.notices.known import Facts
from waterclock.model.notices.of_runs import attempting, expecting
from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.positions import Position
from waterclock.model.timestamps import millis


def begin(book: RuleBook, snapshot: Snapshot) -> Judged:
    """What is known of a present before which nothing was judged. No notice follows."""
    draft = Draft(book, Facts())
    take_anew(draft, snapshot)
    return draft.judged()


def take_anew(draft: Draft, snapshot: Snapshot) -> None:
    """Go on from a snapshot, without a word.

    What a job has to succeed for stays open, and what was told of a run is not told again. Other breaks are over: what
    they waited for may have happened unseen.
    """
    homes = {position.partition for position in snapshot.positions}
    old = {fact.key: fact for fact in draft.all() if home(fact, snapshot.partitions) in homes}
    for key in old:
        draft.drop(key)
    judged: dict[int, Position] = {}
    for position in snapshot.positions:
        place = draft.place(position.partition)
        if place is not None:
            judged[position.partition] = place.position
        draft.put(Place(position=position) if place is None else replace(place, position=position))
    jobs = {one.job_id: one for one in snapshot.jobs}
    for one in snapshot.jobs:
        _take_job(draft, one, judged.get(partition_of(one.job_id, snapshot.partitions)), old)
    for run in snapshot.runs:
        _take_run(draft, run, None if run.job_id is None else jobs.get(run.job_id), old)


def home(fact: AnyFact, partitions: int) -> int | None:
    """The partition in which its job lives now, or its run has none, whichever it was requested in."""
    owner = fact.job_id or fact.run_id
    return None if owner is None else partition_of(owner, partitions)


def _take_job(draft: Draft, one: JobNow, judged: Position | None, old: Mapping[str, AnyFact]) -> None:
    """`judged`: how far its partition was judged before. A job that was disabled since has nothing open."""
    job = WatchedJob(
        id=one.job_id,
        binding=bound(one.job_id, one.definition, one.defined),
        version=one.version,
        enabled=one.definition.enabled,
        changed=one.changed,
    )
    draft.put(job)
    begin_silence(draft, job, one.quiet_since)
    silence, before = draft.silence(job.id), old.get(silence_key(job.id))
    if silence is not None and isinstance(before, Silence) and before.until == silence.until:
        draft.put(before)
    trouble = old.get(trouble_key(job.id))
    if not isinstance(trouble, Trouble) or (one.barred is not None and (judged is None or one.barred > judged)):
        return
    kept = tuple(known for known in trouble.breaks if known.kind not in CLOSED_BY_ANSWER)
    draft.put_trouble(replace(trouble, scheduled=0, breaks=kept))


def _take_run(draft: Draft, one: RunNow, job: JobNow | None, old: Mapping[str, AnyFact]) -> None:
    run = OpenRun(
        id=one.run_id,
        binding=_binding(one),
        trigger=one.trigger,
        requested=one.requested,
        nominal=None if one.nominal_at is None else millis(one.nominal_at),
        started=one.started,
        attempt=one.attempt,
    )
    known = old.get(run.key)
    if isinstance(known, OpenRun):
        run = replace(run, binding=known.binding)
    if job is not None and not _barred(one, job):
        run = expecting(draft, run, one.requested_at)
        if one.attempt_at is not None:
            run = attempting(run, one.attempt_at)
        run = _as_told(draft, run, known if isinstance(known, OpenRun) else None, old)
    draft.put(run)


def _as_told(draft: Draft, run: OpenRun, known: OpenRun | None, old: Mapping[str, AnyFact]) -> OpenRun:
    """Without the deadlines that were answered, or that were judged before."""
    subject = None if run.catchup is None or run.job_id is None else draft.catchup(run.job_id, run.catchup)
    if subject is not None:
        before = old.get(subject.key)
        marks = before.broken if isinstance(before, CatchUp) else ()
        draft.put(replace(subject, starts=subject.starts - run.started, broken=marks))
    if run.started or (known is not None and known.start_due is None):
        run = replace(run, start_due=None)
    if known is not None and known.finish_due is None:
        run = replace(run, finish_due=None)
    if known is not None and known.attempt == run.attempt and known.attempt_due is None:
        run = replace(run, attempt_due=None)
    return run


def _barred(run: RunNow, job: JobNow) -> bool:
    """Whether the job was disabled since: what the run was to do is closed."""
    return job.barred is not None and run.requested[1:] < job.barred[1:]


def _binding(one: RunNow) -> Binding:
    if one.job_id is not None and one.definition is not None and one.defined is not None:
        return bound(one.job_id, one.definition, one.defined)
    return Binding(job_id=one.job_id, queue=one.queue, labels=one.labels)

"""What is to be known of a job or of a run, though nothing in it is wrong.

A source looks at what a run would be given, and yields notes. Every one of `SOURCES` is asked when a job is read or
written and when a run is requested. What shows only while a write is checked goes into the list that checks are given.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

import msgspec

from waterclock.log.commands.jobs import StoredJob
from waterclock.model.definition import DEFAULT_TIMEOUT, Definition
from waterclock.model.errors import pointer_to
from waterclock.model.events import ExecutorSpec
from waterclock.model.retry import RetryPolicy
from waterclock_api.http.flaw_limits import cut
from waterclock_api.schemas.responses import InForce, Job, Note
from waterclock_api.validation.announced_places import Announced, Target, refused, restoring, told
from waterclock_api.validation.check_budget import CheckBudget
from waterclock_api.validation.executors import Registry
from waterclock_api.validation.parameters import left_to_worker, prepared
from waterclock_api.validation.values import AT_ONCE, stored_flaws

KEPT = 10_000  # jobs
MOST = 20  # notes of a job or a run
LONGEST = 500  # characters of a message, and of a pointer


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would execute, with what. `at`: the member that holds the parameters, `invokeParams` or `params`.

    `spec` is None where no worker has announced the executor, or nobody knows.
    """

    target: str
    params: Mapping[str, Any]
    at: str
    queue: str
    spec: ExecutorSpec | None
    announced: Sequence[Announced] = ()


Source = Callable[[Subject], Iterable[Note]]


def of_places(subject: Subject) -> Iterator[Note]:
    """What workers would stop a run for, and what they let go on only because the job is stored."""
    target = Target(name=subject.target, spec=subject.spec, queue=subject.queue)
    for flaw, stops in told(subject.announced, target, subject.params):
        said = "a run would be refused for it" if stops else "goes on as it is stored"
        yield Note(pointer=pointer_to(subject.at) + flaw.pointer, message=f"{said}: {flaw.message}")
    if (flaw := restoring(subject.announced, target, subject.params)) is not None:
        yield Note(pointer=pointer_to(subject.at) + flaw.pointer, message=flaw.message)


def left_to_workers(subject: Subject) -> Iterator[Note]:
    """What of the parameters only a worker can check."""
    if subject.spec is None:
        return
    schema = prepared(subject.spec)
    if schema.validator is None:
        said = "cannot be read by the API, or is too large: the worker checks the parameters at each run"
        yield Note(pointer=pointer_to(subject.at), message=f"the schema of {subject.spec.key} {said}")
        return
    for path in left_to_worker(schema, subject.params):
        said = f"{subject.spec.key} has a rule for it that the API cannot check: the worker checks it at each run"
        yield Note(pointer=pointer_to(subject.at, *path), message=said)


_SKIPS = (
    Note(
        pointer=None,
        message=(
            "scheduled times of the job that come due before this run has ended are skipped, because its runs may "
            "not overlap and its overlapPolicy is skip; with buffer_one, one of them runs afterwards"
        ),
    ),
)


def of_overlap(definition: Definition) -> tuple[Note, ...]:
    """What a run by hand does to those of the schedule."""
    due = definition.cron_expression is not None and definition.enabled
    return _SKIPS if due and definition.overlap == "skip" else ()


def of_checks(subject: Subject) -> Iterator[Note]:
    """What the check of an executor that comes with the worker finds in what was written before there was one."""
    check = None if subject.spec is None else prepared(subject.spec).check
    if check is None:
        return
    stops = set(check(subject.params, stored=True))
    for flaw in check(subject.params):
        said = "a run with it fails" if flaw in stops else "goes on as it is stored"
        yield Note(pointer=pointer_to(subject.at) + flaw.pointer, message=f"{said}: {flaw.message}")


def of_workers(subject: Subject) -> Iterator[Note]:
    """What workers found when they joined, by checks of executors that only they have."""
    target = Target(name=subject.target, spec=subject.spec, queue=subject.queue)
    for said in refused(subject.announced, target, subject.params):
        yield Note(pointer=pointer_to(subject.at), message=f"a run with it fails: {said}")


SOURCES: tuple[Source, ...] = (left_to_workers, of_places, of_checks, of_workers)


def notes_of(registry: Registry, target: str, params: Mapping[str, Any], *, queue: str, at: str) -> tuple[Note, ...]:
    """The notes of all sources. It waits for nothing, so that a trigger can afford it."""
    if not SOURCES:
        return ()
    subject = Subject(
        target=target,
        params=params,
        at=at,
        queue=queue,
        spec=registry.kept(target),
        announced=registry.announced,
    )
    return bounded(note for source in SOURCES for note in source(subject))


def notes_of_definition(registry: Registry, definition: Definition) -> tuple[Note, ...]:
    return notes_of(
        registry, definition.invoke_target, definition.invoke_params, queue=definition.queue, at="invokeParams"
    )


def of_unfit(flaws: Iterable[Mapping[str, str]]) -> tuple[Note, ...]:
    """What was found of a stored job when workers announced another schema, as `unfit_jobs.py` wrote it."""
    return bounded(_failing(one["pointer"], one["message"]) for one in flaws)


class JobNotes:
    """The notes of jobs as they were last found: the same until a job, or what workers announced, is another.

    They are for a run that is asked for, so the parameters are looked at here: what was found in the read models is not
    waited for.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._found: OrderedDict[str, _Found] = OrderedDict()

    def of(self, stored: StoredJob) -> tuple[Note, ...]:
        spec, announced = self._registry.kept(stored.definition.invoke_target), self._registry.announced
        found = self._found.get(stored.job_id)
        if (
            found is not None
            and found.version == stored.version
            and found.spec is spec
            and found.announced is announced
        ):
            return found.notes
        unfit = () if spec is None else _of_schema(spec, stored.definition)
        notes = bounded((*unfit, *notes_of_definition(self._registry, stored.definition)))
        self._found[stored.job_id] = _Found(stored.version, spec, announced, notes)
        self._found.move_to_end(stored.job_id)
        if len(self._found) > KEPT:
            self._found.popitem(last=False)
        return notes


class _Found(NamedTuple):
    version: int
    spec: ExecutorSpec | None
    announced: Sequence[Announced]
    notes: tuple[Note, ...]


def _of_schema(spec: ExecutorSpec, definition: Definition) -> tuple[Note, ...]:
    flaws = stored_flaws(spec, definition.invoke_params, CheckBudget(AT_ONCE), at="invokeParams")
    return tuple(_failing(flaw.pointer, flaw.message) for flaw in flaws[:MOST])


def _failing(pointer: str, message: str) -> Note:
    return Note(pointer=pointer, message=f"a run with it fails: {message}")


def completed(registry: Registry, job: Job, checked: Iterable[Note] = ()) -> Job:
    """The job with what follows from what workers announced: its notes, beside those that it has, and what is in force.

    `checked` are notes that showed while it was written.
    """
    notes = bounded((*checked, *job.notes, *notes_of_definition(registry, job)))
    return msgspec.structs.replace(job, notes=notes, in_force=in_force(job, registry.kept(job.invoke_target)))


def in_force(definition: Definition, spec: ExecutorSpec | None) -> InForce:
    """The timeout and retries of the job's next run; `spec` None: no worker has announced its executor."""
    timeout, whose = _timeout(definition, spec)
    usual = definition.retry == RetryPolicy()
    return InForce(
        timeout=timeout, timeout_from=whose, retry=definition.retry, retry_from="default" if usual else "job"
    )


def _timeout(
    definition: Definition, spec: ExecutorSpec | None
) -> tuple[float | None, Literal["job", "executor", "default"] | None]:
    """As a worker finds it (`execution/attempt.py`), and who says it."""
    if definition.timeout is not None:
        return definition.timeout, "job"
    if spec is None:
        return None, None
    return (DEFAULT_TIMEOUT, "default") if spec.timeout is None else (spec.timeout, "executor")


def bounded(notes: Iterable[Note]) -> tuple[Note, ...]:
    """The same notes, each once, of bounded number and length."""
    return tuple(dict.fromkeys(_cut(note) for note in islice(notes, MOST)))


def _cut(note: Note) -> Note:
    if len(note.message) <= LONGEST and len(note.pointer or "") <= LONGEST:
        return note
    pointer = None if note.pointer is None else cut(note.pointer, LONGEST)
    return Note(pointer=pointer, message=cut(note.message, LONGEST))

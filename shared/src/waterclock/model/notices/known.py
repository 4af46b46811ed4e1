"""Facts at hand: all of them, or those that a batch touches; and which those are.

A store keeps a fact as a row under `key`, with the columns `job_id`, `run_id` and `due`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from waterclock.model.events import JobChanged, JobDeleted, JobDisabled, StoredEvent
from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.facts import AnyFact, Changes, OpenRun
from waterclock.model.notices.inputs import Hole, Input, Passed, Reading, Seen, Unread

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyFact] = msgspec.json.Decoder(AnyFact)


def encode(fact: AnyFact) -> bytes:
    return _encoder.encode(fact)


def decode(stored: bytes) -> AnyFact:
    return _decoder.decode(stored)


class Facts:
    """Facts at hand: all, or those that a batch touches."""

    __slots__ = ("_dues", "_facts", "_runs")

    def __init__(self, facts: Iterable[AnyFact] = ()) -> None:
        self._facts: dict[str, AnyFact] = {}
        self._dues: dict[str, int] = {}
        self._runs: dict[JobId, set[str]] = {}
        self.apply({fact.key: fact for fact in facts})

    def __iter__(self) -> Iterator[AnyFact]:
        return iter(self._facts.values())

    def get(self, key: str) -> AnyFact | None:
        return self._facts.get(key)

    def runs_of(self, job_id: JobId) -> Iterable[str]:
        """Keys of the job's unfinished runs."""
        return self._runs.get(job_id, ())

    def due_by(self, clock: int) -> list[str]:
        """Keys of what a clock that is there may say something about."""
        return [key for key, due in self._dues.items() if due <= clock]

    def apply(self, changes: Changes) -> None:
        for key, fact in changes.items():
            old = self._facts.pop(key, None) if fact is None else self._facts.get(key)
            if isinstance(old, OpenRun) and fact is None and old.job_id is not None:
                runs = self._runs[old.job_id]
                runs.discard(key)
                if not runs:
                    del self._runs[old.job_id]
            due = None if fact is None else fact.due
            if due is None:
                self._dues.pop(key, None)
            else:
                self._dues[key] = due
            if fact is not None:
                self._facts[key] = fact
                if isinstance(fact, OpenRun) and fact.job_id is not None:
                    self._runs.setdefault(fact.job_id, set()).add(key)


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """Which facts a batch may look at. A store loads these, then of each job of what it found the facts of no run."""

    jobs: frozenset[JobId]  # of these jobs the facts of no run
    runs: frozenset[RunId]  # of these runs all facts
    whole: frozenset[JobId]  # of these jobs all facts
    places: frozenset[int]  # of these partitions the place
    homes: frozenset[int]  # of the jobs and runs that live in these partitions all facts
    due: int | None  # all facts that are due by then


def touched(given: Iterable[Input]) -> Touched:
    jobs: set[JobId] = set()
    runs: set[RunId] = set()
    whole: set[JobId] = set()
    places: set[int] = set()
    homes: set[int] = set()
    due: int | None = None
    for one in given:
        match one:
            case Seen(position=position, event=event):
                places.add(position.partition)
                job_id: JobId | None = getattr(event, "job_id", None)
                run_id: RunId | None = getattr(event, "run_id", None)
                if job_id is not None:
                    (whole if _closes(event) else jobs).add(job_id)
                if run_id is not None:
                    runs.add(run_id)
            case Unread():
                places.add(one.position.partition)
                jobs.update(() if one.job_id is None else (one.job_id,))
                runs.update(() if one.run_id is None else (one.run_id,))
            case Passed(position=position):
                places.add(position.partition)
            case Reading(last=last, clock=clock):
                places.add(last.partition)
                due = clock if due is None else max(due, clock)
            case Hole(through=through):
                places.add(through.partition)
                homes.add(through.partition)
    return Touched(
        jobs=frozenset(jobs),
        runs=frozenset(runs),
        whole=frozenset(whole),
        places=frozenset(places),
        homes=frozenset(homes),
        due=due,
    )


def _closes(event: StoredEvent) -> bool:
    """Whether it closes all that is open of its job."""
    if isinstance(event, JobChanged):
        return not event.definition.enabled
    return isinstance(event, JobDisabled | JobDeleted)

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest

from waterclock.log.commands.jobs import StoredJob
from waterclock.model.definition import Definition
from waterclock.model.errors import Flaw
from waterclock.model.events import ExecutorSpec
from waterclock.model.ids import JobId
from waterclock.model.places import Reach
from waterclock.model.stored_parameters import UnfitParams, params_digest
from waterclock.model.timestamps import stamp
from waterclock_api.schemas.responses import Note
from waterclock_api.validation import notes
from waterclock_api.validation.announced_places import Announced
from waterclock_api.validation.executors import Registry
from waterclock_api.validation.notes import (
    LONGEST,
    MOST,
    JobNotes,
    Subject,
    bounded,
    left_to_workers,
    notes_of_definition,
    of_overlap,
    of_workers,
)
from waterclock_api.validation.values import check_params

SPEC = ExecutorSpec(key="reports.build", description="", params_schema={"type": "object"})


class OfOne:
    """A registry that knows one executor."""

    def kept(self, name: str) -> ExecutorSpec | None:
        return SPEC if name == SPEC.key else None

    @property
    def announced(self) -> tuple[Announced, ...]:
        return ()


REGISTRY = cast("Registry", OfOne())


def told(target: str, params: dict[str, Any]) -> tuple[Note, ...]:
    return notes_of_definition(REGISTRY, Definition(job_name="a", invoke_target=target, invoke_params=params))


@pytest.mark.parametrize(
    ("fields", "skips"),
    [
        ({}, False),
        ({"cron_expression": "0 2 * * *"}, True),
        ({"cron_expression": "0 2 * * *", "status": "1"}, False),
        ({"cron_expression": "0 2 * * *", "concurrent": "0"}, False),
        ({"cron_expression": "0 2 * * *", "overlap_policy": "skip", "misfire_policy": "1"}, True),
        ({"cron_expression": "0 2 * * *", "overlap_policy": "buffer_one"}, False),
        ({"cron_expression": "0 2 * * *", "overlap_policy": "cancel_other"}, False),
        ({"cron_expression": "0 2 * * *", "misfire_policy": "2"}, False),
    ],
)
def test_a_run_by_hand_that_has_instants_left_out_is_told_so(fields: dict[str, Any], skips: bool) -> None:
    found = of_overlap(Definition(job_name="a", invoke_target="t", **fields))
    assert [(note.pointer, "overlapPolicy is skip; with buffer_one" in note.message) for note in found] == (
        [(None, True)] if skips else []
    )


def test_every_source_is_asked_of_what_a_run_would_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(subject: Subject) -> Iterator[Note]:
        for name in subject.params:
            yield Note(pointer=f"/{subject.at}/{name}", message="looked at")

    def second(subject: Subject) -> Iterator[Note]:
        if subject.spec is None:
            yield Note(pointer=None, message=f"nobody announced {subject.target}")

    monkeypatch.setattr(notes, "SOURCES", (first, second))
    assert told(SPEC.key, {"day": 1}) == (Note(pointer="/invokeParams/day", message="looked at"),)
    assert told("other", {}) == (Note(pointer=None, message="nobody announced other"),)


def test_notes_are_told_once_and_are_bounded_in_number_and_length() -> None:
    long = Note(pointer=None, message="x" * 5_000)
    assert bounded([long, long]) == (Note(pointer=None, message="x" * (LONGEST - 1) + "…"),)
    (far,) = bounded([Note(pointer="/x" * 5_000, message="")])
    assert len(far.pointer or "") == LONGEST
    assert len(bounded(Note(pointer=f"/{place}", message="") for place in range(10_000))) == MOST


async def test_a_schema_that_cannot_be_read_is_a_note_and_no_flaw() -> None:
    spec = msgspec.structs.replace(SPEC, params_schema={"type": 5})
    flaws: list[Flaw] = []
    found: list[Note] = []
    await check_params(spec, {"day": 1}, flaws, found, at="params", beside=asyncio.to_thread)
    assert (flaws, found) == ([], [])
    (note,) = left_to_workers(Subject(target=spec.key, params={"day": 1}, at="params", spec=spec, queue="default"))
    assert note.pointer == "/params"
    assert "reports.build" in note.message


def stored_job(job_id: str, target: str) -> StoredJob:
    definition = Definition(job_name=job_id, invoke_target=target)
    return StoredJob(job_id=JobId(job_id), version=1, definition=definition, created_at=stamp(0), updated_at=stamp(0))


class Reread(OfOne):
    """A registry that knows, after another reading, another."""

    def __init__(self) -> None:
        self.spec: ExecutorSpec | None = SPEC
        self.workers: tuple[Announced, ...] = ()

    def kept(self, name: str) -> ExecutorSpec | None:
        return self.spec if name == SPEC.key else None

    @property
    def announced(self) -> tuple[Announced, ...]:
        return self.workers


def test_the_notes_of_a_job_are_found_anew_when_it_or_its_executor_or_the_workers_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[str] = []

    def count(subject: Subject) -> Iterator[Note]:
        looked.append(subject.target)
        yield Note(pointer=None, message=f"{len(looked)}")

    monkeypatch.setattr(notes, "SOURCES", (count,))
    registry = Reread()
    kept = JobNotes(cast("Registry", registry))
    job = stored_job("j", SPEC.key)

    assert [note.message for _ in range(3) for note in kept.of(job)] == ["1", "1", "1"]
    job = msgspec.structs.replace(job, version=2)
    assert [note.message for note in kept.of(job)] == ["2"]
    registry.spec = None
    assert [note.message for note in kept.of(job)] == ["3"]
    registry.workers = (Announced(queues=frozenset(), executors=frozenset(), reach=None),)
    assert [note.message for _ in range(2) for note in kept.of(job)] == ["4", "4"]


def test_the_notes_of_so_many_jobs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def count(subject: Subject) -> Iterator[Note]:
        looked.append(subject.target)
        return iter(())

    monkeypatch.setattr(notes, "SOURCES", (count,))
    monkeypatch.setattr(notes, "KEPT", 2)
    kept = JobNotes(REGISTRY)
    for name in ("first", "second", "third", "third", "second", "first"):
        kept.of(stored_job(name, name))
    assert looked == ["first", "second", "third", "first"]


def test_what_workers_found_when_they_joined_is_told_of_whatever_has_these_parameters() -> None:
    wrong = {"text": "ho", "times": 2}
    unfit = UnfitParams(executor=SPEC.key, params=params_digest(wrong), message="text: ho is taken")
    here = Announced(
        queues=frozenset({"default"}), executors=frozenset({SPEC.key}), reach=Reach(places=(), unfit=(unfit,))
    )
    gone = msgspec.structs.replace(here, is_here=False)
    other = msgspec.structs.replace(here, reach=Reach(places=()))

    def told(params: dict[str, Any], *announced: Announced, target: str = SPEC.key) -> list[Note]:
        asked = Subject(target=target, params=params, at="params", queue="default", spec=SPEC, announced=announced)
        return list(of_workers(asked))

    (note,) = told({"times": 2, "text": "ho"}, here, other)
    assert note == Note(pointer="/params", message="a run with it fails: text: ho is taken")
    assert told(wrong, gone) == [note]
    assert not told(wrong, gone, other)
    assert not told({"text": "ho"}, here)
    assert not told(wrong)

"""What is due next, and for whom."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from waterclock.log.commands.jobs import StoredJob
from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.definition import Definition
from waterclock.model.ids import JobId
from waterclock.model.instants.timetable import schedule_of
from waterclock.model.promise import Promise
from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import stamp
from waterclock_scheduler.agenda import Agenda, Due

T = 1_795_000_020_000  # a whole minute
MINUTE = 60_000


def job(name: str, *, mark: int = T, cron: str | None = "* * * * *", **more: Any) -> StoredJob:
    fields: dict[str, Any] = {"job_name": name, "invoke_target": "demo.noop", "cron_expression": cron} | more
    return StoredJob(
        job_id=JobId(name),
        version=1,
        definition=Definition(**fields),
        created_at=stamp(mark),
        updated_at=stamp(mark),
        mark=mark,
    )


def agenda_of(*jobs: StoredJob) -> Agenda:
    agenda = Agenda()
    for one in jobs:
        agenda.put(one)
    return agenda


def names(dues: list[Due]) -> list[set[str]]:
    return [{planned.job_id for planned in due.jobs} for due in dues]


def decide(agenda: Agenda, dues: list[Due], through: int) -> None:
    for due in dues:
        for planned in due.jobs:
            agenda.decided(planned, through)


def test_nothing_is_due_before_its_instant() -> None:
    agenda = agenda_of(job("a"))

    assert agenda.next_at() == T + MINUTE
    assert agenda.due(T + MINUTE - 1) == []


def test_jobs_of_one_schedule_and_mark_are_due_together() -> None:
    agenda = agenda_of(job("a"), job("b"), job("c", cron="*/5 * * * *"))

    assert names(agenda.due(T + MINUTE)) == [{"a", "b"}]


def test_jobs_whose_marks_differ_between_two_instants_are_due_together() -> None:
    agenda = agenda_of(*(job(f"j{back}", mark=T - back * 1000) for back in (0, 30, 59, 7)))

    (due,) = agenda.due(T + MINUTE - 1)
    assert {planned.job_id for planned in due.jobs} == {"j30", "j59", "j7"}
    assert due.schedule.between(due.floor, T) == [T]


@pytest.mark.parametrize("promise", [UNSET, Promise(start_within=300, finish_by="06:30")])
def test_a_definition_comes_back_as_it_was(promise: Promise | UnsetType) -> None:
    more: dict[str, Any] = {
        "invoke_params": {"a": [1, None, {"b": "ü"}]},
        "misfire_policy": "1",
        "misfire_threshold": 1.5,
        "retry": RetryPolicy(max_attempts=7, backoff="fixed"),
        "labels": {"team": "tide"},
        "start_at": stamp(T),
        "timeout": 0.0,
        "promise": promise,
    }
    stored = job("a", **more)

    ((planned,),) = [due.jobs for due in agenda_of(stored).due(T + MINUTE)]

    assert msgspec.structs.asdict(planned.job().definition) == msgspec.structs.asdict(stored.definition)


def test_what_was_decided_is_due_again_at_its_next_instant() -> None:
    agenda = agenda_of(job("a"))

    decide(agenda, agenda.due(T + MINUTE), T + MINUTE + 3)

    assert agenda.due(T + MINUTE + 3) == []
    assert agenda.next_at() == T + 2 * MINUTE


def test_what_was_not_decided_stays_due() -> None:
    agenda = agenda_of(job("a"), job("b"))
    (due,) = agenda.due(T + MINUTE)

    agenda.decided(due.jobs[0], T + MINUTE)

    assert names(agenda.due(T + MINUTE)) == [{due.jobs[1].job_id}]


def test_jobs_decided_through_different_moments_owe_different_instants() -> None:
    agenda = agenda_of(job("new"), job("old", mark=T - 5 * MINUTE))

    (due,) = agenda.due(T)
    assert names([due]) == [{"old"}]
    assert due.schedule.between(due.floor, T) == [T - minute * MINUTE for minute in (4, 3, 2, 1, 0)]

    decide(agenda, [due], T)
    assert agenda.due(T) == []
    assert agenda.next_at() == T + MINUTE


def test_a_job_reloaded_in_the_midst_of_its_decision_is_not_moved_by_it() -> None:
    agenda = agenda_of(job("a"))
    (due,) = agenda.due(T + MINUTE)

    agenda.put(msgspec.structs.replace(job("a"), version=2, mark=T + 10 * MINUTE))
    agenda.decided(due.jobs[0], T + MINUTE)

    assert agenda.due(T + MINUTE) == []
    assert agenda.next_at() == T + 11 * MINUTE


@pytest.mark.parametrize("fields", [{"status": "1"}, {"cron": None}])
def test_a_job_without_instants_is_not_on_the_agenda(fields: dict[str, Any]) -> None:
    agenda = agenda_of(job("a"))

    agenda.put(job("a", **fields))

    assert agenda.next_at() is None
    assert len(agenda) == 0


def test_a_dropped_job_is_due_no_more() -> None:
    agenda = agenda_of(job("a"), job("b"))
    agenda.drop("a")
    agenda.drop("unknown")

    assert names(agenda.due(T + MINUTE)) == [{"b"}]


def test_a_job_begins_at_start_at_and_ends_with_end_at() -> None:
    agenda = agenda_of(job("a", start_at=stamp(T + 3 * MINUTE), end_at=stamp(T + 4 * MINUTE)))

    assert agenda.next_at() == T + 3 * MINUTE
    for minute in (3, 4):
        due = agenda.due(T + minute * MINUTE)
        assert names(due) == [{"a"}]
        decide(agenda, due, T + minute * MINUTE)
    assert agenda.due(T + 5 * MINUTE) == []
    assert len(agenda) == 0


def test_a_job_that_ended_before_its_mark_is_never_due() -> None:
    agenda = agenda_of(job("a", end_at=stamp(T - MINUTE)), job("b"))

    assert names(agenda.due(T + MINUTE)) == [{"b"}]


def test_a_schedule_that_cannot_be_read_takes_only_its_job_off() -> None:
    agenda = agenda_of(job("a"), job("b"))

    with pytest.raises(BadSchedule):
        agenda.put(job("a", cron="61 * * * *"))

    assert names(agenda.due(T + MINUTE)) == [{"b"}]


@given(
    jobs=st.lists(
        st.tuples(st.sampled_from(["* * * * *", "*/5 * * * *", "*/7 * * * * *", "H * * * *"]), st.integers(0, 3_600)),
        min_size=1,
        max_size=12,
    ),
    steps=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 11)), max_size=12),
)
def test_walking_finds_every_instant_of_every_job_once(
    jobs: list[tuple[str, int]], steps: list[tuple[int, int]]
) -> None:
    made = [job(f"j{place}", cron=cron, mark=T - back * 1000) for place, (cron, back) in enumerate(jobs)]
    agenda = agenda_of(*made)
    marks = {one.job_id: one.mark for one in made}
    now = T

    for step_s, again in steps:
        now += step_s * 1000
        touched = made[again % len(made)]
        agenda.put(msgspec.structs.replace(touched, mark=marks[touched.job_id]))
        while dues := agenda.due(now):
            for due in dues:
                instants = due.schedule.between(due.floor, now)
                assert instants
                for planned in due.jobs:
                    assert planned.mark == marks[planned.job_id]
                    assert planned.schedule.between(planned.mark, now) == instants
                    marks[planned.job_id] = now
            decide(agenda, dues, now)

        for one in made:
            schedule = schedule_of(one.job_id, one.definition)
            assert schedule is not None
            assert schedule.between(marks[one.job_id], now) == []

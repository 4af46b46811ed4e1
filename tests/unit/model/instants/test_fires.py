"""What a settlement says in the log."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterclock.model.cron.schedule import TZDATA_VERSION
from waterclock.model.definition import Definition, MisfirePolicy, OverlapPolicy
from waterclock.model.events import FireCoalesced, FireSkipped, RunRequested
from waterclock.model.ids import JobId, RunId, due_run
from waterclock.model.instants.fires import Owed, jitter_ms, owed
from waterclock.model.instants.misfire import (
    Coalesce,
    Fire,
    Settlement,
    Skip,
    digest,
    policy_of,
    settle,
)
from waterclock.model.instants.timetable import schedule_of
from waterclock.model.job import Job
from waterclock.model.timestamps import stamp

JOB = JobId("j0b")
T = 1_795_000_000_000  # a whole second
MARK, NOW = T - 1_500, T + 4

FIRE = Fire(instant=T, trigger="schedule", ready_at=T)
SKIP = Skip(first=T - 9_000, last=T - 5_000, count=5, reason="misfire", digest="d1")
FOLD = Coalesce(first=T - 4_000, last=T - 1_000, count=4, into=T, digest="d2")
RUN = Fire(instant=T, trigger="catchup", ready_at=NOW, folded=4, folded_first=T - 4_000)


def job(**more: Any) -> Job:
    fields: dict[str, Any] = {"job_name": "name", "invoke_target": "demo.noop", "cron_expression": "* * * * * *"} | more
    return Job(job_id=JOB, version=3, definition=Definition(**fields))


def test_an_instant_on_time_is_one_run_with_all_that_the_worker_needs() -> None:
    given_job = job(invoke_params={"a": 1}, queue="low", timeout=5.0, labels={"team": "x"}, job_group="G")

    (one,) = owed(given_job, Settlement(decisions=(FIRE,), through=NOW), mark=MARK)

    assert one.event == RunRequested(
        run_id=due_run(JOB, T),
        job_id=JOB,
        job_name="name",
        job_group="G",
        version=3,
        trigger="schedule",
        nominal_at=stamp(T),
        invoke_target="demo.noop",
        params={"a": 1},
        queue="low",
        timeout=5.0,
        labels={"team": "x"},
        tzdata=TZDATA_VERSION,
        after=stamp(MARK),
        through=stamp(NOW),
        actor="scheduler",
    )
    assert one.ready_at == 0


def test_each_decision_begins_where_the_one_before_ended() -> None:
    skip, fold, run = owed(job(), Settlement(decisions=(SKIP, FOLD, RUN), through=NOW), mark=T - 9_500)

    assert (skip.event.after, skip.event.through) == (stamp(T - 9_500), stamp(T - 5_000))
    assert (fold.event.after, fold.event.through) == (stamp(T - 5_000), stamp(T - 1_000))
    assert (run.event.after, run.event.through) == (stamp(T - 1_000), stamp(NOW))


def test_folded_instants_name_the_run_that_answers_them_and_it_names_them() -> None:
    fold, run = owed(job(misfire_policy="2"), Settlement(decisions=(FOLD, RUN), through=NOW), mark=T - 4_500)

    assert isinstance(fold.event, FireCoalesced)
    assert isinstance(run.event, RunRequested)
    assert fold.event.into == run.event.run_id == due_run(JOB, T)
    assert (run.event.folded, run.event.folded_first, run.event.policy) == (4, stamp(T - 4_000), "2")


def test_a_settlement_without_instants_says_nothing() -> None:
    assert owed(job(), Settlement(decisions=(), through=NOW), mark=MARK) == ()


def test_deciding_again_names_the_same_run_and_another_instant_another() -> None:
    def run_of(fire: Fire, through: int) -> RunId:
        (one,) = owed(job(), Settlement(decisions=(fire,), through=through), mark=MARK)
        assert isinstance(one.event, RunRequested)
        return one.event.run_id

    later = Fire(instant=T + 1000, trigger="catchup", ready_at=T + 9_000)
    assert run_of(FIRE, NOW) == run_of(FIRE, NOW + 60_000) != run_of(later, NOW + 60_000)


@pytest.mark.parametrize(
    ("fields", "becomes"),
    [
        ({"concurrent": "0"}, None),
        ({"misfire_policy": "3"}, "skipped: overlap"),
        ({"misfire_policy": "2"}, "coalesced"),
        ({"misfire_policy": "1"}, "skipped: overflow"),
        ({"overlap_policy": "cancel_other"}, "coalesced"),
    ],
)
def test_a_run_that_may_not_overlap_says_what_its_instant_becomes_otherwise(
    fields: dict[str, Any], becomes: str | None
) -> None:
    (one,) = owed(job(**fields), Settlement(decisions=(FIRE,), through=NOW), mark=MARK)

    assert told(one) == becomes
    if one.otherwise is not None:
        assert (one.otherwise.first, one.otherwise.last, one.otherwise.count) == (stamp(T), stamp(T), 1)
        assert one.otherwise.digest == digest((T,))
        assert (one.otherwise.after, one.otherwise.through) == (one.event.after, one.event.through)


def test_a_paced_run_waits_until_it_is_ready() -> None:
    paced = Fire(instant=T, trigger="catchup", ready_at=NOW + 300)

    (one,) = owed(job(), Settlement(decisions=(paced,), through=NOW), mark=MARK)

    assert isinstance(one.event, RunRequested)
    assert (one.ready_at, one.event.ready_at) == (NOW + 300, stamp(NOW + 300))


def test_jitter_puts_the_run_off_and_not_the_instant() -> None:
    (one,) = owed(job(jitter=3600), Settlement(decisions=(FIRE,), through=NOW), mark=MARK)

    assert isinstance(one.event, RunRequested)
    assert one.event.nominal_at == stamp(T)
    assert one.ready_at == T + jitter_ms(due_run(JOB, T), 3600)


@pytest.mark.parametrize("longest", [0.5, 10, 3600])
def test_jitter_is_below_its_limit_and_spread_over_all_of_it(longest: float) -> None:
    drawn = [jitter_ms(due_run(JOB, T + second * 1000), longest) for second in range(300)]

    assert all(0 <= ms < longest * 1000 for ms in drawn)
    assert min(drawn) < longest * 100 < longest * 900 < max(drawn)


def test_the_trace_of_a_run_begins_with_its_decision() -> None:
    (one,) = owed(job(), Settlement(decisions=(FIRE,), through=NOW), mark=MARK, trace=lambda run_id: f"of {run_id}")

    assert one.event.traceparent == f"of {due_run(JOB, T)}"


def test_what_an_edit_settles_bears_its_actor_and_command() -> None:
    settlement = Settlement(decisions=(SKIP, FIRE), through=NOW)

    events = [one.event for one in owed(job(), settlement, mark=T - 9_500, actor="kim", command_id="c1")]

    assert {(event.actor, event.command_id) for event in events} == {("kim", "c1")}


@given(
    cron=st.sampled_from(["* * * * * *", "*/7 * * * * *", "*/5 * * * *", "0 0 * * *"]),
    late_s=st.integers(0, 200_000),
    misfire=st.sampled_from(get_args(MisfirePolicy)),
    overlap=st.sampled_from((None, *get_args(OverlapPolicy))),
    threshold_s=st.integers(1, 100_000),
    limit=st.integers(0, 1000),
)
def test_the_events_of_any_backlog_cover_it_without_hole_or_overlap(
    cron: str, late_s: int, misfire: MisfirePolicy, overlap: OverlapPolicy | None, threshold_s: int, limit: int
) -> None:
    given_job = job(
        cron_expression=cron,
        misfire_policy=misfire,
        overlap_policy=overlap,
        misfire_threshold=threshold_s,
        catchup_limit=limit,
    )
    schedule = schedule_of(JOB, given_job.definition)
    assert schedule is not None
    mark = T - late_s * 1000
    settlement = settle(schedule, mark=mark, now=NOW, policy=policy_of(given_job.definition))

    events = [one.event for one in owed(given_job, settlement, mark=mark)]

    after = stamp(mark)
    count = 0
    for event in events:
        assert event.after == after
        assert event.through is not None
        assert after < event.through
        after = event.through
        count += 1 if isinstance(event, RunRequested) else event.count
    assert count == schedule.count_between(mark, settlement.through)
    assert not events or after == stamp(settlement.through)


def told(one: Owed) -> str | None:
    match one.otherwise:
        case None:
            return None
        case FireSkipped(reason=reason):
            return f"skipped: {reason}"
        case FireCoalesced():
            return "coalesced"

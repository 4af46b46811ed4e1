"""What becomes of instants whose time has come."""

import time
from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waterclock.model.cron.schedule import Schedule, parse
from waterclock.model.definition import Definition
from waterclock.model.instants.misfire import (
    FOLD_LIMIT,
    ON_TIME_LIMIT,
    UNIT,
    Coalesce,
    Decision,
    Fire,
    Policy,
    Settlement,
    Skip,
    digest,
    policy_of,
    settle,
    settle_edit,
)

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOW = int(datetime.fromisoformat("2026-11-23T12:00:30Z").timestamp() * 1000)
EVERY_MINUTE = parse("* * * * *")
EVERY_SECOND = parse("* * * * * *")


def fired(settlement: Settlement) -> list[Fire]:
    return [decision for decision in settlement.decisions if isinstance(decision, Fire)]


def skipped(settlement: Settlement) -> list[Skip]:
    return [decision for decision in settlement.decisions if isinstance(decision, Skip)]


def settled(schedule: Schedule, decisions: Iterable[Decision]) -> list[int]:
    """Every instant the decisions speak of, each range proved by its digest."""
    found: list[int] = []
    for decision in decisions:
        match decision:
            case Fire(instant=instant):
                found.append(instant)
            case Skip() | Coalesce():
                instants = schedule.between(decision.first - 1, decision.last)
                assert (instants[0], instants[-1]) == (decision.first, decision.last)
                assert len(instants) == decision.count
                assert digest(instants) == decision.digest
                found += instants
            case _:
                assert_never(decision)
    return found


def test_a_definition_without_words_on_lateness_has_the_default_policy() -> None:
    assert policy_of(Definition(job_name="a", invoke_target="demo.noop")) == Policy()
    assert policy_of(Definition(job_name="a", invoke_target="demo.noop", catchup_pace=0.25)).catchup_pace_ms == 250


def test_nothing_due_moves_the_mark_to_now() -> None:
    assert settle(parse("@yearly"), mark=NOW - DAY, now=NOW, policy=Policy()) == Settlement(decisions=(), through=NOW)


def test_a_clock_set_back_decides_nothing() -> None:
    later = NOW + HOUR
    assert settle(EVERY_MINUTE, mark=later, now=NOW, policy=Policy()) == Settlement(decisions=(), through=later)
    edit = settle_edit(EVERY_MINUTE, mark=later, now=NOW, policy=Policy(), reason="edited")
    assert edit == Settlement(decisions=(), through=later)


@pytest.mark.parametrize("misfire", ["1", "2", "3"])
def test_what_is_less_late_than_the_threshold_fires_under_every_policy(misfire: str) -> None:
    policy = Policy(misfire=misfire)  # pyright: ignore[reportArgumentType]
    instant = NOW - 30 * SECOND
    settlement = settle(EVERY_MINUTE, mark=NOW - MINUTE, now=NOW, policy=policy)
    assert settlement.decisions == (Fire(instant=instant, trigger="schedule", ready_at=instant),)


def test_late_by_exactly_the_threshold_is_late() -> None:
    for threshold, kind in ((30 * SECOND, Skip), (30 * SECOND + 1, Fire)):
        (decision,) = settle(EVERY_MINUTE, mark=NOW - MINUTE, now=NOW, policy=Policy(threshold_ms=threshold)).decisions
        assert isinstance(decision, kind)


def test_do_nothing_skips_what_is_late_and_fires_the_rest() -> None:
    settlement = settle(EVERY_MINUTE, mark=NOW - HOUR, now=NOW, policy=Policy(misfire="3"))
    skip, fire = settlement.decisions
    assert isinstance(skip, Skip)
    assert (skip.first, skip.last) == (NOW - HOUR + 30 * SECOND, NOW - MINUTE - 30 * SECOND)
    assert (skip.count, skip.reason) == (59, "misfire")
    assert fire == Fire(instant=NOW - 30 * SECOND, trigger="schedule", ready_at=NOW - 30 * SECOND)


def test_execute_once_folds_what_is_late_into_its_latest() -> None:
    settlement = settle(EVERY_MINUTE, mark=NOW - HOUR, now=NOW, policy=Policy(misfire="2"))
    coalesce, late, on_time = settlement.decisions
    latest, first = NOW - MINUTE - 30 * SECOND, NOW - HOUR + 30 * SECOND
    assert isinstance(coalesce, Coalesce)
    assert (coalesce.first, coalesce.last, coalesce.count, coalesce.into) == (first, latest - MINUTE, 58, latest)
    assert late == Fire(instant=latest, trigger="catchup", ready_at=NOW, folded=58, folded_first=first)
    assert isinstance(on_time, Fire)
    assert on_time.trigger == "schedule"


def test_execute_once_with_one_late_instant_folds_nothing() -> None:
    schedule = parse("0 12 * * *")
    settlement = settle(schedule, mark=NOW - 5 * HOUR, now=NOW + HOUR, policy=Policy(misfire="2"))
    assert settlement.decisions == (Fire(instant=NOW - 30 * SECOND, trigger="catchup", ready_at=NOW + HOUR),)


def test_execute_immediately_catches_up_oldest_first_at_its_pace() -> None:
    policy = Policy(misfire="1", catchup_limit=3, catchup_pace_ms=100)
    settlement = settle(EVERY_MINUTE, mark=NOW - HOUR, now=NOW, policy=policy)
    skip, *fires = settlement.decisions
    assert isinstance(skip, Skip)
    assert (skip.count, skip.reason) == (56, "overflow")
    newest = NOW - MINUTE - 30 * SECOND
    assert fires[:3] == [
        Fire(instant=newest - 2 * MINUTE, trigger="catchup", ready_at=NOW),
        Fire(instant=newest - MINUTE, trigger="catchup", ready_at=NOW + 100),
        Fire(instant=newest, trigger="catchup", ready_at=NOW + 200),
    ]
    assert len(fires) == 4


def test_what_is_older_than_the_window_is_not_caught_up() -> None:
    policy = Policy(misfire="1", catchup_window_ms=10 * MINUTE, catchup_limit=1000)
    settlement = settle(EVERY_MINUTE, mark=NOW - HOUR, now=NOW, policy=policy)
    (skip,) = skipped(settlement)
    assert skip.reason == "window"
    assert min(fire.instant for fire in fired(settlement)) == NOW - 9 * MINUTE - 30 * SECOND
    assert len(fired(settlement)) == 10


def test_an_instant_at_the_edge_of_the_window_is_caught_up() -> None:
    policy = Policy(misfire="1", catchup_window_ms=10 * MINUTE + 30 * SECOND)
    settlement = settle(EVERY_MINUTE, mark=NOW - HOUR, now=NOW, policy=policy)
    assert min(fire.instant for fire in fired(settlement)) == NOW - 10 * MINUTE - 30 * SECOND


def test_a_catch_up_of_none_skips_all_that_is_late() -> None:
    settlement = settle(EVERY_MINUTE, mark=NOW - HOUR, now=NOW, policy=Policy(misfire="1", catchup_limit=0))
    assert [skip.count for skip in skipped(settlement)] == [59]
    assert len(fired(settlement)) == 1


@pytest.mark.parametrize("misfire", ["1", "2", "3"])
def test_of_what_is_not_late_the_newest_thousand_fire(misfire: str) -> None:
    policy = Policy(misfire=misfire, threshold_ms=HOUR)  # pyright: ignore[reportArgumentType]
    settlement = settle(EVERY_SECOND, mark=NOW - HOUR + SECOND, now=NOW, policy=policy)
    (skip,) = skipped(settlement)
    assert (skip.reason, skip.count) == ("overflow", 3599 - ON_TIME_LIMIT)
    assert len(fired(settlement)) == ON_TIME_LIMIT
    assert settled(EVERY_SECOND, settlement.decisions) == EVERY_SECOND.between(NOW - HOUR + SECOND, NOW)


def test_a_long_backlog_that_is_skipped_is_settled_in_units() -> None:
    mark, units, counted = NOW - 5 * DAY, 0, 0
    while mark < NOW:
        settlement = settle(EVERY_SECOND, mark=mark, now=NOW, policy=Policy())
        counted += sum(skip.count for skip in skipped(settlement)) + len(fired(settlement))
        assert all(skip.count <= UNIT for skip in skipped(settlement))
        assert settlement.through > mark
        mark, units = settlement.through, units + 1
    assert counted == 5 * DAY // SECOND
    assert units == 5


def test_a_long_backlog_is_caught_up_once_at_its_end() -> None:
    mark, decisions = NOW - 3 * DAY, list[Decision]()
    while mark < NOW:
        settlement = settle(EVERY_SECOND, mark=mark, now=NOW, policy=Policy(misfire="1"))
        decisions += settlement.decisions
        mark = settlement.through
    assert settled(EVERY_SECOND, decisions) == EVERY_SECOND.between(NOW - 3 * DAY, NOW)
    triggers = [decision.trigger for decision in decisions if isinstance(decision, Fire)]
    assert triggers == ["catchup"] * 100 + ["schedule"] * 60


def test_a_fold_is_never_split() -> None:
    settlement = settle(EVERY_SECOND, mark=NOW - 2 * DAY, now=NOW, policy=Policy(misfire="2"))
    assert settlement.through == NOW
    assert fired(settlement)[0].folded == 2 * DAY // SECOND - 61


def test_an_outage_of_years_is_bounded_in_time() -> None:
    for misfire in ("1", "2", "3"):
        started = time.process_time()
        policy = Policy(misfire=misfire)
        settlement = settle(EVERY_SECOND, mark=NOW - 3650 * DAY, now=NOW, policy=policy)
        assert time.process_time() - started < 2
        (skip,) = settlement.decisions
        assert isinstance(skip, Skip)
        assert skip.count == UNIT


def test_a_fold_has_a_limit() -> None:
    mark = NOW - 12 * DAY
    first = settle(EVERY_SECOND, mark=mark, now=NOW, policy=Policy(misfire="2"))
    assert first.through == NOW
    (skip,) = skipped(first)
    assert skip.reason == "overflow"
    assert fired(first)[0].folded == FOLD_LIMIT
    assert skip.count + FOLD_LIMIT + 1 + 60 == 12 * DAY // SECOND


def test_a_job_names_no_instant_before_its_start_or_after_its_end() -> None:
    bounds = {"start_at": NOW - 40 * MINUTE - 30 * SECOND, "end_at": NOW - 20 * MINUTE - 30 * SECOND}
    settlement = settle(EVERY_MINUTE, mark=NOW - HOUR, now=NOW, policy=Policy(), **bounds)
    (skip,) = skipped(settlement)
    assert (skip.first, skip.last, skip.count) == (bounds["start_at"], bounds["end_at"], 21)
    assert settlement.through == NOW
    assert fired(settlement) == []


def test_an_edit_fires_what_is_owed_and_on_time() -> None:
    settlement = settle_edit(EVERY_MINUTE, mark=NOW - HOUR, now=NOW, policy=Policy(misfire="1"), reason="edited")
    skip, fire = settlement.decisions
    assert isinstance(skip, Skip)
    assert (skip.reason, skip.count) == ("edited", 59)
    assert fire == Fire(instant=NOW - 30 * SECOND, trigger="schedule", ready_at=NOW - 30 * SECOND)


@pytest.mark.parametrize("reason", ["disabled", "deleted"])
def test_a_disable_or_delete_fires_nothing(reason: str) -> None:
    settlement = settle_edit(EVERY_MINUTE, mark=NOW - HOUR, now=NOW, policy=Policy(misfire="1"), reason=reason)  # pyright: ignore[reportArgumentType]
    (skip,) = settlement.decisions
    assert isinstance(skip, Skip)
    assert (skip.reason, skip.count) == (reason, 60)


def test_an_edit_after_a_long_backlog_settles_it_in_units() -> None:
    settlement = settle_edit(EVERY_SECOND, mark=NOW - 3 * DAY, now=NOW, policy=Policy(), reason="edited")
    (skip,) = settlement.decisions
    assert isinstance(skip, Skip)
    assert skip.count == UNIT
    assert settlement.through == skip.last


def test_a_digest_tells_instants_apart_and_not_how_they_came() -> None:
    instants = EVERY_MINUTE.between(NOW - DAY, NOW)
    assert digest(instants) == digest(instants[:50], instants[50:])
    assert digest(instants) != digest(instants[1:])
    assert digest([0, 60_000]) == "067db4bdd9e83b3c"


POLICIES = st.builds(
    Policy,
    misfire=st.sampled_from(["1", "2", "3"]),
    threshold_ms=st.integers(0, 3 * HOUR),
    catchup_window_ms=st.integers(0, 3 * DAY),
    catchup_limit=st.integers(0, 50),
    catchup_pace_ms=st.integers(0, 1000),
)
SCHEDULES = st.sampled_from(
    [
        parse("*/7 * * * *"),
        parse("0 */3 * * *"),
        parse("30 2,4 * * *", timezone="Europe/Berlin"),
        parse("*/20 * * * * *"),
        parse("@every 100s"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    schedule=SCHEDULES,
    policy=POLICIES,
    outage=st.integers(0, 4 * DAY),
    later=st.integers(0, 200 * DAY),
    reason=st.sampled_from([None, "edited", "disabled", "deleted"]),
)
def test_every_instant_becomes_exactly_one_thing_in_order(
    schedule: Schedule, policy: Policy, outage: int, later: int, reason: str | None
) -> None:
    now = NOW + later
    mark = now - outage
    if reason is None:
        settlement = settle(schedule, mark=mark, now=now, policy=policy)
    else:
        settlement = settle_edit(schedule, mark=mark, now=now, policy=policy, reason=reason)  # pyright: ignore[reportArgumentType]
    assert settlement.through == now
    assert settled(schedule, settlement.decisions) == schedule.between(mark, now)

    fires = fired(settlement)
    on_time = [fire for fire in fires if fire.trigger == "schedule"]
    caught_up = [fire for fire in fires if fire.trigger == "catchup"]
    assert all(now - fire.instant < policy.threshold_ms for fire in on_time)
    assert all(now - fire.instant >= policy.threshold_ms for fire in caught_up)
    assert all(fire.ready_at >= fire.instant for fire in fires)
    assert len(on_time) <= ON_TIME_LIMIT
    if policy.misfire == "1" and caught_up:
        assert len(caught_up) <= policy.catchup_limit
        assert all(now - fire.instant <= policy.catchup_window_ms for fire in caught_up)
    if policy.misfire == "2":
        assert len(caught_up) <= 1
        folds = sum(decision.count for decision in settlement.decisions if isinstance(decision, Coalesce))
        assert sum(fire.folded for fire in fires) == folds
    if policy.misfire == "3" or reason is not None:
        assert caught_up == []
    if reason in ("disabled", "deleted"):
        assert fires == []


@settings(max_examples=100, deadline=None)
@given(schedule=SCHEDULES, policy=POLICIES, outage=st.integers(1, 2 * DAY))
def test_a_second_look_at_the_same_moment_decides_nothing(schedule: Schedule, policy: Policy, outage: int) -> None:
    first = settle(schedule, mark=NOW - outage, now=NOW, policy=policy)
    assert settle(schedule, mark=first.through, now=NOW, policy=policy).decisions == ()
    assert settle(schedule, mark=NOW - outage, now=NOW, policy=policy) == first

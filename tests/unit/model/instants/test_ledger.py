"""The proof of the ledger: it holds for every life a job can have, and for no other."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.lives import BEGAN, DAY, HOUR, MINUTE, SECOND, J, Life, Told, lives
from waterclock.model.definition import Definition
from waterclock.model.events import FireCoalesced, FireSkipped, JobChanged, JobDeleted, RunRequested
from waterclock.model.ids import due_run
from waterclock.model.instants.ledger import Verdict, together, verify
from waterclock.model.job import Create, Delete, Job, Replace, SetStatus
from waterclock.model.timestamps import Stamp, millis, stamp

EVERY_MINUTE = Definition(job_name="a", invoke_target="demo.noop", cron_expression="* * * * *")
LAWS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def born(definition: Definition = EVERY_MINUTE, **fields: Any) -> Life:
    life = Life()
    life.command(Create(job_id=J, definition=msgspec.structs.replace(definition, **fields)))
    return life


def proved(
    entries: list[Told],
    *,
    now: int,
    from_ms: int = BEGAN - 400 * DAY,
    to_ms: int = BEGAN + 400 * DAY,
    deep: bool = True,
) -> Verdict:
    return verify(entries, from_ms=from_ms, to_ms=to_ms, now_ms=now, deep=deep)


def is_decision(told: Told) -> bool:
    event = told.event
    return isinstance(event, FireSkipped | FireCoalesced) or (
        isinstance(event, RunRequested) and event.through is not None
    )


def part_of(entries: list[Told], low: int, high: int) -> list[Told]:
    """The entries without the decisions that say nothing of [low, high], but for the first after it."""
    beyond = next((n for n, told in enumerate(entries) if is_decision(told) and millis(told.event.through) > high), 0)
    return [
        told
        for n, told in enumerate(entries)
        if not is_decision(told) or (millis(told.event.through) >= low and (not beyond or n <= beyond))
    ]


def lived() -> Life:
    """Three minutes one by one, an hour away, three minutes more."""
    life = born()
    for _ in range(3):
        life.wait(MINUTE)
        life.decide()
    life.wait(HOUR)
    life.decide()
    for _ in range(3):
        life.wait(MINUTE)
        life.decide()
    return life


def shifted(event: Any, by: int) -> Any:
    moments = ("after", "through", "nominal_at", "first", "last")
    return msgspec.structs.replace(
        event, **{name: stamp(millis(at) + by) for name in moments if (at := getattr(event, name, None)) is not None}
    )


def test_every_instant_of_a_quiet_life_is_accounted_for() -> None:
    life = lived()
    verdict = proved(life.entries, now=life.now)
    assert verdict.ok
    assert (verdict.instants, verdict.fired, verdict.skipped, verdict.coalesced) == (66, 7, 59, 0)
    assert (verdict.pending, verdict.oldest_pending) == (0, None)


def test_instants_after_the_last_decision_are_pending_and_no_hole() -> None:
    life = lived()
    life.wait(5 * MINUTE)
    verdict = proved(life.entries, now=life.now)
    assert verdict.ok
    assert verdict.pending == 5
    assert verdict.oldest_pending == stamp(life.mark // MINUTE * MINUTE + MINUTE)


def test_a_range_that_begins_before_the_interval_counts_with_its_part() -> None:
    life = lived()
    began = BEGAN + 33 * MINUTE
    verdict = proved(life.entries, now=life.now, from_ms=began, to_ms=life.now)
    assert verdict.ok
    assert verdict.instants == sum(began <= instant for instant in life.fates)


def test_a_hole_is_named_with_what_is_missing() -> None:
    life = lived()
    missing = life.entries.pop(2)
    verdict = proved(life.entries, now=life.now)
    (hole,) = verdict.holes
    assert not verdict.ok
    assert isinstance(missing.event, RunRequested)
    assert (hole.job_id, hole.after, hole.through) == (J, missing.event.after, missing.event.through)
    assert hole.instants == 1
    assert verdict.instants == verdict.fired + verdict.skipped + 1


def test_a_decision_told_again_is_a_double() -> None:
    life = lived()
    life.entries.insert(4, life.entries[2])
    verdict = proved(life.entries, now=life.now)
    (double,) = verdict.doubles
    assert double.instants == 1
    assert double.position == str(life.entries[2].position)
    assert verdict.instants == 66
    assert verdict.fired == 8


def test_a_fire_of_another_moment_is_a_stray() -> None:
    life = lived()
    told = life.entries[2]
    assert isinstance(told.event, RunRequested)
    later = msgspec.structs.replace(told.event, nominal_at=stamp(millis(told.event.nominal_at or Stamp("")) + SECOND))
    life.entries[2] = told._replace(event=later)
    verdict = proved(life.entries, now=life.now)
    assert [stray.position for stray in verdict.strays] == [str(told.position)]
    assert verdict.holes == ()


def test_a_range_with_a_false_count_or_digest_is_found() -> None:
    life = lived()
    place, told = next((n, told) for n, told in enumerate(life.entries) if isinstance(told.event, FireSkipped))
    for change, deep in (({"count": 58}, False), ({"count": 60}, False), ({"digest": "0" * 16}, True)):
        entries = list(life.entries)
        entries[place] = told._replace(event=msgspec.structs.replace(told.event, **change))
        assert not proved(entries, now=life.now, deep=deep).ok
        assert proved(entries, now=life.now, deep=False).ok == deep


def test_a_decision_under_other_zone_rules_is_trusted_by_its_chain() -> None:
    life = born(timezone="Europe/Berlin", cron_expression="30 12 * * *")
    life.wait(2 * DAY)
    life.decide()
    for n, told in enumerate(life.entries):
        if is_decision(told):
            elsewhere = msgspec.structs.replace(told.event, last=stamp(millis(told.event.last) - HOUR), tzdata="2019a")
            life.entries[n] = told._replace(event=elsewhere)
    verdict = proved(life.entries, now=life.now)
    assert verdict.ok
    assert verdict.tzdata_changed == ("2019a",)
    assert verdict.skipped == verdict.instants == 2


def test_an_old_version_of_the_zone_rules_that_changes_nothing_is_not_mentioned() -> None:
    life = lived()
    old = [
        told._replace(event=msgspec.structs.replace(told.event, tzdata="2019a")) if is_decision(told) else told
        for told in life.entries
    ]
    assert proved(old, now=life.now) == proved(life.entries, now=life.now)


def test_a_decision_about_a_disabled_job_is_a_stray() -> None:
    life = born()
    life.command(SetStatus(status="1"))
    life.wait(MINUTE)
    run = RunRequested(
        run_id=due_run(J, BEGAN),
        job_id=J,
        trigger="schedule",
        invoke_target="a",
        queue="q",
        nominal_at=stamp(BEGAN + 29_750),
        after=stamp(BEGAN),
        through=stamp(life.now),
    )
    life.tell(run)
    verdict = proved(life.entries, now=life.now)
    assert len(verdict.strays) == 1
    assert verdict.pending == 0


def test_an_edit_that_settled_nothing_of_what_was_owed_leaves_a_hole() -> None:
    life = born()
    life.wait(3 * MINUTE)
    life.command(Replace(definition=msgspec.structs.replace(EVERY_MINUTE, cron_expression="@hourly")))
    unsettled = [told for told in life.entries if not is_decision(told)]
    verdict = proved(unsettled, now=life.now)
    assert [hole.instants for hole in verdict.holes] == [3]


def test_nothing_is_asked_of_a_job_without_a_life() -> None:
    assert verify([], from_ms=0, to_ms=BEGAN, now_ms=BEGAN) == Verdict()


def test_a_decade_of_seconds_is_proved_by_counting() -> None:
    life = born(cron_expression="* * * * * *")
    life.wait(3 * DAY)
    life.decide()
    started = time.process_time()
    verdict = proved(life.entries, now=life.now + 3650 * DAY, to_ms=BEGAN + 4000 * DAY, deep=False)
    assert time.process_time() - started < 1
    assert verdict.ok
    assert verdict.instants == 3 * DAY // SECOND
    assert verdict.pending == 3650 * DAY // SECOND
    assert proved(life.entries, now=life.now).ok


def test_the_verdict_on_many_jobs_is_the_sum_of_theirs() -> None:
    life = lived()
    good = proved(life.entries, now=life.now + MINUTE)
    bad = proved([*life.entries[:3], *life.entries[4:]], now=life.now)
    both = together([good, bad])
    assert not both.ok
    assert both.instants == good.instants + bad.instants
    assert both.holes == bad.holes
    assert both.oldest_pending == good.oldest_pending
    assert together([]) == Verdict()


@LAWS
@given(life=lives())
def test_no_life_has_a_hole_or_a_double(life: Life) -> None:
    for deep in (True, False):
        verdict = proved(life.entries, now=life.now, deep=deep)
        assert (verdict.holes, verdict.doubles, verdict.strays, verdict.tzdata_changed) == ((), (), (), ())
        fates = [fated.fate for fated in life.fates.values()]
        assert verdict.instants == len(fates)
        assert verdict.instants == verdict.fired + verdict.skipped + verdict.coalesced
        assert (verdict.fired, verdict.skipped) == (fates.count("fired"), fates.count("skipped"))
        assert verdict.pending == len(life.named(life.mark, life.now))


@LAWS
@given(life=lives(), began=st.integers(-DAY, 4 * DAY), length=st.integers(0, 4 * DAY))
def test_a_part_of_a_life_is_proved_by_itself(life: Life, began: int, length: int) -> None:
    low, high = BEGAN + began, BEGAN + began + length
    verdict = proved(life.entries, now=life.now, from_ms=low, to_ms=high)
    assert verdict.ok
    fates = [fated.fate for instant, fated in life.fates.items() if low <= instant <= high]
    assert verdict.instants == verdict.fired + verdict.skipped + verdict.coalesced == len(fates)
    assert (verdict.fired, verdict.coalesced) == (fates.count("fired"), fates.count("coalesced"))
    assert proved(part_of(life.entries, low, high), now=life.now, from_ms=low, to_ms=high) == verdict


@LAWS
@given(life=lives(), data=st.data())
def test_no_decision_can_be_taken_out_told_twice_or_moved(life: Life, data: st.DataObject) -> None:
    places = [place for place, told in enumerate(life.entries) if is_decision(told)]
    if not places:
        return
    sound = proved(life.entries, now=life.now)
    place = data.draw(st.sampled_from(places))
    told = life.entries[place]

    without = proved(life.entries[:place] + life.entries[place + 1 :], now=life.now)
    assert not without.ok or without.pending > sound.pending  # the last one is not missed yet, but not forgotten either

    again = data.draw(st.integers(place + 1, len(life.entries)))
    twice = proved([*life.entries[:again], told, *life.entries[again:]], now=life.now)
    assert twice.doubles or twice.strays

    by = data.draw(st.one_of(st.integers(-2 * DAY, 2 * DAY), st.sampled_from([-MINUTE, -1, 1, MINUTE]))) or SECOND
    moved = list(life.entries)
    moved[place] = told._replace(event=shifted(told.event, by))
    assert not proved(moved, now=life.now).ok


def test_a_deleted_job_owes_nothing() -> None:
    life = lived()
    life.command(Delete())
    life.wait(DAY)
    verdict = proved(life.entries, now=life.now)
    assert verdict.ok
    assert verdict.pending == 0


def test_a_change_that_moves_no_mark_counts_from_its_own_time() -> None:
    life = lived()
    life.wait(10 * SECOND)
    life.tell(JobDeleted(job_id=J, version=2))
    assert proved(life.entries, now=life.now + DAY).pending == 0
    assert proved(life.entries, now=life.now + DAY).ok

    life = lived()
    life.wait(MINUTE)
    life.tell(JobDeleted(job_id=J, version=2))
    assert [hole.instants for hole in proved(life.entries, now=life.now + DAY).holes] == [1]


def test_a_clock_set_back_after_an_edit_of_a_disabled_job_makes_no_double() -> None:
    life = born(status="1")
    assert life.job is not None
    changed = msgspec.structs.replace(life.job.definition, cron_expression="*/2 * * * *")
    life.now = BEGAN + 2 * HOUR
    life.tell(JobChanged(job_id=J, version=2, definition=changed))
    life.job = Job(job_id=J, version=2, definition=changed)
    life.now = BEGAN + MINUTE  # the store's clock was two hours ahead, and is right again

    life.command(SetStatus(status="0"))
    life.wait(10 * MINUTE)
    life.decide()

    verdict = proved(life.entries, now=life.now)
    assert verdict.ok, verdict
    assert verdict.instants == verdict.fired + verdict.skipped == 5

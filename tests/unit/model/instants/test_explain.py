"""What is said of an instant, and of a moment that is none."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.lives import BEGAN, BLOCKING, DAY, HOUR, MINUTE, SECOND, J, Life, lives
from waterclock.model.definition import Definition
from waterclock.model.ids import due_run
from waterclock.model.instants.explain import Explanation, explain, explain_moment, explain_newest
from waterclock.model.instants.ledger import verify
from waterclock.model.instants.reasons import Overdue, Paused, RunNow, length
from waterclock.model.job import Create, Delete, Job, Replace, SetStatus
from waterclock.model.timestamps import millis, stamp

MINUTELY = Definition(job_name="a", invoke_target="demo.noop", cron_expression="* * * * *", concurrent="0")
NEXT = BEGAN // MINUTE * MINUTE + MINUTE  # the first instant of a job created now
LAWS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def born(now: int = BEGAN, **fields: Any) -> Life:
    life = Life(now)
    life.command(Create(job_id=J, definition=msgspec.structs.replace(MINUTELY, **fields)))
    return life


def told(life: Life, *, low: int = BEGAN, high: int | None = None, **more: Any) -> tuple[Explanation, ...]:
    return explain(life.entries, from_ms=low, to_ms=high or life.now, now_ms=life.now, **more)


def asked(life: Life, moment: int, **more: Any) -> Explanation:
    found = explain_moment(life.entries, at_ms=moment, now_ms=life.now, **more)
    assert found is not None
    return found


def late(*, away: int = HOUR, **fields: Any) -> Life:
    """A job that nobody looked after for a while."""
    life = born(**fields)
    life.wait(away)
    life.decide()
    return life


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


# ----------------------------------------------------------------------------------------------------------- instants


def test_an_instant_that_fired_names_its_run_and_event() -> None:
    life = born()
    life.wait(30 * SECOND)
    life.decide()
    (item,) = told(life)
    run = due_run(J, NEXT)
    assert (item.instant, item.fate, item.reason, item.run_id) == (stamp(NEXT), "fired", "schedule", run)
    assert (item.policy, item.position) == (None, "0-1-2")
    assert item.text == f"Fired on time. Run {run} was requested."


def test_a_fire_says_where_its_run_stands_now() -> None:
    life = born()
    life.wait(50 * SECOND)
    life.decide()
    run = due_run(J, NEXT)
    (item,) = told(life, runs={run: RunNow("timedOut")})
    assert item.text == (
        "Fired: it was 20.2 s late, less than the misfire threshold of 60 s. "
        f"Run {run} was requested; it ran past its timeout."
    )


def test_a_late_instant_is_skipped_by_the_policy_that_does_nothing() -> None:
    life = born()
    life.wait(102_749)
    life.decide()
    first, second = told(life)
    assert (first.fate, first.reason, first.policy, first.run_id) == ("skipped", "misfire", "3", None)
    assert first.text == (
        "Skipped: it was 73 s late, past the misfire threshold of 60 s, and misfirePolicy skip does not run it."
    )
    assert second.fate == "fired"


def test_a_range_is_told_instant_by_instant() -> None:
    life = late()
    items = told(life, limit=100)
    assert [item.instant for item in items] == [stamp(NEXT + n * MINUTE) for n in range(60)]
    assert [item.fate for item in items] == ["skipped"] * 59 + ["fired"]
    assert len({item.position for item in items[:59]}) == 1


def test_a_caught_up_instant_fires_late_at_its_pace() -> None:
    life = late(misfire_policy="1", catchup_limit=3, catchup_pace=10)
    *_, cut, first, second, _, on_time = told(life, limit=100)
    assert "misfirePolicy runAll runs at most the newest 3 (catchupLimit)." in cut.text
    assert (first.fate, first.reason, first.policy) == ("fired", "catchup", "1")
    assert first.text.startswith("Fired late: it was 3 min 30 s late, past the misfire threshold of 60 s, and ")
    assert "misfirePolicy runAll runs every late scheduled time of the last 1 d." in first.text
    assert f"not to start before {stamp(life.now + 10 * SECOND)}" in second.text
    assert on_time.reason == "schedule"


def test_an_instant_beyond_the_window_is_not_caught_up() -> None:
    first, *_ = told(late(misfire_policy="1", catchup_window=600, catchup_limit=1000))
    assert (first.fate, first.reason) == ("skipped", "window")
    assert "goes back no further than the catchupWindow of 10 min." in first.text


def test_late_instants_are_folded_into_the_latest() -> None:
    life = late(misfire_policy="2")
    *folded, latest, _ = told(life, limit=100, runs={due_run(J, NEXT + 58 * MINUTE): RunNow("running")})
    assert {(item.fate, item.reason, item.run_id) for item in folded} == {("coalesced", "misfire", latest.run_id)}
    assert folded[0].text.endswith(
        f"misfirePolicy runOnce runs once, as run {latest.run_id} of the latest late scheduled time. "
        "That run is running."
    )
    assert f"with 58 older ones since {stamp(NEXT)} merged into it." in latest.text


@pytest.mark.parametrize(
    ("overlap", "fate", "reason", "rule"),
    [
        ("skip", "skipped", "overlap", "overlapPolicy skip skips"),
        ("buffer_all", "skipped", "overflow", "that overlapPolicy buffer_all allows"),
        ("buffer_one", "coalesced", "overlap", "under overlapPolicy buffer_one run"),
        ("cancel_other", "coalesced", "overlap", "under overlapPolicy cancel_other run"),
    ],
)
def test_an_instant_that_may_not_overlap_names_the_run_in_its_way(
    overlap: str, fate: str, reason: str, rule: str
) -> None:
    life = born(concurrent="1", overlap_policy=overlap, misfire_threshold=600)
    life.wait(90 * SECOND)
    life.decide(blocked=True)
    fired, other = told(life)
    assert fired.fate == "fired"
    assert (other.fate, other.reason, other.policy, other.run_id) == (fate, reason, overlap, BLOCKING)
    assert rule in other.text
    assert BLOCKING in other.text


def test_a_fire_says_which_executor_its_run_waits_for() -> None:
    life = born(concurrent="1")
    life.wait(30 * SECOND)
    life.decide()
    run, since = due_run(J, NEXT), stamp(life.now)
    (queued,) = told(life, runs={run: RunNow("queued", "db.backup", since)})
    wait = f"has waited for a worker with the executor db.backup since {since}."
    assert queued.text.endswith(f"it is queued, and {wait}")
    (behind,) = told(life, runs={run: RunNow("waiting", "db.backup", since)})
    assert behind.text.endswith(f"it waits behind another run of the job, which {wait}")


def test_a_fire_says_that_the_queue_of_its_run_is_paused_by_whom_and_since_when() -> None:
    life = born(concurrent="1")
    life.wait(30 * SECOND)
    life.decide()
    run, since = due_run(J, NEXT), stamp(life.now)
    for pause, said in (
        (Paused("low", since, "key:ops", "new disk"), f"has been paused by key:ops since {since} (new disk)."),
        (Paused("low", since), f"has been paused since {since}."),
        (Paused("low"), "is paused."),
    ):
        (queued,) = told(life, runs={run: RunNow("queued", paused=pause)})
        assert queued.text.endswith(f"it is queued, and its queue low {said}")
    (behind,) = told(life, runs={run: RunNow("waiting", paused=Paused("low"))})
    assert behind.text.endswith("it waits behind another run of the job, whose queue low is paused.")
    (both,) = told(life, runs={run: RunNow("queued", "db.backup", since, Paused("low"))})
    assert both.text.endswith(f"with the executor db.backup since {since}, and its queue low is paused.")


def test_what_a_run_past_its_timeout_holds_up_says_so() -> None:
    life = born(concurrent="1", overlap_policy="skip", misfire_threshold=600)
    life.wait(90 * SECOND)
    life.decide(blocked=True)
    hanging = RunNow("running", overdue=Overdue(limit=60, past=240.4))
    said = "is still executing 4 min past its timeout of 60 s: its code does not stop when it is cancelled."
    _, skipped = told(life, runs={BLOCKING: hanging})
    assert skipped.text.endswith(f"That run is running, and {said}")
    fired, _ = told(life, runs={due_run(J, NEXT): hanging._replace(status="waiting")})
    assert fired.text.endswith(f"it waits behind another run of the job, which {said}")


@pytest.mark.parametrize("overlap", ["skip", "buffer_all", "buffer_one", "cancel_other"])
def test_an_instant_that_may_not_overlap_says_what_the_run_in_its_way_waits_for(overlap: str) -> None:
    life = born(concurrent="1", overlap_policy=overlap, misfire_threshold=600)
    life.wait(90 * SECOND)
    life.decide(blocked=True)
    since = stamp(life.now)
    waits = f"That run is queued, and has waited for a worker with the executor db.backup since {since}."
    _, other = told(life, runs={BLOCKING: RunNow("queued", "db.backup", since)})
    assert other.text.endswith(f" {waits}")
    _, other = told(life, runs={BLOCKING: RunNow("queued")})
    assert "executor" not in other.text


def test_an_edit_fires_what_is_on_time_and_skips_the_rest() -> None:
    life = born()
    life.wait(2 * MINUTE)
    life.command(Replace(definition=msgspec.structs.replace(MINUTELY, cron_expression="@yearly")), actor="bob")
    skipped, fired = told(life)
    assert (skipped.fate, skipped.reason) == ("skipped", "edited")
    assert "the job was changed by bob before this was decided; it was 90.2 s late" in skipped.text
    assert fired.fate == "fired"
    assert "with a change of the job by bob" in fired.text


def test_what_a_job_owes_when_it_is_disabled_or_deleted_is_skipped() -> None:
    for command, word in ((SetStatus(status="1"), "disabled"), (Delete(), "deleted")):
        life = born()
        life.wait(30 * SECOND)
        life.command(command)
        (item,) = told(life)
        assert (item.fate, item.reason) == ("skipped", word)
        assert f"the job was {word} by alice before this was decided" in item.text


def test_an_instant_to_come_is_pending() -> None:
    life = born()
    life.wait(31 * SECOND)
    due, coming = told(life, high=NEXT + MINUTE)
    assert (due.fate, due.reason, due.position) == ("pending", "undecided", None)
    assert due.text == f"Due for 1.2 s and not decided yet: the job is decided up to {stamp(BEGAN)}."
    assert (coming.fate, coming.reason, coming.text) == ("pending", "future", "Not due yet: it is due in 58.7 s.")


def test_an_instant_that_was_left_out_is_not_passed_over() -> None:
    life = born()
    for _ in range(3):
        life.wait(MINUTE)
        life.decide()
    del life.entries[2]
    fates = [(item.fate, item.reason) for item in told(life)]
    assert fates == [("fired", "schedule"), ("pending", "hole"), ("fired", "schedule")]


def test_an_instant_of_an_autumn_night_says_which_pass_it_was() -> None:
    life = born(moment("2026-10-25T00:59:00Z"), timezone="Europe/Berlin", cron_expression="*/30 * * * *")
    life.wait(MINUTE)
    life.decide()
    (item,) = told(life, low=life.now - MINUTE)
    assert item.text.endswith("Its local time: second pass: the clock went back.")


def test_instants_come_in_pages() -> None:
    life = late()
    whole = told(life, limit=100)
    low, found = BEGAN, list[Explanation]()
    while page := told(life, low=low, limit=7):
        found += page
        low = millis(page[-1].instant) + 1
    assert tuple(found) == whole


def test_the_newest_come_first_and_none_is_from_before_the_job_was_created() -> None:
    life = late(away=3 * MINUTE)
    found = explain_newest(life.entries, from_ms=BEGAN - DAY, to_ms=life.now, now_ms=life.now)
    assert [item.instant for item in found] == [stamp(NEXT + n * MINUTE) for n in (2, 1, 0)]
    assert found == tuple(reversed(told(life)))
    assert explain_newest([], from_ms=0, to_ms=BEGAN, now_ms=BEGAN) == ()


def test_both_ends_belong_to_the_interval() -> None:
    life = late()
    items = told(life, low=NEXT, high=NEXT + 2 * MINUTE)
    assert [item.instant for item in items] == [stamp(NEXT + n * MINUTE) for n in range(3)]


# ------------------------------------------------------------------------------------------------------------ moments


def test_a_moment_between_instants_names_the_nearest_and_the_field() -> None:
    life = born(moment("2026-10-25T09:00:00Z"), timezone="Europe/Berlin", cron_expression="30 2 * * *")
    item = asked(life, moment("2026-10-26T02:30:00Z"))
    assert (item.fate, item.reason, item.run_id, item.position) == ("notDue", "hour", None, None)
    assert item.text == (
        "Not due: the schedule is at 02:30 every day, Europe/Berlin; at 2026-10-26T03:30:00+01:00 in Europe/Berlin "
        "the hour is 3, not in 2. Of its scheduled times, the previous one is 2026-10-26T01:30:00.000Z, "
        "the next one is 2026-10-27T01:30:00.000Z."
    )
    assert (item.before, item.after) == ("2026-10-26T01:30:00.000Z", "2026-10-27T01:30:00.000Z")


@pytest.mark.parametrize(
    ("cron", "at", "reason", "said"),
    [
        ("*/5 * * * *", "2026-10-25T10:07:00Z", "minute", "the minute is 7, not in */5"),
        ("*/5 * * * *", "2026-10-25T10:05:01Z", "second", "the second is 1, not in 0"),
        ("* * * * *", "2026-10-25T10:05:00.5Z", "millisecond", "schedules use whole seconds"),
        ("0 8 * * MON", "2026-10-27T08:00:00Z", "day", "the day is Tuesday 27, not in day of month *"),
        ("0 0 1 1 *", "2027-02-01T00:00:00Z", "month", "the month is 2, not in 1"),
        ("0 0 0 1 1 ? 2030", "2029-01-01T00:00:00Z", "year", "the year is 2029, not in 2030"),
        ("@every 90s", "2026-10-25T10:07:01Z", "period", "every 90 seconds, counted from the epoch"),
        ("0 8 1 * *", "2026-11-02T09:00:00Z", "day", " and the hour is 9, not in 8"),
    ],
)
def test_a_moment_that_is_not_due_names_what_does_not_match(cron: str, at: str, reason: str, said: str) -> None:
    item = asked(born(cron_expression=cron), moment(at))
    assert (item.fate, item.reason) == ("notDue", reason)
    assert said in item.text


def test_the_second_pass_of_an_autumn_night_is_not_due_to_a_fixed_time() -> None:
    life = born(timezone="Europe/Berlin", cron_expression="30 2 * * *")
    item = asked(life, moment("2026-10-25T01:30:00Z"))
    assert (item.fate, item.reason) == ("notDue", "dstFold")
    assert "shows 02:30:00 twice that day" in item.text


@pytest.mark.parametrize(
    ("cron", "gap", "why"),
    [
        ("30 2 * * *", "skip", "and dstGap skip leaves out times in the gap"),
        ("30 2 * * *", "shift", "so times in the gap move to 2027-03-28 03:00:00"),
        ("*/30 2 * * *", "shift", "which is skipped because the schedule repeats by an interval"),
    ],
)
def test_a_moment_that_the_clock_left_out_says_so(cron: str, gap: Any, why: str) -> None:
    life = born(timezone="Europe/Berlin", cron_expression=cron, dst_gap=gap)
    item = asked(life, moment("2027-03-28T01:30:00Z"))
    assert (item.fate, item.reason) == ("notDue", "dstGap")
    went = "the clock of Europe/Berlin went from 2027-03-28 02:00:00 to 2027-03-28 03:00:00"
    assert f"{went} and never showed 2027-03-28 02:30:00, {why}." in item.text
    assert asked(life, moment("2027-03-28T02:30:00Z")).reason == "hour"


def test_times_of_a_day_that_the_calendar_left_out_fire_nothing() -> None:
    life = born(moment("2011-12-28T00:00:00Z"), timezone="Pacific/Apia", cron_expression="0 9 30 * *")
    item = asked(life, moment("2011-12-30T19:00:00Z"))
    assert item.reason == "dstGap"
    assert "never showed 2011-12-30 09:00:00: a change of calendar, in which nothing fires." in item.text


def test_a_moment_outside_the_bounds_of_a_job_says_so() -> None:
    start, end = stamp(NEXT + HOUR), stamp(NEXT + 2 * HOUR)
    life = born(start_at=start, end_at=end)
    early, after = asked(life, NEXT), asked(life, NEXT + 3 * HOUR)
    assert (early.fate, early.reason) == ("notDue", "startAt")
    assert f"there is none before, the next one is {start}" in early.text
    assert (after.fate, after.reason) == ("notDue", "endAt")
    assert f"the previous one is {end}, there is none after" in after.text


def test_a_job_on_demand_is_never_due() -> None:
    life = born(cron_expression=None)
    assert (asked(life, NEXT).fate, asked(life, NEXT).reason) == ("notDue", "noSchedule")
    assert told(life, high=NEXT + DAY) == ()


def test_a_moment_of_a_job_that_is_not_enabled_says_who_did_what_and_when() -> None:
    life = born()
    life.wait(HOUR)
    life.command(SetStatus(status="1", reason="a fair"), actor="carol")
    disabled_at = stamp(life.entries[-1].at)
    life.wait(HOUR)
    life.command(Delete(), actor="dave")
    life.wait(HOUR)

    before = asked(life, BEGAN - 1)
    assert (before.fate, before.position) == ("notYetCreated", "0-1-1")
    assert before.text == f"The job did not exist yet: it was created by alice at {stamp(BEGAN)}."
    between = asked(life, BEGAN + 90 * MINUTE)
    assert (between.fate, between.reason) == ("disabled", "a fair")
    assert between.text.startswith(f"The job was disabled by carol at {disabled_at} (a fair)")
    after = asked(life, life.now)
    assert (after.fate, after.reason) == ("deleted", None)
    assert after.text.startswith("The job was deleted by dave at ")


def test_a_job_created_disabled_says_so() -> None:
    life = born(status="1")
    assert asked(life, NEXT).text.startswith("The job was created disabled by alice at ")
    assert [item.fate for item in told(life, high=NEXT + MINUTE)] == ["disabled", "disabled"]


def test_nothing_is_said_of_a_job_that_never_was() -> None:
    assert explain([], from_ms=0, to_ms=BEGAN, now_ms=BEGAN) == ()
    assert explain_moment([], at_ms=0, now_ms=BEGAN) is None


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1550, "1.5 s"),
        (59_999, "59.9 s"),
        (73_000, "73 s"),
        (120_000, "2 min"),
        (3_600_000, "1 h"),
        (7_503_000, "2 h 5 min"),
        (86_405_000, "1 d"),
    ],
)
def test_a_length_of_time_is_told_in_its_two_largest_units(ms: int, words: str) -> None:
    assert length(ms) == words


# --------------------------------------------------------------------------------------------------------------- laws


def expected(life: Life, low: int, high: int) -> dict[int, str]:
    """The fate of each instant in [low, high], as the life itself wrote it down."""
    fates = {instant: fated.fate for instant, fated in life.fates.items() if low <= instant <= high}
    pending = dict.fromkeys(life.named(max(life.mark, low - 1), high), "pending")
    return fates | life.would_be(low - 1, high) | pending


@LAWS
@given(life=lives(), began=st.integers(-DAY, 5 * DAY), span=st.integers(0, 8 * HOUR), limit=st.integers(100, 3000))
def test_every_instant_is_told_once_with_its_fate(life: Life, began: int, span: int, limit: int) -> None:
    low, high = BEGAN + began, BEGAN + began + span
    found, since = list[Explanation](), low
    while page := told(life, low=since, high=high, limit=limit):
        found += page
        since = millis(page[-1].instant) + 1
    assert [(millis(item.instant), item.fate) for item in found] == sorted(expected(life, low, high).items())
    for item in found:
        if (fated := life.fates.get(millis(item.instant))) is not None:
            assert item.position == fated.position


@LAWS
@given(life=lives(), began=st.integers(-DAY, 5 * DAY), span=st.integers(0, 8 * HOUR))
def test_what_is_told_adds_up_to_what_the_ledger_proves(life: Life, began: int, span: int) -> None:
    low, high = BEGAN + began, BEGAN + began + span
    verdict = verify(life.entries, from_ms=low, to_ms=high, now_ms=life.now)
    fates = Counter(item.fate for item in told(life, low=low, high=high, limit=1_000_000) if item.reason != "future")
    assert verdict.ok
    assert verdict.instants == fates["fired"] + fates["skipped"] + fates["coalesced"]
    counted = {"fired": verdict.fired, "skipped": verdict.skipped, "coalesced": verdict.coalesced}
    assert counted | {"pending": verdict.pending} == {fate: fates[fate] for fate in (*counted, "pending")}


@LAWS
@given(life=lives(), ms=st.integers(-DAY, 10 * DAY), whole=st.sampled_from([1, SECOND, MINUTE, HOUR]))
def test_a_moment_has_one_fate_whether_it_is_an_instant_or_not(life: Life, ms: int, whole: int) -> None:
    at = (BEGAN + ms) // whole * whole
    item = asked(life, at)
    assert item.text
    instants = expected(life, at, at)
    if instants:
        assert instants == {at: item.fate}
        assert told(life, low=at, high=at) == (item,)
        return
    assert told(life, low=at, high=at) == ()
    idle = [state for low, high, state, _ in life.idle_through(at) if low < at <= high]
    assert item.fate == (idle[0] if idle else "notDue")
    if item.fate == "notDue":
        assert item.reason


def test_a_job_is_explained_as_it_was_at_the_time() -> None:
    life = born()
    life.wait(HOUR)
    life.decide()
    life.command(Replace(definition=msgspec.structs.replace(MINUTELY, cron_expression="30 * * * *")))
    assert isinstance(life.job, Job)
    assert asked(life, NEXT + 15 * MINUTE).fate == "skipped"
    assert asked(life, NEXT + 75 * MINUTE).fate == "notDue"


@LAWS
@given(life=lives(), began=st.integers(-DAY, 5 * DAY), span=st.integers(0, 8 * HOUR), limit=st.integers(100, 3000))
def test_the_newest_are_the_last_of_all_that_are_told(life: Life, began: int, span: int, limit: int) -> None:
    low, high = BEGAN + began, BEGAN + began + span
    everything = told(life, low=low, high=high, limit=100_000)
    wanted = [item for item in everything if item.fate != "notYetCreated"][::-1]
    found: list[Explanation] = []
    while page := explain_newest(life.entries, from_ms=low, to_ms=high, now_ms=life.now, limit=limit):
        found += page
        high = millis(page[-1].instant) - 1
        if high < low:
            break
    assert found == wanted

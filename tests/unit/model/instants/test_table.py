"""One table of what becomes of instants: of a life that was lived, and of ones that are only supposed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.lives import BEGAN, DAY, DEFINITIONS, HOUR, MINUTE, J, Life, lives
from waterclock.model.cron.schedule import parse
from waterclock.model.definition import Definition
from waterclock.model.instants.table import Row, supposed, table
from waterclock.model.instants.timetable import BEGINNING, FOREVER, Timetable, named_by
from waterclock.model.job import Create, SetStatus
from waterclock.model.timestamps import stamp

LAWS = settings(max_examples=60, deadline=None)
MINUTELY = Definition(job_name="a", invoke_target="demo.noop", cron_expression="* * * * *", concurrent="0")


def told(life: Life) -> list[tuple[str, str | None, int]]:
    """Fate, reason and number of instants of each row, up to now or an hour from now."""
    rows = table(life.entries, now=life.now)
    return [(row.fate, row.reason, row.count_within(BEGAN - HOUR, life.now + HOUR)) for row in rows]


def born(**fields: Any) -> Life:
    life = Life(BEGAN)
    life.command(Create(job_id=J, definition=msgspec.structs.replace(MINUTELY, **fields)))
    return life


def test_a_range_is_one_row_however_many_instants_it_has() -> None:
    life = born(cron_expression="* * * * * *")
    life.wait(DAY)
    life.decide()

    _, skipped, *fired, future = table(life.entries, now=life.now)

    assert (skipped.fate, skipped.reason, skipped.rule, skipped.run_id) == ("skipped", "misfire", "3", None)
    assert skipped.count_within(BEGINNING, FOREVER) == DAY // 1000 - 60
    assert skipped.instants(BEGAN, FOREVER, 2) == [BEGAN // 1000 * 1000 + 1000, BEGAN // 1000 * 1000 + 2000]
    assert [row.count_within(BEGINNING, FOREVER) for row in fired] == [1] * 60
    assert len({row.run_id for row in fired}) == 60
    assert (future.fate, future.reason) == ("pending", "future")


def test_what_is_due_and_what_is_to_come_are_two_rows() -> None:
    life = born()
    life.wait(10 * MINUTE)

    assert told(life)[1:] == [("pending", "undecided", 10), ("pending", "future", 60)]


def test_a_job_that_is_not_enabled_is_told_by_its_state() -> None:
    life = born()
    life.command(SetStatus(status="1", reason="a fair"))
    life.wait(30 * MINUTE)
    life.command(SetStatus(status="0"))

    assert told(life)[1:] == [("disabled", "a fair", 30), ("pending", "future", 60)]


def test_what_no_decision_tells_of_is_a_hole() -> None:
    life = born()
    for _ in range(3):
        life.wait(MINUTE)
        life.decide()
    del life.entries[2]

    assert told(life)[1:4] == [("fired", "schedule", 1), ("pending", "hole", 1), ("fired", "schedule", 1)]


@LAWS
@given(life=lives())
def test_the_rows_of_a_life_follow_one_another_and_tell_of_every_instant(life: Life) -> None:
    rows = list(table(life.entries, now=life.now))

    assert (rows[0].after, rows[-1].through) == (BEGINNING, FOREVER)
    assert all(one.through == other.after for one, other in pairwise(rows))
    decided = {at: row for row in rows if row.decision is not None for at in row.instants(BEGAN, FOREVER)}
    assert {at: (row.fate, position_of(row)) for at, row in decided.items()} == life.fates
    owed = [at for row in rows if row.reason == "undecided" for at in row.instants(BEGINNING, FOREVER)]
    assert owed == life.named(life.mark, life.now)
    assert not [row for row in rows if row.reason == "hole" and row.count_within(BEGINNING, FOREVER)]


def position_of(row: Row) -> str:
    assert row.decision is not None
    return str(row.decision.position)


@LAWS
@given(definition=DEFINITIONS, decided=st.integers(0, DAY), ahead=st.integers(0, DAY))
def test_a_supposed_past_has_no_decision_and_the_instants_of_its_definition(
    definition: Definition, decided: int, ahead: int
) -> None:
    mark, until = BEGAN + decided, BEGAN + decided + ahead
    began, *rows = table([supposed(J, definition, mark)], now=until)

    assert (began.fate, began.through) == ("notYetCreated", mark)
    fates = {"disabled"} if not definition.enabled else {"pending"}
    assert {row.fate for row in rows} == fates
    instants = [at for row in rows for at in row.instants(mark, until + DAY)]
    assert instants == named_by(J, definition).between(mark, until + DAY)


# --------------------------------------------------------------------------------------------------------- timetables


@LAWS
@given(
    cron=st.sampled_from(["*/7 * * * *", "30 2 * * *", "@yearly", "@every 100s", None]),
    bounds=st.tuples(*[st.one_of(st.none(), st.integers(-DAY, 3 * DAY))] * 2),
    span=st.tuples(st.integers(-2 * DAY, 3 * DAY), st.integers(0, 3 * DAY)),
    limit=st.integers(0, 300),
)
def test_every_question_to_a_timetable_has_the_same_answer(
    cron: str | None, bounds: tuple[int | None, int | None], span: tuple[int, int], limit: int
) -> None:
    start, end = (None if one is None else BEGAN + one for one in bounds)
    low, high = BEGAN + span[0], BEGAN + sum(span)
    schedule = None if cron is None else parse(cron, timezone="Europe/Berlin")
    named = Timetable(schedule=schedule).within(start, end)
    every = [] if schedule is None else schedule.between(low, high)
    every = [at for at in every if (start is None or start <= at) and (end is None or at <= end)]

    assert named.between(low, high) == every
    assert named.between(low, high, limit) == every[:limit]
    assert named.count_between(low, high) == len(every)
    assert named.last_between(low, high, limit) == every[max(0, len(every) - limit) :]
    newest = named.before_newest(low, high, limit)
    assert low <= newest <= max(low, high)
    assert named.between(newest, high) == every[max(0, len(every) - limit) :]
    first = named.after(low)
    assert every[:1] == ([first] if first is not None and first <= high else [])
    if every:
        assert named.last_before(high + 1) == every[-1]


def test_equal_definitions_share_one_timetable_whatever_the_job() -> None:
    other = msgspec.structs.replace(MINUTELY, job_name="b", start_at=stamp(BEGAN))

    assert named_by(J, MINUTELY) is named_by(J, msgspec.structs.replace(MINUTELY, remark="slow"))
    assert named_by(J, other).schedule is named_by(J, MINUTELY).schedule

"""Strips: each instant in one bin, with what the ledger and `explain` say of it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.lives import BEGAN, BLOCKING, DAY, HOUR, MINUTE, J, Life, Told, lives
from waterclock.model.definition import Definition
from waterclock.model.events import FireCoalesced, FireSkipped, RunRequested
from waterclock.model.instants import strip
from waterclock.model.instants.explain import explain
from waterclock.model.instants.ledger import verify
from waterclock.model.instants.strip import Binned, Range, Strip, coarse, confirmed, count_named, exact, stretches_of
from waterclock.model.instants.strip_counts import StripCounts, cells_of
from waterclock.model.instants.timetable import BEGINNING
from waterclock.model.job import Create, Delete, Replace, SetStatus
from waterclock.model.timestamps import millis

LAWS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
EVERY_MINUTE = Definition(job_name="a", invoke_target="demo.noop", cron_expression="* * * * *")


def told_of(entries: Sequence[Told], low: int, high: int) -> strip.Told:
    """What the read models hold after these events, of [low, high)."""
    fired: list[int] = []
    ranges: list[Range] = []
    mark = 0
    for _, _, event in entries:
        if getattr(event, "through", None) is not None:
            mark = max(mark, millis(event.through))
        match event:
            case RunRequested(trigger="schedule" | "catchup", nominal_at=at) if at and low <= millis(at) < high:
                fired.append(millis(at))
            case FireSkipped() | FireCoalesced() if low <= millis(event.last) and millis(event.first) < high:
                fate = "skipped" if isinstance(event, FireSkipped) else "coalesced"
                ranges.append(Range(fate, millis(event.first), millis(event.last), event.count))
            case _:
                continue
    return strip.Told(fired={"succeeded": sorted({*fired})}, ranges=ranges, mark=mark)


def strip_of(entries: Sequence[Told], edges: Sequence[int], now: int) -> Strip:
    return exact(stretches_of(entries), told_of(entries, edges[0], edges[-1]), edges, now=now)


def coarsely(entries: Sequence[Told], edges: Sequence[int], now: int) -> Strip:
    told = told_of(entries, edges[0], edges[-1])
    counts: Counter[tuple[Any, int]] = Counter()
    for ending, instants in told.fired.items():
        counts.update((ending, bisect_right(edges, instant) - 1) for instant in instants)
    for fate, first, last, _ in told.ranges:
        if first == last:
            counts[fate, bisect_right(edges, first) - 1] += 1
    wide = [one for one in told.ranges if one.first < one.last]
    binned = Binned([(fate, place, n) for (fate, place), n in counts.items()], wide, told.mark)
    return coarse(stretches_of(entries), binned, edges, now=now)


@st.composite
def parts(draw: st.DrawFn) -> list[int]:
    """Edges of bins somewhere in a life, or around it."""
    low = BEGAN + draw(st.integers(-DAY, 4 * DAY))
    return [low, *sorted(low + one for one in draw(st.sets(st.integers(1, 4 * DAY), min_size=1, max_size=40)))]


@LAWS
@given(life=lives(), edges=parts())
def test_each_instant_is_in_one_bin_with_the_fate_that_explain_tells(life: Life, edges: list[int]) -> None:
    found = strip_of(life.entries, edges, life.now)
    told = explain(life.entries, from_ms=edges[0], to_ms=edges[-1] - 1, now_ms=life.now, limit=1_000_000)
    expected: list[Counter[str]] = [Counter() for _ in edges[1:]]
    for item in told:
        fate = {"fired": "succeeded"}.get(item.fate, item.fate)
        fate = "future" if item.reason == "future" else fate
        expected[bisect_right(edges, millis(item.instant)) - 1][fate] += 1

    assert list(map(Counter, found.bins)) == expected
    assert not found.cracks
    assert coarsely(life.entries, edges, life.now).bins == found.bins


@LAWS
@given(life=lives(), edges=parts())
def test_the_sums_are_those_of_the_ledger(life: Life, edges: list[int]) -> None:
    found = strip_of(life.entries, edges, life.now)
    verdict = verify(life.entries, from_ms=edges[0], to_ms=edges[-1] - 1, now_ms=life.now)
    total: Counter[str] = Counter()
    for counts in found.bins:
        total.update(counts)

    assert (total["succeeded"], total["skipped"]) == (verdict.fired, verdict.skipped)
    assert (total["coalesced"], total["pending"]) == (verdict.coalesced, verdict.pending)
    assert (total["missing"], total["double"], total["stray"]) == (0, 0, 0)
    oldest = None if verdict.oldest_pending is None else millis(verdict.oldest_pending)
    assert found.oldest_pending == oldest == coarsely(life.entries, edges, life.now).oldest_pending
    assert sum(total.values()) == count_named(stretches_of(life.entries), edges)


@LAWS
@given(life=lives(), data=st.data())
def test_what_is_taken_out_is_missing(life: Life, data: st.DataObject) -> None:
    fired = [
        n for n, told in enumerate(life.entries) if getattr(told.event, "trigger", None) in {"schedule", "catchup"}
    ]
    if not fired:
        return
    place = data.draw(st.sampled_from(fired))
    gone = millis(life.entries[place].event.nominal_at)
    edges = [gone - HOUR, gone, gone + 1, gone + HOUR]
    told = told_of(life.entries, edges[0], edges[-1])
    told = told._replace(fired={"succeeded": [one for one in told.fired["succeeded"] if one != gone]})

    found = exact(stretches_of(life.entries), told, edges, now=life.now)
    assert found.cracks == [("missing", gone)]
    assert confirmed(found, edges, [(gone - MINUTE, gone)]).bins[1] == {"missing": 1}
    known = exact(stretches_of(life.entries), told, edges, now=life.now)
    assert confirmed(known, edges, [], forgotten_before=gone + 1).bins[1] == {"forgotten": 1}
    forgetful = exact(stretches_of(life.entries), told._replace(forgotten_before=gone + 1), edges, now=life.now)
    assert (forgetful.bins[1], forgetful.cracks) == ({"forgotten": 1}, [])


def born(definition: Definition = EVERY_MINUTE, **fields: Any) -> Life:
    life = Life()
    life.command(Create(job_id=J, definition=msgspec.structs.replace(definition, **fields)))
    return life


def minutes(life: Life, number: int) -> None:
    for _ in range(number):
        life.wait(MINUTE)
        life.decide()


def test_cells_are_run_length_encoded_and_hold_what_is_not_zero() -> None:
    found = cells_of([{}, {}, {"timedOut": 2}, {"timedOut": 2}, {"notYetCreated": 1}, {}])
    assert msgspec.json.decode(msgspec.json.encode(found)) == [
        [2, None],
        [2, {"timedOut": 2}],
        [1, {"notYetCreated": 1}],
        [1, None],
    ]
    assert found[1] == (2, StripCounts(timed_out=2))


def test_a_strip_tells_how_the_job_stood() -> None:
    life = born()
    minutes(life, 3)
    life.command(SetStatus(status="1"))
    life.wait(5 * MINUTE)
    life.command(SetStatus(status="0"))
    minutes(life, 2)
    life.command(Delete())
    life.wait(2 * MINUTE)
    edges = [BEGAN - 2 * MINUTE, BEGAN, life.now + 1, life.now + 3 * MINUTE]

    found = strip_of(life.entries, edges, life.now)

    assert found.bins == [{"notYetCreated": 2}, {"succeeded": 5, "disabled": 5, "deleted": 2}, {"deleted": 3}]
    assert (found.cracks, found.oldest_pending) == ([], None)


def test_what_is_due_is_pending_and_what_comes_is_future() -> None:
    life = born()
    minutes(life, 2)
    life.wait(3 * MINUTE)
    edges = [life.now - HOUR, life.now + 1, life.now + HOUR]

    found = strip_of(life.entries, edges, life.now)

    assert found.bins == [{"notYetCreated": 55, "succeeded": 2, "pending": 3}, {"future": 60}]
    assert found.oldest_pending == life.mark // MINUTE * MINUTE + MINUTE


def test_a_range_is_counted_where_its_instants_are() -> None:
    life = born(misfire_policy="2")
    life.wait(HOUR)
    life.decide()
    edges = [BEGAN, BEGAN + HOUR // 2, life.now + 1]

    found = strip_of(life.entries, edges, life.now)

    assert found.bins == [{"coalesced": 30}, {"coalesced": 28, "succeeded": 2}]


def test_an_instant_told_of_twice_is_counted_once_and_double() -> None:
    life = born()
    minutes(life, 3)
    edges = [BEGAN, life.now + 1]
    told = told_of(life.entries, *edges)
    again = told.fired["succeeded"][1]
    stretches = stretches_of(life.entries)

    skipped = told._replace(ranges=[Range("skipped", again, again, 1)])
    found = confirmed(exact(stretches, skipped, edges, now=life.now), edges, None)
    assert found.bins == [{"succeeded": 3, "double": 1}]

    both = told._replace(fired={"succeeded": []}, ranges=[Range("skipped", again, again, 1)] * 2)
    found = exact(stretches, both, edges, now=life.now)
    assert [crack.kind for crack in found.cracks] == ["missing", "double", "missing"]
    assert found.bins == [{"skipped": 1}]


def test_an_instant_that_is_not_named_is_stray_and_counted_once() -> None:
    life = born()
    minutes(life, 3)
    life.command(SetStatus(status="1"))
    life.wait(3 * MINUTE)
    edges = [BEGAN, life.now + 1]
    told = told_of(life.entries, *edges)
    (*_, last) = told.fired["succeeded"]
    odd = told._replace(fired={"succeeded": told.fired["succeeded"], "failed": [last + MINUTE, last + MINUTE + 1]})

    found = exact(stretches_of(life.entries), odd, edges, now=life.now)

    assert found.bins == [{"succeeded": 3, "failed": 2, "disabled": 2}]
    assert found.cracks == [("stray", last + MINUTE), ("stray", last + MINUTE + 1)]
    assert confirmed(found, edges, [(last + MINUTE, last + HOUR)]).bins[0]["stray"] == 1


def test_what_is_told_of_and_newer_than_the_mark_is_no_crack() -> None:
    life = born()
    minutes(life, 3)
    edges = [BEGAN, life.now + 1]
    told = told_of(life.entries, *edges)
    early = told._replace(mark=told.mark - MINUTE)
    found = exact(stretches_of(life.entries), early, edges, now=life.now)
    assert (found.bins, found.cracks, found.oldest_pending) == ([{"succeeded": 3}], [], None)


def test_a_range_with_another_number_is_a_crack_for_the_ledger_to_confirm() -> None:
    life = born(misfire_policy="3")
    life.wait(10 * MINUTE)
    life.decide()
    edges = [BEGAN, life.now + 1]
    told = told_of(life.entries, *edges)
    (one,) = told.ranges
    for number, kind in ((one.number - 1, "missing"), (one.number + 1, "stray")):
        found = exact(
            stretches_of(life.entries), told._replace(ranges=[one._replace(number=number)]), edges, now=life.now
        )
        assert found.cracks == [(kind, one.last)]
        assert confirmed(found, edges, []).bins == [{"succeeded": 1, "skipped": one.number}]


def test_an_edit_counts_by_what_was_named_before_it_and_after() -> None:
    life = born()
    minutes(life, 4)
    life.command(Replace(definition=msgspec.structs.replace(EVERY_MINUTE, cron_expression="*/2 * * * *")))
    minutes(life, 4)
    found = strip_of(life.entries, [BEGAN, life.now + 1], life.now)
    assert (found.bins, found.cracks) == ([{"succeeded": 6}], [])


def test_what_is_too_much_to_be_looked_at_is_counted() -> None:
    life = born(cron_expression="* * * * * *")
    life.wait(400 * DAY)
    life.tell(RunRequested(run_id=BLOCKING, job_id=J, trigger="manual", invoke_target="a", queue="q"))
    edges = [BEGAN + n * DAY for n in range(-1, 401)]
    told = Binned([("succeeded", 1, 86_000), ("failed", 2, 86_400)], [], BEGAN + 3 * DAY)

    found = coarse(stretches_of(life.entries), told, edges, now=BEGAN + 4 * DAY)

    assert found.bins[0] == {"notYetCreated": 86_400}
    assert found.bins[1] == {"succeeded": 86_000, "missing": 400}
    assert found.bins[2] == {"failed": 86_400}
    assert found.bins[4]["pending"] >= 86_399
    assert found.bins[-1] == {"future": 86_400}


def test_nothing_is_told_of_a_job_without_a_life() -> None:
    told = strip.Told(fired={"succeeded": [5]}, ranges=[], mark=0, forgotten_before=BEGINNING)
    assert stretches_of([]) == ()
    assert exact((), told, [0, 10], now=20).bins == [{"succeeded": 1}]

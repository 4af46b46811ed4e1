"""What is foretold of an outage, and what makes up for it, whatever the job."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.lives import BEGAN, DAY, DEFINITIONS, HOUR, J
from waterclock.model.definition import Definition
from waterclock.model.instants.backfill import plan
from waterclock.model.instants.simulate import Simulated, simulate
from waterclock.model.instants.timetable import named_by
from waterclock.model.job import Job
from waterclock.model.timestamps import millis

LAWS = settings(max_examples=150, deadline=None)
OUTAGES = st.tuples(st.integers(0, 2 * DAY), st.integers(1, 2 * DAY)).map(
    lambda two: (BEGAN + two[0], sum(two) + BEGAN)
)


def job_of(definition: Definition) -> Job:
    return Job(job_id=J, version=1, definition=definition)


def foretold(definition: Definition, outage: tuple[int, int], *, running: bool, limit: int = 1000) -> Simulated:
    return simulate(job_of(definition), from_ms=outage[0], to_ms=outage[1], running=running, limit=limit)


@LAWS
@given(definition=DEFINITIONS, outage=OUTAGES, running=st.booleans())
def test_every_instant_of_the_outage_is_foretold_once(
    definition: Definition, outage: tuple[int, int], running: bool
) -> None:
    found = foretold(definition, outage, running=running)
    named = named_by(J, definition)
    assert found.instants == found.fired + found.skipped + found.coalesced == named.count_between(*outage)
    told = [millis(run.nominal_at) for run in found.runs]
    for part in found.unfired:
        between = named.between(millis(part.first) - 1, millis(part.last))
        assert len(between) == part.count
        told += between
    assert found.truncated or sorted(told) == named.between(*outage)


@LAWS
@given(definition=DEFINITIONS, outage=OUTAGES, running=st.booleans())
def test_runs_that_may_not_overlap_leave_at_most_one_to_start(
    definition: Definition, outage: tuple[int, int], running: bool
) -> None:
    found = foretold(msgspec.structs.replace(definition, concurrent="1"), outage, running=running)
    standing = [run for run in found.runs if run.state != "waiting" and not run.replaced]
    assert len(standing) <= (0 if running else 1)


@LAWS
@given(definition=DEFINITIONS, outage=OUTAGES, limit=st.integers(1, 5))
def test_what_is_listed_is_the_beginning_of_the_whole(
    definition: Definition, outage: tuple[int, int], limit: int
) -> None:
    cut, whole = (foretold(definition, outage, running=False, limit=most) for most in (limit, 100_000))
    assert not whole.truncated
    assert (cut.runs, cut.unfired) == (whole.runs[:limit], whole.unfired[:limit])
    assert cut.truncated == (max(len(whole.runs), len(whole.unfired)) > limit)


@LAWS
@given(definition=DEFINITIONS, outage=OUTAGES, limit=st.integers(1, 40), decided=st.integers(-HOUR, 2 * DAY))
def test_the_pages_of_a_backfill_are_all_that_is_decided_of_the_range(
    definition: Definition, outage: tuple[int, int], limit: int, decided: int
) -> None:
    job, (low, high), mark = job_of(definition), outage, BEGAN + decided
    found, since = list[int](), low
    for _ in range(200):
        page = plan(job, from_ms=since, to_ms=high, mark=mark, limit=limit)
        found += page.instants
        if page.next_from is None:
            break
        since = page.next_from
    else:
        found += plan(job, from_ms=since, to_ms=high, mark=mark, limit=1 << 30).instants
    whole = named_by(J, job.definition).between(low - 1, high)
    assert found == [instant for instant in whole if instant <= mark or not definition.enabled]
    assert plan(job, from_ms=low, to_ms=high, mark=mark, limit=limit).pending == len(whole) - len(found)

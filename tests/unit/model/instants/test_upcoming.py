"""What comes next of many jobs, in one order and in bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waterclock.model.definition import Definition
from waterclock.model.ids import JobId
from waterclock.model.instants.timetable import Timetable, named_by
from waterclock.model.instants.upcoming import TooMany, count_all, counted, first_of, grouped
from waterclock.model.timestamps import stamp

NOW = 1_796_050_800_000
MINUTE, HOUR = 60_000, 3_600_000
CRONS = ("* * * * *", "*/7 * * * *", "0 * * * *", "H * * * *", "@every 100s", "30 2 * * *", "*/5 * * * * *")

Groups = Mapping[Timetable, Sequence[str]]


def named(job_id: str, cron: str, end: int | None = None) -> Timetable:
    ends = None if end is None else stamp(end)
    return named_by(JobId(job_id), Definition(job_name="a", invoke_target="b", cron_expression=cron, end_at=ends))


@st.composite
def many(draw: st.DrawFn) -> dict[str, Timetable]:
    ends = st.sampled_from([None, None, NOW + 20 * MINUTE])
    crons = draw(st.lists(st.tuples(st.sampled_from(CRONS), ends), max_size=12))
    return {f"{n:02}": named(f"{n:02}", cron, end) for n, (cron, end) in enumerate(crons)}


def every(jobs: Mapping[str, Timetable], low: int, high: int) -> list[tuple[int, str]]:
    return sorted((at, job_id) for job_id, one in jobs.items() for at in one.between(low - 1, high - 1))


@settings(max_examples=100, deadline=None)
@given(jobs=many(), length=st.integers(1, 2 * HOUR), limit=st.integers(1, 30))
def test_pages_hold_all_instants_once_and_in_order(jobs: dict[str, Timetable], length: int, limit: int) -> None:
    groups = grouped(jobs.items())
    expected = every(jobs, NOW, NOW + length)
    assert count_all(groups, NOW - 1, NOW + length - 1) == len(expected)
    found: list[tuple[int, str]] = []
    at, beside = NOW, ""
    while page := first_of(groups, at - 1, NOW + length - 1, limit, beside=beside):
        assert len(page) <= limit
        found += [(one.at, one.job_id) for one in page]
        at, beside = found[-1]
    assert found == expected


@settings(max_examples=100, deadline=None)
@given(jobs=many(), edges=st.sets(st.integers(0, 3 * HOUR), min_size=2, max_size=40))
def test_each_instant_is_counted_in_its_bin(jobs: dict[str, Timetable], edges: set[int]) -> None:
    bounds = [NOW + one for one in sorted(edges)]
    expected = [len(every(jobs, low, high)) for low, high in pairwise(bounds)]
    assert counted(grouped(jobs.items()), bounds, most=1_000_000) == expected


def test_jobs_that_name_the_same_are_asked_once() -> None:
    jobs = {f"{n:05}": named(f"{n:05}", "0 * * * *") for n in range(20_000)}
    groups = grouped(jobs.items())
    assert len(groups) == 1
    assert [one.job_id for one in first_of(groups, NOW, NOW + HOUR, 3)] == ["00000", "00001", "00002"]
    assert count_all(groups, NOW, NOW + HOUR) == 20_000
    assert counted(groups, [NOW + 1, NOW + HOUR + 1], most=30) == [20_000]


def test_what_is_too_much_to_be_counted_is_refused() -> None:
    jobs = {f"{n:02}": named(f"{n:02}", f"{n} * * * *") for n in range(10)}
    edges = [NOW + n * MINUTE for n in range(61)]
    assert sum(counted(grouped(jobs.items()), edges, most=10)) == 10
    with pytest.raises(TooMany):
        counted(grouped(jobs.items()), edges, most=9)

"""What comes next of many jobs: their instants in one order, or how many of them lie in each part of time.

Jobs that name the same are asked once. Moments are milliseconds since the epoch.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from waterclock.model.instants.timetable import Timetable

LISTED = 20
"""Instants of a bin that are listed as quickly as they are counted, about."""


class Upcoming(NamedTuple):
    at: int
    job_id: str
    named: Timetable


class TooMany(Exception):
    """There is more to be looked at than may be."""


def grouped(jobs: Iterable[tuple[str, Timetable]]) -> Mapping[Timetable, Sequence[str]]:
    """Jobs by what they name."""
    found: dict[Timetable, list[str]] = {}
    for job_id, named in jobs:
        found.setdefault(named, []).append(job_id)
    return found


def count_all(groups: Mapping[Timetable, Sequence[str]], after: int, through: int) -> int:
    """How many instants of all jobs lie in (after, through]."""
    return sum(named.count_between(after, through) * len(job_ids) for named, job_ids in groups.items())


def first_of(
    groups: Mapping[Timetable, Sequence[str]], after: int, through: int, limit: int, *, beside: str = ""
) -> list[Upcoming]:
    """The first `limit` instants in (after, through], by their times and then by the ids of their jobs.

    `beside`: of the first of these moments only jobs with a greater id, for that is where a page before has ended.
    """
    heap: list[tuple[int, int, Timetable, Sequence[str]]] = []
    for place, (named, job_ids) in enumerate(groups.items()):
        first = named.after(after)
        if first is not None and first <= through:
            heap.append((first, place, named, job_ids))
    heapq.heapify(heap)
    found: list[Upcoming] = []
    for at, together in _moments(heap, through):
        due = sorted((job_id, named) for named, job_ids in together for job_id in job_ids)
        found += [Upcoming(at, job_id, named) for job_id, named in due if at > after + 1 or job_id > beside]
        if len(found) >= limit:
            break
    return found[:limit]


def counted(groups: Mapping[Timetable, Sequence[str]], edges: Sequence[int], *, most: int) -> list[int]:
    """How many instants of all jobs lie in each bin [edges[n], edges[n + 1]).

    Raises:
        TooMany: it takes more than `most` instants to be listed, or bins to be counted.
    """
    bins = [0] * (len(edges) - 1)
    low, high = edges[0] - 1, edges[-1] - 1
    for named, job_ids in groups.items():
        number = named.count_between(low, high)
        most -= min(number, LISTED * len(bins))
        if most < 0:
            raise TooMany
        if number <= LISTED * len(bins):
            for instant in named.between(low, high):
                bins[bisect_right(edges, instant) - 1] += len(job_ids)
            continue
        for place in range(len(bins)):
            bins[place] += named.count_between(edges[place] - 1, edges[place + 1] - 1) * len(job_ids)
    return bins


def _moments(
    heap: list[tuple[int, int, Timetable, Sequence[str]]], through: int
) -> Iterator[tuple[int, list[tuple[Timetable, Sequence[str]]]]]:
    """Moment by moment, what is named at each."""
    while heap:
        at = heap[0][0]
        together: list[tuple[Timetable, Sequence[str]]] = []
        while heap and heap[0][0] == at:
            _, place, named, job_ids = heap[0]
            together.append((named, job_ids))
            following = named.after(at)
            if following is not None and following <= through:
                heapq.heapreplace(heap, (following, place, named, job_ids))
            else:
                heapq.heappop(heap)
        yield at, together

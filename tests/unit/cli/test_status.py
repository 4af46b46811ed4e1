"""What `waterclock status` makes of an API's answers."""

from __future__ import annotations

import pytest

from waterclock.cli.render.status import Check, of_condition, of_unready, told
from waterclock.client.errors import FieldProblem, Problem, Refused
from waterclock.client.models import Condition

FINE = {"redis": "ok", "postgres": "ok", "schedules": "ok", "projection": "ok", "writes": "ok", "clocks": "ok"}


def judged(**checks: str) -> list[tuple[str, str]]:
    found = of_condition(Condition(status="ready", checks=FINE | checks))
    return [(one.level, one.check) for one in found if one.level != "ok"]


@pytest.mark.parametrize(
    ("checks", "levels"),
    [
        ({}, []),
        ({"projection": "8 events behind, the oldest for 5.2 s (partition 0)"}, []),
        ({"projection": "8 events behind, the oldest for 61.0 s (partition 0)"}, [("problem", "projection")]),
        ({"projection": "partition 0: the archive is ahead of the event log"}, [("problem", "projection")]),
        ({"projection": "not known"}, [("warning", "projection")]),
        ({"schedules": "partition 0: no scheduler leads it"}, [("problem", "schedules")]),
        ({"writes": "redis is at its memory limit"}, [("problem", "writes")]),
        ({"clocks": "the log's clock is 9.0 s ahead of this process's"}, [("problem", "clocks")]),
        ({"events": "3 cannot be read"}, [("warning", "events")]),
    ],
)
def test_what_stops_the_clock_is_a_problem(checks: dict[str, str], levels: list[tuple[str, str]]) -> None:
    assert judged(**checks) == levels


def test_an_api_that_is_not_ready_says_what_is_out_of_reach() -> None:
    problem = Problem(title="Not ready", status=503, errors=(FieldProblem("postgres", "does not answer"),))
    lines = list(told([*of_unready(Refused(problem, status=503, headers={}))]))
    assert lines[:2] == [
        "The scheduler does not work properly: api.",
        "problem  api: is not ready: postgres: does not answer",
    ]


def test_the_first_line_is_the_answer() -> None:
    assert list(told([Check(level="warning", check="queue", said="low is paused", do="resume it")])) == [
        "The scheduler works.",
        "warning  queue: low is paused",
        "         → resume it",
    ]

"""The demo's proof finds what is missing and what is double."""

from typing import Any

from waterclock.model.cron import parse
from waterclock_dev.demo.ledger import account, is_decision

SCHEDULE = parse("*/2 * * * * *")


def at(second: float) -> str:
    return f"2026-11-23T12:00:{second:06.3f}Z"


def fired(after: float, instant: int, through: float) -> dict[str, Any]:
    return {
        "id": f"0-1-{instant}",
        "type": "run.requested",
        "runId": f"tide-{instant}",
        "nominalAt": at(instant),
        "after": at(after),
        "through": at(through),
    }


def skipped(after: float, first: int, last: int, through: float) -> dict[str, Any]:
    return {
        "id": f"0-1-{first}",
        "type": "fire.skipped",
        "first": at(first),
        "last": at(last),
        "count": (last - first) // 2 + 1,
        "blockedBy": "tide-0",
        "after": at(after),
        "through": at(through),
    }


def test_a_chain_without_holes_has_one_entry_for_each_instant() -> None:
    ledger = account(SCHEDULE, [fired(1, 2, 2.01), skipped(2.01, 4, 8, 8.3), fired(8.3, 10, 10)])
    assert ledger.faults == ()
    assert [(entry.instant, entry.fate, entry.run_id) for entry in ledger.entries] == [
        (at(2), "fired", "tide-2"),
        (at(4), "skipped", "tide-0"),
        (at(6), "skipped", "tide-0"),
        (at(8), "skipped", "tide-0"),
        (at(10), "fired", "tide-10"),
    ]


def test_a_hole_in_the_chain_is_named() -> None:
    ledger = account(SCHEDULE, [fired(1, 2, 2.01), fired(4.01, 6, 6.01)])
    assert ledger.faults == (f"0-1-6 begins at {at(4.01)}, but what came before it ends at {at(2.01)}",)


def test_a_decision_for_more_instants_than_it_says_is_named() -> None:
    ledger = account(SCHEDULE, [fired(1, 2, 4.01)])
    assert ledger.faults == (f"0-1-2 decides other instants than {at(2)}, {at(4)}",)


def test_a_decision_for_no_instant_is_named() -> None:
    ledger = account(SCHEDULE, [fired(2.5, 3, 3.5)])
    assert ledger.faults == ("0-1-3 decides other instants than none",)


def test_a_run_by_hand_decides_nothing() -> None:
    assert not is_decision({"type": "run.requested", "runId": "tide-x1"})
    assert not is_decision({"type": "job.created", "through": at(1)})

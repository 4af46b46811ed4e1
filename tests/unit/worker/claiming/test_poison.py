"""Who may hold a run that was lost often: one claim at a time, each partition in its turn."""

from __future__ import annotations

from waterclock.log.commands.attempts import SUSPECT_FROM, Grant
from waterclock.model.ids import RunId
from waterclock_worker.claiming.poison import PoisonRuns


def grant(losses: int) -> Grant:
    return Grant(RunId("r"), "", 1, 1, 0, losses, "1-1", cancelled=False, serial=False)


SUSPECT, FREE = grant(SUSPECT_FROM), grant(SUSPECT_FROM - 1)


def test_while_one_is_held_no_claim_may_ask() -> None:
    suspects = PoisonRuns()
    assert suspects.ask(0) == 1
    assert suspects.ask(1) == 0
    suspects.answered(1, [FREE])
    suspects.answered(0, [FREE, SUSPECT])
    assert suspects.ask(1) == 0
    assert not suspects.ended(FREE)
    assert suspects.ended(SUSPECT)
    assert suspects.ask(1) == 1


def test_a_partition_that_was_refused_comes_before_the_one_that_had_it() -> None:
    suspects = PoisonRuns()
    assert suspects.ask(0) == 1
    assert suspects.ask(1) == 0
    suspects.answered(0, [])
    assert suspects.ask(0) == 0
    assert suspects.ask(1) == 1
    suspects.answered(1, [])
    assert suspects.ask(1) == 1


def test_a_claim_that_came_to_nothing_gives_it_back() -> None:
    suspects = PoisonRuns()
    for _ in range(2):
        assert suspects.ask(0) == 1
        suspects.answered(0, [])

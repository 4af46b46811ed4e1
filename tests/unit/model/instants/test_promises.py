"""What is said of scheduled times that have broken a promise."""

from __future__ import annotations

from typing import Any

import pytest

from waterclock.model.ids import RunId
from waterclock.model.instants.explain import Explanation, with_broken
from waterclock.model.instants.promises import Broken, sentence
from waterclock.model.timestamps import Stamp, millis, stamp

TEN = millis(Stamp("2026-05-05T10:00:00.000Z"))
MINUTE = 60_000


def broken(**more: Any) -> Broken:
    known: dict[str, Any] = {
        "kind": "late",
        "what": "start",
        "attempt": None,
        "run_id": RunId("j-r"),
        "first": TEN,
        "last": TEN,
        "due": TEN + 5 * MINUTE,
        "at": TEN + 5 * MINUTE + 1,
        "began": None,
        "ended": None,
    }
    return Broken(**known | more)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            broken(began=TEN + 12 * MINUTE),
            "Promised to start within 5 min; started 12 min after; broken at 2026-05-05T10:05:00.000Z.",
        ),
        (broken(), "Promised to start within 5 min; not started yet; broken at 2026-05-05T10:05:00.000Z."),
        (
            broken(what="finish", due=TEN + 60 * MINUTE, began=TEN, ended=TEN + 125 * MINUTE),
            "Promised to end within 1 h; ended 2 h 5 min after; broken at 2026-05-05T11:00:00.000Z.",
        ),
        (
            broken(kind="tooLong", what="attempt", attempt=2, began=TEN, ended=TEN + 20 * MINUTE),
            "Promised that an attempt takes 5 min at most; attempt 2 took 20 min; broken at 2026-05-05T10:05:00.000Z.",
        ),
        (
            broken(kind="tooLong", what="attempt", attempt=1, began=TEN),
            "Promised that an attempt takes 5 min at most; attempt 1 goes on; broken at 2026-05-05T10:05:00.000Z.",
        ),
        (
            broken(kind="missing", what=None, due=None, at=TEN + 1),
            "Promised, and it has no run; broken at 2026-05-05T10:00:00.001Z.",
        ),
    ],
)
def test_a_sentence_says_what_was_promised_what_happened_and_since_when(one: Broken, said: str) -> None:
    assert sentence(one) == said


def test_an_explanation_gets_the_sentences_and_the_kinds() -> None:
    plain = Explanation(
        instant=stamp(TEN), fate="fired", reason="schedule", run_id=None, policy=None, position=None, text="Fired."
    )
    assert with_broken(plain, []) is plain
    told = with_broken(plain, [broken(), broken(what="finish", due=TEN + 60 * MINUTE)])
    assert told.broken == ("late", "late")
    assert told.text.startswith("Fired. Promised to start within 5 min; not started yet;")


def test_a_skip_of_several_times_is_about_each_of_them() -> None:
    skip = broken(kind="missing", what=None, last=TEN + 10 * MINUTE)
    assert [skip.is_about(TEN + at * MINUTE) for at in (-1, 0, 5, 10, 11)] == [False, True, True, True, False]

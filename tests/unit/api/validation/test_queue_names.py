"""A queue in a body: there, or named with what is there."""

from __future__ import annotations

import pytest

from waterclock.model.errors import Flaw
from waterclock_api.validation.values import check_queue


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("urgent", "unknown queue 'urgent'; known queues: pr\u00fcf, low"),
        ("pru\u0308f", r"there is no queue 'pru\u0308f': the one that looks the same is 'pr\xfcf'"),
        ("low\u200b", r"there is no queue 'low\u200b': the one that looks the same is 'low'"),
    ],
)
def test_a_queue_that_is_not_there_is_told_with_what_is(name: str, said: str) -> None:
    flaws: list[Flaw] = []
    check_queue(name, ["pr\u00fcf", "low"], flaws)
    assert flaws == [Flaw("/queue", said)]


def test_a_queue_that_is_there_has_no_flaw_whatever_its_name_is() -> None:
    flaws: list[Flaw] = []
    check_queue("of old ", ["of old "], flaws)
    assert flaws == []

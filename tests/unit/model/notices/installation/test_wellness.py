"""What keeps the heartbeat back: anything that is not well, and anything of which nobody knows."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.model.notices.installation.test_signs import NOW, WELL, seen
from waterclock.model.notices.installation.wellness import Behind, unwell

FINE = {0: Behind()}


@pytest.mark.parametrize(
    ("odd", "behind", "said"),
    [
        ({}, Behind(), None),
        ({"silent": "halted"}, Behind(), "partition 0: halted"),
        ({"led_until": NOW - 30_000}, Behind(), None),
        ({"led_until": NOW - 30_001}, Behind(), "partition 0: no scheduler leads it"),
        ({"next_at": NOW - 30_000}, Behind(), None),
        ({"next_at": NOW - 31_000}, Behind(), "partition 0: a scheduled time has been due for 31 s and is not decided"),
        ({"due": NOW - 30_000}, Behind(), None),
        ({"due": NOW - 31_000}, Behind(), "partition 0: a promise has been due for 31 s and is not judged"),
        ({"judged": None}, Behind(), "partition 0: it is not judged"),
        ({}, None, "partition 0: it is not judged"),
        ({}, Behind(7, 30.0), None),
        ({}, Behind(7, 31.0), "partition 0: 7 events are not judged, the oldest for 31 s"),
        ({}, Behind(is_ahead=True), "partition 0: what is archived is ahead of the event log"),
        ({"lacked": {"report": 3}}, Behind(), None),  # that is a matter of workers
    ],
)
def test_each_partition_must_be_well(odd: dict[str, Any], behind: Behind | None, said: str | None) -> None:
    found = {} if behind is None else {0: behind}

    assert unwell(seen(replace(WELL, **odd)), found, 0, most=30.0) == said


def test_one_partition_that_is_not_well_is_enough() -> None:
    look = seen(WELL, replace(WELL, partition=1, silent="no answer"))

    assert unwell(look, {0: Behind(), 1: Behind()}, 0, most=30.0) == "partition 1: no answer"


def test_messages_that_nobody_sends_and_a_store_that_is_silent_keep_it_back() -> None:
    assert unwell(seen(WELL), FINE, 2, most=30.0) == "2 messages are due and not sent"
    assert unwell(seen(WELL, store_silent="refused"), FINE, 0, most=30.0) == "Postgres does not answer: refused"


def test_a_channel_that_is_dead_does_not_keep_it_back() -> None:
    assert unwell(seen(WELL, dead={"ops": "410"}), FINE, 0, most=30.0) is None

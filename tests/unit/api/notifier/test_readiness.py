"""What the probe of a notifier says: a channel that is dead is named, and takes nothing from its readiness."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from waterclock_api.notifier_main import Readiness


def reported(dead: Mapping[str, str] | None, *, lacking: str | None = None) -> tuple[bool, Mapping[str, Any]]:
    work: Any = SimpleNamespace(lacking=lacking, places={0: None}, is_muted=False, dead_channels=dead)
    readiness = Readiness(cast("Any", SimpleNamespace(wrong=None)))
    readiness.work, readiness.lacking = work, None
    report = readiness.report()
    return report.ready, report.said


@pytest.mark.parametrize(("dead", "said"), [({"ops": "gone"}, {"ops": "gone"}), ({}, "ok"), (None, "not known")])
def test_a_dead_channel_is_named_and_the_notifier_stays_ready(dead: Mapping[str, str] | None, said: object) -> None:
    ready, told = reported(dead)

    assert ready
    assert told["channels"] == said
    assert told["notices"] == "ok"


def test_what_it_lacks_makes_it_unready() -> None:
    ready, told = reported({}, lacking="shares no partitions yet")

    assert not ready
    assert told["lacking"] == "shares no partitions yet"

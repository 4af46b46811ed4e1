"""What is said of read models that are behind, and whether they catch up."""

from collections.abc import Iterable
from typing import Any, cast

import pytest

from waterclock.log.client import Log
from waterclock.log.liveness.lag import Lag
from waterclock.store.connection.pool import Connection
from waterclock_api.consistency.lag import told
from waterclock_api.operator.diagnostics import archive_fit
from waterclock_api.operator.diagnostics.checks import Finding


class OnePartition:
    restored, partitions = 0, 1


async def found_at(monkeypatch: pytest.MonkeyPatch, looks: Iterable[Lag]) -> list[Finding]:
    left = iter(looks)

    async def lags_of_all(*_: object) -> dict[int, Lag]:
        return {0: next(left)}

    async def nothing(*_: object, **__: Any) -> None:
        return None

    monkeypatch.setattr(archive_fit, "lags_of_all", lags_of_all)
    monkeypatch.setattr(archive_fit, "misfit", nothing)
    monkeypatch.setattr(archive_fit, "present", nothing)
    monkeypatch.setattr(archive_fit, "LOOK_APART", 0)
    return [one async for one in archive_fit.of_both(cast("Log", OnePartition()), cast("Connection", None))]


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        ((4.0,), "ok", "9 events behind"),
        ((30.0, 12.0), "warning", "the oldest for 12.0 s"),
        ((3000.0, 2000.0), "problem", "the oldest for 2000.0 s (partition 0)"),
        ((30.0, 32.0), "problem", "the oldest for 32.0 s (partition 0), and the lag is not shrinking"),
        ((30.0, 30.0), "problem", "and the lag is not shrinking"),
    ],
)
async def test_a_lag_shrinks_only_if_it_does(
    monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, ...], level: str, words: str
) -> None:
    [found] = await found_at(monkeypatch, [Lag(events=9, seconds=one) for one in seconds])
    assert (found.level, words in found.said) == (level, True), found
    assert ("was smaller" in found.do) == (len(seconds) > 1 and seconds[1] < seconds[0])


def test_an_archive_that_is_ahead_is_not_well() -> None:
    assert told({0: Lag(), 1: Lag()}) == "ok"
    assert told({0: Lag(events=3, seconds=1), 1: Lag(ahead=7)}) == "partition 1: the archive is ahead of the event log"

"""Runs that an API had answered for when their requests were lost: kept in the partition for a while, for `doctor`.

They are what that process remembered, and may have been requested again since; who reads looks for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from waterclock.log.client import Log
from waterclock.log.clock import server_time
from waterclock.log.reader import entry_of
from waterclock.model.ids import RunId
from waterclock.model.positions import Position

AT_ONCE = 1_000
"""Runs that are named of one loss, by one process."""
KEPT_MS = 7 * 86_400_000
_LOSSES = 20  # that are kept
_KEY = "lost"
_runs = msgspec.json.Decoder(list[RunId])


async def say_lost(log: Log, known: Position, runs: Sequence[str]) -> None:
    """Keep the ids of runs whose requests were lost, up to `known`.

    Raises:
        LogError: the log does not take it.
    """
    key = log.keys.partition(known.partition, _KEY)
    told = msgspec.json.encode(list(runs[:AT_ONCE]))
    await log.execute(key, "XADD", key, "MAXLEN", "=", _LOSSES, "*", "k", known.entry, "r", told)


async def lost_runs(log: Log, partition: int) -> list[RunId]:
    """All that were said of late, each once, latest first.

    Raises:
        LogError: the log cannot be asked.
    """
    key = log.keys.partition(partition, _KEY)
    since = max(0, await server_time(log, key) - KEPT_MS)
    rows = cast("list[Any]", await log.execute(key, "XREVRANGE", key, "+", since))
    found = [run for _, fields in map(entry_of, rows) for run in _runs.decode(fields[b"r"])]
    return list(dict.fromkeys(found))

"""Runs that only the archive has as unfinished: nobody could read how they ended, so they are ended here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from waterclock.log.bodies import Body
from waterclock.log.client import Log
from waterclock.log.scripts import Script
from waterclock.model.ids import RunId

AT_ONCE = 250
"""Runs in one call."""


class Lost(NamedTuple):
    """A run, and its RunDied; None: it is only looked for."""

    run_id: RunId
    body: Body | None


class _Reply(msgspec.Struct, frozen=True):
    lost: list[RunId]


_SETTLE = Script("settle", _Reply)


async def settle(log: Log, partition: int, runs: Sequence[Lost]) -> list[RunId]:
    """Those of the runs that the partition neither has nor remembers the end of; those with a body end by it."""
    found: list[RunId] = []
    for start in range(0, len(runs), AT_ONCE):
        some = [
            {"run_id": one.run_id} | ({} if one.body is None else {"body": one.body})
            for one in runs[start : start + AT_ONCE]
        ]
        found += (await log.call(_SETTLE, partition, {"runs": some})).lost
    return found

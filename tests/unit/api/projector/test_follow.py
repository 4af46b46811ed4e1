"""What a projector writes into its log of a partition that it cannot follow."""

import asyncio
from typing import cast

import psycopg
import pytest

from waterclock.log.client import Log
from waterclock.log.connection.errors import BrokenChain
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Pool
from waterclock_api.projector import follow as following
from waterclock_api.projector.follow import Watcher, follow
from waterclock_api.projector.trim import Keeping

FAULTS = (
    *(psycopg.OperationalError(f'could not extend file "base/5/{block}": No space\nleft') for block in range(4)),
    BrokenChain(0, "1-7", "1-9"),
    BrokenChain(0, "1-7", "1-12"),
)


class Watching:
    def __init__(self) -> None:
        self.reasons: list[tuple[int, str]] = []

    def following(self, partition: int, at: Position | None) -> None: ...

    def reached(self, partition: int, at: Position) -> None: ...

    def stopped(self, partition: int, reason: str) -> None:
        self.reasons.append((partition, reason))


async def test_an_outage_is_one_line_whatever_moves_in_its_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "waterclock_api")
    faults, over = iter(FAULTS), asyncio.Event()

    class Follower:
        moved = False

        def __init__(self, *_: object) -> None: ...

        async def run(self, watcher: Watcher) -> None:
            fault = next(faults, None)
            if fault is not None:
                raise fault
            watcher.reached(0, Position(0, 1, 13))
            over.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(following, "_Follower", Follower)
    monkeypatch.setattr(following, "BACK_OFF", (0.001, 0.001))
    watching = Watching()
    task = asyncio.create_task(follow(cast("Log", None), cast("Pool", None), 0, watching, Keeping()))
    async with asyncio.timeout(10):
        await over.wait()
    task.cancel()
    await asyncio.wait([task])

    told = [(record.levelname, record.message, record.__dict__["reason"]) for record in caplog.records]
    assert told == [
        ("WARNING", "projection stopped", 'could not extend file "base/5/0": No space left'),
        ("ERROR", "projection stopped", str(FAULTS[4])),
        ("INFO", "projection resumed", str(FAULTS[5])),
    ]
    assert len(watching.reasons) == len(FAULTS)

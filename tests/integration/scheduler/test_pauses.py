"""Pauses of queues, half done by whoever died: leaders make partitions agree with partition 0."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.scheduler.stage import PATIENCE_S, Stage, process, scheduling, staged
from waterclock.log.client import Log
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.queues import depths, follow, set_paused
from waterclock.log.connection.errors import LogUnavailable
from waterclock.model.events import QueuePaused, QueueResumed

PAUSED, RESUMED = QueuePaused(queue="default", reason="test"), QueueResumed(queue="default")


async def test_a_pause_that_died_between_partitions_is_completed_by_their_leaders(
    redis_url: str, key_prefix: str
) -> None:
    async with staged(redis_url, key_prefix, partitions=3) as stage:
        await _die_after(1, stage, PAUSED)
        assert await _paused(stage) == [True, False, False]
        async with process(redis_url, key_prefix):
            await _until(stage, [True, True, True])
            await _die_after(1, stage, RESUMED)
            await _until(stage, [False, False, False])
        copied = [
            entry.event for entry in await stage.entries(2) if isinstance(entry.event, QueuePaused | QueueResumed)
        ]
        assert [type(event) for event in copied] == [QueuePaused, QueueResumed]
        assert copied[0].actor == "scheduler"
        assert copied[0].cause is not None


async def test_what_stands_in_another_partition_alone_does_not_count(redis_url: str, key_prefix: str) -> None:
    async with staged(redis_url, key_prefix, partitions=2) as stage:
        await set_paused(stage.log, command=Command(id="p"), event=PAUSED)
        await _die_after(1, stage, RESUMED)
        assert await _paused(stage) == [False, True]
        async with scheduling(stage.log):
            await _until(stage, [False, False])


async def test_a_command_that_was_interrupted_is_completed_by_repeating_it(redis_url: str, key_prefix: str) -> None:
    async with staged(redis_url, key_prefix, partitions=3) as stage:
        command = Command(id="p")
        await _die_after(2, stage, PAUSED, command)
        assert await _paused(stage) == [True, True, False]
        await set_paused(stage.log, command=command, event=PAUSED)
        assert await _paused(stage) == [True, True, True]


async def test_a_copy_does_not_undo_a_command_that_came_meanwhile(
    redis_url: str, key_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staged(redis_url, key_prefix, partitions=2) as stage:
        await set_paused(stage.log, command=Command(id="p"), event=PAUSED)
        await _die_after(1, stage, RESUMED)
        seen = 0

        async def depths_and_then(log: Log, partition: int) -> Any:
            nonlocal seen
            found = await depths(log, partition)
            seen += 1
            if seen == 2:  # the copier has read that partition 1 is paused and partition 0 is not
                for number, event in enumerate((RESUMED, PAUSED)):
                    await set_paused(stage.log, command=Command(id=f"then {number}"), event=event)
            return found

        monkeypatch.setattr("waterclock.log.commands.queues.depths", depths_and_then)
        assert await follow(stage.log, 1, actor="scheduler") == []
        assert await _paused(stage) == [True, True]


async def _die_after(
    calls: int, stage: Stage, event: QueuePaused | QueueResumed, command: Command | None = None
) -> None:
    """Pause or resume as a caller that is killed after so many partitions."""
    with pytest.MonkeyPatch.context() as patch:
        call, made = stage.log.call, 0

        async def dying(script: Any, *arguments: Any, **more: Any) -> Any:
            nonlocal made
            if script.name == "pause":
                made += 1
                if made > calls:
                    raise LogUnavailable("killed")
            return await call(script, *arguments, **more)

        patch.setattr(stage.log, "call", dying)
        with pytest.raises(LogUnavailable):
            await set_paused(stage.log, command=command or Command(id=f"{type(event).__name__}"), event=event)


async def _paused(stage: Stage) -> list[bool]:
    partitions = range(stage.log.partitions)
    return [bool((await depths(stage.log, partition)).queues["default"].paused) for partition in partitions]


async def _until(stage: Stage, wanted: list[bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await _paused(stage) != wanted:  # noqa: ASYNC110  what is waited for happens in another process
            await asyncio.sleep(0.02)

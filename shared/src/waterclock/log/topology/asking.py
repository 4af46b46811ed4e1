"""Words with servers about servers: on connections beside those of calls, to all of them at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from redis.exceptions import ResponseError

from waterclock.log.connection.addresses import Address, Target
from waterclock.log.connection.connections import Line
from waterclock.log.connection.errors import LogError, LogUnavailable

PATIENCE_S = 0.5
"""For each answer: who says nothing for so long has no say."""


class Asked:
    """A connection to each server that was asked, kept for the next time."""

    def __init__(self, *, name: str, patience: float = PATIENCE_S) -> None:
        self._name = name
        self._patience = patience
        self._lines: dict[Address, Line] = {}

    async def ask(self, target: Target, *commands: bytes) -> list[Any] | LogError:
        """The replies of one server, in order; of a command that is refused the error. An error if it says nothing."""
        address = target.address
        line = self._lines.pop(address, None)
        try:
            if line is None:
                line = Line(target, timeout=self._patience, name=self._name, any_role=True)
                await line.open()
            replies = await line.ask_all(*commands)
        except BaseException as error:
            if line is not None:
                await line.drop()
            if isinstance(error, ResponseError):
                return LogUnavailable(f"{address} refuses the connection: {error}")
            if isinstance(error, LogError):
                return error
            raise
        self._lines[address] = line
        return replies

    async def ask_all(self, targets: Iterable[Target], *commands: bytes) -> dict[Address, list[Any] | LogError]:
        """The same of several servers, at the same time."""
        async with asyncio.TaskGroup() as asking:
            tasks = {
                target.address: asking.create_task(self.ask(target, *commands), name=f"ask {target.address}")
                for target in targets
            }
        return {address: task.result() for address, task in tasks.items()}

    async def forget(self, addresses: Iterable[Address]) -> None:
        for address in addresses:
            if (line := self._lines.pop(address, None)) is not None:
                await line.drop()

    async def close(self) -> None:
        while self._lines:
            await self._lines.popitem()[1].close()

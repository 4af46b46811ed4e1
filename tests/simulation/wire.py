"""The way between a process and the store: slow, torn, and cut when the process dies.

lost       the command is not executed, and the caller sees an error
unheard    it is executed, and the caller sees an error
late       the caller sees an error, and the command is executed long after
killed     the process ends, before the command is executed or after
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random  # noqa: TID251  a history is repeated from its seed
from typing import Any

import msgspec
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import ResponseError


class Weather(msgspec.Struct, kw_only=True):
    """How likely each fault is for a command."""

    lost: float = 0.0
    unheard: float = 0.0
    late: float = 0.0
    killed: float = 0.0
    slow: float = 0.0

    def clear(self) -> None:
        self.lost = self.unheard = self.late = self.killed = self.slow = 0.0


class Wire:
    """One process's way. `die` ends the process."""

    def __init__(self, chance: Random, weather: Weather, die: Callable[[], None] | None = None) -> None:
        self._chance = chance
        self._weather = weather
        self._die = die
        self.cut = False

    async def carry(self, execute: Callable[[], Any]) -> Any:
        self._check()
        weather = self._weather
        await asyncio.sleep(self._chance.uniform(0.5, 4.0) if self._happens(weather.slow) else 0.0004)
        self._check()
        if self._happens(weather.killed):
            self._kill()
        if self._happens(weather.lost):
            raise ConnectionLost("the command was lost")
        if self._happens(weather.late):
            asyncio.get_running_loop().call_later(self._chance.uniform(0.0, 40.0), _quietly, execute)
            raise ConnectionLost("the command is on its way")
        reply = execute()
        if self._happens(weather.unheard):
            raise ConnectionLost("the reply was lost")
        if self._happens(weather.killed):
            self._kill()
        return reply

    def _happens(self, likelihood: float) -> bool:
        return likelihood > 0 and self._chance.random() < likelihood

    def _check(self) -> None:
        if self.cut:
            raise ConnectionLost("the process has ended")

    def _kill(self) -> None:
        if self._die is not None:
            self.cut = True
            self._die()
            raise ConnectionLost("the process has ended")


def _quietly(execute: Callable[[], Any]) -> None:
    """A refusal that nobody hears any more."""
    try:
        execute()
    except ResponseError:
        return

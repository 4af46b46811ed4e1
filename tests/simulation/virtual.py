"""Virtual time: an event loop that never waits, but jumps to when the next thing happens."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

_TURN_S = 2e-6
"""What a turn of the loop takes: were it nothing, a wait that is a rounding error would never end."""


class _Jump(selectors.DefaultSelector):  # pyright: ignore[reportUntypedBaseClass]
    """Nothing outside is waited for: the time to wait is passed at once."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everything waits for something that nobody does"
        self.passed += max(_TURN_S, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.passed


class VirtualClock:
    """The clock of every process of a history: all of them stand on the one loop."""

    def __init__(self, loop: VirtualLoop, began_ms: int) -> None:
        self._loop = loop
        self._began_ms = began_ms

    def now_ms(self) -> int:
        return self._began_ms + int(self._loop.time() * 1000)

    def monotonic(self) -> float:
        return self._loop.time()


def play(loop: VirtualLoop, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end, and leave nothing of it."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work)

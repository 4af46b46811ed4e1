"""Work that may take long, and says so while it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager

Tell = Callable[[float], None]
EVERY = 5.0  # s


@contextmanager
def told_every(tell: Tell, seconds: float = EVERY) -> Generator[None]:
    """While the context lasts `tell` is called with how many seconds it has lasted, each time that many are over."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    def due() -> None:
        nonlocal timer
        tell(loop.time() - began)
        timer = loop.call_later(seconds, due)

    timer = loop.call_later(seconds, due)
    try:
        yield
    finally:
        timer.cancel()

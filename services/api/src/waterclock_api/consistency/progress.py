"""What a repair has put back, told on standard error now and then."""

from __future__ import annotations

import sys
import time

TELL_EVERY = 2.0  # s


class Progress:
    """A line on standard error now and then."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._began = self._told = time.monotonic()

    def tell(self, put: int) -> None:
        now = time.monotonic()
        if now - self._told >= TELL_EVERY:
            self._told = now
            rate = put / max(0.001, now - self._began)
            sys.stderr.write(f"partition {self._partition}: {put} jobs and runs put back, {rate:.0f} a second\n")

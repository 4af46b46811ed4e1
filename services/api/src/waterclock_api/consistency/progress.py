"""What a repair has put back, told on standard error while it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from waterclock.cli.progress.lines import progress


@contextmanager
def put_back(partition: int, *, of: int | None = None) -> Generator[Callable[[int], None]]:
    """A bar at a terminal, elsewhere a line now and then, while a partition is repaired.

    `of`: so many partitions are repaired, one after the other.
    """
    began = time.monotonic()
    with progress() as tell:
        tell(f"partition {partition}: to be opened", of and partition, of)

        def told(put: int) -> None:
            rate = put / max(0.001, time.monotonic() - began)
            tell(f"partition {partition}: {put} jobs and runs restored, {rate:.0f} a second", of and partition, of)

        yield told

"""Whether what is due gets decided, seen from beside the schedulers: when all of them are dead, who else tells?"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, MutableMapping

from waterclock.log.client import Log
from waterclock.log.connection.errors import LogError
from waterclock.log.liveness import leadership
from waterclock.log.liveness.leadership import Watch
from waterclock.log.liveness.store_clock import StoreClocks
from waterclock.model.timestamps import stamp

LOOK_S = 1.0
LOOKS = 3
"""After so many that found trouble it is told: from one leader to the next there is none for a moment."""
OVERDUE_S = 5.0
"""An instant is decided within milliseconds, after the death of a leader within seconds; its word is up to one old."""

log_line = logging.getLogger(__name__)


async def keep_watch(
    log: Log, store_clocks: StoreClocks, answers: Callable[[bool], None], watched: MutableMapping[int, Watch]
) -> None:
    """Look at each partition once a second, for ever: say what is overdue, and keep in mind what its clock says.

    `answers` is told each time whether all of them answered; `watched` has what was seen of those that did.
    """
    troubled = Counter[int]()  # looks in a row, by partition
    while True:
        silent = False
        for partition in range(log.partitions):
            try:
                seen = await leadership.watch(log, partition)
            except LogError:  # told by those who need it
                silent = True
                watched.pop(partition, None)
                continue
            watched[partition] = seen
            store_clocks.of(partition).heard(seen.now)
            trouble = overdue(partition, seen)
            if trouble is None:
                if troubled.pop(partition, 0) >= LOOKS:
                    log_line.info("schedules resumed", extra={"partition": partition})
                continue
            troubled[partition] += 1
            if troubled[partition] == LOOKS:
                log_line.warning("schedules stalled", extra={"partition": partition, "why": trouble})
        answers(not silent)
        await asyncio.sleep(LOOK_S)


def overdue(partition: int, seen: Watch) -> str | None:
    """What is wrong with the schedules of a partition, in words; None for nothing."""
    troubles: list[str] = []
    if seen.until <= seen.now:
        troubles.append("no scheduler leads it")
    if seen.next_at and seen.now - seen.next_at > OVERDUE_S * 1000:
        age = f"{(seen.now - seen.next_at) / 1000:.1f} s"
        troubles.append(f"the oldest undecided scheduled time, {stamp(seen.next_at)}, has been due for {age}")
    return f"partition {partition}: {'; '.join(troubles)}" if troubles else None

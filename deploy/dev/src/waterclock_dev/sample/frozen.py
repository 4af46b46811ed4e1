"""`python -m waterclock_dev.sample.frozen UNTIL api`: a service for which it is always the same moment, given in ms.

What it tells of the time (what is due, how old something is) is as at that moment. Its commands, its durations and its
comparison of the clocks of servers go by real ones.
"""

from __future__ import annotations

import sys

from waterclock.cli.main import main as waterclock
from waterclock.log.liveness.store_clock import StoreClocks


def main(until: int, words: list[str]) -> None:
    def now_of_store(self: StoreClocks, partition: int) -> int:
        del self, partition
        return until

    StoreClocks.now_ms = now_of_store
    sys.argv = ["waterclock", *words]
    waterclock()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])

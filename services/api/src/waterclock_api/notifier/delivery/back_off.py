"""How long to wait before a message is sent again."""

from __future__ import annotations

FIRST = 10.0
LONGEST = 86_400.0
"""Seconds."""
_DOUBLINGS = 14  # FIRST doubled as often is beyond LONGEST


def back_off(failures: int, chance: float, *, asked: float | None = None) -> float:
    """Seconds to wait after so many failures, from 1: any time up to 10 s, doubled each time up to a day.

    `chance` is drawn from [0, 1). `asked`: what the receiver asked for, which is waited for at least.
    """
    assert failures >= 1
    wait = chance * min(FIRST * 2 ** min(failures - 1, _DOUBLINGS), LONGEST)
    return wait if asked is None else min(max(wait, asked), LONGEST)

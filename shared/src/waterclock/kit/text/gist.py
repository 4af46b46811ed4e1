"""What a message says but for what moves in it: an outage is one, whichever block, place or second its reason names."""

from __future__ import annotations

import re

_MOVING = re.compile(r"[\w.:-]*\d[\w.:-]*")  # numbers, positions, ids, addresses


def gist(message: str) -> str:
    """The message with each word that holds a digit left open; for comparing, not for telling."""
    return _MOVING.sub("#", message)

"""For how long something is kept, as settings write it."""

from __future__ import annotations

import re
from datetime import timedelta

SHORTEST = timedelta(days=2)  # what a repair and a repeated call need is a day old at most
FOREVER = "forever"
_UNITS = {"d": "days", "h": "hours"}


def age_of(text: str) -> timedelta | None:
    """What `90d` or `36h` stands for; None: `forever`.

    Raises:
        ValueError: it is neither, or less than two days; the message goes on from a name for it.
    """
    if text == FOREVER:
        return None
    match = re.fullmatch(r"(\d{1,5})([dh])", text)
    if match is None:
        raise ValueError(f"{text!r} is not an age such as 90d, 72h or {FOREVER}")
    age = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if age < SHORTEST:
        raise ValueError(f"{text} is less than {SHORTEST.days} days")
    return age


def age_text(text: str) -> str:
    """The same, as it is written, for the declaration of a setting."""
    age_of(text)
    return text

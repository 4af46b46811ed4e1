"""The words for the codes of a definition. What is stored and answered is the code; a person writes either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from waterclock.model.definition import Concurrent, MisfirePolicy, Status

C = TypeVar("C", bound=str)

STATUS: Final[Mapping[Status, str]] = {"0": "enabled", "1": "disabled"}
MISFIRE: Final[Mapping[MisfirePolicy, str]] = {"1": "runAll", "2": "runOnce", "3": "skip"}
CONCURRENT: Final[Mapping[Concurrent, str]] = {"0": "allow", "1": "forbid"}

CODED: Mapping[str, Mapping[Any, str]] = {
    "status": STATUS,
    "misfirePolicy": MISFIRE,
    "concurrent": CONCURRENT,
}
"""The members of a definition that have codes, by their name."""


def code_of(words: Mapping[C, str], written: object) -> C | None:
    """The code that a code, its digit as a number, or its word stands for; None: it is none of these."""
    if isinstance(written, bool):
        return None
    said = str(written) if isinstance(written, int | str) else None
    return next((code for code, word in words.items() if said in (code, word)), None)


def coded(words: Mapping[C, str], written: object) -> C:
    """The code of what was read as one of the forms that `code_of` knows."""
    found = code_of(words, written)
    assert found is not None
    return found


def worded(member: str, value: Any) -> Any:
    """The word for a member's code; any other value, or member, as it is."""
    words: Mapping[Any, str] = CODED.get(member, {})
    return words.get(value, value) if isinstance(value, str) else value

"""How much one answer says about what is wrong: so many flaws, so many guesses, so many bytes.

Whoever looks for flaws stops when a list of them is `full`; `bounded` is what an answer holds of the list.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence

from waterclock.model.errors import Flaw

MOST = 100
BYTES_MOST = 48 << 10  # of all flaws; with the summary of them an answer stays below 64 KiB
DETAIL_MOST = 2_000  # characters of the summary
GUESSES_MOST = 5
_LONGEST_NAME, _MANY_NAMES = 64, 1_000  # beyond these nothing is guessed: to compare takes long
_POINTER_MOST, _MESSAGE_MOST = 256, 1_000  # characters
_GUESS = "did you mean "
MORE = Flaw("", f"there are more flaws: no more than {MOST}, or as many as fit, are named")


def full(flaws: Sequence[Flaw]) -> bool:
    """Whether an answer has no room for more. One more than it has room for is kept, so that it says so."""
    return len(flaws) > MOST


def guess(name: str, known: Collection[str], flaws: Sequence[Flaw], *, cutoff: float = 0.6) -> str:
    """`; did you mean <the closest of those known>?`, or nothing."""
    if len(name) > _LONGEST_NAME or len(known) > _MANY_NAMES or full(flaws):
        return ""
    if sum(_GUESS in flaw.message for flaw in flaws) >= GUESSES_MOST:
        return ""
    close = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return f"; {_GUESS}{close[0]}?" if close else ""


def bounded(flaws: Iterable[Flaw]) -> tuple[Flaw, ...]:
    """Each flaw once, as many as an answer holds; if there are more, the last says so."""
    found: dict[Flaw, None] = {}
    size = 0
    for flaw in flaws:
        short = Flaw(cut(flaw.pointer, _POINTER_MOST), cut(flaw.message, _MESSAGE_MOST))
        if short in found:
            continue
        size += len(short.pointer.encode(errors="replace")) + len(short.message.encode(errors="replace")) + 40
        if len(found) == MOST or size > BYTES_MOST:
            return (*found, MORE)
        found[short] = None
    return tuple(found)


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"

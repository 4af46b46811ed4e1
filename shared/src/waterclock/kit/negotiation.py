"""Which of two kinds of answer a client likes better, by its `Accept` (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re

_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_PIECES = re.compile(r"""((?:"(?:\\.|[^"\\])*"|[^",])+)""")


def quality(accept: str, kind: str, version: str) -> tuple[float, bool]:
    """How much a kind such as `text/plain` is liked, 0: not at all, and whether it is named itself.

    The most precise of the ranges that hold it counts. One that asks for another version does not hold it.
    """
    best, liked, named = -1, 0.0, False
    family = kind.partition("/")[0]
    for text in _PIECES.findall(accept):
        asked, *rest = (part.strip().lower() for part in text.split(";"))
        precise = {"*/*": 0, f"{family}/*": 1, kind: 2}.get(asked)
        parameters = {name.strip(): value.strip(' "') for name, _, value in (part.partition("=") for part in rest)}
        if precise is None or parameters.get("version", version) != version:
            continue
        weight = parameters.get("q", "1")
        if precise < best or _WEIGHT.fullmatch(weight) is None:
            continue
        liked = max(liked, float(weight)) if precise == best else float(weight)
        best, named = precise, precise == 2
    return liked, named

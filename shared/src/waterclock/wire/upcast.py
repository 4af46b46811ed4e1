"""Old shapes of events, read as today's.

An upcaster turns the document of one type from one shape into the next. A shape is told by what it holds, for stored
bytes name no version: `applies` must be false for today's. `tests/golden/` holds a sample of every shape released.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec


class Upcaster(NamedTuple):
    tag: str
    applies: Callable[[dict[str, Any]], bool]
    lift: Callable[[dict[str, Any]], dict[str, Any]]


UPCASTERS: tuple[Upcaster, ...] = ()


def upcast(document: bytes, upcasters: tuple[Upcaster, ...] | None = None) -> bytes | None:
    """Lift a document to today's shape, step by step; None if no upcaster applies to it."""
    known = UPCASTERS if upcasters is None else upcasters
    found: dict[str, Any] = msgspec.json.decode(document)
    lifted = False
    for step in known:
        if step.tag == found.get("type") and step.applies(found):
            found = step.lift(found)
            lifted = True
    return msgspec.json.encode(found) if lifted else None

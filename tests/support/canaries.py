"""Values that must not be seen anywhere, and the search for them, in whatever form."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from typing import NamedTuple

AWKWARD = "/%+&@\" '"
"""Signs that JSON, URLs and shells write in ways of their own."""


class Canary(NamedTuple):
    name: str
    value: str
    pieces: tuple[str, ...]
    """Of letters and digits, so that JSON and URLs write them as they are: one is enough to be found out."""


def canary(name: str, between: str = AWKWARD) -> Canary:
    pieces = (secrets.token_hex(8), secrets.token_hex(8))
    return Canary(name, between.join(pieces), pieces)


def shown_once(name: str, value: str, secret: str) -> Canary:
    """One whose value others have made: its secret part, from the beginning and to the end."""
    return Canary(name, value, (secret[:16], secret[-16:]))


def found(canaries: Iterable[Canary], place: Mapping[str, bytes]) -> list[str]:
    """Where in a place each of them is, with what stands around it."""
    wanted = [(one.name, form) for one in canaries for form in _forms(one)]
    seen: list[str] = []
    for what, text in place.items():
        small = text.lower()
        for name, form in wanted:
            if (at := max(text.find(form), small.find(form))) >= 0:
                seen.append(f"{name} in {what}: …{text[max(0, at - 100) : at + 60]!r}…")
    return seen


def _forms(one: Canary) -> Iterable[bytes]:
    for text in (one.value, *one.pieces):
        raw = text.encode()
        yield raw.hex().encode()
        for before in range(3):  # how it lies in Base64 depends on what stands before it
            whole = base64.b64encode(bytes(before) + raw).rstrip(b"=")
            core = whole[(0, 2, 3)[before] : -1]
            yield from {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    for piece in one.pieces:
        yield from {piece.encode(), piece.lower().encode()}

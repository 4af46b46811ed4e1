"""How deep JSON is nested, told from its bytes without recursion: whatever reads it by recursion has an end somewhere.

What is newly written is bounded where it comes in. What was stored before may be deeper; it is read to `READ_MOST`.
"""

from __future__ import annotations

import re

READ_MOST = 200
"""Arrays and objects within each other that are read of what is stored: jq ends at 256, Python at about 1000."""
CUT = "[cut: it is nested too deeply]"
"""Stands where what lay deeper stood."""

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)
_OPENING, _CLOSING = b"[{", b"]}"
_CUT = f'"{CUT}"'.encode()


def nested_deeper(text: bytes, most: int) -> bool:
    """Whether more than `most` arrays and objects of a JSON text lie within each other."""
    if text.count(b"[") + text.count(b"{") <= most:  # nearly always: it is cheap
        return False
    depth = 0
    for token in _TOKEN.finditer(text):
        sign = text[token.start()]
        if sign in _OPENING:
            depth += 1
            if depth > most:
                return True
        elif sign in _CLOSING:
            depth -= 1
    return False


def shallow(text: bytes, most: int = READ_MOST) -> bytes:
    """The same JSON text; where it is nested deeper than `most`, a mark stands instead of what lies deeper."""
    if not nested_deeper(text, most):
        return text
    kept: list[bytes] = []
    depth = begin = 0
    for token in _TOKEN.finditer(text):
        sign = text[token.start()]
        if sign in _OPENING:
            depth += 1
            if depth == most + 1:
                kept += (text[begin : token.start()], _CUT)
        elif sign in _CLOSING:
            if depth == most + 1:
                begin = token.end()
            depth -= 1
    return b"".join(kept) + (text[begin:] if depth <= most else b"")

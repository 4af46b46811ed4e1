"""What we print where the output's encoding lacks a sign: another sign, or its number, and no line is lost for it."""

from __future__ import annotations

import codecs
import io
import json
import sys

_HANDLER = "waterclock.shown"
_ALIKE = {
    "…": "...",
    "→": "->",
    "·": "-",
    "–": "-",
    "—": "-",
    "’": "'",
    "✓": "+",
    "✗": "x",
    "▸": ">",
    "▰": "#",
    "▱": ".",
}  # our own signs


def show_what_cannot_be_shown() -> None:
    """Let standard output and standard error take every text."""
    codecs.register_error(_HANDLER, _instead)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _instead(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join([_ALIKE.get(sign) or json.dumps(sign)[1:-1] for sign in signs]), error.end

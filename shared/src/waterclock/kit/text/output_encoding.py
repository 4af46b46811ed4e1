"""What comes of text where a machine speaks another encoding than UTF-8.

What its output lacks is another sign, or its number, and no line is lost for it; what it is given is read as it says.
"""

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


def input_encoding() -> str:
    """How arguments and variables are read, in words, and what to do where that is not UTF-8."""
    name = codecs.lookup(sys.getfilesystemencoding()).name
    return "UTF-8" if name == "utf-8" else f"{name.upper()}, which this process reads: set LC_ALL=C.UTF-8"


def _instead(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join([_ALIKE.get(sign) or json.dumps(sign)[1:-1] for sign in signs]), error.end

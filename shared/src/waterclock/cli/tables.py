"""Rows as people read them: columns in line, no frame."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
import msgspec

_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""What a terminal would obey rather than show, or not show at all: control characters, those that turn the direction of
writing, ends of lines, halves of surrogate pairs."""
_KEPT = frozenset("\n\t\u200c\u200d")  # joiners are part of words, and of emoji


def visible(text: str) -> str:
    """Text of others, such as an executor's lines, as a terminal may have it: no colours, controls by their number."""
    text = click.unstyle(text).rstrip("\r")
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(sign: str) -> str:
    if sign.isprintable() or sign in _KEPT or unicodedata.category(sign) not in _OBEYED:
        return sign
    number = ord(sign)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str | None]]) -> Iterator[str]:
    """The lines of a table; what has no value is a dash."""
    cells = [list(heads), *([cell or "-" for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def facts(known: Mapping[str, Any]) -> Iterator[str]:
    """Names and values, one a line; what has no value is left out, what is no text is JSON."""
    told = {name: value for name, value in known.items() if value is not None}
    width = max((len(name) for name in told), default=0)
    for name, value in told.items():
        yield f"{name.ljust(width)}  {value if isinstance(value, str) else msgspec.json.encode(value).decode()}"

"""Rows as people read them: columns in line, no frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
import msgspec

_HIDDEN = {
    number: f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
    for number in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(number) not in "\n\t"
}
"""What a terminal would obey rather than show: control characters, and those that turn the direction of writing."""


def visible(text: str) -> str:
    """Text of others, such as an executor's lines, as a terminal may have it: no colours, controls by their number."""
    return click.unstyle(text).rstrip("\r").translate(_HIDDEN)


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

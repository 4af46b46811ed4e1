"""Rows as people read them: columns in line, no frame."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

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


class Table(msgspec.Struct, frozen=True):
    """Cells in columns; without `heads` a list of names and values.

    At a terminal the columns `wraps` break their text, and those of `spare` are left out, the first of them first,
    where the others would not fit. Iterated over, it is its lines as a program reads them: a row a line at any width.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    wraps: Collection[str] = ()
    spare: Sequence[str] = ()

    def __iter__(self) -> Iterator[str]:
        cells = [[_in_a_line(cell) for cell in row] for row in (self.heads, *self.rows) if row]
        widths = [max(map(cells_of, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            yield "  ".join(
                cell + " " * (width - cells_of(cell)) for cell, width in zip(row, widths, strict=True)
            ).rstrip()


Part: TypeAlias = str | Table
"""A line, or lines that belong together."""


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str | None]],
    *,
    wraps: Collection[str] = (),
    spare: Sequence[str] = (),
) -> Table:
    """As `Table`; what has no value is a dash."""
    return Table(heads, [[cell or "-" for cell in row] for row in rows], wraps, spare)


def lines(parts: Iterable[Part]) -> Iterator[str]:
    """Lines as a program reads them."""
    for part in parts:
        yield from (part,) if isinstance(part, str) else part


def facts(known: Mapping[str, Any]) -> Table:
    """Names and values, one a line; what has no value is left out, what is no text is JSON."""
    told = ((name, value) for name, value in known.items() if value is not None)
    return Table(
        (),
        [(name, value if isinstance(value, str) else msgspec.json.encode(value).decode()) for name, value in told],
    )


def cells_of(text: str) -> int:
    """How many cells of a terminal it takes: signs of East Asia and emoji take two, accents that combine none."""
    if text.isascii():
        return len(text)
    try:
        from rich.cells import cell_len  # noqa: PLC0415 - 15 ms, and of the extra `client`
    except ModuleNotFoundError:
        return len(text)
    return cell_len(text)


def _in_a_line(cell: str) -> str:
    return " ".join(cell.split("\n"))

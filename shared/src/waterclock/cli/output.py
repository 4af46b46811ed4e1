"""What verbs write: lines and tables for people, and answers for programs; a terminal obeys nothing in either.

Where a program reads, lines are plain and the same at any width. `NO_COLOR` takes the colours off a terminal,
`FORCE_COLOR` has a pipe written to as a terminal.
"""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections.abc import Iterable

import click

from waterclock.cli.tables import Part, Table, lines, visible
from waterclock.kit.text.escaping import escaped


def put_json(answer: bytes) -> None:
    """Print JSON as it is; at a terminal the same value, with escapes for what that would obey or not show."""
    click.echo(_for_terminal(answer) if at_terminal() else answer)


def _for_terminal(answer: bytes) -> str:
    text = escaped(answer.decode(errors="replace"), keep="\n")
    if text.isascii() or codecs.lookup(sys.stdout.encoding).name == "utf-8":
        return text
    return "".join([sign if sign.isascii() else json.dumps(sign)[1:-1] for sign in text])


def tell(line: str, colour: str | None = None) -> None:
    shown = visible(line)
    if colour is None or not coloured():
        click.echo(shown)
    else:
        click.echo(click.style(shown, fg=colour), color=True)


def say(parts: Iterable[Part]) -> None:
    for part in parts:
        if isinstance(part, str) or not (as_at_terminal() and _drawn(part)):
            for line in lines([part]):
                tell(line)


def _drawn(table: Table) -> bool:
    """Whether it could be drawn: the library is installed without what does it, too."""
    try:
        from waterclock.cli.display import drawn  # noqa: PLC0415 - takes 60 ms
    except ModuleNotFoundError:
        return False
    click.echo(drawn(table, sys.stdout), color=True)
    return True


def complain(text: str) -> None:
    """Say it on standard error."""
    click.echo(visible(text), err=True)


def at_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()  # pyright: ignore[reportUnnecessaryComparison] - if closed


def as_at_terminal() -> bool:
    """Whether to write as at a terminal, be it one or not."""
    return at_terminal() or bool(os.environ.get("FORCE_COLOR"))


def coloured() -> bool:
    return as_at_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

"""What verbs write: lines for people, and answers for programs; a terminal obeys nothing in either."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Iterable

import click

from waterclock.cli.tables import visible
from waterclock.kit.text.escaping import escaped


def put_json(answer: bytes) -> None:
    """Print JSON as it is; at a terminal the same value, with escapes for what that would obey or not show."""
    click.echo(_for_terminal(answer) if at_terminal() else answer)


def _for_terminal(answer: bytes) -> str:
    text = escaped(answer.decode(errors="replace"), keep="\n")
    if text.isascii() or codecs.lookup(sys.stdout.encoding).name == "utf-8":
        return text
    return "".join([sign if sign.isascii() else json.dumps(sign)[1:-1] for sign in text])


def tell(line: str) -> None:
    click.echo(visible(line))


def say(lines: Iterable[str]) -> None:
    for line in lines:
        tell(line)


def complain(text: str) -> None:
    """Say it on standard error."""
    click.echo(visible(text), err=True)


def at_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()  # pyright: ignore[reportUnnecessaryComparison] - if closed

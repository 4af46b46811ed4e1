"""Bars of progress, drawn by rich. Imported where one is drawn."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from waterclock.cli.progress.lines import Tell
from waterclock.cli.tables import visible

_WIDE = 24  # cells


@contextmanager
def bar() -> Generator[Tell]:
    """A bar on standard error, below what is written meanwhile; it moves to and fro where the total is not known."""
    columns = (
        SpinnerColumn(),
        BarColumn(_WIDE),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    console = Console(file=sys.stderr, highlight=False, emoji=False, markup=False)
    with Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),  # pyright: ignore[reportUnnecessaryComparison] - if closed
    ) as shown:
        task = shown.add_task("", total=None)

        def tell(line: str, done: int | None = None, total: int | None = None) -> None:
            first = not shown.tasks[0].description
            shown.update(task, description=visible(line), completed=done, total=total, refresh=first)

        yield tell

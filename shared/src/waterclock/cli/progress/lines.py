"""How far something that takes long has come, on standard error: a bar at a terminal, elsewhere a line now and then."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from waterclock.cli.output import complain

EVERY = 2.0  # s between two lines


class Tell(Protocol):
    """Says how far it is, in a line; a bar shows what share of `total` is `done`, where both are known."""

    def __call__(self, line: str, done: int | None = None, total: int | None = None) -> None: ...


@contextmanager
def progress(*, every: float = EVERY) -> Generator[Tell]:
    """While it lasts, what is told is shown; the bar is gone afterwards.

    `every`: s between two lines where there is no terminal; that all is done is said in any case.
    """
    if _shows_bars():
        try:
            from waterclock.cli.progress.bars import bar  # noqa: PLC0415 - rich takes 60 ms, and is of the extra `client`
        except ModuleNotFoundError:
            pass
        else:
            with bar() as tell:
                yield tell
            return
    yield _lines(every)


@contextmanager
def waiting_for(what: str) -> Generator[None]:
    """Say at a terminal what is waited for, as long as it takes; elsewhere nothing."""
    if not _shows_bars():
        yield
        return
    with progress() as tell:
        tell(what)
        yield


def _shows_bars() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"  # pyright: ignore[reportUnnecessaryComparison] - if closed


def _lines(every: float) -> Tell:
    told_at = time.monotonic()

    def tell(line: str, done: int | None = None, total: int | None = None) -> None:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at >= every or (done is not None and done == total):
            told_at = now
            complain(line)

    return tell

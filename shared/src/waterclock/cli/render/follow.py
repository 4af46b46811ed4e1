"""Following on a terminal: events as lines, progress in place, and what the exit code says of how a run ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

import click
import msgspec

from waterclock.cli.options.moments import shown
from waterclock.cli.output import coloured, complain, put_json, say
from waterclock.cli.render.events import because, told
from waterclock.cli.tables import visible
from waterclock.cli.terminal import NO
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import Run
from waterclock.client.request import Stream
from waterclock.client.sse import END, Event

_UNKNOWN = "-" * len("2026-11-28T03:00:00.000Z")
_PROGRESS = "step.progress"
_COLOURS = {
    "run.succeeded": "green",
    **dict.fromkeys(("run.failed", "run.timedOut", "run.died"), "red"),
    **dict.fromkeys(("run.retryScheduled", "run.lost", "fire.skipped"), "yellow"),
}


class Lines:
    """Writes events, and `of` what they are, where that is given.

    On a terminal progress replaces the progress before it, elsewhere it is left out.
    """

    def __init__(self, *, of: Callable[[dict[str, Any]], str] | None = None, as_json: bool = False) -> None:
        self._of = of
        self._as_json = as_json
        self._live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._passing = False  # whether the line above may be written over
        self._day: str = ""

    def write(self, event: Event) -> None:
        if self._as_json:
            put_json(msgspec.json.encode({"event": event.kind, "id": event.position, "data": event.data}))
            return
        passing = event.kind == _PROGRESS
        if passing and not self._live:
            return
        for line in told(event, at=self._at(event), of=None if self._of is None else self._of(event.data)):
            over = "\x1b[1A\x1b[2K" if passing and self._passing else ""
            shown_line, colour = visible(line), _COLOURS.get(event.kind)
            if colour is not None and coloured():
                shown_line = click.style(shown_line, fg=colour)
            click.echo(over + shown_line, color=self._live or coloured())  # what moves the cursor is no colour
            self._passing = passing

    def _at(self, event: Event) -> str:
        """When it was; on a terminal the time of the day, below a line that says which day, in which zone."""
        at = shown(cast("str | None", event.data.get("at")), exact=True) or _UNKNOWN
        if not self._live or at == _UNKNOWN:
            return at
        day = f"{at[:10]}, times in UTC{at[23:].removesuffix('Z')}"
        if day != self._day:
            click.echo(day)
            self._day, self._passing = day, False
        return at[11:23]


def watch(client: Client, stream: Stream, write: Callable[[Event], None]) -> str | None:
    """Write a stream's events as they happen; how the run ended, if it is one's. Ctrl-C ends it."""
    status: str | None = None
    for event in client.follow(stream):
        if event.kind == END:
            status = event.data.get("status")
        write(event)
    return status


def follow_run(client: Client, run_id: str, *, as_json: bool) -> None:
    """Follow a run from its first event to its end; the exit code says how it ended."""
    with _going_on(run_id):
        status = watch(client, endpoints.run_events(run_id), Lines(as_json=as_json).write)
    leave_with(status)


def await_run(client: Client, run_id: str, *, as_json: bool) -> None:
    """Wait for a run's end, and say it in a line, or as the run's JSON."""
    with _going_on(run_id):
        run = client.wait(run_id)
    if as_json:
        put_json(client.fetch(endpoints.get_run(run_id)))
    else:
        say([ended(run)])
    leave_with(run.status)


@contextmanager
def _going_on(run_id: str) -> Generator[None]:
    """Ctrl-C ends the following, and not the run: that is said."""
    try:
        yield
    except KeyboardInterrupt:
        said = (
            f"run {run_id} continues: follow it with `waterclock run follow {run_id}`, stop it with `waterclock "
            f"run cancel {run_id}`"
        )
        complain(f"\n{said}")
        raise KeyboardInterrupt(said) from None


def ended(run: Run) -> str:
    error = None if run.error is None else {"type": run.error.type, "message": run.error.message}
    return f"{run.id} {run.status}{because(error, run.cancel_reason)}"


def leave_with(status: str | None) -> None:
    if status != "succeeded":
        click.get_current_context().exit(NO)

"""What the demo shows: moments since its start, who speaks, what happened."""

import time
from collections.abc import Iterator, Sequence
from typing import TextIO

import click

from waterclock.cli.render.events import words
from waterclock.cli.tables import table
from waterclock.client import Event
from waterclock.model.outcomes import STATUS_OF_TAG


class Screen:
    """Writes to `out`, with colours where it is a terminal."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._began = time.monotonic()

    def title(self, text: str) -> None:
        self._write(f"\n{click.style(text, bold=True)}")

    def say(self, text: str) -> None:
        self._write(f"{self._moment()}  {text}")

    def fail(self, text: str) -> None:
        self.say(click.style(text, fg="red"))

    def done(self, text: str) -> None:
        self.say(click.style(text, fg="green"))

    def event(self, job: str, event: Event) -> None:
        """One event of a job's or a run's stream, as soon as it is heard."""
        for line in _lines(event):
            self.say(f"{click.style(f'{job:<7}', fg='cyan')} {line}")

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        first, *rest = table(heads, rows)
        self._write(click.style(f"  {first}", bold=True))
        for line in rest:
            self._write(f"  {line}")

    def _moment(self) -> str:
        return click.style(f"{time.monotonic() - self._began:6.2f} s", dim=True)

    def _write(self, line: str) -> None:
        click.echo(line, file=self._out)


def _lines(event: Event) -> Iterator[str]:
    for line in words(event.kind, event.data):
        if event.kind == "run.requested":
            yield f"{click.style(line, bold=True)}: run {event.run_id}"
        elif event.kind in STATUS_OF_TAG:
            yield click.style(line, fg="green" if event.kind == "run.succeeded" else "red")
        else:
            yield click.style(line, dim=event.kind in ("step.log", "step.progress") or None)

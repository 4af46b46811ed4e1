"""What the demo shows: moments since its start, who speaks, what happened."""

import time
from collections.abc import Sequence
from typing import TextIO

from waterclock.cli.render.events import progress
from waterclock_dev.client import StreamedEvent

BOLD, DIM, GREEN, RED, CYAN = "1", "2", "32", "31", "36"
ENDS = {
    "run.succeeded": "succeeded",
    "run.failed": "failed",
    "run.timedOut": "timed out",
    "run.cancelled": "cancelled",
    "run.died": "died",
}


class Screen:
    """Writes to `out`, with colours where it is a terminal."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._colour = out.isatty()
        self._began = time.monotonic()

    def title(self, text: str) -> None:
        self._write(f"\n{self._paint(text, BOLD)}")

    def say(self, text: str) -> None:
        self._write(f"{self._moment()}  {text}")

    def fail(self, text: str) -> None:
        self._write(f"{self._moment()}  {self._paint(text, RED)}")

    def done(self, text: str) -> None:
        self._write(f"{self._moment()}  {self._paint(text, GREEN)}")

    def event(self, job: str, event: StreamedEvent) -> None:
        """One event of a job's or a run's stream, as soon as it is heard."""
        for line in self._lines(event):
            self._write(f"{self._moment()}  {self._paint(f'{job:<7}', CYAN)} {line}")

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
        self._write(self._paint("  " + _spaced(heads, widths), BOLD))
        for row in rows:
            self._write("  " + _spaced(row, widths))

    def _lines(self, event: StreamedEvent) -> list[str]:
        data = event.data
        match event.type:
            case "run.requested":
                why = f"fired for {data['nominalAt']}" if data.get("nominalAt") else f"requested ({data['trigger']})"
                return [f"{self._paint(why, BOLD)}: run {data['runId']}"]
            case "run.started":
                return [f"  started by {data['worker']}, attempt {data['attempt']}"]
            case "step.started":
                return [f"  ▸ {data['name']}"]
            case "step.log":
                return [self._paint(f"      {line['text']}", DIM) for line in data["lines"]]
            case "step.progress":
                return [self._paint(f"      {progress(data['done'], data.get('total'))}", DIM)]
            case "step.finished":
                return [f"  {'✓' if data['status'] == 'succeeded' else '✗'} step {data['number']} {data['status']}"]
            case "fire.skipped":
                return [f"skipped {data['count']} until {data['last']}: {data['reason']}"]
            case kind if kind in ENDS:
                return [self._paint(f"  {ENDS[kind]}", GREEN if kind == "run.succeeded" else RED)]
            case _:
                return []

    def _moment(self) -> str:
        return self._paint(f"{time.monotonic() - self._began:6.2f} s", DIM)

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text

    def _write(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


def _spaced(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

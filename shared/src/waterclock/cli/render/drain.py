"""What `waterclock fleet drain` shows: workers that are to leave, and what they still run."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from waterclock.cli.options.moments import shown
from waterclock.cli.output import complain
from waterclock.cli.progress.lines import progress
from waterclock.cli.tables import Part, table
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import Run, Worker

_LOOK = 1.0  # s between two looks
_EVERY = 5.0  # s between two lines
_SHOWN = 20  # runs
_GONE = 10  # looks at a worker of which the log knows nothing any more: the word that it left is on its way
BECAME = {"left": "has left", "lost": "was lost: other workers take over its runs", "gone": "is gone"}
_HERE = ("live", "silent", "gone")


def drain_told(asked: Sequence[Worker], runs: Sequence[Run]) -> Iterator[Part]:
    """The workers that were asked, and what they still run."""
    for one in asked:
        silent = ", and has not renewed its lease" if one.status == "silent" else ""
        yield f"{one.name} ({one.id}) is draining; it runs {one.running}{silent}"
    if not runs:
        return
    rows = [(one.id, one.named, one.worker, shown(one.started_at)) for one in runs[:_SHOWN]]
    yield table(("run", "of", "worker", "started"), rows, wraps={"of"}, spare=("worker",))
    if len(runs) > _SHOWN:
        yield f"and {len(runs) - _SHOWN} more"


def runs_of(client: Client, asked: Sequence[Worker]) -> Iterator[Run]:
    names = {one.name for one in asked if one.running}
    if names:
        yield from (
            run for run in client.each(endpoints.list_runs(status="running", limit=1000)) if run.worker in names
        )


@contextmanager
def drain_goes_on(asked: Sequence[Worker]) -> Generator[None]:
    """Ctrl-C ends the waiting, and not the drain: that is said."""
    try:
        yield
    except KeyboardInterrupt:
        said = f"the drain continues: `waterclock fleet workers` shows {asked[0].name} until it has left"
        complain(f"\n{said}")
        raise KeyboardInterrupt(said) from None


def all_left(client: Client, asked: Sequence[Worker]) -> list[Worker]:
    """The workers when none is there any more."""
    gone = 0
    with progress(every=_EVERY) as tell:
        while True:
            found = _found(client, asked)
            here = [one for one in found if one.status in _HERE]
            gone = gone + 1 if all(one.status == "gone" for one in here) else 0
            if not here or gone == _GONE:
                return found
            names, runs = ", ".join(sorted({one.name for one in here})), sum(one.running for one in here)
            tell(f"{names} still runs {runs}", len(found) - len(here), len(found))
            time.sleep(_LOOK)


def _found(client: Client, asked: Sequence[Worker]) -> list[Worker]:
    """The same workers as they are now."""
    wanted = {one.id for one in asked}
    found: list[Worker] = []
    for one in client.each(endpoints.list_workers(limit=1000)):
        if one.id in wanted:
            found.append(one)
        if len(found) == len(wanted):
            break
    return found

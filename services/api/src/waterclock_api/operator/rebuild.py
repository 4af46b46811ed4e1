"""`waterclock rebuild`: read models from the archive, beside the live ones; compared, and put in place if wanted."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import click

from waterclock.cli.output import complain, say
from waterclock.cli.progress.lines import Tell, progress, waiting_for
from waterclock.cli.tables import table
from waterclock.kit.service import run_service
from waterclock.kit.settings import TelemetrySettings, read
from waterclock.kit.telemetry import traces
from waterclock.store.connection.lock_wait import patient
from waterclock.store.connection.permissions import rights
from waterclock.store.connection.pool import Connection, connect_anew, open_pool
from waterclock.store.readmodels.rebuild import Compared, Rebuild
from waterclock_api.settings import StoreSettings

DIFFERENT = 1
"""Exit code where the live read models are not those that the archive tells, and stay."""


@click.command(short_help="Rebuild the read models from the event archive.")
@click.option("--swap", is_flag=True, help="Replace the live read models by the rebuilt ones.")
def rebuild(swap: bool) -> None:
    """Rebuild the read models from the archive, beside the live ones, and compare. All services keep running.

    Exit code 1: a table differs and was not replaced, or it was stopped.
    """

    async def work(stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            doing = tasks.create_task(_rebuild(swap=swap), name="rebuild")
            stopping = tasks.create_task(stop.wait(), name="wait for stop")
            await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (doing, stopping):
                task.cancel()
        if doing.cancelled() or not doing.result():
            raise click.exceptions.Exit(DIFFERENT)

    run_service(work, name="waterclock rebuild")


async def _rebuild(*, swap: bool) -> bool:
    """Whether the live read models are now those that the archive tells."""
    store = read(StoreSettings, os.environ)
    traces.setup("rebuild", read(TelemetrySettings, os.environ))
    async with (
        await open_pool(store.postgres_url, name="rebuild", max_size=1) as pool,
        await connect_anew(pool) as connection,
    ):
        with rights(store.postgres_url):
            doing = _compared(connection, swap=swap)
            return await patient(connection, doing, connect=pool.connection, tell=complain)


async def _compared(connection: Connection, *, swap: bool) -> bool:
    work = await Rebuild.begin(connection)
    try:
        with progress() as tell:
            await work.fold(_folded(tell))
        with waiting_for("comparing the rebuilt read models with the live ones"):
            compared = await work.compare()
        say(told(compared))
        if swap:
            stood = await work.swap(_tell_standing)
            click.echo(f"The rebuilt read models are live; projection was paused for {stood:.1f} s.")
            return True
    finally:
        await work.drop()
    same = all(one.same for one in compared)
    click.echo(
        "The rebuilt and the live read models are the same."
        if same
        else "They differ: --swap makes the rebuilt ones live."
    )
    return same


def _tell_standing(seconds: float) -> None:
    sys.stderr.write(f"projection has stood still for {seconds:.0f} s, until all is in place\n")


def told(compared: Sequence[Compared]) -> Iterator[str]:
    """The lines of a table of tables, and some of the rows that differ."""
    heads = ("table", "live rows", "rebuilt rows", "live hash", "rebuilt hash", "")
    rows = [
        (
            one.table,
            str(one.live.rows),
            str(one.rebuilt.rows),
            one.live.hash,
            one.rebuilt.hash,
            "same" if one.same else "different",
        )
        for one in compared
    ]
    yield from table(heads, rows)
    for one in compared:
        for row in one.rows:
            key = ", ".join(map(str, row.key))
            yield f"{one.table} {key}: {_apart(row.live, row.rebuilt)}"


def _apart(live: dict[str, object] | None, rebuilt: dict[str, object] | None) -> str:
    if live is None:
        return "only rebuilt"
    if rebuilt is None:
        return "only live"
    return "differs in " + ", ".join(name for name, value in live.items() if rebuilt.get(name) != value)


def _folded(tell: Tell) -> Callable[[int, int], None]:
    began = time.monotonic()

    def told(folded: int, total: int) -> None:
        rate = folded / max(0.001, time.monotonic() - began)
        tell(f"{folded} of {total} events folded, {rate:.0f} a second", folded, total)

    return told

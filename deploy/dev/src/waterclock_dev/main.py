"""The verbs `dev` and `demo`."""

import asyncio
import os
import sys
from pathlib import Path

import click

from waterclock.kit.clock import SystemClock
from waterclock.kit.service import run_service
from waterclock.kit.settings import SettingsError
from waterclock.model.timestamps import parse_moment, stamp
from waterclock_dev import notices
from waterclock_dev.demo.screen import Screen
from waterclock_dev.demo.show import show
from waterclock_dev.dev import PortTaken, Wishes, serve
from waterclock_dev.reload import NoExecutors, installed, located, named
from waterclock_dev.sample.fill import NotEmpty
from waterclock_dev.servers.prefix import Prefixed
from waterclock_dev.servers.record import FolderTaken
from waterclock_dev.servers.server import ServerError

EARLIEST = 946_684_800_000
"""ms: the year 2000. Zones and months of the archive are as today's readers know them from there on."""


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".waterclock"),
    show_default=True,
    help="Folder for the data of the servers.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, help="Port of the API; 0: any free port.")
@click.option(
    "--executors", "names", multiple=True, metavar="MODULE|PATH", help="Module or .py file of executors; repeatable."
)
@click.option("--workers", type=click.IntRange(1, 32), default=1, help="Number of workers.")
@click.option("--schedulers", type=click.IntRange(1, 32), default=1, help="Number of schedulers.")
@click.option(
    "--reload",
    is_flag=True,
    help="Restart workers when the code of executors changes.",
)
@click.option("--no-demo", is_flag=True, help="Create no demo jobs in a new installation.")
@click.option(
    "--sample",
    is_flag=True,
    help="Fill a new installation with some twenty jobs and 90 days of their past, and start it again later.",
)
@click.option(
    "--until",
    metavar="TIME",
    help="With --sample: let the past end at this moment and time stand still, without scheduler and worker. RFC 3339.",
)
def dev(
    data_dir: Path,
    port: int,
    names: tuple[str, ...],
    workers: int,
    schedulers: int,
    reload: bool,
    no_demo: bool,
    sample: bool,
    until: str | None,
) -> None:
    """Run all of Waterclock on this machine until Ctrl-C.

    It starts Redis, Postgres and an S3 server, and keeps their data in the data folder. To use another server, set
    WATERCLOCK_REDIS_URL, WATERCLOCK_POSTGRES_URL or WATERCLOCK_S3_ENDPOINT. URLs, passwords and process ids are
    written to <data-dir>/dev.json.

    Where notices.yaml lies beside the executors, or WATERCLOCK_NOTICES names such a file, a notifier tells people by it
    of runs that fail.
    """
    ends = _moment(until, sample=sample)
    try:
        found = [located(name) for name in names or named(os.environ)]
        told = notices.found(os.environ, [place for _, place in found])
    except NoExecutors as error:
        raise click.BadParameter(str(error), param_hint="--executors" if names else "WATERCLOCK_EXECUTORS") from None
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    try:
        by_entry_point = tuple(installed()) if reload else ()
    except NoExecutors as error:
        raise click.ClickException(str(error)) from None
    wishes = Wishes(
        data_dir=data_dir,
        port=port,
        workers=workers,
        schedulers=schedulers,
        executors=tuple(name for name, _ in found),
        sources=(*(place for _, place in found), *by_entry_point),
        reload=reload,
        demo_jobs=not no_demo,
        notices=told,
        sample=sample,
        until=ends,
    )

    async def run(stop: asyncio.Event) -> None:
        output = Prefixed(sys.stdout)
        try:
            await serve(wishes, os.environ, output, stop)
        except (PortTaken, FolderTaken, NotEmpty, ServerError) as error:
            raise click.ClickException(str(error)) from None
        finally:
            output.flush()

    run_service(run, name="waterclock dev")


def _moment(text: str | None, *, sample: bool) -> int | None:
    """In ms."""
    if text is None:
        return None
    if not sample:
        raise click.UsageError("--until belongs to --sample")
    try:
        moment = parse_moment(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--until") from None
    if not EARLIEST <= moment <= SystemClock().now_ms():
        raise click.BadParameter(f"{text} is not between {stamp(EARLIEST)[:10]} and now", param_hint="--until")
    return moment


@click.command(short_help="Run a demo of half a minute, and clean up.")
def demo() -> None:
    """Run a demo of half a minute, on servers of its own in a temporary folder, and clean up."""

    async def run(stop: asyncio.Event) -> None:
        if not await show(os.environ, Screen(sys.stdout), stop):
            raise click.exceptions.Exit(1)

    run_service(run, name="waterclock demo")

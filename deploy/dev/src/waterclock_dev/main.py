"""The verbs `dev`, `demo` and `bench`."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from waterclock.kit.service import run_service
from waterclock_dev.bench import report
from waterclock_dev.demo.screen import Screen
from waterclock_dev.demo.show import show
from waterclock_dev.dev import PortTaken, Wishes, serve
from waterclock_dev.prefix import Prefixed
from waterclock_dev.record import FolderTaken
from waterclock_dev.reload import NoExecutors, located
from waterclock_dev.servers import ServerError
from waterclock_dev.supervise import until


@click.command()
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), default=Path(".waterclock"))
@click.option("--port", type=click.IntRange(0, 65535), default=8080, help="Of the API; 0 for any free one.")
@click.option("--executors", "names", multiple=True, metavar="MODULE|PATH", help="Load executors; may be repeated.")
@click.option("--workers", type=click.IntRange(1, 32), default=1, help="Worker processes.")
@click.option("--schedulers", type=click.IntRange(1, 32), default=1, help="Scheduler processes.")
@click.option("--reload", is_flag=True, help="Start workers again when an executor's file changes.")
@click.option("--no-demo", is_flag=True, help="Leave an empty store empty.")
def dev(
    data_dir: Path, port: int, names: tuple[str, ...], workers: int, schedulers: int, reload: bool, no_demo: bool
) -> None:
    """Run all of Waterclock on this machine until Ctrl-C.

    Servers come from wheels, their data lies in the data folder; those that WATERCLOCK_REDIS_URL,
    WATERCLOCK_POSTGRES_URL or WATERCLOCK_S3_ENDPOINT name are used instead. Where everything is stands in
    <data-dir>/dev.json.
    """
    try:
        found = [located(name) for name in names]
    except NoExecutors as error:
        raise click.BadParameter(str(error), param_hint="--executors") from None
    wishes = Wishes(
        data_dir=data_dir,
        port=port,
        workers=workers,
        schedulers=schedulers,
        executors=tuple(told for told, _ in found),
        sources=tuple(place for _, place in found),
        reload=reload,
        demo_jobs=not no_demo,
    )

    async def run(stop: asyncio.Event) -> None:
        try:
            await serve(wishes, os.environ, Prefixed(sys.stdout), stop)
        except (PortTaken, FolderTaken, ServerError) as error:
            raise click.ClickException(str(error)) from None

    run_service(run, name="waterclock dev")


@click.command()
def demo() -> None:
    """Show it all in half a minute, on servers of its own in a temporary folder; leave nothing behind."""

    async def run(stop: asyncio.Event) -> None:
        if not await show(os.environ, Screen(sys.stdout), stop):
            raise click.exceptions.Exit(1)

    run_service(run, name="waterclock demo")


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="Small measurements: to see that it works.")
@click.pass_context
def bench(context: click.Context, quick: bool) -> None:
    """Measure this machine: all of it, or one part. A bare loop stands beside each figure."""
    report.show_machine()
    if context.invoked_subcommand is None:
        context.invoke(drain, quick=quick)
        context.invoke(latency, quick=quick)


@bench.command()
@click.option("--runs", type=click.IntRange(100), default=20_000, help="In each round.")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--slots", type=click.IntRange(1), default=100, help="Of the worker.")
@click.option("--quick", is_flag=True, help="One small round: to see that it works.")
def drain(runs: int, rounds: int, slots: int, quick: bool) -> None:
    """No-op runs drained by one worker process."""
    runs, rounds = (report.QUICK_RUNS, 1) if quick else (runs, rounds)
    _measure(report.show_drain(runs=runs, rounds=rounds, slots=slots))


@bench.command()
@click.option("--samples", type=click.IntRange(2), default=500)
@click.option("--slots", type=click.IntRange(1), default=10, help="Of the worker.")
@click.option("--quick", is_flag=True, help="A few samples: to see that it works.")
def latency(samples: int, slots: int, quick: bool) -> None:
    """From a request to the start of its executor, on an idle worker."""
    samples = report.QUICK_SAMPLES if quick else samples
    _measure(report.show_latency(samples=samples, slots=slots))


def _measure(show: Coroutine[Any, Any, None]) -> None:
    async def run(stop: asyncio.Event) -> None:
        try:
            await until(stop, show)
        except ServerError as error:
            raise click.ClickException(str(error)) from None

    run_service(run, name="waterclock bench")

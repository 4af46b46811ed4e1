"""The verb `bench`."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import click

from waterclock.kit.service import run_service
from waterclock_dev.bench import bare_api, report, sink
from waterclock_dev.servers.server import ServerError
from waterclock_dev.servers.supervise import until


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="Small measurements: to see that it works.")
@click.pass_context
def bench(context: click.Context, quick: bool) -> None:
    """Measure this machine: all of it, or one part. A bare loop stands beside each figure."""
    report.show_machine()
    if context.invoked_subcommand is None:
        context.invoke(drain, quick=quick)
        context.invoke(latency, quick=quick)
        context.invoke(delayed, quick=quick)
        context.invoke(schedule, quick=quick)
        context.invoke(cron, quick=quick)
        context.invoke(backup, quick=quick)
        context.invoke(project, quick=quick)
        context.invoke(sse, quick=quick)
        context.invoke(trigger, quick=quick)
        context.invoke(access, quick=quick)
        context.invoke(path, quick=quick)
        context.invoke(tracing, quick=quick)


@bench.command()
@click.option("--runs", type=click.IntRange(100), default=20_000, help="In each round.")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--slots", type=click.IntRange(1), default=100, help="Of the worker.")
@click.option("--replicas", type=click.IntRange(0, 4), default=0, help="That are to have what is acknowledged.")
@click.option("--mixed", is_flag=True, help="Two processes, of which one lacks an executor of half of the runs.")
@click.option("--quick", is_flag=True, help="One small round: to see that it works.")
def drain(runs: int, rounds: int, slots: int, replicas: int, mixed: bool, quick: bool) -> None:
    """No-op runs drained by one worker process."""
    runs, rounds = (report.QUICK_RUNS, 1) if quick else (runs, rounds)
    if mixed:
        _measure(report.show_mixed(runs=runs, rounds=rounds, slots=slots))
        return
    _measure(report.show_drain(runs=runs, rounds=rounds, slots=slots, replicas=replicas))


@bench.command()
@click.option("--samples", type=click.IntRange(2), default=500)
@click.option("--slots", type=click.IntRange(1), default=10, help="Of the worker.")
@click.option("--quick", is_flag=True, help="A few samples: to see that it works.")
def latency(samples: int, slots: int, quick: bool) -> None:
    """From a request to the start of its executor, on an idle worker."""
    samples = report.QUICK_SAMPLES if quick else samples
    _measure(report.show_latency(samples=samples, slots=slots))


@bench.command()
@click.option("--samples", type=click.IntRange(2, 1000), default=500)
@click.option("--slots", type=click.IntRange(1), default=10, help="Of the worker.")
@click.option("--quick", is_flag=True, help="A few samples: to see that it works.")
def delayed(samples: int, slots: int, quick: bool) -> None:
    """How late delayed runs start, and how soon those that waited for another of their job."""
    samples = report.QUICK_SAMPLES if quick else samples
    _measure(report.show_delayed(samples=samples, slots=slots))


@bench.command()
@click.option("--crowd", type=click.IntRange(1), default=10_000, help="Jobs that are due at one second.")
@click.option("--rounds", type=click.IntRange(1), default=3, help="Of the crowd.")
@click.option("--jobs", type=click.IntRange(5_000), default=1_000_000, help="Of 5000 schedules.")
@click.option("--seconds", type=click.FloatRange(1), default=30.0, help="How long they are watched.")
@click.option("--quick", is_flag=True, help="A few jobs: to see that it works.")
def schedule(crowd: int, rounds: int, jobs: int, seconds: float, quick: bool) -> None:
    """How late a scheduler decides, and how long it takes to take over."""
    if quick:
        crowd, rounds, jobs, seconds = report.QUICK_CROWD, 1, report.QUICK_JOBS, report.QUICK_SECONDS
    _measure(report.show_crowd(jobs=crowd, rounds=rounds))
    _measure(report.show_million(jobs=jobs, seconds=seconds))


@bench.command()
@click.option("--steps", type=click.IntRange(1, 1_000), default=200, help="In each round.")
@click.option("--rounds", type=click.IntRange(1), default=5)
@click.option("--quick", is_flag=True, help="A few steps: to see that it works.")
def cron(steps: int, rounds: int, quick: bool) -> None:
    """The next instant of a cached expression, beside croniter and cronsim."""
    steps, rounds = (report.QUICK_STEPS, 1) if quick else (steps, rounds)
    report.show_cron(steps=steps, rounds=rounds)


@bench.command()
@click.option("--mib", type=click.IntRange(1), default=300, help="Of the database.")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--compress", is_flag=True, help="Let pg_dump compress: then that is what takes the time.")
@click.option("--quick", is_flag=True, help="One round of a small database: to see that it works.")
def backup(mib: int, rounds: int, compress: bool, quick: bool) -> None:
    """A database streamed by db.backup, and by pg_dump into the same parts by hand; the worker's memory."""
    mib, rounds = (report.QUICK_MIB, 1) if quick else (mib, rounds)
    _measure(report.show_backup(mib=mib, rounds=rounds, compress=compress))


@bench.command()
@click.option("--events", type=click.IntRange(1_000), default=150_000, help="In each round.")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--seconds", type=click.FloatRange(1), default=10.0, help="How long runs are requested for.")
@click.option("--quick", is_flag=True, help="A few events: to see that it works.")
def project(events: int, rounds: int, seconds: float, quick: bool) -> None:
    """How fast events become rows, and how soon a fresh one is readable."""
    if quick:
        events, rounds, seconds = report.QUICK_EVENTS, 1, report.QUICK_READ
    _measure(report.show_projection(events=events, rounds=rounds, seconds=seconds))


@bench.command()
@click.option("--clients", type=click.IntRange(2, 10_000), default=1_000)
@click.option("--rate", type=click.IntRange(20), default=120, help="Events a second; each goes to all clients.")
@click.option("--seconds", type=click.FloatRange(1), default=10.0)
@click.option("--quick", is_flag=True, help="A few clients: to see that it works.")
def sse(clients: int, rate: int, seconds: float, quick: bool) -> None:
    """Live events delivered to many streams, how soon, and what is left when they have gone."""
    if quick:
        clients, seconds = report.QUICK_STREAMS, report.QUICK_STREAMED
    _measure(report.show_streams(clients=clients, rate=rate, seconds=seconds))


@bench.command()
@click.option("--requests", type=click.IntRange(100), default=10_000, help="In each round.")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--replicas", type=click.IntRange(0, 4), default=0, help="That are to have what is acknowledged.")
@click.option("--quick", is_flag=True, help="One small round: to see that it works.")
def trigger(requests: int, rounds: int, replicas: int, quick: bool) -> None:
    """Triggers of a job over HTTP, beside a bare handler that appends once."""
    requests, rounds = (report.QUICK_REQUESTS, 1) if quick else (requests, rounds)
    _measure(report.show_trigger(requests=requests, rounds=rounds, replicas=replicas))


@bench.command()
@click.option("--requests", type=click.IntRange(100), default=5_000, help="Of each kind of caller in each round.")
@click.option("--rounds", type=click.IntRange(1), default=5)
@click.option("--quick", is_flag=True, help="One small round: to see that it works.")
def access(requests: int, rounds: int, quick: bool) -> None:
    """What it costs the API to know who asks: nobody, a key, limits, a token."""
    requests, rounds = (report.QUICK_REQUESTS, 1) if quick else (requests, rounds)
    _measure(report.show_access(requests=requests, rounds=rounds))


@bench.command()
@click.option("--rate", type=click.FloatRange(1), default=4_000.0, help="Triggers a second.")
@click.option("--seconds", type=click.FloatRange(1), default=10.0)
@click.option("--quick", is_flag=True, help="Few runs: to see that it works.")
def path(rate: float, seconds: float, quick: bool) -> None:
    """The whole path at a rate: trigger over HTTP, worker, read models."""
    rate, seconds = (report.QUICK_RATE, report.QUICK_READ) if quick else (rate, seconds)
    _measure(report.show_path(rate=rate, seconds=seconds))


@bench.command()
@click.option("--rate", type=click.FloatRange(1), default=500.0, help="Triggers a second.")
@click.option("--seconds", type=click.FloatRange(1), default=10.0)
@click.option("--quick", is_flag=True, help="Few runs: to see that it works.")
def tracing(rate: float, seconds: float, quick: bool) -> None:
    """What traces cost each process a run: none of them, one in a hundred, all."""
    rate, seconds = (report.QUICK_RATE, report.QUICK_READ) if quick else (rate, seconds)
    _measure(report.show_tracing(rate=rate, seconds=seconds))


@bench.command("sink", hidden=True)
@click.argument("port", type=int)
def collector(port: int) -> None:
    """The collector of `tracing`."""
    run_service(
        lambda stop: sink.serve_sink(port, stop, ready=lambda: click.echo("sink: ready")), name="waterclock bench sink"
    )


@bench.command("bare-api", hidden=True)
@click.argument("redis_url")
@click.argument("port", type=int)
def bare_handler(redis_url: str, port: int) -> None:
    """The bare handler beside `trigger`."""
    run_service(lambda stop: bare_api.serve_bare(redis_url, port, stop), name="waterclock bench bare-api")


def _measure(show: Coroutine[Any, Any, None]) -> None:
    async def run(stop: asyncio.Event) -> None:
        try:
            await until(stop, show)
        except ServerError as error:
            raise click.ClickException(str(error)) from None

    run_service(run, name="waterclock bench")

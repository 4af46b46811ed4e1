"""The verb `bench`."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import click

from waterclock.kit.service import run_service
from waterclock_dev.bench import bare_api, report, sink
from waterclock_dev.bench.console_parts import PARTS
from waterclock_dev.servers.server import ServerError
from waterclock_dev.servers.supervise import until


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="Small measurements, as a smoke test.")
@click.pass_context
def bench(context: click.Context, quick: bool) -> None:
    """Run benchmarks on this machine: all, or one. Each is compared with a bare loop."""
    report.show_machine()
    if context.invoked_subcommand is None:
        context.invoke(drain, quick=quick)
        context.invoke(latency, quick=quick)
        context.invoke(delayed, quick=quick)
        context.invoke(schedule, quick=quick)
        context.invoke(cron, quick=quick)
        context.invoke(judge, quick=quick)
        context.invoke(backup, quick=quick)
        context.invoke(project, quick=quick)
        context.invoke(sse, quick=quick)
        context.invoke(trigger, quick=quick)
        context.invoke(access, quick=quick)
        context.invoke(path, quick=quick)
        context.invoke(tracing, quick=quick)
        context.invoke(overview, quick=quick)
        context.invoke(console, quick=quick)


@bench.command()
@click.option("--runs", type=click.IntRange(100), default=20_000, help="Per round.")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--slots", type=click.IntRange(1), default=100, help="Slots of the worker.")
@click.option("--replicas", type=click.IntRange(0, 4), default=0, help="Replicas that must confirm a write.")
@click.option("--mixed", is_flag=True, help="Two workers, one of which lacks the executor of half of the runs.")
@click.option("--quick", is_flag=True, help="One small round, as a smoke test.")
def drain(runs: int, rounds: int, slots: int, replicas: int, mixed: bool, quick: bool) -> None:
    """Throughput of one worker process with no-op runs."""
    runs, rounds = (report.QUICK_RUNS, 1) if quick else (runs, rounds)
    if mixed:
        _measure(report.show_mixed(runs=runs, rounds=rounds, slots=slots))
        return
    _measure(report.show_drain(runs=runs, rounds=rounds, slots=slots, replicas=replicas))


@bench.command()
@click.option("--samples", type=click.IntRange(2), default=500)
@click.option("--slots", type=click.IntRange(1), default=10, help="Slots of the worker.")
@click.option("--quick", is_flag=True, help="A few samples, as a smoke test.")
def latency(samples: int, slots: int, quick: bool) -> None:
    """Latency from a request to the start of its executor, on an idle worker."""
    samples = report.QUICK_SAMPLES if quick else samples
    _measure(report.show_latency(samples=samples, slots=slots))


@bench.command()
@click.option("--samples", type=click.IntRange(2, 1000), default=500)
@click.option("--slots", type=click.IntRange(1), default=10, help="Slots of the worker.")
@click.option("--quick", is_flag=True, help="A few samples, as a smoke test.")
def delayed(samples: int, slots: int, quick: bool) -> None:
    """Delay of delayed runs, and of runs that waited for another run of their job."""
    samples = report.QUICK_SAMPLES if quick else samples
    _measure(report.show_delayed(samples=samples, slots=slots))


@bench.command()
@click.option("--crowd", type=click.IntRange(1), default=10_000, help="Jobs that are due in the same second.")
@click.option("--rounds", type=click.IntRange(1), default=3, help="Rounds with these jobs.")
@click.option("--jobs", type=click.IntRange(5_000), default=1_000_000, help="Jobs, with 5000 different schedules.")
@click.option("--seconds", type=click.FloatRange(1), default=30.0, help="How long they are watched.")
@click.option("--quick", is_flag=True, help="A few jobs, as a smoke test.")
def schedule(crowd: int, rounds: int, jobs: int, seconds: float, quick: bool) -> None:
    """Delay of decisions, and time to take over from a dead leader."""
    if quick:
        crowd, rounds, jobs, seconds = report.QUICK_CROWD, 1, report.QUICK_JOBS, report.QUICK_SECONDS
    _measure(report.show_crowd(jobs=crowd, rounds=rounds))
    _measure(report.show_million(jobs=jobs, seconds=seconds))


@bench.command()
@click.option("--steps", type=click.IntRange(1, 1_000), default=200, help="Per round.")
@click.option("--rounds", type=click.IntRange(1), default=5)
@click.option("--quick", is_flag=True, help="A few steps, as a smoke test.")
def cron(steps: int, rounds: int, quick: bool) -> None:
    """Next time of a cron expression, beside croniter and cronsim."""
    steps, rounds = (report.QUICK_STEPS, 1) if quick else (steps, rounds)
    report.show_cron(steps=steps, rounds=rounds)


@bench.command()
@click.option("--jobs", type=click.IntRange(100), default=10_000)
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--quick", is_flag=True, help="A few jobs, as a smoke test.")
def judge(jobs: int, rounds: int, quick: bool) -> None:
    """Throughput of the judge of notices, with all jobs well and with all failing."""
    jobs, rounds = (report.QUICK_JUDGED, 1) if quick else (jobs, rounds)
    report.show_judge(jobs=jobs, rounds=rounds)


@bench.command()
@click.option("--mib", type=click.IntRange(1), default=300, help="Size of the database.")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--compress", is_flag=True, help="Let pg_dump compress.")
@click.option("--quick", is_flag=True, help="One round with a small database, as a smoke test.")
def backup(mib: int, rounds: int, compress: bool, quick: bool) -> None:
    """Throughput of db.backup beside plain pg_dump, and memory of the worker."""
    mib, rounds = (report.QUICK_MIB, 1) if quick else (mib, rounds)
    _measure(report.show_backup(mib=mib, rounds=rounds, compress=compress))


@bench.command()
@click.option("--events", type=click.IntRange(1_000), default=150_000, help="Per round.")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--seconds", type=click.FloatRange(1), default=10.0, help="How long runs are requested.")
@click.option("--quick", is_flag=True, help="A few events, as a smoke test.")
def project(events: int, rounds: int, seconds: float, quick: bool) -> None:
    """Throughput and latency of the projector."""
    if quick:
        events, rounds, seconds = report.QUICK_EVENTS, 1, report.QUICK_READ
    _measure(report.show_projection(events=events, rounds=rounds, seconds=seconds))


@bench.command()
@click.option("--clients", type=click.IntRange(2, 10_000), default=1_000)
@click.option("--rate", type=click.IntRange(20), default=120, help="Events a second; each goes to all clients.")
@click.option("--seconds", type=click.FloatRange(1), default=10.0)
@click.option("--quick", is_flag=True, help="A few clients, as a smoke test.")
def sse(clients: int, rate: int, seconds: float, quick: bool) -> None:
    """Latency of live events with many streams, and memory left afterwards."""
    if quick:
        clients, seconds = report.QUICK_STREAMS, report.QUICK_STREAMED
    _measure(report.show_streams(clients=clients, rate=rate, seconds=seconds))


@bench.command()
@click.option("--requests", type=click.IntRange(100), default=10_000, help="Per round.")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--replicas", type=click.IntRange(0, 4), default=0, help="Replicas that must confirm a write.")
@click.option("--quick", is_flag=True, help="One small round, as a smoke test.")
def trigger(requests: int, rounds: int, replicas: int, quick: bool) -> None:
    """Throughput of triggers over HTTP, beside a bare handler."""
    requests, rounds = (report.QUICK_REQUESTS, 1) if quick else (requests, rounds)
    _measure(report.show_trigger(requests=requests, rounds=rounds, replicas=replicas))


@bench.command()
@click.option("--requests", type=click.IntRange(100), default=5_000, help="Requests per kind of caller and round.")
@click.option("--rounds", type=click.IntRange(1), default=5)
@click.option("--quick", is_flag=True, help="One small round, as a smoke test.")
def access(requests: int, rounds: int, quick: bool) -> None:
    """Cost of authentication: none, API key, rate limit, token."""
    requests, rounds = (report.QUICK_REQUESTS, 1) if quick else (requests, rounds)
    _measure(report.show_access(requests=requests, rounds=rounds))


@bench.command()
@click.option("--rate", type=click.FloatRange(1), default=4_000.0, help="Triggers a second.")
@click.option("--seconds", type=click.FloatRange(1), default=10.0)
@click.option("--quick", is_flag=True, help="Few runs, as a smoke test.")
def path(rate: float, seconds: float, quick: bool) -> None:
    """The whole path at a fixed rate: HTTP trigger, worker, read models."""
    rate, seconds = (report.QUICK_RATE, report.QUICK_READ) if quick else (rate, seconds)
    _measure(report.show_path(rate=rate, seconds=seconds))


@bench.command()
@click.option("--rate", type=click.FloatRange(1), default=500.0, help="Triggers a second.")
@click.option("--seconds", type=click.FloatRange(1), default=10.0)
@click.option("--quick", is_flag=True, help="Few runs, as a smoke test.")
def tracing(rate: float, seconds: float, quick: bool) -> None:
    """Cost of traces per run: none, one in a hundred, all."""
    rate, seconds = (report.QUICK_RATE, report.QUICK_READ) if quick else (rate, seconds)
    _measure(report.show_tracing(rate=rate, seconds=seconds))


@bench.command()
@click.option("--runs", type=click.IntRange(20_000), default=1_000_000, help="Runs in the store.")
@click.option("--jobs", type=click.IntRange(100), default=10_000, help="Jobs in the store.")
@click.option("--samples", type=click.IntRange(2), default=20, help="Requests of each kind.")
@click.option("--quick", is_flag=True, help="A small store, as a smoke test.")
def overview(runs: int, jobs: int, samples: int, quick: bool) -> None:
    """Latency of what shows all jobs at once: strips, index, upcoming times."""
    (runs, jobs), samples = (report.QUICK_GROWN, report.QUICK_READS) if quick else ((runs, jobs), samples)
    _measure(report.show_overview(runs=runs, jobs=jobs, samples=samples))


@bench.command()
@click.option("--jobs", type=click.IntRange(100), default=10_000, help="Jobs in the list.")
@click.option("--runs", type=click.IntRange(50_000), default=1_100_000, help="Their runs; half are of one job.")
@click.option("--lines", type=click.IntRange(1_000), default=100_000, help="Lines of the long log.")
@click.option("--live", type=click.FloatRange(5), default=180.0, help="Seconds for which a log is followed.")
@click.option("--rest", type=click.FloatRange(5), default=3_600.0, help="Seconds for which a tab is left alone.")
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="This part alone; may be given again.")
@click.option("--quick", is_flag=True, help="Short and small, as a smoke test.")
def console(jobs: int, runs: int, lines: int, live: float, rest: float, quick: bool, only: Sequence[str] = ()) -> None:
    """Budgets of the web console, in a browser: the first screen, large lists, strips, logs, a tab at rest."""
    pulse = report.PULSE
    if quick:
        (jobs, runs), lines, pulse = report.QUICK_LISTED, report.QUICK_LINES, report.QUICK_PULSE
        live, rest = report.QUICK_LIVE, report.QUICK_REST
    _measure(report.show_console(only=only, jobs=jobs, runs=runs, lines=lines, live=live, rest=rest, pulse=pulse))


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

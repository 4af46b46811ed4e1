"""What the bench prints."""

import click

from waterclock_dev.bench import drain, latency, machine

QUICK_RUNS, QUICK_SAMPLES = 2_000, 50
SHARE = 0.6  # of the bare loop, the budget
P50, P99 = 2.0, 10.0  # ms, the budget


def show_machine() -> None:
    click.echo(f"machine: {machine.facts()}")


async def show_drain(*, runs: int, rounds: int, slots: int) -> None:
    click.echo(f"\ndrain: {runs} no-op runs, one worker process, {slots} slots, appendfsync everysec, no projector")
    click.echo("  round   worker runs/s   bare runs/s   ratio   batch   events/run")
    done: list[drain.Round] = []
    for number in range(1, rounds + 1):
        done.append(await drain.measure(runs=runs, slots=slots))
        click.echo(_row(str(number), done[-1]))
    found = drain.middle(done)
    click.echo(_row("median", found))
    click.echo(f"  budget: at least {SHARE:.0%} of the bare loop: {_verdict(met=found.ratio >= SHARE)}")


async def show_latency(*, samples: int, slots: int) -> None:
    click.echo(f"\nlatency: an idle worker, {samples} requests one after the other; request → executor starts")
    ours, bare = await latency.measure(samples=samples, slots=slots)
    click.echo("             p50 ms   p99 ms")
    click.echo(f"  worker    {ours.p50:7.2f}  {ours.p99:7.2f}")
    click.echo(f"  bare      {bare.p50:7.2f}  {bare.p99:7.2f}   (push → a blocked process has it)")
    met = ours.p50 <= P50 and ours.p99 <= P99
    click.echo(f"  budget: p50 {P50:g} ms, p99 {P99:g} ms: {_verdict(met=met)}")


def _row(name: str, found: drain.Round) -> str:
    return (
        f"  {name:<6}  {found.worker:13.0f}   {found.bare:11.0f}   {found.ratio:4.0%}   {found.batch:5}"
        f"   {found.events:10.2f}"
    )


def _verdict(*, met: bool) -> str:
    return "met" if met else "missed"

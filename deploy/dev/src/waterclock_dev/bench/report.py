"""What the bench prints."""

import statistics
from collections.abc import Sequence

import click

from waterclock_dev.bench import (
    access,
    backup,
    cron,
    delayed,
    drain,
    judging,
    latency,
    machine,
    overview,
    path,
    projection,
    schedule,
    streams,
    tracing,
    trigger,
)
from waterclock_dev.bench.console_parts import PARTS
from waterclock_dev.servers.server import ServerError

QUICK_RUNS, QUICK_SAMPLES = 2_000, 50
PULSE, QUICK_PULSE = 20.0, 5.0
QUICK_LISTED, QUICK_LINES = (2_000, 60_000), 20_000
QUICK_LIVE, QUICK_REST = 10.0, 20.0
SHARE = 0.6  # of the bare loop, the budget
QUICK_MIB = 40
STREAMED = 0.8  # of pg_dump piped by hand, the budget
MEMORY = 150.0  # MiB of the worker, the budget
P50, P99 = 2.0, 10.0  # ms, the budget
QUICK_STEPS = 20
QUICK_JUDGED, JUDGED = 500, 20_000  # jobs; events/s, the budget
NEXT_INSTANT = 10.0  # µs, the budget
QUICK_CROWD, QUICK_JOBS, QUICK_SECONDS = 500, 5_000, 5.0
LATE, TURN = 100.0, 100.0  # ms, the budget
LAST = 500  # ms, the budget
TAKES_OVER, PEAK, ON_TIME = 20.0, 1.5, 250.0  # s, GiB, ms: the budget


QUICK_EVENTS, RATE, QUICK_READ = 5_000, 1_000, 2.0
QUICK_STREAMS, QUICK_STREAMED = 50, 2.0
DELIVERED, HEARD = 100_000, 250  # deliveries/s, ms: the budget
PROJECTED, READABLE = 25_000, 250  # events/s, ms: the budget
QUICK_REQUESTS, OF_BARE = 1_000, 0.7  # of the bare handler, the budget
QUICK_GROWN, QUICK_READS = (20_000, 200), 3
STRIPS, INDEX = 50.0, 1_000.0  # ms, the budget
QUICK_RATE, WHOLE, BEHIND = 500.0, 4_000.0, 2.0  # runs/s, s: the budget


def show_machine() -> None:
    click.echo(f"machine: {machine.facts()}")


async def show_drain(*, runs: int, rounds: int, slots: int, replicas: int = 0) -> None:
    click.echo(f"\ndrain: {runs} no-op runs, one worker process, {slots} slots, appendfsync everysec, no projector")
    click.echo("  round   worker runs/s   bare runs/s   ratio   batch   events/run")
    done: list[drain.Round] = []
    for number in range(1, rounds + 1):
        done.append(await drain.measure(runs=runs, slots=slots, replicas=replicas))
        click.echo(_row(str(number), done[-1]))
    found = drain.middle(done)
    click.echo(_row("median", found))
    click.echo(f"  budget: at least {SHARE:.0%} of the bare loop: {_verdict(met=found.ratio >= SHARE)}")


async def show_mixed(*, runs: int, rounds: int, slots: int) -> None:
    click.echo(f"\ndrain: {runs} no-op runs of two executors, two worker processes, {slots} slots each")
    click.echo("  round   both have both runs/s   one lacks one runs/s   ratio")
    for number in range(1, rounds + 1):
        found = await drain.measure_mixed(runs=runs, slots=slots)
        click.echo(f"  {number:<6}  {found.alike:20.0f}   {found.mixed:20.0f}   {found.mixed / found.alike:4.0%}")


async def show_latency(*, samples: int, slots: int) -> None:
    click.echo(f"\nlatency: an idle worker, {samples} requests one after the other; request → executor starts")
    ours, bare = await latency.measure(samples=samples, slots=slots)
    click.echo("             p50 ms   p99 ms")
    click.echo(f"  worker    {ours.p50:7.2f}  {ours.p99:7.2f}")
    click.echo(f"  bare      {bare.p50:7.2f}  {bare.p99:7.2f}   (push → a blocked process has it)")
    met = ours.p50 <= P50 and ours.p99 <= P99
    click.echo(f"  budget: p50 {P50:g} ms, p99 {P99:g} ms: {_verdict(met=met)}")


async def show_delayed(*, samples: int, slots: int) -> None:
    click.echo(f"\ndelayed: {samples} runs due one after the other, and {samples} runs of a job that may not overlap")
    late, turns = await delayed.measure(samples=samples, slots=slots)
    click.echo("                                 p50 ms   p99 ms")
    click.echo(f"  ready → executor starts       {late.p50:7.2f}  {late.p99:7.2f}")
    click.echo(f"  end of a run → the next one   {turns.p50:7.2f}  {turns.p99:7.2f}")
    met = late.p99 <= LATE and turns.p99 <= TURN
    click.echo(f"  budget: p99 {LATE:g} ms, {TURN:g} ms: {_verdict(met=met)}")


async def show_crowd(*, jobs: int, rounds: int) -> None:
    click.echo(f"\nschedule: {jobs} jobs due at one second, appendfsync everysec; instant → decision in the log")
    click.echo("  round   first ms   last ms")
    done: list[schedule.Crowd] = []
    for number in range(1, rounds + 1):
        done.append(await schedule.crowd(jobs))
        click.echo(f"  {number:<6}  {done[-1].first:8}  {done[-1].last:8}")
    last = statistics.median_low(one.last for one in done)
    click.echo(f"  budget: the last of 10000 within {LAST} ms: {_verdict(met=last <= LAST)}")


async def show_million(*, jobs: int, seconds: float) -> None:
    expressions = min(schedule.EXPRESSIONS, jobs)
    click.echo(f"\nschedule: {jobs} jobs of {expressions} schedules, {seconds:g} s of their decisions")
    found = await schedule.million(jobs, expressions=expressions, seconds=seconds)
    peak = found.peak / 2**30
    click.echo(f"  taken over in {found.takes_over:.1f} s; the scheduler held {peak:.2f} GiB at most")
    click.echo(
        f"  {found.decisions} decisions, ms late: p50 {found.p50:.0f}, p99 {found.p99:.0f}, worst {found.worst:.0f}"
    )
    met = found.takes_over <= TAKES_OVER and peak <= PEAK and found.p99 <= ON_TIME
    budget = f"{TAKES_OVER:g} s, {PEAK:g} GiB, p99 {ON_TIME:g} ms"
    click.echo(f"  budget for a million: {budget}: {_verdict(met=met)}")


async def show_backup(*, mib: int, rounds: int, compress: bool) -> None:
    how = "compressed by pg_dump" if compress else "not compressed"
    click.echo(
        f"\nbackup: a database of {mib} MiB, {how}, parts of {backup.PART >> 20} MiB, {backup.AT_ONCE} at a time"
    )
    click.echo("  round   db.backup MiB/s   by hand MiB/s   ratio   dump MiB")
    found = await backup.measure(mib=mib, rounds=rounds, compress=compress)
    for number, one in enumerate(found.rounds, start=1):
        click.echo(f"  {number:<6}  {one.worker:15.1f}   {one.by_hand:13.1f}   {one.ratio:4.0%}   {one.mib:8.1f}")
    click.echo(
        f"  budget: at least {STREAMED:.0%} by the median, {found.ratio:.0%}: {_verdict(met=found.ratio >= STREAMED)}"
    )
    if found.peak_mib is None:
        click.echo("  the worker's memory: this system does not tell")
    else:
        met = found.peak_mib <= MEMORY
        peak = f"{found.peak_mib:.0f} MiB: {_verdict(met=met)}"
        click.echo(f"  budget: at most {MEMORY:g} MiB of worker memory; the peak is {peak}")


async def show_projection(*, events: int, rounds: int, seconds: float) -> None:
    click.echo(f"\nproject: {events} events of runs with steps and lines, one projector process, appendfsync everysec")
    click.echo("  round   projector events/s   bare events/s   ratio")
    done: list[projection.Round] = []
    for number in range(1, rounds + 1):
        one = await projection.throughput(events)
        done.append(one)
        click.echo(f"  {number:<6}  {one.projector:18.0f}   {one.bare:13.0f}   {one.ratio:4.0%}")
    middle = statistics.median_low(one.projector for one in done)
    click.echo(f"  budget: at least {PROJECTED} events/s: {_verdict(met=middle >= PROJECTED)}")
    found, rate = await projection.readable(rate=RATE, seconds=seconds)
    click.echo(f"  at {rate:.0f} runs/s, request → readable, ms: p50 {found.p50:.1f}, p99 {found.p99:.1f}")
    click.echo(f"  budget at {RATE} runs/s: p99 {READABLE} ms: {_verdict(met=found.p99 <= READABLE)}")


async def show_streams(*, clients: int, rate: int, seconds: float) -> None:
    click.echo(f"\nsse: {clients} readers of all events on one API process, {rate} events/s for {seconds:g} s")
    click.echo("          deliveries/s   p50 ms   p99 ms   CPU µs each   MiB before   full   left")
    ours = await streams.ours(clients=clients, rate=rate, seconds=seconds)
    bare = await streams.bare(clients=clients, rate=rate, seconds=seconds)
    for name, one in (("api", ours), ("bare", bare)):
        click.echo(
            f"  {name:<6}  {one.deliveries:12.0f}   {one.p50:6.1f}   {one.p99:6.1f}   {one.micros:11.2f}"
            f"   {one.before:10.0f}   {one.full:4.0f}   {one.after:4.0f}"
        )
    met = ours.deliveries >= DELIVERED and ours.p99 <= HEARD
    click.echo(f"  budget for 1000 readers: {DELIVERED} deliveries/s, p99 {HEARD} ms: {_verdict(met=met)}")


async def show_trigger(*, requests: int, rounds: int, replicas: int = 0) -> None:
    click.echo(f"\ntrigger: {requests} triggers of a job over HTTP, one API process, appendfsync everysec")
    click.echo("  round   api requests/s   bare requests/s   ratio   api µs CPU   bare µs CPU   ratio")
    done = await trigger.measure(requests=requests, rounds=rounds, replicas=replicas)
    for number, one in enumerate(done, start=1):
        click.echo(_trigger_row(str(number), one))
    found = trigger.middle(done)
    click.echo(_trigger_row("median", found))
    click.echo(f"  budget: at least {OF_BARE:.0%} of the bare handler: {_verdict(met=found.ratio >= OF_BARE)}")


async def show_access(*, requests: int, rounds: int) -> None:
    click.echo(f"\naccess: {requests} triggers over HTTP by each kind of caller, one API process each, {rounds} rounds")
    click.echo("  who asks          requests/s   ratio   µs CPU")
    found = await access.measure(requests=requests, rounds=rounds)
    for kind in access.KINDS:
        row = f"  {kind:<16}  {found.rate(kind):10.0f}   {found.ratio(kind):5.0%}"
        spent = found.spent(kind)
        click.echo(row if spent is None else f"{row}   {spent * 1e6:6.0f}")


async def show_overview(*, runs: int, jobs: int, samples: int) -> None:
    store, found = await overview.measure(runs=runs, jobs=jobs, samples=samples)
    click.echo(f"\noverview: a store with {store.runs} runs of {len(store.ids)} jobs, one API process")
    click.echo("  what                                                  p50 ms    p99 ms  first ms   ms CPU    kB sent")
    for one in found:
        cpu = "     -" if one.cpu is None else f"{one.cpu * 1e3:6.0f}"
        times = f"{one.latency.p50:8.1f}  {one.latency.p99:8.1f}  {one.first:8.1f}"
        click.echo(f"  {one.what:<52}{times}   {cpu}  {one.size / 1e3:9.1f}")
    strips, index = found[0].latency.p50, max(one.first for one in found if one.what.startswith("jobs-index"))
    click.echo(f"  budget of the first: p50 {STRIPS:g} ms: {_verdict(met=strips <= STRIPS)}")
    click.echo(f"  budget of the index: made in {INDEX:g} ms: {_verdict(met=index <= INDEX)}")


async def show_path(*, rate: float, seconds: float) -> None:
    click.echo(f"\npath: {rate:g} triggers/s for {seconds:g} s over HTTP → worker → read models, one process each")
    found = await path.measure(rate=rate, seconds=seconds)
    click.echo(f"  requested {found.requested:.0f} runs/s; {found.through:.0f} runs/s went through to the read models")
    click.echo(f"  the projector was {found.most} events behind at most; all was readable {found.behind:.2f} s later")
    for name, seconds_each in sorted(found.spent.items(), key=lambda one: -one[1]):
        click.echo(f"  {name:<10}  {seconds_each * 1e6:6.0f} µs CPU/run")
    met = found.requested >= WHOLE * 0.99 and found.behind <= BEHIND
    click.echo(f"  budget: {WHOLE:g} runs/s, all readable {BEHIND:g} s after the last request: {_verdict(met=met)}")


async def show_tracing(*, rate: float, seconds: float) -> None:
    click.echo(f"\ntracing: {rate:g} triggers/s for {seconds:g} s over the whole path, µs of processor time a run")
    click.echo("  traces     api   worker   projector   all three   more")
    found = await tracing.measure(rate=rate, seconds=seconds)
    sums = [sum(one.path.spent.get(name, 0) for name in tracing.TRACED) * 1e6 for one in found]
    for one, whole in zip(found, sums, strict=True):
        share = "off" if one.share is None else f"{one.share:.0%}"
        each = [one.path.spent.get(name, 0) * 1e6 for name in tracing.TRACED]
        click.echo(
            f"  {share:<6}  {each[0]:6.0f}   {each[1]:6.0f}   {each[2]:9.0f}   {whole:9.0f}   {whole - sums[0]:4.0f}"
        )


async def show_console(
    *, only: Sequence[str], jobs: int, runs: int, lines: int, live: float, rest: float, pulse: float
) -> None:
    try:
        from waterclock_dev.bench import console  # noqa: PLC0415  no package of ours needs Playwright
    except ImportError as error:
        raise ServerError(f"{error}: install the package playwright, in the environment of waterclock") from None
    parts = frozenset(only or PARTS)
    size = console.Size(parts=parts, jobs=jobs, runs=runs, lines=lines, live_s=live, rest_s=rest, pulse_s=pulse)
    click.echo(f"\nconsole: in a headless browser; {jobs} jobs, {runs} runs, a log of {lines} lines")
    click.echo(f"  {'what':<66} {'':>13}  ms CPU   budget")
    async for one in console.measure(size):
        if one.value is None:
            click.echo(f"  {one.what:<66} this system does not tell")
            continue
        cpu = "" if one.cpu is None else f"{one.cpu:7.0f}"
        budget = "" if one.most is None else f"   {one.most:g}: {_verdict(met=one.value <= one.most)}"
        click.echo(f"  {one.what:<66} {one.value:9.1f} {one.unit:<3} {cpu:>7}{budget}")


def show_cron(*, steps: int, rounds: int) -> None:
    click.echo(
        f"\ncron: the next instant of a cached expression, µs, the mean of {steps} steps, best of {rounds} rounds"
    )
    click.echo("  expression        zone                  ours   croniter   cronsim")
    found = cron.measure(steps=steps, rounds=rounds)
    for one in found:
        peers = "".join(f"   {'-' if peer is None else f'{peer:.1f}':>7}" for peer in (one.croniter, one.cronsim))
        click.echo(f"  {one.expression:<16}  {one.zone:<18}  {one.ours:6.1f} {peers}")
    middle = statistics.median(one.ours for one in found)
    click.echo(
        f"  budget: at most {NEXT_INSTANT:g} µs; the median is {middle:.1f}: {_verdict(met=middle <= NEXT_INSTANT)}"
    )


def show_judge(*, jobs: int, rounds: int) -> None:
    click.echo(
        f"\njudge: notices of {jobs} jobs, half of which promise something, by {judging.RULES} rules, on one core"
    )
    click.echo("  round   all well, events/s   all fail, events/s   bare, events/s   notices   all late, ms")
    found = judging.measure(jobs=jobs, rounds=rounds)
    for number, one in enumerate(found, start=1):
        click.echo(
            f"  {number:<6}  {one.well:18,.0f}   {one.failing:18,.0f}   {one.bare:14,.0f}   {one.notices:7}"
            f"   {one.overdue * 1000:12.0f}"
        )
    middle = statistics.median(min(one.well, one.failing) for one in found)
    verdict = _verdict(met=middle >= JUDGED)
    click.echo(f"  budget: at least {JUDGED:,} events/s; the median is {middle:,.0f}: {verdict}")


def _row(name: str, found: drain.Round) -> str:
    return (
        f"  {name:<6}  {found.worker:13.0f}   {found.bare:11.0f}   {found.ratio:4.0%}   {found.batch:5}"
        f"   {found.events:10.2f}"
    )


def _trigger_row(name: str, one: trigger.Round) -> str:
    row = f"  {name:<6}  {one.api.rate:14.0f}   {one.bare.rate:15.0f}   {one.ratio:4.0%}"
    if one.api.spent is None or one.bare.spent is None or one.ratio_spent is None:
        return row
    return f"{row}   {one.api.spent * 1e6:10.0f}   {one.bare.spent * 1e6:11.0f}   {one.ratio_spent:4.0%}"


def _verdict(*, met: bool) -> str:
    return "met" if met else "missed"

"""`waterclock ledger`: the proof that every instant is accounted for, and strips that show what became of each."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Literal

import click

from waterclock.cli.options.arguments import JOB, since, times, until
from waterclock.cli.options.moments import readers_zone, retold, shown
from waterclock.cli.output import put_json, say
from waterclock.cli.render import strips as rendering
from waterclock.cli.render.outcomes import headings
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import NO, NotAsked, json_option, show, speaking
from waterclock.client import endpoints
from waterclock.client.errors import Refused
from waterclock.client.exchange import decode
from waterclock.client.http import Client
from waterclock.client.models import Proof


@click.group()
def ledger() -> None:
    """Verify and show what became of each scheduled time."""


@ledger.command(short_help="Verify that each scheduled time has exactly one decision.")
@since("Start of the range, inclusive; by default an hour before --to.")
@until("End of the range, inclusive; by default now.")
@click.option(
    "--job",
    "jobs",
    metavar="JOB",
    type=JOB,
    multiple=True,
    help="Job, group/name or id; repeatable; by default all jobs.",
)
@click.option("--chain", is_flag=True, help="Verify the hash chain of the archive instead, directly in Postgres.")
@click.option(
    "--anchor",
    "anchors",
    metavar="POSITION=HEAD",
    multiple=True,
    help="With --chain: a head that you noted earlier; repeatable.",
)
@json_option
@times
@speaking
def verify(
    client: Client,
    from_: str | None,
    to: str | None,
    jobs: tuple[str, ...],
    anchors: tuple[str, ...],
    *,
    chain: bool,
    as_json: bool,
) -> None:
    """Verify that each scheduled time of a range has exactly one decision. Exit code 1: not so; 2: no answer."""
    if chain:
        prove_chain(anchors, as_json=as_json)
        return
    try:
        answer = client.fetch(endpoints.verify(from_=from_, to=to, jobs=jobs or None))
    except Refused as error:  # 1 is left to what is proved
        raise NotAsked(str(error)) from None
    proof = decode(answer, Proof)
    if as_json:
        put_json(answer)
    else:
        say(told(proof))
    if not proof.ok:
        click.get_current_context().exit(NO)


@ledger.command(short_help="Show what became of the scheduled times of jobs, as strips.")
@click.argument("jobs", metavar="JOB...", type=JOB, nargs=-1, required=True)
@since("Start of the range, inclusive; by default a day before --to.")
@until("End of the range; by default now.")
@click.option("--bins", type=click.IntRange(1, 2000), help="Characters of each strip; by default 24.")
@click.option(
    "--by",
    type=click.Choice(["hour", "day", "week", "month"]),
    help="A character for each hour, day, week or month of --zone, or else of the zone of new jobs.",
)
@json_option
@times
@speaking
def strips(
    client: Client,
    jobs: tuple[str, ...],
    from_: str | None,
    to: str | None,
    bins: int | None,
    by: Literal["hour", "day", "week", "month"] | None,
    *,
    as_json: bool,
) -> None:
    """Show what became of the scheduled times of jobs: a line for each, and a character for each part of the range.

    A character stands for the worst that it holds.
    """
    if by is not None and bins is not None:
        raise click.UsageError("--bins and --by do not go together")
    zone = getattr(readers_zone(), "key", None) if by is not None else None
    call = endpoints.strips(jobs, from_=from_, to=to, bins=bins, by=by, timezone=zone)
    show(client, call, lambda found: rendering.told(found, jobs), as_json=as_json)


def prove_chain(anchors: tuple[str, ...], *, as_json: bool) -> None:
    """As `chain.prove`, which needs what speaks to Postgres."""
    try:
        prove = import_module("waterclock.cli.verbs.chain").prove  # the library does without psycopg
    except ModuleNotFoundError as error:
        raise NotAsked(f"{error}: install waterclock[postgres], or ask where the API runs") from None
    prove(anchors, as_json=as_json)


def told(proof: Proof) -> Iterator[Part]:
    """The proof in lines."""
    counts = ("jobs", "instants", "fired", "skipped", "coalesced", "pending")
    yield f"{shown(proof.from_)} to {shown(proof.to)}"
    yield table(headings(counts), [[str(getattr(proof, name)) for name in counts]])
    if proof.oldest_pending is not None:
        yield f"pending: the oldest was due at {shown(proof.oldest_pending)} and is not decided yet"
    if proof.tzdata_changed:
        yield f"decided with a different time zone database than today's: {', '.join(proof.tzdata_changed)}"
    if proof.forgotten_before is not None:
        kept_from = shown(proof.forgotten_before)
        yield f"deleted by retention: decisions before {kept_from} cannot be verified"
    if proof.ok:
        failed = "" if proof.failed_runs is None else f": {proof.failed_runs or 'none'} failed"
        yield "ok: each scheduled time has exactly one decision, and each decision its scheduled time"
        yield f"(this does not say whether runs succeeded{failed})"
        return
    kinds = (("hole", proof.holes), ("double", proof.doubles), ("stray", proof.strays))
    yield table(
        ("breach", "job", "after", "through", "times", "position"),
        [
            (kind, breach.job_id, shown(breach.after), shown(breach.through), str(breach.instants), breach.position)
            for kind, breaches in kinds
            for breach in breaches
        ],
    )
    yield from sorted({f"{kind}: {retold(breach.text)}" for kind, breaches in kinds for breach in breaches})
    yield f"NOT ok: {', '.join(f'{len(breaches)} {kind}s' for kind, breaches in kinds)}"

"""`waterclock ledger verify`: the proof that every instant is accounted for."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from waterclock.client.api import connect, read_answer
from waterclock.client.table import table
from waterclock.model.ledger import Breach

NOT_OK = 1
"""Exit code of a proof that found a hole, a double or a stray."""


class Proof(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of `/ledger/verify`."""

    from_: str = msgspec.field(name="from")
    to: str
    jobs: int
    instants: int
    fired: int
    skipped: int
    coalesced: int
    pending: int
    oldest_pending: str | None
    holes: tuple[Breach, ...]
    doubles: tuple[Breach, ...]
    strays: tuple[Breach, ...]
    tzdata_changed: tuple[str, ...] = ()
    forgotten_before: str | None = None
    ok: bool


@click.group()
def ledger() -> None:
    """Every instant and its decision."""


@ledger.command()
@click.option("--from", "from_", metavar="MOMENT", help="RFC 3339, inclusive. By default an hour before --to.")
@click.option("--to", metavar="MOMENT", help="RFC 3339, inclusive. By default now.")
@click.option("--job", "jobs", metavar="JOB", multiple=True, help="group/name or id, repeatable. By default all jobs.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer as it is.")
@click.pass_context
def verify(ctx: click.Context, from_: str | None, to: str | None, jobs: tuple[str, ...], *, as_json: bool) -> None:
    """Prove that each instant of a range has one decision; exit code 1 if not, 2 without an answer."""
    api = connect()
    job_ids = tuple(api.job_id(job) for job in jobs)
    answer = api.get("/ledger/verify", from_=from_, to=to, jobId=job_ids or None)
    proof = read_answer(answer, Proof)
    if as_json:
        click.echo(answer)
    else:
        for line in told(proof):
            click.echo(line)
    if not proof.ok:
        ctx.exit(NOT_OK)


def told(proof: Proof) -> Iterator[str]:
    """The proof in lines."""
    counts = ("jobs", "instants", "fired", "skipped", "coalesced", "pending")
    yield f"{proof.from_} to {proof.to}"
    yield from table(counts, [[str(getattr(proof, name)) for name in counts]])
    if proof.oldest_pending is not None:
        yield f"pending: the oldest was due at {proof.oldest_pending} and is not decided yet"
    if proof.tzdata_changed:
        yield f"decided by other zone rules than today's: {', '.join(proof.tzdata_changed)}"
    if proof.forgotten_before is not None:
        yield f"forgotten: nothing is said of what was decided before {proof.forgotten_before}, which is not kept"
    if proof.ok:
        yield "ok: each instant has one decision, and each decision its instant"
        return
    kinds = (("hole", proof.holes), ("double", proof.doubles), ("stray", proof.strays))
    yield from table(
        ("breach", "job", "after", "through", "instants", "position"),
        [
            (kind, breach.job_id, breach.after, breach.through, str(breach.instants), breach.position)
            for kind, breaches in kinds
            for breach in breaches
        ],
    )
    yield from sorted({f"{kind}: {breach.text}" for kind, breaches in kinds for breach in breaches})
    yield f"NOT ok: {', '.join(f'{len(breaches)} {kind}s' for kind, breaches in kinds)}"

"""`waterclock backfill`: runs that make up for a past range, after a dry run."""

from __future__ import annotations

from collections.abc import Iterator

import click

from waterclock.cli.options.arguments import JOB, since, times, until
from waterclock.cli.options.idempotency import key_option
from waterclock.cli.options.moments import retold, shown
from waterclock.cli.output import put_json, say
from waterclock.cli.progress.lines import waiting_for
from waterclock.cli.render.outcomes import outcome
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import json_option, speaking
from waterclock.client import endpoints
from waterclock.client.exchange import decode
from waterclock.client.http import Client
from waterclock.client.models import Backfill


@click.command(short_help="Request runs for the scheduled times of a past range.")
@click.argument("job", metavar="JOB", type=JOB)
@since("Start of the range, inclusive.", required=True)
@until("End of the range, inclusive.", required=True)
@click.option("--run", "runs", is_flag=True, help="Request the runs; without it, only list them.")
@click.option("--pace", type=click.FloatRange(0, 3600), help="Seconds between starts; by default as the job says.")
@click.option("--limit", type=click.IntRange(1, 1000), default=1000, show_default=True, help="Maximum number of runs.")
@click.option("--reason", help="Reason; stored with the runs.")
@key_option
@json_option
@times
@speaking
def backfill(
    client: Client,
    job: str,
    from_: str,
    to: str,
    pace: float | None,
    limit: int,
    reason: str | None,
    key: str | None,
    *,
    runs: bool,
    as_json: bool,
) -> None:
    """Request a run of JOB for each scheduled time of a past range; without --run it is a dry run.

    JOB is group/name or an id.
    """
    call = endpoints.backfill(job, from_=from_, to=to, dry_run=not runs, pace=pace, limit=limit, reason=reason, key=key)
    with waiting_for("requesting the runs" if runs else "looking at the scheduled times"):
        answer = client.fetch(call)
    if as_json:
        put_json(answer)
    else:
        say(told(decode(answer, call.kind)))


def told(found: Backfill) -> Iterator[Part]:
    """The backfill in lines."""
    if found.items and found.dry_run:
        rows = [(shown(item.instant), outcome(item.fate), shown(item.ready_at) or "at once") for item in found.items]
        yield table(("scheduled", "was", "would start"), rows)
    elif found.items:
        rows = [
            (shown(item.instant), item.run_id, item.state, shown(item.ready_at) or "at once") for item in found.items
        ]
        yield table(("scheduled", "run", "state", "starts"), rows)
    yield from map(retold, found.notes)
    runs = f"{found.runs} of {found.instants} scheduled times"
    if found.dry_run:
        yield f"{runs} would get a run; nothing was stored: repeat with --run to request them"
    else:
        yield f"{runs} got a run"
    if found.next_from is not None:
        yield f"More results: add --from {found.next_from}"

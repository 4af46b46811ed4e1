"""`waterclock simulate`: what would run after an outage of all schedulers, under each policy."""

from __future__ import annotations

from collections.abc import Iterator

import click

from waterclock.cli.options.arguments import JOB, since, times, until
from waterclock.cli.options.moments import retold, shown
from waterclock.cli.render.outcomes import headings, outcome
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import json_option, show, speaking
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import Simulation
from waterclock.model.instants.simulate import Simulated
from waterclock.model.words import worded


@click.command(short_help="Show what would run after an outage.")
@click.argument("job", metavar="JOB", type=JOB)
@since("Start of the outage.", required=True)
@until("End of the outage.", required=True)
@click.option("--running", is_flag=True, help="Assume that a run of the job is unfinished at the end.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="Maximum number of runs to list."
)
@json_option
@times
@speaking
def simulate(client: Client, job: str, from_: str, to: str, limit: int, *, running: bool, as_json: bool) -> None:
    """Show which runs JOB would get after an outage of all schedulers, under each misfire policy.

    Nothing is stored. JOB is group/name or an id.
    """
    call = endpoints.simulate(job, from_=from_, to=to, running=running, limit=limit)
    show(client, call, told, as_json=as_json)


def told(found: Simulation) -> Iterator[Part]:
    """The outage in lines: the policies side by side, then the runs of the job's own."""
    yield from map(retold, found.assumed)
    counts = ("instants", "fired", "skipped", "coalesced")
    yield table(
        ("misfire policy", *headings(counts), "first run", "last run"),
        [
            [
                worded("misfirePolicy", one.misfire_policy)
                + (" (its own)" if one.misfire_policy == found.misfire_policy else ""),
                *(str(getattr(one, name)) for name in counts),
                shown(one.first_run_at),
                shown(one.last_run_at),
            ]
            for one in found.policies
        ],
        wraps={"misfire policy"},
        spare=("last run", "first run"),
    )
    for one in found.policies:
        if one.misfire_policy == found.misfire_policy:
            yield from _listed(one)


def _listed(one: Simulated) -> Iterator[Part]:
    if one.runs:
        rows = [
            (shown(run.nominal_at), run.trigger, shown(run.ready_at) or "at once", run.waiting_on) for run in one.runs
        ]
        yield table(("run for", "trigger", "starts", "waits behind"), rows)
    if one.unfired:
        rows = [
            (shown(part.first), shown(part.last), str(part.count), outcome(part.fate), retold(part.text))
            for part in one.unfired
        ]
        yield table(("from", "to", "times", "outcome", "why"), rows, wraps={"why"})
    if one.truncated:
        yield f"More than {max(len(one.runs), len(one.unfired))} results: --limit lists up to 1000."

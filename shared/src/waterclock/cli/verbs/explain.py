"""`waterclock explain`: what became of a job's instants, and why."""

from __future__ import annotations

from collections.abc import Iterator

import click

from waterclock.cli.options.arguments import JOB, moments, since, times, until
from waterclock.cli.options.moments import retold, shown
from waterclock.cli.render.jobs import named
from waterclock.cli.render.outcomes import outcome
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import Order, cursor_option, json_option, more, show_newest, speaking
from waterclock.client import endpoints
from waterclock.client.errors import Refused
from waterclock.client.http import Client
from waterclock.client.models import Explanations, Job
from waterclock.client.request import Call


@click.command(short_help="Explain the outcome of each scheduled time of a job.")
@click.argument("job", metavar="JOB", type=JOB)
@moments("--at", wanted="Explain this one time, scheduled or not.")
@since("Start of the range, inclusive; by default as far back as --limit reaches.")
@until("End of the range, inclusive; by default now.")
@click.option("--oldest", is_flag=True, help="Oldest first; by default newest first.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Maximum number of items.")
@cursor_option
@json_option
@times
@speaking
def explain(
    client: Client,
    job: str,
    at: str | None,
    from_: str | None,
    to: str | None,
    limit: int,
    cursor: str | None,
    *,
    oldest: bool,
    as_json: bool,
) -> None:
    """Explain the outcome of each scheduled time of JOB, newest first, or why a time was not due.

    JOB is group/name or an id.
    """

    def call(order: Order | None) -> Call[Explanations]:
        return endpoints.explain(job, at=at, from_=from_, to=to, order=order, limit=limit, cursor=cursor)

    def lines(page: Explanations) -> Iterator[Part]:
        yield from told(page) if page.items else (nothing(_found(client, job)),)

    show_newest(client, call, lines, oldest=oldest or at is not None, as_json=as_json)


def _found(client: Client, job: str) -> Job | None:
    """The job; None: it is deleted, or this caller may not read it."""
    try:
        return client.send(endpoints.get_job(job))
    except Refused:
        return None


def nothing(job: Job | None) -> str:
    """Why there is nothing to explain."""
    said = "No scheduled times found"
    if job is None:
        return f"{said}."
    ahead = "" if job.next_fire_at is None else f"; the next is {shown(job.next_fire_at)}"
    if job.cron_expression is None:
        ahead = ": the job has no schedule and runs on demand only"
    by_hand = f" Its runs: `waterclock run list --job {named(job)}`." if job.last_run is not None else ""
    return f"{said}{ahead}.{by_hand}"


def told(page: Explanations) -> Iterator[Part]:
    """A page of explanations in lines."""
    yield table(
        ("scheduled", "outcome", "why"),
        [(shown(item.instant), outcome(item.fate), retold(item.text)) for item in page.items],
        wraps={"why"},
    )
    yield from more(page)

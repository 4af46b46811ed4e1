"""`waterclock explain`: what became of a job's instants, and why."""

from __future__ import annotations

from collections.abc import Iterator

import click

from waterclock.cli.options.arguments import JOB, moments, since, times, until
from waterclock.cli.options.moments import retold, shown
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import Order, cursor_option, json_option, more, show_newest, speaking
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import Explanations
from waterclock.client.request import Call


@click.command(short_help="Explain what became of each scheduled time of a job.")
@click.argument("job", metavar="JOB", type=JOB)
@moments("--at", wanted="One time, scheduled or not.")
@since("Inclusive. By default as far back as it takes.")
@until("Inclusive. By default now.")
@click.option("--oldest", is_flag=True, help="Oldest first; by default the newest.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most.")
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
    """Explain what became of each scheduled time of JOB, group/name or id, newest first; or why a time was not due."""

    def call(order: Order | None) -> Call[Explanations]:
        return endpoints.explain(job, at=at, from_=from_, to=to, order=order, limit=limit, cursor=cursor)

    show_newest(client, call, told, oldest=oldest or at is not None, as_json=as_json)


def told(page: Explanations) -> Iterator[Part]:
    """A page of explanations in lines."""
    if not page.items:
        yield "No scheduled times found."
        return
    yield table(
        ("instant", "fate", "why"),
        [(shown(item.instant), item.fate, retold(item.text)) for item in page.items],
        wraps={"why"},
    )
    yield from more(page)

"""`waterclock notices list`: what was told, and how it was delivered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import click

from waterclock.cli.options.arguments import JOB, RUN, since, times, until
from waterclock.cli.options.moments import shown
from waterclock.cli.run_names import run_id_of
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import cursor_option, json_option, limit_option, more, show, speaking
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import Notice, NoticeDelivery, Page, Said
from waterclock.model.notices.kinds import Kind

_STATES = {"digested": "in a digest", "dropped": "dropped", "givenUp": "given up", "muted": "muted"}
_kind_option = click.option(
    "--kind", "kinds", type=click.Choice(get_args(Kind)), multiple=True, help="Kind of notice; repeatable."
)


@click.command("list", short_help="List what was told, newest first.")
@click.option("--job", "jobs", metavar="JOB", type=JOB, multiple=True, help="Job, group/name or id; repeatable.")
@click.option("--run", "run", metavar="RUN", type=RUN, help="Run: its id, or group/name for the last run of a job.")
@_kind_option
@click.option("--rule", "rules", metavar="NAME", multiple=True, help="Name of the rule; repeatable.")
@since("At or after this time.")
@until("At or before this time.")
@limit_option
@cursor_option
@json_option
@times
@speaking
def list_(
    client: Client,
    jobs: tuple[str, ...],
    run: str | None,
    kinds: tuple[str, ...],
    rules: tuple[str, ...],
    from_: str | None,
    to: str | None,
    limit: int,
    cursor: str | None,
    *,
    as_json: bool,
) -> None:
    """List what notifiers have told, newest first, and how it was delivered."""
    call = endpoints.list_notices(
        job=jobs or None,
        run_id=None if run is None else run_id_of(client, run),
        kind=kinds or None,
        rule=rules or None,
        from_=from_,
        to=to,
        limit=limit,
        cursor=cursor,
    )
    show(client, call, told, as_json=as_json)


def told(page: Page[Notice]) -> Iterator[Part]:
    rows = [(shown(one.at), kind_of(one), subject_of(one), one.rule, _delivered(one)) for one in page.items]
    yield table(("at", "kind", "of", "rule", "delivered"), rows, wraps=("delivered",), spare=("rule",))
    yield from more(page)


def kind_of(one: Said) -> str:
    """What is told, how often it has happened, and what it takes back or repeats."""
    if one.recovers is not None:
        return f"recovered ({one.recovers})"
    again = ", reminder" if one.reminder else ""
    return f"{one.kind} ({one.count} times{again})" if one.count > 1 else f"{one.kind}{again}"


def subject_of(one: Said) -> str:
    """The job and the run, or the scheduled time that has none; a dash for the installation."""
    job = f"{one.job_group}/{one.job_name}" if one.job_name is not None else one.job_id
    beside = one.run_id or (None if one.instant is None else shown(one.instant))
    return "  ".join(part for part in (job, beside) if part) or "-"


def _delivered(one: Notice) -> str:
    return "; ".join(map(_channel, one.deliveries)) or "-"


def _channel(one: NoticeDelivery) -> str:
    if one.state == "delivered":
        return f"{one.channel}: {shown(one.at)}"
    if one.state == "waiting":
        return f"{one.channel}: " + (f"tried {one.tries} times: {one.error}" if one.tries else "waiting")
    state = _STATES.get(one.state, one.state)
    return f"{one.channel}: {state}: {one.error}" if one.error else f"{one.channel}: {state}"

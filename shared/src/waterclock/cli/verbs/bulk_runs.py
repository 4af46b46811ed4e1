"""`waterclock run retry` and `run cancel` by filter: all runs that fit, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from waterclock.cli.options.arguments import JOB, QUEUE, since, until
from waterclock.cli.output import put_json, say
from waterclock.client import endpoints
from waterclock.client.exchange import decode
from waterclock.client.http import Client
from waterclock.client.models import CancelledRuns, Retried
from waterclock.client.request import Body, Call, Named

F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P", Retried, CancelledRuns)

PAGE = 100  # runs in a request; each is a command of its own
ALL: Body = {"all": True}
"""In place of filters."""


def filters(*statuses: str) -> Callable[[F], F]:
    """The options that say which runs; `chosen` reads them."""
    options = [
        click.option(
            "--job", metavar="JOB", type=JOB, multiple=True, help="Runs of this job, group/name or id; repeatable."
        ),
        click.option("--of-queue", metavar="QUEUE", type=QUEUE, multiple=True, help="Runs of this queue; repeatable."),
        click.option("--status", type=click.Choice(statuses), multiple=True, help="Runs with this status; repeatable."),
        click.option("--label", multiple=True, help="Runs with this label, key or key=value; repeatable."),
        since("Requested at or after this time."),
        until("Requested at or before this time."),
        click.option("--search", metavar="TEXT", help="Part of an id, name, executor, reason or error."),
        click.option("--dry-run", is_flag=True, help="Only list the runs."),
    ]

    def with_options(verb: F) -> F:
        for option in reversed(options):
            verb = option(verb)
        return verb

    return with_options


def chosen(**given: Any) -> Body:
    """The filters that were given, as members of the body."""
    found = {
        "jobId": [Named(each) for each in given["job"]],
        "queue": list(given["of_queue"]),
        "status": list(given["status"]),
        "label": list(given["label"]),
        "from": given["from_"],
        "to": given["to"],
        "q": given["search"],
    }
    return {name: value for name, value in found.items() if value not in (None, [])}


def check(run_ids: tuple[str, ...], wanted: Body, flag: str, *, every: bool, dry_run: bool) -> bool:
    """Whether runs are meant by filter, or all of them, rather than by their ids.

    Raises:
        click.UsageError: neither was said, or both.
    """
    by_filter = bool(wanted) or every
    if run_ids and (by_filter or dry_run):
        raise click.UsageError("Give a run or a filter, not both.")
    if not run_ids and not by_filter:
        raise click.UsageError(f"Give a run, or a filter: {flag}, --job, --status, …")
    return by_filter


def retry_many(client: Client, wanted: Body, *, dry_run: bool, key: str | None, as_json: bool) -> bool:
    """Run again what fits; whether none was refused. `wanted` may hold the policy for overlaps and a reason."""

    def call(cursor: str | None, key: str | None) -> Call[Retried]:
        return endpoints.retry_runs(dry_run=dry_run, key=key, limit=PAGE, cursor=cursor, **wanted)

    pages = _pages(client, call, key=key, as_json=as_json, told=_retried)
    return _sum(pages, done=lambda page: page.retried, verb="run again", as_json=as_json)


def cancel_many(client: Client, wanted: Body, *, dry_run: bool, key: str | None, as_json: bool) -> bool:
    """Cancel what fits; whether none was refused."""

    def call(cursor: str | None, key: str | None) -> Call[CancelledRuns]:
        return endpoints.cancel_runs(dry_run=dry_run, key=key, limit=PAGE, cursor=cursor, **wanted)

    pages = _pages(client, call, key=key, as_json=as_json, told=_cancelled)
    return _sum(pages, done=lambda page: page.cancelled, verb="cancelled", as_json=as_json)


def _pages(
    client: Client,
    call: Callable[[str | None, str | None], Call[P]],
    *,
    key: str | None,
    as_json: bool,
    told: Callable[[P], Iterator[str]],
) -> Iterator[P]:
    """Page after page, each said as it comes, under a key of its own that follows from the caller's."""
    cursor, number = None, 1
    while True:
        asked = call(cursor, None if key is None else f"{key}-{number}")
        answer = client.fetch(asked)
        page = decode(answer, asked.kind)
        if as_json:
            put_json(answer)
        else:
            say(told(page))
        yield page
        if page.next_cursor is None:
            return
        cursor, number = page.next_cursor, number + 1


def _sum(pages: Iterator[P], *, done: Callable[[P], int], verb: str, as_json: bool) -> bool:
    matched = finished = refused = 0
    dry_run = False
    for page in pages:
        matched, finished, refused = matched + page.matched, finished + done(page), refused + page.refused
        dry_run = page.dry_run
    if not as_json and dry_run:
        but = f", and {refused} refused" if refused else ""
        say([f"{matched - refused} would be {verb}{but}; nothing was done: repeat without --dry-run to do it"])
    elif not as_json:
        say([f"{finished} of {matched} {verb}, {refused} refused"])
    return refused == 0


def _retried(page: Retried) -> Iterator[str]:
    for one in page.items:
        end = f"refused: {one.refused}" if one.refused else f"again as {one.retried_as}"
        yield one.run_id if page.dry_run and not one.refused else f"{one.run_id} {end}"


def _cancelled(page: CancelledRuns) -> Iterator[str]:
    for one in page.items:
        end = f"refused: {one.refused}" if one.refused else "cancel requested"
        yield one.run_id if page.dry_run else f"{one.run_id} {end}"

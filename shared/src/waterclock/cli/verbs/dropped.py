"""`waterclock dropped`: what repairs of the log have dropped, and asking again for the runs among it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from waterclock.cli.options.arguments import times
from waterclock.cli.options.moments import shown
from waterclock.cli.output import put_json, say
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import NO, cursor_option, json_option, limit_option, more, show, speaking
from waterclock.client import endpoints
from waterclock.client.exchange import decode
from waterclock.client.http import Client
from waterclock.client.models import DroppedEvent, Page, Requeued, RequeuedRun

PAGE = 100  # requests asked for again in one call
_LEFT = {
    "known": "already requested again",
    "scheduled": "its schedule decides it again",
    "ended": "has ended: --executed requests it anyway, and it is executed twice",
    "wouldRequeue": "would be requested again",
    "requeued": "requested again",
}


@click.group()
def dropped() -> None:
    """Events dropped by repairs of the event log: list, requeue."""


@dropped.command("list", short_help="List events that a repair of the event log dropped and set aside.")
@click.option("--type", "kind", multiple=True, help="Event type, or the part before its dot; repeatable.")
@limit_option
@cursor_option
@json_option
@times
@speaking
def list_(client: Client, kind: tuple[str, ...], limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List events that a repair of the event log dropped and set aside."""
    show(client, endpoints.list_dropped(kind=kind or None, limit=limit, cursor=cursor), told, as_json=as_json)


@dropped.command(short_help="Request the dropped runs again.")
@click.option("--run", "runs", is_flag=True, help="Request them; without it, only say what would happen to each.")
@click.option("--executed", is_flag=True, help="Include runs that had ended: they are executed a second time.")
@json_option
@speaking
def requeue(client: Client, *, runs: bool, executed: bool, as_json: bool) -> None:
    """Request again the runs whose requests were dropped; without --run it is a dry run.

    Each is requested with its own idempotency key.
    """
    cursor, counted = None, {"wouldRequeue": 0, "requeued": 0, "refused": 0, "ended": 0, "forgotten": 0, "all": 0}
    while True:
        call = endpoints.requeue_dropped(dry_run=not runs, executed=executed, limit=PAGE, cursor=cursor)
        answer = client.fetch(call)
        page = decode(answer, call.kind)
        if as_json:
            put_json(answer)
        else:
            say(_page(page))
        _count(page, counted)
        cursor = page.next_cursor
        if cursor is None:
            break
    if not as_json:
        say(_summed(counted, runs=runs))
    if counted["refused"]:
        raise click.exceptions.Exit(NO)


def told(page: Page[DroppedEvent]) -> Iterator[Part]:
    rows = [
        (one.event.get("id"), one.event.get("type"), _about(one.event), shown(one.event.get("at")), str(one.fork))
        for one in page.items
    ]
    yield table(("event", "type", "of", "at", "dropped in epoch"), rows, spare=("dropped in epoch", "of"))
    yield from more(page)


def _about(event: dict[str, Any]) -> str | None:
    return event.get("runId") or event.get("jobId")


def _page(page: Requeued) -> Iterator[str]:
    for one in page.items:
        yield f"{one.run_id or one.position} {_fate(one)}"


def _fate(one: RequeuedRun) -> str:
    if one.fate == "refused":
        return f"refused: {one.detail}"
    ended = f"{one.ended}; " if one.ended is not None and one.fate == "ended" else ""
    return f"{ended}{_LEFT.get(one.fate, one.fate)}"


def _count(page: Requeued, counted: dict[str, int]) -> None:
    for one in page.items:
        counted["all"] += 1
        if one.fate in counted:
            counted[one.fate] += 1
        counted["forgotten"] += one.key_forgotten and one.fate in {"wouldRequeue", "requeued"}


def _summed(counted: dict[str, int], *, runs: bool) -> Iterator[str]:
    if counted["forgotten"]:
        yield (
            f"warning: {counted['forgotten']} were requested more than 24 h ago, so their idempotency keys have "
            "expired: a repeated request with one of them requests another run"
        )
    if counted["ended"]:
        yield f"{counted['ended']} have ended, and are left; --executed requests them anyway"
    if runs:
        yield f"{counted['requeued']} of {counted['all']} requested again, {counted['refused']} refused"
    else:
        would = f"{counted['wouldRequeue']} of {counted['all']} would be requested again"
        yield f"{would}, {counted['refused']} refused; nothing was done: repeat with --run to do it"

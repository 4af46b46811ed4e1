"""`waterclock fleet`: who works, what can be executed, and who is to leave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click
import msgspec

from waterclock.cli.options.arguments import WORKER, times
from waterclock.cli.options.moments import shown
from waterclock.cli.output import put_json, say
from waterclock.cli.render.drain import BECAME, all_left, drain_goes_on, drain_told, runs_of
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import (
    NO,
    cursor_option,
    json_option,
    limit_option,
    more,
    reason_option,
    show,
    show_pages,
    speaking,
)
from waterclock.client import endpoints
from waterclock.client.exchange import decode
from waterclock.client.http import Client
from waterclock.client.models import Executor, Page, Worker

_ROOM = 40  # characters for the names of parameters


@click.group()
def fleet() -> None:
    """Workers and executors: list; drain a worker."""


@fleet.command(short_help="List workers.")
@limit_option
@cursor_option
@json_option
@times
@speaking
def workers(client: Client, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List workers, one row per start of a process; those that have not left come first."""
    show(client, endpoints.list_workers(limit=limit, cursor=cursor), told_workers, as_json=as_json)


@fleet.command(short_help="List executors, and the workers that have them.")
@json_option
@speaking
def executors(client: Client, *, as_json: bool) -> None:
    """List executors, and the workers that have them.

    --json prints the schemas of parameters and results too, one page of the API's response a line.
    """
    call = endpoints.list_executors()
    if as_json:
        show_pages(client, call)
    else:
        say(told_executors(client.each(call)))


@fleet.command(short_help="Ask a worker to finish its runs and exit.")
@click.argument("name", metavar="WORKER", type=WORKER)
@click.option("--wait", is_flag=True, help="Wait until it has left; exit code 1 if it was lost instead.")
@reason_option
@json_option
@times
@speaking
def drain(client: Client, name: str, reason: str | None, *, wait: bool, as_json: bool) -> None:
    """Ask WORKER, a name or a session id, to take no more runs, to finish or return those it has, and to exit.

    All processes of that name are asked. One that starts later is not affected.
    """
    call = endpoints.drain_worker(name, reason=reason)
    answer = client.fetch(call)
    asked = decode(answer, call.kind).items
    with drain_goes_on(asked):
        if as_json and not wait:
            put_json(answer)
        elif not as_json:
            say(drain_told(asked, list(runs_of(client, asked))))
        found = all_left(client, asked) if wait else ()
    if not found:
        return
    if as_json:
        put_json(msgspec.json.encode(Page(items=tuple(found))))
    else:
        say(f"{one.name} ({one.id}) {BECAME.get(one.status, one.status)}" for one in found)
    if any(one.status == "lost" for one in found):
        click.get_current_context().exit(NO)


def told_workers(page: Page[Worker]) -> Iterator[Part]:
    yield table(
        ("worker", "status", "running", "queues", "executors", "started", "heard", "left", "session"),
        [
            (
                one.name,
                one.status,
                f"{one.running}/{one.slots}",
                ",".join(one.queues),
                few(list(one.executors)) + (" (takes any run)" if one.takes_any else ""),
                shown(one.started_at, exact=False),
                shown(one.last_read_at, exact=False),
                shown(one.left_at, exact=False),
                one.id,
            )
            for one in page.items
        ],
        wraps={"queues", "executors"},
        spare=("session", "left", "started", "heard"),
    )
    yield from more(page)


def told_executors(executors: Iterable[Executor]) -> Iterator[Part]:
    yield table(
        ("executor", "also", "workers", "parameters", "what"),
        [
            (
                one.key,
                ",".join(one.aliases),
                ",".join(one.workers),
                few(parameters(one)),
                one.description.partition("\n")[0],
            )
            for one in executors
        ],
        wraps={"also", "workers", "parameters", "what"},
        spare=("also", "parameters"),
    )


def few(names: list[str]) -> str:
    """As many of the names as a column has room for."""
    shown = next((n for n in range(len(names), 1, -1) if len(",".join(names[:n])) <= _ROOM), 1)
    left = len(names) - shown
    return ",".join(names[:shown]) + (f" and {left} more" if left > 0 else "")


def parameters(one: Executor) -> list[str]:
    """Their names; those that must be given come first, with an exclamation mark."""
    schema = one.params_schema
    named = schema.get("$ref", "").rpartition("/")[2]
    found = schema.get("$defs", {}).get(named, schema)
    required = frozenset(found.get("required", ()))
    free = sorted(found.get("properties", {}).keys() - required)
    return [*(f"{name}!" for name in sorted(required)), *free]

"""`waterclock fleet`: who works, and what can be executed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from waterclock.cli.options.arguments import times
from waterclock.cli.options.moments import shown
from waterclock.cli.output import say
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import cursor_option, json_option, limit_option, more, show, show_pages, speaking
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import Executor, Page, Worker

_ROOM = 40  # characters for the names of parameters


@click.group()
def fleet() -> None:
    """Workers and executors: list."""


@fleet.command(short_help="List workers.")
@limit_option
@cursor_option
@json_option
@times
@speaking
def workers(client: Client, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the starts of worker processes, those that have not left first."""
    show(client, endpoints.list_workers(limit=limit, cursor=cursor), told_workers, as_json=as_json)


@fleet.command(short_help="List executors, and the workers that have them.")
@json_option
@speaking
def executors(client: Client, *, as_json: bool) -> None:
    """List what workers can do; --json has the schemas of parameters and results, a page of the API's answer a line."""
    call = endpoints.list_executors()
    if as_json:
        show_pages(client, call)
    else:
        say(told_executors(client.each(call)))


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

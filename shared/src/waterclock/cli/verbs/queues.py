"""`waterclock queue`: how full queues are; hold them, and let them go."""

from __future__ import annotations

from collections.abc import Iterator

import click

from waterclock.cli.render.events import took
from waterclock.cli.tables import table
from waterclock.cli.terminal import json_option, key_option, reason_option, show, speaking
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import Page, Queue, QueueState


@click.group()
def queue() -> None:
    """Queues: list, pause, resume."""


@queue.command("list")
@json_option
@speaking
def list_(client: Client, *, as_json: bool) -> None:
    """List the queues: what waits, for how long, and how fast it goes."""
    show(client, endpoints.list_queues(), told, as_json=as_json)


@queue.command()
@click.argument("name", metavar="QUEUE")
@reason_option
@key_option
@json_option
@speaking
def pause(client: Client, name: str, reason: str | None, key: str | None, *, as_json: bool) -> None:
    """Let no worker take from QUEUE any more; what runs goes on."""
    show(client, endpoints.pause_queue(name, reason=reason, key=key), state, as_json=as_json)


@queue.command()
@click.argument("name", metavar="QUEUE")
@reason_option
@key_option
@json_option
@speaking
def resume(client: Client, name: str, reason: str | None, key: str | None, *, as_json: bool) -> None:
    """Let workers take from QUEUE again."""
    show(client, endpoints.resume_queue(name, reason=reason, key=key), state, as_json=as_json)


def told(page: Page[Queue]) -> Iterator[str]:
    yield from table(
        ("queue", "weight", "state", "waiting", "oldest", "delayed", "blocked", "running", "starts/min", "ends/min"),
        [
            (
                one.name,
                str(one.weight),
                "paused" if one.paused else "open",
                str(one.waiting),
                took(one.oldest_wait_ms),
                str(one.delayed),
                str(one.blocked),
                str(one.running),
                str(one.started_per_minute),
                str(one.ended_per_minute),
            )
            for one in page.items
        ],
    )


def state(found: QueueState) -> Iterator[str]:
    yield f"{found.name} is {'paused' if found.paused else 'open'}"

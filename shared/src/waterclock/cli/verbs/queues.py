"""`waterclock queue`: how full queues are; hold them, and let them go."""

from __future__ import annotations

from collections.abc import Iterator

import click

from waterclock.cli.options.arguments import EXECUTOR, QUEUE
from waterclock.cli.options.idempotency import key_option
from waterclock.cli.render.events import took
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import json_option, reason_option, show, speaking
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import Page, Queue, QueueState


@click.group()
def queue() -> None:
    """Queues: list, pause, resume."""


@queue.command("list")
@click.option(
    "--executor",
    "executors",
    type=EXECUTOR,
    multiple=True,
    help="Count only runs of this executor (key or alias); repeatable.",
)
@json_option
@speaking
def list_(client: Client, executors: tuple[str, ...], *, as_json: bool) -> None:
    """List queues: waiting runs, longest wait, throughput.

    `aside`: runs that wait for a worker with their executor. `demand`: runs that run or wait for a
    worker; with --executor those of these executors, whether aside or not.
    """
    show(client, endpoints.list_queues(executor=executors or None), told, as_json=as_json)


@queue.command()
@click.argument("name", metavar="QUEUE", type=QUEUE)
@reason_option
@key_option
@json_option
@speaking
def pause(client: Client, name: str, reason: str | None, key: str | None, *, as_json: bool) -> None:
    """Stop starting runs from QUEUE. Running ones go on."""
    show(client, endpoints.pause_queue(name, reason=reason, key=key), state, as_json=as_json)


@queue.command()
@click.argument("name", metavar="QUEUE", type=QUEUE)
@reason_option
@key_option
@json_option
@speaking
def resume(client: Client, name: str, reason: str | None, key: str | None, *, as_json: bool) -> None:
    """Start runs from QUEUE again."""
    show(client, endpoints.resume_queue(name, reason=reason, key=key), state, as_json=as_json)


def told(page: Page[Queue]) -> Iterator[Part]:
    yield table(
        (
            *("queue", "weight", "state", "waiting", "aside", "oldest", "delayed", "blocked", "running", "demand"),
            *("starts/min", "ends/min"),
        ),
        [
            (
                one.name,
                str(one.weight),
                "paused" if one.paused else "open",
                str(one.waiting),
                told_number(one.aside),
                took(one.oldest_wait_ms),
                str(one.delayed),
                str(one.blocked),
                str(one.running),
                told_number(one.demand),
                str(one.started_per_minute),
                str(one.ended_per_minute),
            )
            for one in page.items
        ],
        spare=("ends/min", "starts/min", "weight", "aside", "blocked", "demand"),
    )


def told_number(number: int | None) -> str:
    """`-`: an older API does not tell it."""
    return "-" if number is None else str(number)


def state(found: QueueState) -> Iterator[str]:
    yield f"{found.name} is {'paused' if found.paused else 'open'}"

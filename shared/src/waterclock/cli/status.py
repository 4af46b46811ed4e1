"""`waterclock status`: whether the clock runs, by what an API can tell in a second."""

from __future__ import annotations

import click
import msgspec

from waterclock.cli.connection.options import connection_options
from waterclock.cli.options.arguments import times
from waterclock.cli.options.moments import moment, seconds
from waterclock.cli.output import put_json, say
from waterclock.cli.render import status as render
from waterclock.cli.render.status import Check
from waterclock.cli.terminal import NO, client_of, connected, json_option, told_apart
from waterclock.client import endpoints
from waterclock.client.errors import Refused
from waterclock.client.http import Client

TIMEOUT = 5.0  # s, for an answer; stores that are away cost an API three
QUEUED, FAILED, WORKERS = 200, 100, 1000
"""How many of them are asked for."""
LATELY = "1h"


def _since(ctx: click.Context, param: click.Parameter, text: str) -> str:
    if seconds(text) is None:
        raise click.BadParameter(f"{text!r} is not a duration such as 1h or 30m", ctx, param)
    return text


@click.command(short_help="Say whether scheduling and execution are healthy.")
@click.option(
    "--since",
    metavar="SPAN",
    default=LATELY,
    show_default=True,
    callback=_since,
    help="List failed runs requested within this time.",
)
@json_option
@times
@connection_options
def status(*, since: str, as_json: bool) -> None:
    """Say whether scheduled times are decided and runs are started. Exit code 0: yes, 1: no, 2: no answer from the API.

    Failed runs are listed and do not change the exit code. It needs the scope `list`.
    """
    own = connected()
    with client_of(own, timeout=TIMEOUT, patience=0) as client, told_apart(own):
        checks = look(client, since)
    stopped = any(one.level == "problem" for one in checks)
    if as_json:
        put_json(msgspec.json.encode({"ok": not stopped, "checks": checks}))
    else:
        say(render.told(checks))
    if stopped:
        click.get_current_context().exit(NO)


def look(client: Client, since: str = LATELY) -> list[Check]:
    """What the API tells, judged. One that is not ready is asked for nothing else.

    Raises:
        ApiError: it does not answer, or not to us.
    """
    try:
        found = [*render.of_condition(client.condition())]
    except Refused as refused:
        if refused.status < 500:
            raise
        return [*render.of_unready(refused)]
    queues = client.send(endpoints.list_queues()).items
    found += render.of_queues(queues)
    found += render.of_workers(client.send(endpoints.list_workers(limit=WORKERS)).items)
    if any(one.waiting for one in queues):
        found += render.of_waiting(client.send(endpoints.list_runs(status="queued", limit=QUEUED)).items)
    wrong = ("failed", "timedOut", "died")
    failed = client.send(endpoints.list_runs(status=wrong, from_=moment(since), limit=FAILED))
    found.append(render.of_failed(failed.items, more=failed.next_cursor is not None, since=since))
    order = ("problem", "warning", "ok")
    return sorted(found, key=lambda one: order.index(one.level))

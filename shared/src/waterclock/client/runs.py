"""`waterclock run`: what was executed, and how it went."""

from __future__ import annotations

from collections.abc import Iterator

import click

from waterclock.client import calls
from waterclock.client.answers import Run, Runs
from waterclock.client.http import Client
from waterclock.client.problems import Refused
from waterclock.client.table import facts, table
from waterclock.client.telling import took
from waterclock.client.terminal import (
    NO,
    cursor_option,
    json_option,
    key_option,
    limit_option,
    more,
    reason_option,
    show,
    speaking,
)
from waterclock.client.watching import await_run, follow_run

STATUSES = ("delayed", "waiting", "queued", "running", "succeeded", "failed", "timedOut", "cancelled", "died")
TRIGGERS = ("schedule", "catchup", "backfill", "manual", "retry")


@click.group()
def run() -> None:
    """Runs: list, read, follow, cancel, retry."""


@run.command("list")
@click.option("--job", metavar="JOB", multiple=True, help="group/name or id; repeatable.")
@click.option("--queue", multiple=True)
@click.option("--status", type=click.Choice(STATUSES), multiple=True)
@click.option("--trigger", type=click.Choice(TRIGGERS), multiple=True)
@click.option("--from", "from_", metavar="MOMENT", help="Requested then or later; RFC 3339.")
@click.option("--to", metavar="MOMENT", help="Requested then or before; RFC 3339.")
@click.option("--search", metavar="TEXT", help="Part of an id, name, target, reason or error.")
@limit_option
@cursor_option
@json_option
@speaking
def list_(
    client: Client,
    job: tuple[str, ...],
    queue: tuple[str, ...],
    status: tuple[str, ...],
    trigger: tuple[str, ...],
    from_: str | None,
    to: str | None,
    search: str | None,
    limit: int,
    cursor: str | None,
    *,
    as_json: bool,
) -> None:
    """List runs, newest first."""
    call = calls.list_runs(
        job=job, queue=queue, status=status, trigger=trigger, from_=from_, to=to, q=search, limit=limit, cursor=cursor
    )
    show(client, call, told, as_json=as_json)


@run.command("show")
@click.argument("run_id", metavar="RUN")
@json_option
@speaking
def show_(client: Client, run_id: str, *, as_json: bool) -> None:
    """Show a run with its attempts and steps."""
    show(client, calls.get_run(run_id), whole, as_json=as_json)


@run.command()
@click.argument("run_id", metavar="RUN")
@click.option("--follow", is_flag=True, help="Go on until the run ends; exit code 1 if it does not succeed.")
@json_option
@speaking
def logs(client: Client, run_id: str, *, follow: bool, as_json: bool) -> None:
    """Print the log lines of a run, all of them, oldest first; with --json a page of the API's answer a line."""
    if follow:
        follow_run(client, run_id, as_json=as_json)
        return
    call = calls.run_lines(run_id, limit=1000)
    if as_json:
        click.echo(client.fetch(call))
        return
    for line in client.each(call):
        click.echo(f"{line.at}  {line.level:<7}  {line.text}")


@run.command()
@click.argument("run_id", metavar="RUN")
@json_option
@speaking
def follow(client: Client, run_id: str, *, as_json: bool) -> None:
    """Follow a run from its first event to its end; exit code 1 if it does not succeed."""
    follow_run(client, run_id, as_json=as_json)


@run.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@speaking
def cancel(client: Client, run_ids: tuple[str, ...]) -> None:
    """Ask that runs be stopped; exit code 1 if one was refused, the others are asked all the same."""
    refused = False
    for run_id in run_ids:
        try:
            client.send(calls.cancel_run(run_id))
            click.echo(f"{run_id} asked to stop")
        except Refused as error:
            refused = True
            click.echo(f"{run_id} refused: {error}", err=True)
    if refused:
        click.get_current_context().exit(NO)


@run.command()
@click.argument("run_id", metavar="RUN")
@click.option("--queue", help="Another queue than that of the ended run.")
@click.option("--overlap", type=click.Choice(["skip", "buffer_one", "buffer_all", "cancel_other"]))
@click.option("--wait", is_flag=True, help="Wait for its end; exit code 1 if it does not succeed.")
@click.option("--follow", is_flag=True, help="Follow it to its end; exit code 1 if it does not succeed.")
@reason_option
@key_option
@json_option
@speaking
def retry(
    client: Client,
    run_id: str,
    queue: str | None,
    overlap: str | None,
    reason: str | None,
    key: str | None,
    *,
    wait: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Run an ended run again, as a new run with the same parameters."""
    call = calls.retry_run(run_id, queue=queue, overlap_policy=overlap, reason=reason, key=key)
    asked(client, client.send(call).run_id, wait=wait, follow=follow, as_json=as_json)


def asked(client: Client, run_id: str, *, wait: bool, follow: bool, as_json: bool) -> None:
    """What to say, and to do, about a run that was requested."""
    if follow:
        follow_run(client, run_id, as_json=as_json)
    elif wait:
        await_run(client, run_id, as_json=as_json)
    else:
        click.echo(f'{{"runId":"{run_id}"}}' if as_json else run_id)


def told(page: Runs) -> Iterator[str]:
    if not page.items:
        yield "No run fits."
        return
    yield from rows(page.items)
    yield from more(page)


def rows(runs: tuple[Run, ...]) -> Iterator[str]:
    heads = ("run", "job", "trigger", "status", "requested", "took", "attempt", "worker")
    yield from table(
        heads,
        [
            (
                one.id,
                one.named,
                one.trigger,
                one.status,
                one.requested_at,
                took(one.duration_ms),
                f"{one.attempt}/{one.max_attempts}",
                one.worker,
            )
            for one in runs
        ],
    )


def whole(one: Run) -> Iterator[str]:
    """A run, its attempts and steps."""
    error = None if one.error is None else f"{one.error.type}: {one.error.message}"
    yield from facts(
        {
            "run": one.id,
            "job": one.named,
            "executes": one.invoke_target,
            "trigger": one.trigger,
            "status": one.status,
            "queue": one.queue,
            "instant": one.nominal_at,
            "requested": one.requested_at,
            "ready": one.ready_at,
            "started": one.started_at,
            "finished": one.finished_at,
            "took": took(one.duration_ms),
            "waits behind": one.waiting_on,
            "retry of": one.retry_of,
            "reason": one.reason,
            "parameters": one.params or None,
            "result": one.result,
            "error": error,
        }
    )
    if one.attempts:
        yield ""
        yield from table(
            ("attempt", "worker", "started", "finished", "outcome", "error"),
            [
                (
                    str(each.number),
                    each.worker,
                    each.started_at,
                    each.finished_at,
                    each.outcome,
                    None if each.error is None else each.error.message.partition("\n")[0],
                )
                for each in one.attempts
            ],
        )
    if one.steps:
        yield ""
        yield from table(
            ("step", "name", "status", "started", "finished"),
            [(str(each.number), each.name, each.status, each.started_at, each.finished_at) for each in one.steps],
        )

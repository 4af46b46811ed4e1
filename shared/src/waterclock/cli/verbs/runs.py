"""`waterclock run`: what was executed, and how it went."""

from __future__ import annotations

from typing import Any

import click

from waterclock.cli.field_values import assigned, duration, merged, parameters
from waterclock.cli.moments import retold, shown
from waterclock.cli.output import complain, put_json, say
from waterclock.cli.render.follow import await_run, follow_run
from waterclock.cli.render.runs import told, whole
from waterclock.cli.terminal import (
    JOB,
    NO,
    at_option,
    cursor_option,
    delay_option,
    follow_option,
    json_option,
    key_option,
    limit_option,
    param_option,
    params_option,
    reason_option,
    show,
    show_pages,
    since,
    speaking,
    times,
    unknown_option,
    until,
    wait_option,
)
from waterclock.cli.verbs.bulk_runs import ALL, cancel_many, check, chosen, filters, retry_many
from waterclock.client import endpoints
from waterclock.client.errors import Refused
from waterclock.client.exchange import decode
from waterclock.client.http import Client
from waterclock.client.models import Asked
from waterclock.client.request import Call

UNFINISHED = ("delayed", "waiting", "queued", "running")
ENDED = ("succeeded", "failed", "timedOut", "cancelled", "died")
STATUSES = (*UNFINISHED, *ENDED)
LINES = 1000  # in a request
TRIGGERS = ("schedule", "catchup", "backfill", "manual", "retry")


@click.group()
def run() -> None:
    """Runs: start, list, read, follow, cancel, retry."""


@run.command(short_help="Request a run of an executor, without a job.")
@click.argument("executor", metavar="EXECUTOR")
@click.option("--queue")
@delay_option
@at_option
@param_option
@params_option
@click.option("--set", "pairs", metavar="FIELD=VALUE", multiple=True, help="timeout, retry or labels; repeatable.")
@unknown_option
@wait_option
@follow_option
@reason_option
@key_option
@json_option
@times
@speaking
def start(
    client: Client,
    executor: str,
    queue: str | None,
    delay: str | None,
    run_at: str | None,
    given: tuple[str, ...],
    whole: str | None,
    pairs: tuple[str, ...],
    reason: str | None,
    key: str | None,
    *,
    allow_unknown: bool,
    wait: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Request a run of EXECUTOR, without a job."""
    wanted = {
        "params": parameters(whole, given),
        "queue": queue,
        "delay": duration(delay),
        "runAt": run_at,
        "reason": reason,
    }
    members = merged({name: value for name, value in wanted.items() if value is not None}, assigned(pairs))
    call = endpoints.request_run(executor, key=key, allow_unknown=allow_unknown, **members)
    asked(client, call, wait=wait, follow=follow, as_json=as_json)


@run.command("list")
@click.option("--job", metavar="JOB", type=JOB, multiple=True, help="group/name or id; repeatable.")
@click.option("--queue", multiple=True)
@click.option("--status", type=click.Choice(STATUSES), multiple=True)
@click.option("--trigger", type=click.Choice(TRIGGERS), multiple=True)
@since("Requested then or later.")
@until("Requested then or before.")
@click.option("--search", metavar="TEXT", help="Part of an id, name, target, reason or error.")
@limit_option
@cursor_option
@json_option
@times
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
    call = endpoints.list_runs(
        job=job or None,
        queue=queue or None,
        status=status or None,
        trigger=trigger or None,
        from_=from_,
        to=to,
        q=search,
        limit=limit,
        cursor=cursor,
    )
    show(client, call, told, as_json=as_json)


@run.command("show")
@click.argument("run_id", metavar="RUN")
@json_option
@times
@speaking
def show_(client: Client, run_id: str, *, as_json: bool) -> None:
    """Show a run with its attempts and steps."""
    show(client, endpoints.get_run(run_id), whole, as_json=as_json)


@run.command(short_help="Print the log lines of a run, oldest first.")
@click.argument("run_id", metavar="RUN")
@click.option("--follow", is_flag=True, help="Go on until the run ends; exit code 1 if it does not succeed.")
@json_option
@times
@speaking
def logs(client: Client, run_id: str, *, follow: bool, as_json: bool) -> None:
    """Print the log lines of a run, all of them, oldest first; with --json a page of the API's answer a line."""
    if follow:
        follow_run(client, run_id, as_json=as_json)
        return
    call = endpoints.run_lines(run_id, limit=LINES)
    if as_json:
        show_pages(client, call)
        return
    say(f"{shown(line.at, exact=True)}  {line.level:<7}  {line.text}" for line in client.each(call))


@run.command(short_help="Follow a run from its first event to its end.")
@click.argument("run_id", metavar="RUN")
@json_option
@times
@speaking
def follow(client: Client, run_id: str, *, as_json: bool) -> None:
    """Follow a run from its first event to its end; exit code 1 if it does not succeed."""
    follow_run(client, run_id, as_json=as_json)


@run.command()
@click.argument("run_ids", metavar="[RUN...]", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that have not ended.")
@filters(*UNFINISHED)
@key_option
@json_option
@times
@speaking
def cancel(
    client: Client,
    run_ids: tuple[str, ...],
    key: str | None,
    *,
    every: bool,
    dry_run: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Ask that runs be stopped, by id or all that fit, the newest first.

    Exit code 1 if one was refused; the others are asked all the same.
    """
    wanted = chosen(**given)
    if wanted and every:
        raise click.UsageError("--all stands beside a filter: either all, or what fits.")
    if check(run_ids, wanted, "--all", every=every, dry_run=dry_run):
        well = cancel_many(client, wanted or ALL, dry_run=dry_run, key=key, as_json=as_json)
    else:
        refused = [run_id for run_id in run_ids if not _cancelled(client, run_id, as_json=as_json)]
        well = not refused
    if not well:
        click.get_current_context().exit(NO)


def _cancelled(client: Client, run_id: str, *, as_json: bool) -> bool:
    try:
        answer = client.fetch(endpoints.cancel_run(run_id))
    except Refused as error:
        complain(f"{run_id} refused: {error}")
        return False
    if as_json:
        put_json(answer)
    else:
        say([f"{run_id} asked to stop"])
    return True


@run.command(short_help="Run ended runs again, as new runs.")
@click.argument("run_ids", metavar="[RUN]", nargs=-1)
@click.option("--failed", "every", is_flag=True, help="All that failed, timed out or died.")
@filters(*ENDED)
@click.option("--queue", help="Another queue than that of the ended run.")
@click.option("--overlap", type=click.Choice(["skip", "buffer_one", "buffer_all", "cancel_other"]))
@wait_option
@follow_option
@reason_option
@key_option
@json_option
@times
@speaking
def retry(
    client: Client,
    run_ids: tuple[str, ...],
    queue: str | None,
    overlap: str | None,
    reason: str | None,
    key: str | None,
    *,
    every: bool,
    dry_run: bool,
    wait: bool,
    follow: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Run an ended run again, as a new run with the same parameters; or all that fit, the newest first.

    By filter, without --status, those that failed, timed out or died; exit code 1 if one was refused.
    """
    wanted = chosen(**given)
    if check(run_ids, wanted, "--failed", every=every, dry_run=dry_run):
        if queue or wait or follow:
            raise click.UsageError("--queue, --wait and --follow are for one run that is named.")
        how = {"overlapPolicy": overlap, "reason": reason}
        if not retry_many(client, {**(wanted or ALL), **how}, dry_run=dry_run, key=key, as_json=as_json):
            click.get_current_context().exit(NO)
        return
    run_id, *others = run_ids
    if others:
        raise click.UsageError("One run at a time, or all that fit a filter.")
    call = endpoints.retry_run(run_id, queue=queue, overlap_policy=overlap, reason=reason, key=key)
    asked(client, call, wait=wait, follow=follow, as_json=as_json)


def asked(client: Client, call: Call[Asked], *, wait: bool, follow: bool, as_json: bool) -> None:
    """Request a run, and say or do what was asked for beside."""
    answer = client.fetch(call)
    if as_json and not wait and not follow:
        put_json(answer)
        return
    known = decode(answer, call.kind)
    for note in known.notes:
        complain(f"note: {note.pointer or ''} {retold(note.message)}".replace("  ", " "))
    if follow:
        follow_run(client, known.run_id, as_json=as_json)
    elif wait:
        await_run(client, known.run_id, as_json=as_json)
    else:
        say([known.run_id])

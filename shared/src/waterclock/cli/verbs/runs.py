"""`waterclock run`: what was executed, and how it went."""

from __future__ import annotations

from typing import Any

import click

from waterclock.cli.field_values import assigned, duration, merged, parameters
from waterclock.cli.options.arguments import EXECUTOR, QUEUE, RUN, at_option, times
from waterclock.cli.options.idempotency import key_option
from waterclock.cli.options.moments import retold
from waterclock.cli.output import complain, put_json, say
from waterclock.cli.render.follow import await_run, follow_run
from waterclock.cli.run_names import LIST, named_run, run_id_of
from waterclock.cli.terminal import (
    NO,
    delay_option,
    follow_option,
    json_option,
    param_option,
    params_option,
    reason_option,
    speaking,
    unknown_option,
    wait_option,
)
from waterclock.cli.verbs.bulk_runs import ALL, cancel_many, check, chosen, filters, retry_many
from waterclock.cli.verbs.read_runs import ENDED, UNFINISHED, follow, history, list_, logs, show_
from waterclock.client import endpoints
from waterclock.client.errors import NotFound, Refused
from waterclock.client.exchange import decode
from waterclock.client.http import Client
from waterclock.client.models import Asked
from waterclock.client.request import Call


@click.group(short_help="Runs: start, list, read, follow, cancel, retry.")
def run() -> None:
    """Runs: start, list, read, follow, cancel, retry. RUN is an id, or group/name for the last run of a job."""


for _each in (list_, show_, history, logs, follow):
    run.add_command(_each)


@run.command(short_help="Request a run of an executor, without a job.")
@click.argument("executor", metavar="EXECUTOR", type=EXECUTOR)
@click.option("--queue", type=QUEUE, help="Queue of the run.")
@delay_option
@at_option
@param_option
@params_option
@click.option(
    "--set",
    "pairs",
    metavar="FIELD=VALUE",
    multiple=True,
    help="Field of the run: timeout, retry.maxAttempts, labels.NAME; repeatable.",
)
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


@run.command()
@click.argument("run_ids", metavar="[RUN...]", nargs=-1, type=RUN)
@click.option("--all", "every", is_flag=True, help="All unfinished runs.")
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
    """Cancel runs, by id or by filter, newest first.

    Exit code 1: one was refused. The others are cancelled all the same.
    """
    wanted = chosen(**given)
    if wanted and every:
        raise click.UsageError("Give --all or a filter, not both.")
    if check(run_ids, wanted, "--all", every=every, dry_run=dry_run):
        well = cancel_many(client, wanted or ALL, dry_run=dry_run, key=key, as_json=as_json)
    else:
        refused = [run_id for run_id in run_ids if not _cancelled(client, run_id, as_json=as_json)]
        well = not refused
    if not well:
        click.get_current_context().exit(NO)


def _cancelled(client: Client, named: str, *, as_json: bool) -> bool:
    run_id = named
    try:
        run_id = run_id_of(client, named)
        answer = client.fetch(endpoints.cancel_run(run_id))
    except NotFound as error:
        complain(f"{run_id} refused: {error if '/' in named else f'no such run. {LIST}.'}")
        return False
    except Refused as error:
        complain(f"{run_id} refused: {error}")
        return False
    if as_json:
        put_json(answer)
    else:
        say([f"{run_id} cancel requested"])
    return True


@run.command(short_help="Run ended runs again, as new runs.")
@click.argument("run_ids", metavar="[RUN]", nargs=-1, type=RUN)
@click.option("--failed", "every", is_flag=True, help="All runs that failed, timed out or died.")
@filters(*ENDED)
@click.option("--queue", type=QUEUE, help="Queue to use instead of the ended run's.")
@click.option(
    "--overlap",
    type=click.Choice(["skip", "buffer_one", "buffer_all", "cancel_other"]),
    help="What to do if a run of the job is unfinished; by default as the job says.",
)
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
    """Run ended runs again, by id or by filter, newest first. Each becomes a new run with the same parameters.

    A filter without --status means runs that failed, timed out or died. Exit code 1: one was refused.
    """
    wanted = chosen(**given)
    if check(run_ids, wanted, "--failed", every=every, dry_run=dry_run):
        if queue or wait or follow:
            raise click.UsageError("--queue, --wait and --follow need a run id.")
        how = {"overlapPolicy": overlap, "reason": reason}
        if not retry_many(client, {**(wanted or ALL), **how}, dry_run=dry_run, key=key, as_json=as_json):
            click.get_current_context().exit(NO)
        return
    run_id, *others = run_ids
    if others:
        raise click.UsageError("One run at a time, or all that fit a filter.")
    with named_run(client, run_id, aloud=True) as found:
        call = endpoints.retry_run(found, queue=queue, overlap_policy=overlap, reason=reason, key=key)
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

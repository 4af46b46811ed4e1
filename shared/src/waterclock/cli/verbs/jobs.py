"""`waterclock job`: definitions, and runs by hand."""

from __future__ import annotations

import click

from waterclock.cli.field_values import duration, parameters
from waterclock.cli.options.arguments import EXECUTOR, QUEUE, at_option, job_argument, moments, since, times, until
from waterclock.cli.options.idempotency import key_option
from waterclock.cli.output import say
from waterclock.cli.render.jobs import changed, detail, events, listed
from waterclock.cli.tables import visible
from waterclock.cli.terminal import (
    Order,
    cursor_option,
    delay_option,
    follow_option,
    json_option,
    limit_option,
    param_option,
    params_option,
    reason_option,
    show,
    show_newest,
    speaking,
    version_option,
    wait_option,
)
from waterclock.cli.verbs.job_definitions import create, edit
from waterclock.cli.verbs.runs import asked
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import Job, Page
from waterclock.client.request import Call


@click.group(short_help="Jobs: list, show, create, edit, trigger, delete.")
def job() -> None:
    """Jobs: list, show, create, edit, enable, disable, trigger, delete. JOB is group/name or an id."""


@job.command("list")
@click.option("--name", metavar="TEXT", help="Part of the name; upper and lower case are the same.")
@click.option("--group", multiple=True, help="Jobs of this group; repeatable.")
@click.option("--status", type=click.Choice(["enabled", "disabled"]), help="Jobs with this status.")
@click.option("--executor", type=EXECUTOR, multiple=True, help="Jobs of this executor; repeatable.")
@click.option("--queue", type=QUEUE, multiple=True, help="Jobs of this queue; repeatable.")
@click.option("--label", metavar="KEY[=VALUE]", multiple=True, help="Jobs with this label; repeatable: all must match.")
@limit_option
@cursor_option
@json_option
@times
@speaking
def list_(
    client: Client,
    name: str | None,
    group: tuple[str, ...],
    status: str | None,
    executor: tuple[str, ...],
    queue: tuple[str, ...],
    label: tuple[str, ...],
    limit: int,
    cursor: str | None,
    *,
    as_json: bool,
) -> None:
    """List jobs, newest first."""

    def call(order: Order | None) -> Call[Page[Job]]:
        return endpoints.list_jobs(
            name=name,
            group=group or None,
            status=status,
            target=executor or None,
            queue=queue or None,
            label=label or None,
            order=order,
            limit=limit,
            cursor=cursor,
        )

    show_newest(client, call, listed, as_json=as_json)


@job.command("show")
@job_argument
@moments("--as-of", wanted="Show it as it was at this time.")
@json_option
@times
@speaking
def show_(client: Client, job: str, as_of: str | None, *, as_json: bool) -> None:
    """Show a job: its definition, next scheduled times and last runs."""
    if as_of is not None:
        show(client, endpoints.get_job(job, as_of=as_of), changed, as_json=as_json)
        return
    show(client, endpoints.get_detail(job), detail, as_json=as_json)


@job.command()
@job_argument
@reason_option
@version_option
@json_option
@times
@speaking
def enable(client: Client, job: str, reason: str | None, version: int | None, *, as_json: bool) -> None:
    """Start the schedule of a job, from now on."""
    show(client, endpoints.set_status(job, "enabled", reason=reason, version=version), changed, as_json=as_json)


@job.command(short_help="Stop the schedule of a job.")
@job_argument
@reason_option
@version_option
@json_option
@times
@speaking
def disable(client: Client, job: str, reason: str | None, version: int | None, *, as_json: bool) -> None:
    """Stop the schedule of a job. Its queued runs that have not started are cancelled."""
    show(client, endpoints.set_status(job, "disabled", reason=reason, version=version), changed, as_json=as_json)


@job.command(short_help="Request a run of a job, enabled or not.")
@job_argument
@click.option("--queue", type=QUEUE, help="Queue to use instead of the job's.")
@delay_option
@at_option
@click.option(
    "--overlap",
    type=click.Choice(["skip", "buffer_one", "buffer_all", "cancel_other"]),
    help="What to do if a run of the job is unfinished; by default as the job says.",
)
@param_option
@params_option
@wait_option
@follow_option
@reason_option
@key_option
@json_option
@times
@speaking
def trigger(
    client: Client,
    job: str,
    queue: str | None,
    delay: str | None,
    run_at: str | None,
    overlap: str | None,
    given: tuple[str, ...],
    whole: str | None,
    reason: str | None,
    key: str | None,
    *,
    wait: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Request a run of a job, enabled or not. Given parameters replace those of the job."""
    call = endpoints.trigger_job(
        job,
        params=parameters(whole, given),
        queue=queue,
        delay=duration(delay),
        run_at=run_at,
        overlap_policy=overlap,
        reason=reason,
        key=key,
    )
    asked(client, call, wait=wait, follow=follow, as_json=as_json)


@job.command()
@job_argument
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@reason_option
@version_option
@speaking
def delete(client: Client, job: str, reason: str | None, version: int | None, *, yes: bool) -> None:
    """Delete a job; its runs and its history stay readable."""
    found = client.send(endpoints.get_job(job))
    if not yes:
        click.confirm(visible(f"Delete {found.job_group}/{found.job_name}?"), abort=True)
    client.send(endpoints.delete_job(found.id, reason=reason, version=version))
    say([f"{job} is deleted"])


@job.command(short_help="List what happened to a job, newest first.")
@job_argument
@click.option(
    "--type",
    "kinds",
    metavar="TYPE",
    multiple=True,
    help="Event type such as job.changed, or the part before the dot; repeatable.",
)
@click.option("--actor", metavar="NAME", help="Events caused by this actor, with or without its address.")
@since("At or after this time.")
@until("At or before this time.")
@limit_option
@cursor_option
@json_option
@times
@speaking
def history(
    client: Client,
    job: str,
    kinds: tuple[str, ...],
    actor: str | None,
    from_: str | None,
    to: str | None,
    limit: int,
    cursor: str | None,
    *,
    as_json: bool,
) -> None:
    """List what happened to a job, newest first. Name a deleted job by its id."""
    call = endpoints.job_history(job, kind=kinds or None, actor=actor, from_=from_, to=to, limit=limit, cursor=cursor)
    show(client, call, events, as_json=as_json)


for _each in (create, edit):
    job.add_command(_each)

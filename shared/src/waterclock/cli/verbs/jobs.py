"""`waterclock job`: definitions, and runs by hand."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from waterclock.cli.field_values import assigned, duration, merged, parameters
from waterclock.cli.job_plan import definition_of
from waterclock.cli.output import say
from waterclock.cli.render.jobs import changed, detail, events, listed
from waterclock.cli.tables import visible
from waterclock.cli.terminal import (
    JOB,
    Failure,
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
    speaking,
    unknown_option,
    wait_option,
)
from waterclock.cli.verbs.runs import asked
from waterclock.client import endpoints
from waterclock.client.errors import VersionMismatch
from waterclock.client.http import Client

_job = click.argument("job", metavar="JOB", type=JOB)
_set = click.option("--set", "pairs", metavar="FIELD=VALUE", multiple=True, help="Any member of a job; repeatable.")
_MISFIRE = "2"  # runOnce, in the code that every API reads
_version = click.option("--version", type=int, help="Only if the job still has this version.")


@click.group(short_help="Jobs: list, show, create, edit, trigger, delete.")
def job() -> None:
    """Jobs: list, show, create, edit, enable, disable, trigger, delete. JOB is group/name or an id."""


@job.command("list")
@click.option("--name", metavar="TEXT", help="Part of the name, in any case.")
@click.option("--group", multiple=True)
@click.option("--status", type=click.Choice(["enabled", "disabled"]))
@click.option("--executor", multiple=True)
@click.option("--queue", multiple=True)
@click.option("--label", metavar="KEY[=VALUE]", multiple=True)
@limit_option
@cursor_option
@json_option
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
    """List jobs, oldest first."""
    call = endpoints.list_jobs(
        name=name,
        group=group or None,
        status=status,
        target=executor or None,
        queue=queue or None,
        label=label or None,
        limit=limit,
        cursor=cursor,
    )
    show(client, call, listed, as_json=as_json)


@job.command("show")
@_job
@click.option("--as-of", metavar="MOMENT", help="As it was then, RFC 3339.")
@json_option
@speaking
def show_(client: Client, job: str, as_of: str | None, *, as_json: bool) -> None:
    """Show a job: its definition, next instants and last runs."""
    if as_of is not None:
        show(client, endpoints.get_job(job, as_of=as_of), changed, as_json=as_json)
        return
    show(client, endpoints.get_detail(job), detail, as_json=as_json)


@job.command(short_help="Create a job that executes EXECUTOR.")
@click.argument("name", metavar="GROUP/NAME")
@click.argument("executor", metavar="EXECUTOR")
@click.option("--cron", metavar="EXPRESSION", help="When; without it the job runs on demand only.")
@click.option("--zone", metavar="ZONE", help="IANA name, such as Europe/Berlin.")
@click.option("--queue")
@click.option("--disabled", is_flag=True, help="Create it disabled.")
@param_option
@params_option
@_set
@unknown_option
@key_option
@json_option
@speaking
def create(
    client: Client,
    name: str,
    executor: str,
    cron: str | None,
    zone: str | None,
    queue: str | None,
    given: tuple[str, ...],
    whole: str | None,
    pairs: tuple[str, ...],
    key: str | None,
    *,
    disabled: bool,
    allow_unknown: bool,
    as_json: bool,
) -> None:
    """Create a job that executes EXECUTOR.

    Its misfirePolicy is runOnce (one run for all that an outage missed), unless `--set misfirePolicy=skip` or runAll.
    """
    group, slash, bare = name.partition("/")
    body: dict[str, Any] = {"jobName": bare if slash else name, "invokeTarget": executor}
    body |= {"jobGroup": group} if slash else {}
    body |= {"status": "1"} if disabled else {}
    body |= _options(cron=cron, zone=zone, queue=queue, params=parameters(whole, given))
    body = {"misfirePolicy": _MISFIRE} | merged(body, assigned(pairs))
    show(client, endpoints.create_job(body, key=key, allow_unknown=allow_unknown), changed, as_json=as_json)


@job.command(short_help="Change members of a job, and leave the others.")
@_job
@click.option("--cron", metavar="EXPRESSION")
@click.option("--zone", metavar="ZONE")
@click.option("--queue")
@click.option("--unset", metavar="FIELD", multiple=True, help="Back to its default; repeatable.")
@param_option
@params_option
@_set
@unknown_option
@_version
@json_option
@speaking
def edit(
    client: Client,
    job: str,
    cron: str | None,
    zone: str | None,
    queue: str | None,
    unset: tuple[str, ...],
    given: tuple[str, ...],
    whole: str | None,
    pairs: tuple[str, ...],
    version: int | None,
    *,
    allow_unknown: bool,
    as_json: bool,
) -> None:
    """Change members of a job, and leave the others as they are; refused if somebody changes it meanwhile."""
    found = client.send(endpoints.get_job(job))
    body: dict[str, Any] = msgspec.to_builtins(definition_of(found))
    params = parameters(whole, given)
    if whole is None and params is not None:
        params = body["invokeParams"] | params
    change = merged(_options(cron=cron, zone=zone, queue=queue, params=params), assigned(pairs))
    if not change and not unset:
        raise click.UsageError("nothing to change: give --cron, --zone, --queue, --param, --set or --unset")
    body = {name: value for name, value in (body | change).items() if name not in unset}
    if "timezone" in unset:  # which the API would keep
        body["timezone"] = client.send(endpoints.job_defaults()).default_timezone or "UTC"
    call = endpoints.replace_job(found.id, body, version=version or found.version, allow_unknown=allow_unknown)
    try:
        show(client, call, changed, as_json=as_json)
    except VersionMismatch as error:
        raise Failure(f"somebody changed the job, it has version {error.version}: look, and edit it again") from None


@job.command()
@_job
@reason_option
@_version
@json_option
@speaking
def enable(client: Client, job: str, reason: str | None, version: int | None, *, as_json: bool) -> None:
    """Let the schedule of a job fire from now on."""
    show(client, endpoints.set_status(job, "enabled", reason=reason, version=version), changed, as_json=as_json)


@job.command(short_help="Let the schedule of a job fire no more.")
@_job
@reason_option
@_version
@json_option
@speaking
def disable(client: Client, job: str, reason: str | None, version: int | None, *, as_json: bool) -> None:
    """Let the schedule of a job fire no more; what is queued and has not started is cancelled."""
    show(client, endpoints.set_status(job, "disabled", reason=reason, version=version), changed, as_json=as_json)


@job.command(short_help="Request a run of a job, enabled or not.")
@_job
@click.option("--queue", help="Another queue than the job's.")
@delay_option
@at_option
@click.option("--overlap", type=click.Choice(["skip", "buffer_one", "buffer_all", "cancel_other"]))
@param_option
@params_option
@wait_option
@follow_option
@reason_option
@key_option
@json_option
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
    """Request a run of a job, be it enabled or not; given parameters replace the job's."""
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
@_job
@click.option("--yes", is_flag=True, help="Do not ask.")
@_version
@speaking
def delete(client: Client, job: str, version: int | None, *, yes: bool) -> None:
    """Delete a job; its runs and its history stay readable."""
    found = client.send(endpoints.get_job(job))
    if not yes:
        click.confirm(visible(f"Delete {found.job_group}/{found.job_name}?"), abort=True)
    client.send(endpoints.delete_job(found.id, version=version))
    say([f"{job} is deleted"])


@job.command(short_help="List what happened to a job, newest first.")
@_job
@click.option("--type", "kinds", metavar="TYPE", multiple=True, help="job.changed, or what stands before its dot.")
@click.option("--actor", metavar="NAME", help="Who did it, with or without the address.")
@click.option("--from", "from_", metavar="MOMENT", help="RFC 3339, inclusive.")
@click.option("--to", metavar="MOMENT", help="RFC 3339, inclusive.")
@limit_option
@cursor_option
@json_option
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
    """List what happened to a job, newest first; a deleted one is named by its id."""
    call = endpoints.job_history(job, kind=kinds or None, actor=actor, from_=from_, to=to, limit=limit, cursor=cursor)
    show(client, call, events, as_json=as_json)


def _options(*, cron: str | None, zone: str | None, queue: str | None, params: Any) -> dict[str, Any]:
    given = {"cronExpression": cron, "timezone": zone, "queue": queue, "invokeParams": params}
    return {name: value for name, value in given.items() if value is not None}

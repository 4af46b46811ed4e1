"""`waterclock plan`, `apply` and `export`: jobs as a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import msgspec

from waterclock.cli.job_files import OWNER, File, read_file, write_file
from waterclock.cli.job_plan import Change, Plan, definition_of, flaws_of, planned
from waterclock.cli.options.arguments import JOB, times
from waterclock.cli.output import at_terminal, complain, put_json, tell
from waterclock.cli.render.plan import COLOURS, told
from waterclock.cli.terminal import NO, NotAsked, speaking
from waterclock.cli.yaml_values import BYTES_MOST, BadFile
from waterclock.client import endpoints
from waterclock.client.errors import (
    ApiError,
    FieldProblem,
    NameTaken,
    NotFound,
    Refused,
    VersionMismatch,
)
from waterclock.client.http import Client
from waterclock.client.models import Job
from waterclock.kit.clock import SystemClock
from waterclock.model.names import normal

_GROUPS = 50  # named in one request; of more, all jobs are read

_file = click.option(
    "-f", "--file", "path", type=click.Path(), metavar="FILE", required=True, help="YAML file; - is standard input."
)
_prune = click.option("--prune", is_flag=True, help="Delete jobs of the file's owner that the file does not have.")
_take_over = click.option("--take-over", is_flag=True, help="Also change jobs of other owners.")
_json = click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")


@click.command(short_help="Show what `apply` would do.")
@_file
@_prune
@_take_over
@_json
@times
@speaking
def plan(client: Client, path: str, *, prune: bool, take_over: bool, as_json: bool) -> None:
    """Show what `apply` would do: which jobs and fields change, which scheduled times are added or removed."""
    _show(_plan(client, path, prune=prune, take_over=take_over), as_json=as_json)


@click.command(short_help="Create, change and delete jobs as a file says.")
@_file
@_prune
@_take_over
@click.option("--stop", is_flag=True, help="Stop at the first refused job; by default go on with the others.")
@click.option("--allow-unknown", is_flag=True, help="Accept executors that no worker has ever announced.")
@click.option("--reason", help="Reason; stored in the events of changed and deleted jobs.")
@times
@speaking
def apply(
    client: Client, path: str, *, prune: bool, take_over: bool, stop: bool, allow_unknown: bool, reason: str | None
) -> None:
    """Create, change and delete jobs as a file says. A job that changed in the meantime is skipped: exit code 1."""
    wanted = _plan(client, path, prune=prune, take_over=take_over)
    _show(wanted, as_json=False)
    todo = wanted.of("create", "change", "delete")
    failed = 0
    for place, change in enumerate(todo):
        try:
            _carry_out(client, change, allow_unknown=allow_unknown, reason=reason)
        except ApiError as error:
            failed += 1
            complain(f"{change.action} {change.name}: {_why(error)}")
            if stop or not isinstance(error, Refused):  # without an answer, there will be none for the others
                _end(place + 1 - failed, failed, len(todo) - place - 1, wanted)
                return
    _end(len(todo) - failed, failed, 0, wanted)


@click.command(short_help="Write jobs as a file that `plan` and `apply` read.")
@click.argument("jobs", metavar="[JOB]...", type=JOB, nargs=-1)
@click.option("--group", multiple=True, help="Jobs of this group; repeatable.")
@click.option("--label", metavar="KEY[=VALUE]", multiple=True, help="Jobs with this label; repeatable: all must match.")
@click.option("--owner", help="Jobs of this owner.")
@click.option(
    "-o", "--output", "path", type=click.Path(), metavar="FILE", help="Output file; by default standard output."
)
@speaking
def export(
    client: Client,
    jobs: tuple[str, ...],
    group: tuple[str, ...],
    label: tuple[str, ...],
    owner: str | None,
    path: str | None,
) -> None:
    """Write jobs as a file that `plan` and `apply` read; by default all jobs."""
    labels = [*label, *([] if owner is None else [f"{OWNER}={owner}"])]
    found: Iterator[Job]
    if jobs:
        found = (client.send(endpoints.get_job(job)) for job in jobs)
    else:
        found = client.each(endpoints.list_jobs(group=group or None, label=labels or None, limit=1000))
    text = write_file((definition_of(job) for job in found), shown=path is None and at_terminal())
    _tell_of_unread(client)
    if path is None:
        click.echo(text if at_terminal() else text.encode(), nl=False)
        return
    try:
        Path(path).write_bytes(text.encode())
    except OSError as error:
        raise NotAsked(f"{path}: {error.strerror}") from None


def _tell_of_unread(client: Client) -> None:
    """Say that changes of jobs may lack in a file, where the API knows of events that nobody can read."""
    try:
        events = client.condition().checks.get("events", "")
    except ApiError:  # the jobs were answered, and this is told of by others, too
        return
    if "cannot be read" in events:
        complain(f"events: {events}. Their changes of the job are not in this file")


def _read(path: str, *, prune: bool) -> File:
    """
    Raises:
        NotAsked: there is no such file, or something is wrong with it.
    """
    try:
        file = read_file(_bytes(path))
    except BadFile as error:
        raise _wrong(path, error.flaws) from None
    if prune and file.owner is None:
        raise NotAsked(f"{path}: --prune deletes the owner's jobs that the file lacks, and the file has no `owner`")
    return file


def _wrong(path: str, flaws: Iterable[FieldProblem]) -> NotAsked:
    return NotAsked("\n".join(f"{path}: {flaw.pointer or '/'} {flaw.message}" for flaw in flaws))


def _bytes(path: str) -> bytes:
    """
    Raises:
        NotAsked: they cannot be read.
    """
    if path == "-" and sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - it was closed at the start
        raise NotAsked("-: standard input is closed: give a file, or pipe the jobs in")
    try:
        if path == "-":
            return sys.stdin.buffer.read(BYTES_MOST + 1)
        with Path(path).open("rb") as file:
            return file.read(BYTES_MOST + 1)
    except OSError as error:
        raise NotAsked(f"{path}: {error.strerror}") from None


def _plan(client: Client, path: str, *, prune: bool, take_over: bool) -> Plan:
    """
    Raises:
        NotAsked: as `_read`, or the API would refuse what is newly written.
    """
    file = _read(path, prune=prune)
    groups = sorted(
        {spelt for one in file.jobs for spelt in (one.definition.job_group, normal(one.definition.job_group))}
    )
    known: dict[str, Job] = {}
    if groups:
        named = endpoints.list_jobs(group=groups if len(groups) <= _GROUPS else None, limit=1000)
        known |= {job.id: job for job in client.each(named)}
    if file.owner is not None:
        owned = endpoints.list_jobs(label=f"{OWNER}={file.owner}", limit=1000)
        known |= {job.id: job for job in client.each(owned)}
    now = SystemClock().now_ms()
    zoned = all(one.zoned for one in file.jobs)
    zone = None if zoned else client.send(endpoints.job_defaults()).default_timezone
    if flaws := flaws_of(file, known.values(), now=now, zone=zone):
        raise _wrong(path, flaws)
    return planned(file, known.values(), now=now, zone=zone, prune=prune, take_over=take_over)


def _show(found: Plan, *, as_json: bool) -> None:
    if as_json:
        put_json(msgspec.json.encode(found))
        return
    for line in told(found):
        tell(line, COLOURS.get(line[:1]))


def _carry_out(client: Client, change: Change, *, allow_unknown: bool, reason: str | None) -> None:
    if change.action == "create":
        assert change.definition is not None
        client.send(endpoints.create_job(change.definition, allow_unknown=allow_unknown))
        return
    assert change.job_id is not None
    if change.action == "delete":
        client.send(endpoints.delete_job(change.job_id, reason=reason, version=change.version))
        return
    assert change.definition is not None
    call = endpoints.replace_job(
        change.job_id, change.definition, reason=reason, version=change.version, allow_unknown=allow_unknown
    )
    client.send(call)


def _why(error: ApiError) -> str:
    match error:
        case NameTaken():
            return f"{error} Run `waterclock plan` again, or rename the job."
        case VersionMismatch() | NotFound():
            return f"it was changed in the meantime ({error}): run `waterclock plan` again"
        case Refused():
            return str(error)
        case _:
            return f"{error}; whether it was done is not known: run `waterclock plan` again"


def _end(done: int, failed: int, untried: int, wanted: Plan) -> None:
    click.echo(f"{done} done, {failed} failed, {untried} not tried")
    if failed or untried or wanted.of("foreign"):
        click.get_current_context().exit(NO)

"""`waterclock job create` and `job edit`: what a job is, member by member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import msgspec

from waterclock.cli.field_values import Parts, assigned, changed_in, duration, merged, parameters, without
from waterclock.cli.job_plan import definition_of
from waterclock.cli.options.arguments import EXECUTOR, QUEUE, ZONE, job_argument, utc_option
from waterclock.cli.options.idempotency import key_option
from waterclock.cli.options.promise import promise_options, promised
from waterclock.cli.render.jobs import changed
from waterclock.cli.terminal import (
    Failure,
    json_option,
    param_option,
    params_option,
    reason_option,
    show,
    speaking,
    unknown_option,
    version_option,
)
from waterclock.client import endpoints
from waterclock.client.errors import VersionMismatch
from waterclock.client.http import Client
from waterclock.kit.text.members import Said, members
from waterclock.model.definition import PARTS, Definition
from waterclock.model.words import CODED

_SET = (
    "A field of the job (listed below), or a part of one: timeout=15m, retry.maxAttempts=2, labels.team=sea. "
    "Repeatable."
)
_set = click.option("--set", "pairs", metavar="FIELD=VALUE", multiple=True, help=_SET)
_MISFIRE = "2"  # runOnce, in the code that every API reads


class _WithMembers(click.Command):
    """A command that lists at the end of its help what `--set` takes."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        parts = {member.name: member for member in members(Definition)}
        for whole, kind in PARTS.items():
            del parts[whole]
            parts |= {f"{whole}.{part.name}": part for part in members(kind)}
        with formatter.section("Fields of a job, for --set"):
            formatter.write_dl([(name, _summary(member)) for name, member in parts.items()])


def _summary(member: Said) -> str:
    """The first sentence, and the values where it does not have them."""
    said = member.summary.replace("`", "")
    values = [*CODED[member.name].values()] if member.name in CODED else [*member.values]
    if all(value in said for value in values):
        return said
    return f"{said.rstrip('.')}: {', '.join(values[:-1])} or {values[-1]}."


@click.command(cls=_WithMembers, short_help="Create a job that executes EXECUTOR.")
@click.argument("name", metavar="GROUP/NAME")
@click.argument("executor", metavar="EXECUTOR", type=EXECUTOR)
@click.option("--cron", metavar="EXPRESSION", help="Cron expression; without it the job runs on demand only.")
@click.option("--zone", metavar="ZONE", type=ZONE, help="Time zone, such as Europe/Berlin.")
@click.option("--queue", type=QUEUE, help="Queue of its runs.")
@click.option("--disabled", is_flag=True, help="Create the job disabled.")
@param_option
@params_option
@promise_options
@_set
@unknown_option
@key_option
@json_option
@utc_option
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
    **promise: str | int | None,
) -> None:
    """Create a job that executes EXECUTOR.

    Its misfirePolicy is runOnce: one run for all scheduled times that an outage missed. `--set misfirePolicy=skip` or
    `=runAll` changes that.
    """
    group, slash, bare = name.partition("/")
    body: dict[str, Any] = {"jobName": bare if slash else name, "invokeTarget": executor}
    body |= {"jobGroup": group} if slash else {}
    body |= {"status": "1"} if disabled else {}
    body |= _options(cron=cron, zone=zone, queue=queue, params=parameters(whole, given), promise=promise)
    body = {"misfirePolicy": _MISFIRE} | merged(body, assigned(pairs))
    show(client, endpoints.create_job(body, key=key, allow_unknown=allow_unknown), changed, as_json=as_json)


@click.command(cls=_WithMembers, short_help="Change fields of a job and keep the others.")
@job_argument
@click.option("--cron", metavar="EXPRESSION", help="Cron expression.")
@click.option("--zone", metavar="ZONE", type=ZONE, help="Time zone, such as Europe/Berlin.")
@click.option("--queue", type=QUEUE, help="Queue of its runs.")
@click.option(
    "--unset", metavar="FIELD", multiple=True, help="Reset a field, or a part of one, to its default; repeatable."
)
@param_option
@params_option
@promise_options
@_set
@unknown_option
@reason_option
@version_option
@json_option
@utc_option
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
    reason: str | None,
    version: int | None,
    *,
    allow_unknown: bool,
    as_json: bool,
    **promise: str | int | None,
) -> None:
    """Change fields of a job and keep the others. It is refused if somebody else changes the job at the same time."""
    found = client.send(endpoints.get_job(job))
    body: dict[str, Any] = msgspec.to_builtins(definition_of(found))  # without what is known of it
    params = parameters(whole, given)
    if whole is None and params is not None:
        params = body["invokeParams"] | params
    change = merged(_options(cron=cron, zone=zone, queue=queue, params=params, promise=promise), assigned(pairs))
    if not change and not unset:
        raise click.UsageError("nothing to change: give --set, --unset or the option of a field")
    body = without(changed_in(body, change), unset)
    if "timezone" in unset:  # which the API would keep
        body["timezone"] = client.send(endpoints.job_defaults()).default_timezone or "UTC"
    seen = version or found.version
    call = endpoints.replace_job(found.id, body, reason=reason, version=seen, allow_unknown=allow_unknown)
    try:
        show(client, call, changed, as_json=as_json)
    except VersionMismatch as error:
        raise Failure(f"the job was changed in the meantime (version {error.version}): edit it again") from None


def _options(
    *, cron: str | None, zone: str | None, queue: str | None, params: Any, promise: Mapping[str, str | int | None]
) -> dict[str, Any]:
    given = {"cronExpression": cron, "timezone": zone, "queue": queue, "invokeParams": params}
    given["promise"] = Parts(promised(promise, duration)) or None
    return {name: value for name, value in given.items() if value is not None}

"""`waterclock notices mute | unmute | mutes`: messages that are not sent for a while."""

from __future__ import annotations

from collections.abc import Iterator

import click

from waterclock.cli.field_values import duration
from waterclock.cli.options.arguments import JOB, moments, times
from waterclock.cli.options.idempotency import key_option
from waterclock.cli.options.moments import shown
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import cursor_option, json_option, limit_option, more, reason_option, show, speaking
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import Mute, Page

_until_option = moments(
    "--until",
    wanted="Until: tomorrow, 08:00 is the next one, or a date and time; at most 30 days from now.",
    ahead=True,
)


@click.command("mute", short_help="Send nothing about a job, a group or a label for a while.")
@click.argument("job", metavar="[JOB]", type=JOB, required=False)
@click.option("--group", help="All jobs of this group.")
@click.option("--label", metavar="NAME=VALUE", help="All jobs and runs that have this label.")
@click.option("--all", "everything", is_flag=True, help="Everything, also `clock`; takes the scope admin.")
@click.option("--for", "for_", metavar="DURATION", help="For so long: seconds, 1h30m, or ISO 8601; at most 30 days.")
@_until_option
@click.option("--reason", required=True, help="Reason; stored in the event.")
@key_option
@json_option
@times
@speaking
def mute(
    client: Client,
    job: str | None,
    group: str | None,
    label: str | None,
    for_: str | None,
    until: str | None,
    reason: str,
    key: str | None,
    *,
    everything: bool,
    as_json: bool,
) -> None:
    """Send nothing about JOB, or a group, a label or everything, for a while.

    What happens is judged and recorded all the same. Who was told of a failure is told of its end.
    """
    whose = [name for name, given in (("JOB", job), ("--group", group), ("--label", label)) if given is not None]
    whose += ["--all"] if everything else []
    if len(whose) != 1:
        raise click.UsageError(_one_of(whose, "JOB, --group, --label or --all"))
    if (for_ is None) == (until is None):
        raise click.UsageError(_one_of([] if for_ is None else ["--for", "--until"], "--for or --until"))
    call = endpoints.mute_notices(
        job=job,
        group=group,
        label=label,
        everything=everything,
        for_=duration(for_),
        until=until,
        reason=reason,
        key=key,
    )
    show(client, call, begun, as_json=as_json)


@click.command("unmute", short_help="End a mute before its time.")
@click.argument("mute_id", metavar="MUTE")
@reason_option
@speaking
def unmute(client: Client, mute_id: str, reason: str | None) -> None:
    """End a mute, by its id, before its time. What it has kept back is sent only if it still lasts."""
    client.send(endpoints.unmute_notices(mute_id, reason=reason))
    click.echo(f"{mute_id} is over")


@click.command("mutes", short_help="List the mutes that are in force, or all.")
@click.option("--all", "over", is_flag=True, help="Also those that are over.")
@click.option("--job", metavar="JOB", type=JOB, help="Those that concern this job, group/name or id.")
@limit_option
@cursor_option
@json_option
@times
@speaking
def mutes(client: Client, job: str | None, limit: int, cursor: str | None, *, over: bool, as_json: bool) -> None:
    """List the mutes that are in force, newest first, or all."""
    call = endpoints.list_mutes(over=over, job=job, limit=limit, cursor=cursor)
    show(client, call, listed, as_json=as_json)


def begun(one: Mute) -> Iterator[Part]:
    yield f"{whose_of(one)} is muted until {shown(one.until)}, since {one.position}; to end it:"
    yield f"  waterclock notices unmute {one.id}"


def listed(page: Page[Mute]) -> Iterator[Part]:
    rows = [
        (one.id, whose_of(one), shown(one.muted_at), _end_of(one), one.actor or "-", one.reason) for one in page.items
    ]
    if not rows:
        yield "No mutes found."
        return
    yield table(("mute", "of", "since", "until", "by", "reason"), rows, wraps=("reason",), spare=("by", "since"))
    yield from more(page)


def whose_of(one: Mute) -> str:
    if one.all:
        return "everything"
    if one.job_id is not None:
        return one.job_id if one.job_name is None else f"{one.job_group}/{one.job_name}"
    return f"group {one.group}" if one.group is not None else f"label {one.label}"


def _end_of(one: Mute) -> str:
    """When it ends; of one that is over also how, where it was ended by somebody."""
    at = shown(one.ends_at)
    if one.unmuted_by is None:
        return at or "-"
    why = "" if one.unmuted_reason is None else f": {one.unmuted_reason}"
    return f"{at}, ended by {one.unmuted_by}{why}"


def _one_of(given: list[str], wanted: str) -> str:
    return f"{' and '.join(given)} cannot be combined: give one" if given else f"give {wanted}"

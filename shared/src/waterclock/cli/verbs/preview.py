"""What comes next: `waterclock preview` of a cron expression, `waterclock fires` of all jobs."""

from __future__ import annotations

from collections.abc import Iterator

import click

from waterclock.cli.options.arguments import JOB, ZONE, moments, since, times, utc_option
from waterclock.cli.options.moments import shown
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import cursor_option, json_option, limit_option, show, speaking
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import Fires, Preview
from waterclock.model.timestamps import Stamp, millis, stamp


@click.command(short_help="Describe a cron expression, and list its next times.")
@click.argument("expression", metavar="EXPRESSION")
@click.option(
    "--zone", metavar="ZONE", type=ZONE, help="Time zone, such as Europe/Berlin; by default that of a new job."
)
@click.option("--count", type=click.IntRange(1, 1000), default=10, show_default=True, help="Number of times.")
@since("List times after this one; by default now.")
@click.option(
    "--dialect",
    type=click.Choice(["unix", "quartz"]),
    help="Numbers of weekdays: unix: Sunday is 0; quartz: Sunday is 1.",
)
@click.option(
    "--dst-gap",
    type=click.Choice(["shift", "skip"]),
    default="shift",
    show_default=True,
    help="Times in the hour that is skipped in spring: run later, or not at all.",
)
@click.option(
    "--dst-fold",
    type=click.Choice(["first", "both"]),
    default="first",
    show_default=True,
    help="Times in the hour that is repeated in autumn: once, or twice.",
)
@click.option("--job", metavar="JOB", type=JOB, help="Job (group/name or id) that H and @every are resolved for.")
@json_option
@utc_option
@speaking
def preview(
    client: Client,
    expression: str,
    zone: str | None,
    count: int,
    from_: str | None,
    dialect: str | None,
    dst_gap: str,
    dst_fold: str,
    job: str | None,
    *,
    as_json: bool,
) -> None:
    """Describe a cron expression in words, and list its next times.

    Times that a change of the clock moves, skips or repeats are marked.
    """
    call = endpoints.preview(
        expression,
        timezone=zone,
        dialect=dialect,
        dst_gap=dst_gap,
        dst_fold=dst_fold,
        from_=from_,
        count=count,
        job=job,
    )
    show(client, call, told, as_json=as_json)


def told(found: Preview) -> Iterator[Part]:
    """The schedule in lines; what is left out stands among the rest, in its place."""
    yield found.words
    notes = [(item, item.note) for item in found.items]
    notes += [(item, f"left out: {item.note}") for item in found.left_out]
    if notes:
        rows = [(shown(item.at), item.local, note) for item, note in sorted(notes, key=lambda each: each[0].at)]
        yield table(("scheduled", "local time", "note"), rows, wraps={"note"})
    yield from found.notes


@click.command(short_help="List the next scheduled times of all jobs.")
@moments("--from", "--since", "from_", wanted="Start of the range, inclusive; by default now.", ahead=True)
@moments("--to", "--until", "to", wanted="End of the range, such as 8h or 06:00; by default an hour later.", ahead=True)
@click.option("--bins", type=click.IntRange(1, 400), help="Count them in so many parts of the range instead.")
@limit_option
@cursor_option
@json_option
@times
@speaking
def fires(
    client: Client,
    from_: str | None,
    to: str | None,
    bins: int | None,
    limit: int,
    cursor: str | None,
    *,
    as_json: bool,
) -> None:
    """List the next scheduled times of all enabled jobs, at most 14 days of them.

    Times that a change of the clock moves or repeats are marked.
    """
    call = endpoints.fires(from_=from_, to=to, bins=bins, limit=None if bins is not None else limit, cursor=cursor)
    show(client, call, upcoming_told, as_json=as_json)


def upcoming_told(found: Fires) -> Iterator[Part]:
    jobs = "1 scheduled time" if found.total == 1 else f"{found.total} scheduled times"
    yield f"{shown(found.from_)} to {shown(found.to)}: {jobs}"
    if found.counts is not None:
        low, high = millis(Stamp(found.from_)), millis(Stamp(found.to))
        begins = [low + (high - low) * place // len(found.counts) for place in range(len(found.counts))]
        yield table(("from", "times"), [(shown(stamp(at)), str(n)) for at, n in zip(begins, found.counts, strict=True)])
        return
    if found.items:
        rows = [(shown(one.at), f"{one.job_group}/{one.job_name}", one.queue, one.note) for one in found.items]
        yield table(("scheduled", "job", "queue", "note"), rows, wraps={"note"})
    if found.next_cursor is not None:
        yield f"More results: add --cursor {found.next_cursor}"

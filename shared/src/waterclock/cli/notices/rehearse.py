"""`waterclock notices rehearse`: what a file of rules would have told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from waterclock.cli.notices.told import kind_of, subject_of
from waterclock.cli.options.arguments import since, times, until
from waterclock.cli.options.moments import shown
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import NotAsked, json_option, show, speaking
from waterclock.cli.yaml_values import BadFile, text_of
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import RehearsedNotices


@click.command(short_help="Say what a file of rules would have told.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), envvar="WATERCLOCK_NOTICES", metavar="FILE")
@since("Judge what happened from this time on.", required=True)
@until("Up to this time; by default now.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Maximum number of notices to list."
)
@json_option
@times
@speaking
def rehearse(client: Client, file: Path, from_: str, to: str | None, limit: int, *, as_json: bool) -> None:
    """Say what the rules of FILE would have told of a range of the past, at most 31 days. Nothing is sent.

    Without FILE, it is the one in WATERCLOCK_NOTICES. Addresses of channels are not looked at.
    """
    show(client, endpoints.rehearse_notices(_read(file), from_=from_, to=to, limit=limit), told, as_json=as_json)


def told(found: RehearsedNotices) -> Iterator[Part]:
    rows = [(shown(one.at), kind_of(one), subject_of(one), one.rule, ", ".join(one.channels)) for one in found.items]
    if rows:
        yield table(("at", "kind", "of", "rule", "channels"), rows, spare=("channels", "rule"))
        yield ""
        yield table(("rule", "kind", "notices"), [(one.rule, one.kind, str(one.count)) for one in found.counts])
    more = f", of which {len(found.items)} are listed" if found.more else ""
    between = f"{shown(found.from_)} to {shown(found.to)}"
    yield f"notices: {found.notices}{more}; events: {found.events}, from {between}"


def _read(file: Path) -> str:
    """
    Raises:
        NotAsked: it cannot be read, or is no text.
    """
    try:
        return text_of(file.read_bytes())
    except OSError as error:
        raise NotAsked(f"{file}: {error.strerror}") from None
    except BadFile as error:
        raise NotAsked(f"{file}: {error}") from None

"""`waterclock notices`: the file of rules and its channels, tried where a notifier is to use them; what was told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from waterclock.cli.connection.options import refuse_unused
from waterclock.cli.notices.mutes import mute, mutes, unmute
from waterclock.cli.notices.rehearse import rehearse
from waterclock.cli.notices.told import list_
from waterclock.cli.output import complain, tell
from waterclock.kit.clock import SystemClock
from waterclock.kit.randomness import token
from waterclock.kit.service import Unfit, run_service
from waterclock.kit.settings import read
from waterclock.store.connection.pool import open_pool
from waterclock.store.notices import origin
from waterclock_api.followers.origin import origin_of
from waterclock_api.notifier.delivery.notice_details import ChannelTest
from waterclock_api.notifier.delivery.outcome import Again, Dead
from waterclock_api.notifier.delivery.sender import Sender
from waterclock_api.notifier.rules_source import BadNotices, Rules, load
from waterclock_api.notifier.sending import sender_of
from waterclock_api.settings import ChannelSettings, StoreSettings, log_settings

_FILE = click.argument(
    "file", type=click.Path(dir_okay=False, path_type=Path), envvar="WATERCLOCK_NOTICES", metavar="FILE"
)


@click.group(short_help="Notices: what was told, rules, channels, mutes.")
def notices() -> None:
    """See and mute what is told; rehearse and check rules, test channels, say from where messages are sent."""


for verb in (list_, rehearse, mute, unmute, mutes):
    notices.add_command(verb)


@notices.command(short_help="Check a file of rules.")
@_FILE
def check(file: Path) -> None:
    """Check a file of rules as a notifier reads it: rules, channels, and what references stand for here.

    Nothing is sent. Without FILE, it is the one in WATERCLOCK_NOTICES.
    """

    refuse_unused("notices check")

    async def work(_: asyncio.Event) -> None:
        async with _opened(file) as (rules, _sender):
            tell(f"{file}: no flaws; rules: {len(rules.file.rules)}, channels: {len(rules.channels)}")

    run_service(work, name="waterclock notices check")


@notices.command(short_help="Send a test message to a channel.")
@click.argument("channel")
@_FILE
def test(channel: str, file: Path) -> None:
    """Send a message to CHANNEL of a file of rules, which says that nothing happened.

    Without FILE, it is the one in WATERCLOCK_NOTICES. Exit code 1: it was not delivered.
    """

    refuse_unused("notices test")

    async def work(_: asyncio.Event) -> None:
        async with _opened(file) as (rules, sender):
            if channel not in rules.channels:
                raise Unfit(f"{file}: no channel {channel!r}; there are {', '.join(rules.channels) or 'none'}")
            told = ChannelTest(id=f"test-{token()}", channel=channel, at_ms=SystemClock().now_ms())
            outcome = await sender.send(rules.channels[channel], told)
        if isinstance(outcome, Again | Dead):
            complain(f"{channel}: not delivered: {outcome.said}")
            raise click.exceptions.Exit(1)
        tell(f"{channel}: delivered")

    run_service(work, name="waterclock notices test")


@notices.command(short_help="Send from this place, and from no other.")
@click.option("--discard", is_flag=True, help="Send nothing of what waits.")
def resume(*, discard: bool) -> None:
    """Let messages be sent from the place that the settings here name, and from no other.

    A notifier that finds a database that tells for another place (public URL, address or prefix of the event log) is
    muted: it may be a copy. Run this with the settings of that notifier after you have moved the installation, or
    changed its public URL. What has waited for more than an hour is told in digests.
    """

    async def work(_: asyncio.Event) -> None:
        own, store = read(ChannelSettings, os.environ), read(StoreSettings, os.environ)
        here = origin_of(log_settings(), own.public_url)
        async with (
            await open_pool(store.postgres_url, name="notices", max_size=1) as pool,
            pool.connection() as connection,
        ):
            before, _muted = await origin.found(connection)
            waiting = await origin.move(connection, here, discard=discard)
        if before not in (None, here):
            tell(f"no longer sent from {before}")
        tell(f"sent from {here}; {waiting} messages {'discarded' if discard else 'waited'}")

    run_service(work, name="waterclock notices resume")


@asynccontextmanager
async def _opened(file: Path) -> AsyncGenerator[tuple[Rules, Sender]]:
    own = read(ChannelSettings, os.environ)
    async with sender_of(own, "waterclock notices", SystemClock()) as sender:
        try:
            rules = await load(file, sender.flaws)
        except BadNotices as error:
            raise Unfit(str(error)) from error
        yield rules, sender

"""`waterclock key`: who may call the API. Straight to Postgres: the first key cannot be asked for over HTTP."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta

import click

from waterclock.cli.output import complain, say
from waterclock.cli.tables import table
from waterclock.kit.clock import SystemClock
from waterclock.kit.service import Unfit, run_service
from waterclock.kit.settings import read
from waterclock.store import api_keys
from waterclock.store.api_keys import KeyChange, StoredKey
from waterclock.store.connection.permissions import rights
from waterclock.store.connection.pool import Connection, open_pool
from waterclock_api.access.scopes import PRESETS, SCOPES, Preset
from waterclock_api.access.secret import new_secret
from waterclock_api.settings import StoreSettings

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_AGE = re.compile(r"(\d{1,5})([dhm])")
LONGEST_REASON = 500  # characters
FASTEST = 1_000_000  # requests a second
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


class _Name(click.ParamType[str]):
    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if _NAME.fullmatch(value) is None:
            self.fail(f"{value!r} must be 1 to 64 of a-z, 0-9, '.', '_', '-', a letter or digit first", param, ctx)
        return value


class _Age(click.ParamType[timedelta]):
    name = "age"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = _AGE.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is not a duration such as 90d, 12h or 30m", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


class _Reason(click.ParamType[str]):
    name = "reason"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value.isprintable() or len(value) > LONGEST_REASON:
            self.fail(f"must be at most {LONGEST_REASON} characters that can be printed", param, ctx)
        return value


_RATE = click.FloatRange(min=0, min_open=True, max=FASTEST)
_name = click.option("--name", required=True, type=_Name(), help="Name of the caller; events show it as key:<name>.")
_expires = click.option(
    "--expires", type=_Age(), help="Lifetime, such as 90d, 12h or 30m; by default it does not expire."
)
_reason = click.option("--reason", type=_Reason(), help="Reason; stored in the history of the key.")


@click.group(short_help="API keys: create, list, rotate, revoke.")
def key() -> None:
    """Create, list, rotate and revoke API keys, and show their history."""


@key.command()
@_name
@click.option(
    "--preset",
    type=click.Choice(tuple(PRESETS)),
    help="Scopes by role. viewer: read; operator: also run, cancel, enable and disable; admin: everything.",
)
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="Scope, in addition to the preset; repeatable."
)
@click.option("--rate", type=_RATE, help="Requests a second, at each API process; by default WATERCLOCK_RATE_LIMIT.")
@_expires
@_reason
def create(
    name: str,
    preset: Preset | None,
    scopes: tuple[str, ...],
    rate: float | None,
    expires: timedelta | None,
    reason: str | None,
) -> None:
    """Create an API key and print it once: only its hash is stored. The API accepts it within 2 seconds."""
    wanted = (*(() if preset is None else PRESETS[preset]), *scopes)
    if not wanted:
        raise click.UsageError("say what the key may do: --preset viewer, operator or admin, or --scope")

    async def work(connection: Connection) -> None:
        await _made(connection, name, tuple(dict.fromkeys(wanted)), rate, expires)

    _change("create", reason, work)


@key.command(name="list")
def list_keys() -> None:
    """List all keys, also expired and revoked ones, oldest first."""

    async def work(connection: Connection) -> None:
        say(told(await api_keys.all_keys(connection), SystemClock().now_ms()))

    _run(work)


@key.command(short_help="Show the history of keys: who did what, and why.")
@click.argument("which", required=False)
def history(which: str | None) -> None:
    """Show the history of keys, oldest first: who did what, and why. WHICH is an id or a name; by default all keys."""

    async def work(connection: Connection) -> None:
        found = await api_keys.changes(connection, which)
        if which is not None and not found:
            raise Unfit(f"unknown key {which!r}")
        say(recounted(found))

    _run(work)


@key.command()
@click.argument("which")
@_reason
def revoke(which: str, reason: str | None) -> None:
    """Revoke a key by its id, or all keys of a name."""

    async def work(connection: Connection) -> None:
        ended = await api_keys.revoke(connection, which)
        if not ended:
            raise Unfit(f"no active key {which!r}: unknown, or already revoked")
        say([f"Revoked {', '.join(ended)}. It stops working within 2 seconds if Postgres is reachable."])

    _change("revoke", reason, work)


@key.command(short_help="Replace a key by a new one.")
@_name
@click.option("--overlap", type=_Age(), default="24h", show_default=True, help="How long the older keys stay valid.")
@_expires
@_reason
def rotate(name: str, overlap: timedelta, expires: timedelta | None, reason: str | None) -> None:
    """Create a new key with the name, scopes and rate of the last one. The older keys expire after --overlap."""

    async def work(connection: Connection) -> None:
        last = await api_keys.retire(connection, name, overlap)
        if last is None:
            raise Unfit(f"no active key has the name {name!r}")
        await _made(connection, name, *last, expires)

    _change("rotate", reason, work)


async def _made(
    connection: Connection, name: str, scopes: Sequence[str], rate: float | None, expires: timedelta | None
) -> None:
    secret = new_secret()
    until = await api_keys.add(
        connection,
        key_id=secret.key_id,
        name=name,
        secret_sha256=secret.sha256,
        scopes=scopes,
        rate=rate,
        valid_for=expires,
    )
    good = "for ever" if until is None else f"until {_written(until)}"
    often = "" if rate is None else f", {rate:g} requests a second"
    complain(f"Key {secret.key_id} of {name}: {', '.join(scopes)}{often}; {good}. Shown once:")
    click.echo(secret.text)


def told(stored: Sequence[StoredKey], now_ms: int) -> Iterator[str]:
    """The lines of a table of keys."""
    heads = ("id", "name", "scopes", "a second", "created", "expires", "last used", "")
    yield from table(heads, [_row(each, now_ms) for each in stored])


def _row(each: StoredKey, now_ms: int) -> tuple[str, ...]:
    live = each.is_live(datetime.fromtimestamp(now_ms / 1000, each.created_at.tzinfo))
    return (
        each.key_id,
        each.name,
        ",".join(each.scopes),
        "" if each.rate is None else f"{each.rate:g}",
        _written(each.created_at),
        "never" if each.expires_at is None else _written(each.expires_at),
        "never" if each.last_used_at is None else _written(each.last_used_at),
        "live" if live else "expired" if each.revoked_at is None else "revoked",
    )


def recounted(changes: Sequence[KeyChange]) -> Iterator[str]:
    """The lines of a table of changes."""
    heads = ("at", "what", "id", "name", "scopes", "a second", "expires", "by", "in Postgres", "reason")
    yield from table(heads, [_recount(each) for each in changes])


def _recount(each: KeyChange) -> tuple[str | None, ...]:
    verb = "" if each.verb is None or each.change.startswith(each.verb) else f" ({each.verb})"
    return (
        each.at.isoformat(sep=" ", timespec="seconds"),
        each.change + verb,
        each.key_id,
        each.name,
        ",".join(each.scopes),
        "" if each.rate is None else f"{each.rate:g}",
        "never" if each.expires_at is None else _written(each.expires_at),
        each.said_by,
        each.db_role if each.address is None else f"{each.db_role}@{each.address}",
        each.reason,
    )


def _written(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="minutes")


def _change(verb: str, reason: str | None, work: Callable[[Connection], Awaitable[None]]) -> None:
    """Do it whole or not at all, put down to whoever runs this."""

    async def changed(connection: Connection) -> None:
        async with connection.transaction():
            await api_keys.say_who(connection, verb=verb, said_by=_whoever(), reason=reason)
            await work(connection)

    _run(changed)


def _whoever() -> str:
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container, of a number that has no name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _run(work: Callable[[Connection], Awaitable[None]]) -> None:
    async def connected(_: asyncio.Event) -> None:
        store = read(StoreSettings, os.environ)
        with rights(store.postgres_url):
            async with (
                await open_pool(store.postgres_url, name="key", max_size=1) as pool,
                pool.connection() as connection,
            ):
                await work(connection)

    run_service(connected, name="waterclock key")

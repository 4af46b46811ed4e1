"""`waterclock ledger verify --chain`: nothing in the archive was changed, removed or inserted.

It asks Postgres itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence

import click
import msgspec
import psycopg

from waterclock.cli.output import put_json, say
from waterclock.cli.tables import Part, table
from waterclock.cli.terminal import NO, NotAsked
from waterclock.kit.settings import SettingsError, read
from waterclock.model.positions import Position, parse_position
from waterclock.store.chain import Chained, verify
from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.connection.pool import open_pool


class _Settings(msgspec.Struct, frozen=True, kw_only=True):
    postgres_url: str


def prove(anchors: Sequence[str], *, as_json: bool) -> None:
    """Verify the chain and say so; the exit code is 1 if it is broken, 2 if it cannot be asked."""
    noted = anchors_of(anchors)
    try:
        found = asyncio.run(_verified(read(_Settings, os.environ).postgres_url, noted))
    except (SettingsError, StoreUnfit, psycopg.Error) as error:
        raise NotAsked(" ".join(str(error).split())) from None
    whole = all(one.broken is None and all(one.anchors.values()) for one in found)
    if as_json:
        put_json(msgspec.json.encode({"partitions": found, "ok": whole}))
    else:
        say(told(found, ok=whole))
    if not whole:
        click.get_current_context().exit(NO)


def anchors_of(texts: Sequence[str]) -> Mapping[Position, str]:
    """Heads that were noted: `<position>=<head>`."""
    noted: dict[Position, str] = {}
    for text in texts:
        place, given, head = text.partition("=")
        try:
            noted[parse_position(place)] = head.strip().lower()
        except ValueError as error:
            raise NotAsked(f"--anchor {text}: {error}") from None
        if not given or len(head.strip()) != 64:
            raise NotAsked(f"--anchor {text} is not <position>=<head>, as `ledger verify --chain` prints it")
    return noted


def told(found: Sequence[Chained], *, ok: bool) -> Iterator[Part]:
    """The proof in lines."""
    heads = ("partition", "covers after", "through", "entries", "not kept", "blocks")
    yield table(
        heads,
        [
            (
                str(one.partition),
                one.begins or "-",
                one.ends or "-",
                *map(str, (one.entries, one.forgotten, one.blocks)),
            )
            for one in found
        ],
    )
    for one in found:
        if one.head is not None and one.broken is None:
            yield f"head: {one.ends}={one.head}"
        for place, there in one.anchors.items():
            yield f"anchor {place}: {'found' if there else 'NOT found: the chain has a different head there, or none'}"
        if one.broken is not None:
            yield f"broken: partition {one.partition}: {one.broken}"
    yield "ok: the archive is as it was written" if ok else "NOT ok"


async def _verified(postgres_url: str, anchors: Mapping[Position, str]) -> list[Chained]:
    async with (
        await open_pool(postgres_url, name="chain", max_size=1) as pool,
        pool.connection() as connection,
    ):
        return await verify(connection, dict(anchors))

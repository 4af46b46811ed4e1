"""A start while Postgres gives no connection: it is waited for, unless a person has to mend something."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from waterclock.store.connection.errors import StoreAway, StoreUnfit
from waterclock.store.connection.pool import Pool, open_pool, unopened_pool
from waterclock.store.connection.startup import open_or_stopped, soon_open
from waterclock.store.connection.transient import lasts

DEADLINE = 30.0  # s


class Guest:
    """A user that may connect so often."""

    def __init__(self, owner: psycopg.Connection, url: str, name: str) -> None:
        self._owner = owner
        self._name = name
        parts = urlsplit(url)
        self.url = urlunsplit(parts._replace(netloc=f"{name}:{name}@{parts.hostname}:{parts.port}"))

    def admit(self, most: int) -> None:
        limit = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(sql.Identifier(self._name), sql.Literal(most))
        self._owner.execute(limit)


@pytest.fixture
def guest(migrated_postgres_url: str) -> Iterator[Guest]:
    name = f"guest_{secrets.token_hex(4)}"
    role = sql.Identifier(name)
    with psycopg.connect(migrated_postgres_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(name)))
        owner.execute(sql.SQL("GRANT SELECT ON migrations TO {}").format(role))
        yield Guest(owner, migrated_postgres_url, name)
        owner.execute(sql.SQL("DROP OWNED BY {}").format(role))
        owner.execute(sql.SQL("DROP ROLE {}").format(role))


async def test_a_process_goes_on_without_connections_until_there_are_some(
    guest: Guest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "waterclock")
    guest.admit(0)
    async with soon_open(unopened_pool(guest.url, name="test", max_size=1)) as pool:
        with pytest.raises(psycopg.OperationalError):
            async with pool.connection(timeout=0.1):
                pass
        guest.admit(2)
        await _answers(pool)
    said = [record.message for record in caplog.records if record.name == "waterclock.store.connection.startup"]
    assert said == ["started without postgres", "postgres reached"]


async def test_who_waits_for_them_is_told_why_and_may_be_stopped(guest: Guest) -> None:
    guest.admit(0)
    stop, told = asyncio.Event(), list[str]()

    def away(reason: str) -> None:
        told.append(reason)
        stop.set()

    async with asyncio.timeout(DEADLINE):
        async with open_or_stopped(unopened_pool(guest.url, name="test"), stop, away=away) as pool:
            assert pool is None
    assert "too many connections" in told[0]

    def let_in(_: str) -> None:
        guest.admit(2)

    async with asyncio.timeout(DEADLINE):
        async with open_or_stopped(unopened_pool(guest.url, name="test"), asyncio.Event(), away=let_in) as pool:
            assert pool is not None
            await _answers(pool)


@pytest.mark.parametrize("flaw", ["database", "role", "right", "migrations"])
async def test_what_a_person_must_mend_ends_the_start(guest: Guest, postgres_url: str, flaw: str) -> None:
    url = guest.url
    match flaw:
        case "database":
            url += "_none"
        case "role":
            url = urlunsplit(urlsplit(url)._replace(netloc=f"nobody_there@{urlsplit(url).netloc.partition('@')[2]}"))
        case "right":
            with psycopg.connect(postgres_url, autocommit=True) as owner:
                owner.execute("CREATE TABLE migrations (name text, checksum text)")
            url = urlunsplit(urlsplit(url)._replace(path=urlsplit(postgres_url).path))
        case _:
            url = postgres_url
    with pytest.raises(StoreUnfit) as caught:
        async with asyncio.timeout(DEADLINE), soon_open(unopened_pool(url, name="test")):
            pass
    assert not isinstance(caught.value, StoreAway), caught.value


async def test_a_server_that_is_away_is_told_from_a_flaw(guest: Guest) -> None:
    guest.admit(0)
    for url in (guest.url, "postgresql://nobody@127.0.0.1:1/none"):
        with pytest.raises(StoreAway):
            await open_pool(url, name="test", max_size=1)


@pytest.mark.parametrize(
    ("said", "for_a_person"),
    [
        ('FATAL:  password authentication failed for user "a"', True),
        ("fe_sendauth: no password supplied", True),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "a", database "b", no encryption', True),
        ('FATAL:  permission denied for database "b"', True),
        ("SSL error: certificate verify failed", True),
        ("FATAL:  sorry, too many clients already", False),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", False),
        ("FATAL:  the database system is starting up", False),
        ("SSL SYSCALL error: EOF detected", False),
        ("connection timeout expired", False),
        ("could not translate host name: Temporary failure in name resolution", False),
    ],
)
async def test_what_a_server_says_is_for_a_person_or_passes(said: str, for_a_person: bool) -> None:
    assert lasts(said) is for_a_person


async def _answers(pool: Pool) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                async with pool.connection(timeout=1) as connection:
                    await connection.execute("SELECT 1")
                    return
            except psycopg.OperationalError:
                await asyncio.sleep(0.05)

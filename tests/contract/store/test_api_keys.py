"""Keys, and what the database itself writes down of each change of them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from waterclock.store import api_keys
from waterclock.store.connection.migrate import migrate, migrations
from waterclock.store.connection.pool import Connection


async def made(connection: Connection, key_id: str, *, name: str = "ops", rate: float | None = None) -> None:
    digest = secrets.token_bytes(32)
    await api_keys.add(
        connection, key_id=key_id, name=name, secret_sha256=digest, scopes=("list",), valid_for=None, rate=rate
    )


async def test_every_change_of_a_key_is_kept_with_who_made_it_and_why(connection: Connection) -> None:
    async with connection.transaction():
        await api_keys.say_who(connection, verb="create", said_by="ann@desk", reason="for the report")
        await made(connection, "first", rate=5)
    async with connection.transaction():
        await api_keys.say_who(connection, verb="rotate", said_by="bob@desk", reason=None)
        assert await api_keys.retire(connection, "ops", timedelta(hours=1)) == (("list",), 5)
        await made(connection, "second")
    await api_keys.revoke(connection, "first")
    await api_keys.revoke(connection, "first")
    await api_keys.note_used(connection, {"second": datetime(2026, 1, 1, tzinfo=UTC)})

    found = await api_keys.changes(connection, "ops")

    assert [(one.change, one.key_id, one.verb, one.said_by, one.reason) for one in found] == [
        ("created", "first", "create", "ann@desk", "for the report"),
        ("retired", "first", "rotate", "bob@desk", None),
        ("created", "second", "rotate", "bob@desk", None),
        ("revoked", "first", None, None, None),
    ]
    assert [one.rate for one in found] == [5, 5, None, 5]
    assert [one.expires_at is None for one in found] == [True, False, True, False]
    assert {one.db_role for one in found} == {connection.info.user}
    assert [one.key_id for one in await api_keys.changes(connection, "second")] == ["second"]


async def test_what_is_done_by_hand_is_kept_too(connection: Connection) -> None:
    await made(connection, "first")
    await connection.execute("UPDATE api_keys SET scopes = '{admin}'")
    await connection.execute("UPDATE api_keys SET scopes = '{admin}'")
    await connection.execute("DELETE FROM api_keys")

    found = [(one.change, one.scopes, one.verb) for one in await api_keys.changes(connection)]

    assert found == [("created", ("list",), None), ("changed", ("admin",), None), ("deleted", ("admin",), None)]


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE api_key_changes SET db_role = 'nobody'",
        "DELETE FROM api_key_changes",
        "TRUNCATE api_key_changes",
    ],
)
async def test_what_is_kept_stays_as_it_is(connection: Connection, forgery: str) -> None:
    await made(connection, "first")
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        await connection.execute(forgery.encode())
    assert len(await api_keys.changes(connection)) == 1


async def test_who_may_change_keys_and_nothing_else_is_written_down_and_cannot_write_there(
    connection: Connection,
) -> None:
    role = sql.Identifier(name := f"keeper_{secrets.token_hex(6)}")
    await connection.execute(sql.SQL("CREATE ROLE {}").format(role))
    try:
        await connection.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE ON api_keys TO {}").format(role))
        await connection.execute(sql.SQL("SET ROLE {}").format(role))
        await made(connection, "first")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(
                "INSERT INTO api_key_changes (change, key_id, name, scopes) VALUES ('created', '', '', '{}')"
            )
        await connection.execute("RESET ROLE")
        assert [one.key_id for one in await api_keys.changes(connection)] == ["first"], name
    finally:
        await connection.execute("RESET ROLE")
        await connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        await connection.execute(sql.SQL("DROP ROLE {}").format(role))


async def test_keys_from_before_the_table_are_in_it(postgres_url: str) -> None:
    async with await Connection.connect(postgres_url, autocommit=True) as connection:
        await connection.execute(
            "CREATE TABLE migrations (name text PRIMARY KEY, checksum text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        for each in migrations():
            if each.name < "0012":
                await connection.execute(each.text)
                await connection.execute(
                    "INSERT INTO migrations (name, checksum) VALUES (%s, %s)", [each.name, each.checksum]
                )
        await connection.execute(
            "INSERT INTO api_keys (key_id, name, secret_sha256, scopes, revoked_at) "
            "VALUES ('live', 'a', sha256('1'), '{list}', NULL), ('over', 'b', sha256('2'), '{run}', now())"
        )
        assert "0012_key_changes" in await migrate(postgres_url)
        found = [(one.change, one.key_id, one.verb) for one in await api_keys.changes(connection)]
    assert sorted(found) == [
        ("created", "live", "migrate"),
        ("created", "over", "migrate"),
        ("revoked", "over", "migrate"),
    ]

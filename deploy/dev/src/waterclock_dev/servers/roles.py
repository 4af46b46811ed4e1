"""Who backs up and who restores on a server of our own: neither is its superuser, which only makes them.

The reader reads what is and will be in the database, and enters no other that it names; the restorer makes databases,
enters what it has made, and nothing else of ours. Passwords are new with each start and stay in memory.
"""

import secrets
from itertools import product
from urllib.parse import urlsplit

import msgspec
import psycopg
from psycopg import sql

READER = "waterclock_reader"
RESTORER = "waterclock_scratch"
_POWERS = {
    READER: sql.SQL("LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT NOCREATEDB"),
    RESTORER: sql.SQL("LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT CREATEDB"),
}
_SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
_READS = (
    "GRANT USAGE ON SCHEMA {schema} TO {reader}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}",
    "GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {reader}",
)
_WILL_READ = (
    "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {reader}",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {reader}",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO {reader}",
)
"""A member of pg_read_all_data would read the verifiers of passwords, too."""


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """URLs of both."""

    reader: str
    restorer: str


async def made_roles(url: str) -> Roles:
    """Make both, or give them new passwords, on the server of `url`, whose user is its superuser."""
    parts = urlsplit(url)
    database = parts.path.removeprefix("/")
    passwords = {name: secrets.token_urlsafe(16) for name in (READER, RESTORER)}
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        roles = await _names(connection, "SELECT rolname FROM pg_roles")
        for name, powers in _POWERS.items():
            role = [sql.Identifier(name), powers, sql.Literal(passwords[name])]
            made = sql.SQL("ALTER ROLE {} {} PASSWORD {}" if name in roles else "CREATE ROLE {} {} PASSWORD {}")
            await connection.execute(made.format(*role))
        if RESTORER not in await _names(connection, "SELECT datname FROM pg_database"):
            await connection.execute(f"CREATE DATABASE {RESTORER} OWNER {RESTORER}")
        for statement in (
            f"REVOKE ALL ON DATABASE {RESTORER} FROM PUBLIC",
            "REVOKE ALL ON DATABASE {} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {{}} TO {READER}",
        ):
            await connection.execute(sql.SQL(statement).format(sql.Identifier(database)))
        schemas = [*await _names(connection, _SCHEMAS)]
        reader = sql.Identifier(READER)
        for statement in _WILL_READ:
            await connection.execute(sql.SQL(statement).format(reader=reader))
        for schema, statement in product(schemas, _READS):
            await connection.execute(sql.SQL(statement).format(schema=sql.Identifier(schema), reader=reader))

    def of(name: str, database: str) -> str:
        return parts._replace(netloc=f"{name}:{passwords[name]}@{parts.hostname}:{parts.port}", path=database).geturl()

    return Roles(reader=of(READER, parts.path), restorer=of(RESTORER, f"/{RESTORER}"))


async def _names(connection: psycopg.AsyncConnection, query: str) -> set[str]:
    found = await connection.execute(query.encode())
    return {str(name) for (name,) in await found.fetchall()}

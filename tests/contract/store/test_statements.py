"""Every statement fits the schema, and says what it does."""

import re
from importlib.resources import files

import psycopg
import pytest

from waterclock.store.connection.statements import statement

PACKAGES = ("waterclock.store", "waterclock_api")
NOT_PLANNED = (b"COPY", b"CREATE", b"LISTEN")


def names(package: str) -> list[str]:
    folder = files(package) / "sql"
    if not folder.is_dir():
        return []
    return sorted(file.name.removesuffix(".sql") for file in folder.iterdir() if file.name.endswith(".sql"))


STATEMENTS = [(package, name) for package in PACKAGES for name in names(package)]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_statement_begins_with_what_it_does(package: str) -> None:
    assert all(statement(name, package).startswith(b"-- ") for name in names(package))


def test_every_statement_can_be_planned_against_the_schema(migrated_postgres_url: str) -> None:
    with psycopg.connect(migrated_postgres_url) as connection:
        for package, name in STATEMENTS:
            text = statement(name, package)
            verb = re.sub(rb"--[^\n]*\n", b"", text).strip()
            with connection.transaction(force_rollback=True):
                if verb.startswith(NOT_PLANNED):
                    _execute(connection, verb)
                else:
                    arguments = dict.fromkeys(re.findall(r"%\((\w+)\)s", text.decode()))
                    connection.execute(b"EXPLAIN " + verb, arguments or None)


def _execute(connection: psycopg.Connection, verb: bytes) -> None:
    if not verb.startswith(b"COPY"):
        connection.execute(verb)
        return
    with connection.cursor() as cursor, cursor.copy(verb):
        pass  # no rows: the columns are there

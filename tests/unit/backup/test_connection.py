"""From a connection's URL to the variables of libpq."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from waterclock.executors import GiveUp
from waterclock_worker.executors.backup.connection import connection_of, private_environment


def test_each_part_of_a_url_becomes_a_variable() -> None:
    url = "postgresql://us%40er:p%3Aw%2F@db.example:6543/my%20db?sslmode=verify-full&sslrootcert=/etc/ca.pem"

    connection = connection_of(url, database=None)

    assert (connection.database, connection.password) == ("my db", "p:w/")
    assert connection.settings == {
        "PGCONNECT_TIMEOUT": "10",
        "PGHOST": "db.example",
        "PGPORT": "6543",
        "PGUSER": "us@er",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/ca.pem",
    }


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgres://a:1,b:2/x", "a,b", "1,2"),
        ("postgres://a,b:2/x", "a,b", ",2"),
        ("postgres://[2001:db8::1]:5433/x", "2001:db8::1", "5433"),
        ("postgres://u@/x?host=/run/postgresql&port=1", "/run/postgresql", "1"),
        ("postgres://%2Frun%2Fpostgresql/x", "/run/postgresql", None),
        ("postgres:///x", None, None),
    ],
)
def test_hosts_are_read_as_libpq_reads_them(url: str, host: str | None, port: str | None) -> None:
    settings = connection_of(url, database=None).settings

    assert (settings.get("PGHOST"), settings.get("PGPORT")) == (host, port)


def test_the_parameters_database_overrules_the_urls() -> None:
    assert connection_of("postgres://h/one?dbname=two", database=None).database == "two"
    assert connection_of("postgres://h/one", database="three").database == "three"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hush@h/x",
        "u:hush",
        "postgres://u:hush@h:port/x",
        "postgres://u:hush@h@i/x",
        "postgres://u:hush@h/x?service=s",
        "postgres://u:hush@h/x?passfile=/etc/shadow",
        "postgres://u:hush%0a@h/x",
        "postgres://u:hush@h/",
    ],
)
def test_what_is_refused_is_not_shown(url: str) -> None:
    with pytest.raises(GiveUp) as raised:
        connection_of(url, database=None)

    assert "hush" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_the_password_lies_in_a_private_file_for_as_long_as_it_is_needed() -> None:
    connection = connection_of("postgres://u:a%3Ab%5Cc@h/x", database=None)

    with private_environment(connection, application="tests") as env:
        file = Path(env["PGPASSFILE"])
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert file.read_text() == "*:*:*:*:a\\:b\\\\c\n"

    assert "PGPASSWORD" not in env
    assert not file.parent.exists()

"""From a connection's URL to the variables of libpq."""

from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import quote

import hypothesis
import psycopg
import pytest
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from waterclock.executors.context import GiveUp
from waterclock_worker.executors.backup.postgres.connection import (
    connection_of,
    hosts_of,
    private_environment,
)
from waterclock_worker.executors.backup.postgres.connection_url import (
    HOST_MALFORMED,
    MALFORMED,
    given_in,
)


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
        ("postgres://[::1],b:2,[fe80::1%25eth0]:3/x", "::1,b,fe80::1%eth0", ",2,3"),
        ("postgres://%2Frun%2Fa,b/x?port=7", "/run/a,b", "7"),
        ("postgres://h%2Dx:5433?dbname=x", "h-x", "5433"),
    ],
)
def test_hosts_are_read_as_libpq_reads_them(url: str, host: str | None, port: str | None) -> None:
    settings = connection_of(url, database=None).settings

    assert (settings.get("PGHOST"), settings.get("PGPORT")) == (host, port)


def test_the_parameters_database_overrules_the_urls() -> None:
    assert connection_of("postgres://h/one?dbname=two", database=None).database == "two"
    assert connection_of("postgres://h/one", database="three").database == "three"


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql://r1@host/db?password=a+b", "a+b"),
        ("postgresql://r1:a+b@host/db", "a+b"),
        ("postgresql://r1@host/db?password=a%2Bb%26c%3Dd", "a+b&c=d"),
        ("postgresql://r1@host/db?password=one&password=a@b", "a@b"),
        ("postgresql://r1@host/db?password=a=b", "a=b"),  # libpq refuses it, and we always took it
        ("postgresql://r1:a?b#c:d@host/db", "a?b#c:d"),
        ("postgresql://r1:%C3%A4%E6%B0%B4@host/db", "ä水"),
        ("postgresql://r1:%E9@host/db", "\udce9"),
    ],
)
def test_a_password_is_read_as_libpq_reads_it(url: str, password: str) -> None:
    connection = connection_of(url, database=None)

    assert connection.password == password
    with private_environment(connection, application="tests") as env:
        written = Path(env["PGPASSFILE"]).read_bytes()
    assert written == b"*:*:*:*:%b\n" % password.replace(":", "\\:").encode(errors="surrogateescape")


_PART = st.text(st.sampled_from("ab1.-+%@:/?#&=,[]$~!*ä"), max_size=6)


_OPTION = st.sampled_from(["", "password=", "sslmode=", "options=", "host="])


def ours(url: str) -> dict[str, str] | None:
    try:
        return given_in(url)
    except GiveUp:
        return None


def theirs(url: str) -> dict[str, str] | None:
    try:
        return {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.ProgrammingError:
        return None
    except UnicodeDecodeError:  # bytes that libpq takes and psycopg cannot show
        hypothesis.reject()


@hypothesis.given(_PART, _PART, _PART, _PART, _OPTION, _PART)
def test_what_is_read_is_what_libpq_reads(
    user: str, password: str, host: str, name: str, option: str, value: str
) -> None:
    url = f"postgresql://{user}:{password}@{host}/{name}?{option}{value}"
    found, wanted = ours(url), theirs(url)
    if wanted is None:  # we take a further `=` as it is, as we always did
        assert found is None or "=" in value or "&" in value
    elif found is not None:
        assert found == {name: value for name, value in wanted.items() if value or f"{name}=" == option}


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zs")), max_size=6)


@hypothesis.given(_TEXT, _TEXT, _TEXT, _TEXT)
def test_what_is_percent_encoded_is_read_whatever_it_is(user: str, password: str, name: str, more: str) -> None:
    told = [quote(text, safe="") for text in (user, password, name, more)]
    url = "postgresql://{}:{}@h%2d1,[::1]:5/{}?application_name={}".format(*told)

    given = {"user": user, "password": password, "dbname": name}
    assert ours(url) == theirs(url) == {
        **{option: value for option, value in given.items() if value},
        "host": "h-1,::1", "port": ",5", "application_name": more,
    }  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://r0:p@s#s/w:o?r%d+&$@127.0.0.1:5432/db",
        "postgresql://r0:pash/word@127.0.0.1/db",
        "postgresql://r0:12/34@127.0.0.1/db",
        "postgresql://r0:pash@word@127.0.0.1/db",
        "postgresql://r0:pash@word/more@127.0.0.1/db",
        "postgresql://r0:pash@word/more?sslmode=more@127.0.0.1/db",
        "postgresql://r0:pash@wo#rd/more",
        "postgresql://r0:12/34?sslmode=more@127.0.0.1/db",
        "postgresql://r0:pa/sh?word=more@127.0.0.1/db",
        "postgresql://r0:pash@wo$rd",
        "postgresql://r0:pash%word@127.0.0.1/db",
        "postgresql://r0:pash%00word@127.0.0.1/db",
        "postgresql://r0@127.0.0.1/db?password=pash&word=more",
        "postgresql://r0@127.0.0.1/db?password=pash&word",
        "postgresql://r0@127.0.0.1/db?pashword",
        "postgresql://r0:pash@[word",
        "postgresql://r0:pash@[word]x/db",
        "postgresql://r0:pash@127.0.0.1:word/db",
        "host=127.0.0.1 password=pash user=word",
        "pash word",
    ],
)
def test_no_part_of_what_cannot_be_read_is_repeated(url: str) -> None:
    with pytest.raises(GiveUp, match="percent-encode") as raised:
        hosts_of(connection_of(url, database="db"))

    said = str(raised.value).replace(MALFORMED, "").replace(HOST_MALFORMED, "")
    assert not any(part in said for part in ("pash", "word", "more", "12", "34", "s#s", "w:o", "r%d", "$", "127"))
    assert "word@" not in str(raised.value).replace("user:password@", "")


def test_an_option_that_is_not_passed_on_is_named() -> None:
    with pytest.raises(GiveUp, match="option 'service' is not one we pass on"):
        connection_of("postgres://u:hush@h/x?service=s", database=None)


def test_ssl_is_read_as_jdbc_writes_it() -> None:
    assert connection_of("postgres://h/x?ssl=true", database=None).settings["PGSSLMODE"] == "require"


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
        "postgres://u:hush@h/%E9",
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

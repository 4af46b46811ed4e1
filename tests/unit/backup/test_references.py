"""References are listed with the hosts that they may be sent to."""

from __future__ import annotations

from pathlib import Path

import pytest

from waterclock.executors.context import GiveUp
from waterclock_worker.executors.backup.postgres.connection import connection_of, hosts_of
from waterclock_worker.executors.reach.hosts import Host, host_pattern, plain
from waterclock_worker.executors.reach.references import listed, listed_in, permit, secret_of

BOOKS = Host("books.example", 5432)


@pytest.mark.parametrize(
    ("entries", "reference", "host"),
    [
        ("env:BOOKS_*@books.example", "env:BOOKS_URL", BOOKS),
        ("env:BOOKS_*@BOOKS.example.", "env:BOOKS_URL", BOOKS),
        ("env:BOOKS_*@books.example:5432", "env:BOOKS_URL", BOOKS),
        ("env:BOOKS_*@a.example|books.example", "env:BOOKS_URL", BOOKS),
        ("env:BOOKS_*@a.example, env:BOOKS_URL@books.example", "env:BOOKS_URL", BOOKS),
        ("env:BOOKS_*@*.example", "env:BOOKS_URL", BOOKS),
        ("env:BOOKS_*@[::1]:5432", "env:BOOKS_URL", Host("::1", 5432)),
        ("env:BOOKS_*@[0:0::1]", "env:BOOKS_URL", Host("::1", 5432)),
        ("file:/run/keys/*@10.0.0.7", "file:/run/keys//a", Host("10.0.0.7", 443)),
        ("file:/run/keys/a@b@books.example", "file:/run/keys/a@b", BOOKS),
        ("file:/run/me@home/key", "file:/run/me@home/key", BOOKS),
        ("env:BOOKS_*", "env:BOOKS_URL", BOOKS),
        ("*", "file:/anything", BOOKS),
    ],
)
def test_a_reference_may_be_sent_to_the_hosts_it_is_listed_with(entries: str, reference: str, host: Host) -> None:
    permit("x", reference, listed_in(entries), host, setting="LIST")


@pytest.mark.parametrize(
    ("entries", "reference", "host"),
    [
        ("", "env:BOOKS_URL", BOOKS),
        ("env:BOOKS_*@books.example", "env:OTHER", BOOKS),
        ("env:BOOKS_*@books.example", "env:BOOKS_URL", Host("books.example.evil", 5432)),
        ("env:BOOKS_*@books.example", "env:BOOKS_URL", Host("evil-books.example", 5432)),
        ("env:BOOKS_*@*.example", "env:BOOKS_URL", Host("example", 5432)),
        ("env:BOOKS_*@books.example", "env:BOOKS_URL", Host("booksxexample", 5432)),
        ("env:BOOKS_*@books.example:443", "env:BOOKS_URL", BOOKS),
        ("env:BOOKS_*@a.example, env:O@books.example", "env:BOOKS_URL", BOOKS),
        ("env:BOOKS_*@127.0.0.1", "env:BOOKS_URL", Host("127.1", 5432)),
        ("env:BOOKS_*@127.0.0.1", "env:BOOKS_URL", Host("::ffff:7f00:1", 5432)),
        ("file:/run/keys/*@books.example", "file:/run/keys/../../etc/passwd", BOOKS),
        ("file:/run/keys/*@books.example", "file:/run/keys", BOOKS),
        ("file:/run/me@home", "file:/run/me@home", BOOKS),  # read as the host `home`
        ("env:BOOKS_URL@books.example", "env:BOOKS_URL\n", BOOKS),
    ],
)
def test_it_goes_nowhere_else(entries: str, reference: str, host: Host) -> None:
    with pytest.raises(GiveUp, match=r"^x: this worker may not"):
        permit("x", reference, listed_in(entries), host, setting="LIST")


def test_a_refusal_names_the_entry_that_would_allow_it() -> None:
    with pytest.raises(GiveUp, match=r"may not send env:A to evil\.example:443 \(LIST .* env:A@evil\.example would"):
        permit("x", "env:A", listed_in("env:A@books.example"), Host("evil.example", 443), setting="LIST")


@pytest.mark.parametrize(
    "entry",
    ["env:A@", "env:A@https://b.example", "env:A@b c", "env:A@u@b", "env:A@b:0", "env:A@b:70000", "@b", "env:A@b|"],
)
def test_an_entry_that_names_no_hosts_after_its_sign_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="write"):
        listed(entry)


def test_an_entry_reads_back_as_it_is_written() -> None:
    for entry in ("env:A@b.example|[::1]:5432", "file:/run/a@b@c:1", "env:*"):
        assert str(listed(entry)) == entry


@pytest.mark.parametrize("name", ["Books.Example", "books.example.", "BOOKS.EXAMPLE."])
def test_a_host_has_one_spelling(name: str) -> None:
    assert plain(name) == "books.example"
    assert host_pattern("*.bücher.internal:443").fits(Host(plain("a.BÜCHER.internal."), 443))
    assert host_pattern("bücher.internal").fits(Host(plain("xn--bcher-kva.internal"), 1))
    assert host_pattern("[::0:1]").fits(Host(plain("0::1"), 1))


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://u:p@books.example/b", ["books.example:5432"]),
        ("postgresql://u:p@Books.Example:6432/b", ["books.example:6432"]),
        ("postgresql://a,c:1/b", ["a:5432", "c:1"]),
        ("postgresql://a%2Cevil/b", ["a:5432", "evil:5432"]),
        ("postgresql://[::1]:2/b", ["[::1]:2"]),
        ("postgresql://books.example/b?host=evil", ["evil:5432"]),
        ("postgresql://books.example/b?hostaddr=6.6.6.6", ["books.example:5432", "6.6.6.6:5432"]),
        ("postgresql://books.example/b?host=a,evil&port=1,2", ["a:1", "evil:2"]),
        ("postgresql:///b", ["localhost:5432"]),
        ("postgresql:///b?port=9", ["localhost:9"]),
        ("postgresql:///b?host=/run/postgresql", ["localhost:5432"]),
        ("postgresql:///b?host=@abstract", ["localhost:5432"]),
        ("postgresql://%2Frun/b", ["localhost:5432"]),
    ],
)
def test_all_hosts_of_a_url_are_seen(url: str, hosts: list[str]) -> None:
    assert [str(host) for host in hosts_of(connection_of(url, database=None))] == hosts


@pytest.mark.parametrize("port", ["x", "\u0663", "-1"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(GiveUp, match="port is malformed"):
        hosts_of(connection_of(f"postgresql:///b?port={port}", database=None))


def test_a_service_is_not_looked_up() -> None:
    with pytest.raises(GiveUp, match="'service' is not one we pass on"):
        connection_of("postgresql://books.example/b?service=evil", database=None)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(GiveUp, match="no such file"):
        secret_of("x", f"file:{tmp_path}", {})
    with pytest.raises(GiveUp, match="no such file"):
        secret_of("x", "file:/dev/zero", {})

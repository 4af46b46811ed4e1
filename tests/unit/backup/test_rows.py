"""Rows are counted in what pg_restore writes, however it is cut into pieces."""

from __future__ import annotations

import msgspec
import pytest

from waterclock_worker.executors.backup.faults import Damaged
from waterclock_worker.executors.backup.postgres import rows
from waterclock_worker.executors.backup.postgres.encoding import client_of, told
from waterclock_worker.executors.backup.postgres.rows import RowCounter, largest

SCRIPT = rb"""--
-- PostgreSQL database dump
--

\restrict abc

SET client_encoding = 'UTF8';
COPY public.tides (id, height, place) FROM stdin;
1	0.5	harbour\nof COPY public.x FROM stdin;
2	\N	\\.
COPY public.fake (a) FROM stdin;
\.


COPY public.empty (id) FROM stdin;
\.


COPY sales."We ird""." (id, "a ) FROM stdin;") FROM stdin;

\.


COPY public.bare  FROM stdin;


\.

SELECT pg_catalog.setval('public.s', 7, true);
"""
ROWS = {"public.tides": 3, "public.empty": 0, 'sales."We ird""."': 1, "public.bare": 2}


@pytest.mark.parametrize("length", [1, 2, 3, 7, 50, 10_000])
def test_the_rows_of_each_table_are_counted(length: int) -> None:
    counter = RowCounter()
    for at in range(0, len(SCRIPT), length):
        counter.feed(SCRIPT[at : at + length])

    assert counter.finish() == ROWS


def test_a_script_that_ends_within_a_table_is_damaged() -> None:
    counter = RowCounter()
    counter.feed(SCRIPT[: SCRIPT.index(b"2\t")])

    with pytest.raises(Damaged, match=r"public\.tides do not end"):
        counter.finish()


@pytest.mark.parametrize(
    "head",
    [
        b"COPY (SELECT 1) TO stdout;",
        b'COPY public."a\0" FROM stdin;',
        b'COPY "a\0".t FROM stdin;',
        b"COPY a\0.t FROM stdin;",
    ],
)
def test_a_head_that_cannot_be_read_is_not_passed_over(head: bytes) -> None:
    with pytest.raises(Damaged, match="head"):
        RowCounter().feed(head + b"\n")


def test_a_row_of_any_length_is_not_kept() -> None:
    counter = RowCounter()
    counter.feed(b"COPY public.t (a) FROM stdin;\nfirst\n")
    for _ in range(100):
        counter.feed(b"x" * 1000)
        assert counter.held < 10
    counter.feed(b"\nlast\n\\")
    counter.feed(b".\n")

    assert counter.finish() == {"public.t": 3}


def test_a_head_without_an_end_is_damaged() -> None:
    counter = RowCounter()
    counter.feed(b"COPY " + b"x" * (1 << 19))

    with pytest.raises(Damaged, match="no end of it"):
        counter.feed(b"x" * (1 << 19))


def test_a_head_of_blanks_is_not_tried_for_ever() -> None:
    with pytest.raises(Damaged, match="head"):
        RowCounter().feed(b"COPY public.t" + b" " * 1_000_000 + b"\n")


def test_more_tables_than_a_database_has_are_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_TABLES_MOST", 3)
    counter = RowCounter()

    with pytest.raises(Damaged, match="more than 3 tables"):
        counter.feed(b"".join(b"COPY public.t%d (a) FROM stdin;\n\\.\n" % number for number in range(4)))


NAMES = [
    '"line\nbreak"',
    '"a;b"',
    '"it\'s"',
    '"--"',
    '"\n\\.\n"',
    '"x"" FROM stdin;\n1\n\\.\n"',
    '"\nCOPY public.other (a) FROM stdin;\n1\n\\.\n"',
    '"\\\\"',
    '"naïve"',
    '"表"',
]


@pytest.mark.parametrize("length", [1, 2, 5, 10_000])
@pytest.mark.parametrize("name", NAMES)
def test_a_quoted_name_may_hold_anything(name: str, length: int) -> None:
    script = (
        f"SELECT pg_catalog.setval('public.{name.replace(chr(39), chr(39) * 2)}', 7, true);\n"
        f"REFRESH MATERIALIZED VIEW public.{name};\n"
        f"COPY public.{name} ({name}, {name}) FROM stdin;\n1\n2\n\\.\n\n"
        f"COPY {name}.t ({name}) FROM stdin;\n\\.\n\n-- it's done\n\n\\unrestrict a\n"
    ).encode()
    counter = RowCounter()
    for at in range(0, len(script), length):
        counter.feed(script[at : at + length])

    assert counter.finish() == {f"public.{name}": 2, f"{name}.t": 0}


def test_the_column_of_a_spreadsheet() -> None:
    counter = RowCounter()
    counter.feed(b'COPY public.t ("line\nbreak") FROM stdin;\n1\n2\n\\.\n')

    assert counter.finish() == {"public.t": 2}


@pytest.mark.parametrize(
    ("encoding", "raw", "name"),
    [
        ("WIN1252", b'public."na\xefve"', 'public."naïve"'),
        ("WIN1252", b'public."a\x81"', 'public."a\\x81"'),
        ("LATIN1", b'public."na\xefve"', 'public."naïve"'),
        ("EUC_JP", b'public."\xc9\xbd"', 'public."表"'),
        ("EUC_TW", b'public."\xc4\xe3"', 'public."\\xc4\\xe3"'),
        ("SJIS", b'public."\x95\x5c"', 'public."表"'),
        ("SQL_ASCII", b'public."a\xff"', 'public."a\\xff"'),
        ("MULE_INTERNAL", b'public."a\xff"', 'public."a\\xff"'),
        ("UTF8", 'public."表"'.encode(), 'public."表"'),
    ],
)
def test_names_are_read_in_the_dumps_encoding(encoding: str, raw: bytes, name: str) -> None:
    counter = RowCounter()
    counter.feed(b"SET client_encoding = '%b';\nCOPY %b (a) FROM stdin;\n1\n\\.\n" % (encoding.encode(), raw))

    counts = counter.counts()
    assert (counts.rows, counts.names, counts.encoding) == ({name: 1}, {name: raw}, encoding)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("UTF8", b'"a\xc3"'),
        ("EUC_JP", b'"a\xc9"'),
        ("EUC_JP", b'"a\x8f\xc9"'),
        ("EUC_TW", b'"a\x8e\xa1\xa1"'),
        ("SJIS", b'"a\x81"'),
        ("GBK", b'"a\x81"'),
        ("MULE_INTERNAL", b'"a\xff"'),
        ("LATIN99", b'"a\xff"'),
    ],
)
def test_no_name_in_which_a_quote_is_the_half_of_a_character_is_told_to_psql(encoding: str, name: bytes) -> None:
    assert told(name, encoding) is None


@pytest.mark.parametrize(
    ("encoding", "name", "client", "words"),
    [
        ("UTF8", '"表"'.encode(), "UTF8", '"表"'.encode()),
        ("WIN1252", b'"a\x81\xef"', "WIN1252", b'"a\x81\xef"'),
        ("SQL_ASCII", b'"a\xff"', "SQL_ASCII", b'"a\xff"'),
        ("EUC_JP", b'"\xc9\xbd"', "EUC_JP", b'"\xc9\xbd"'),
        ("EUC_TW", b'"\x8e\xa1\xa1\xa1"', "EUC_TW", b'"\x8e\xa1\xa1\xa1"'),
        ("SJIS", b'"\x95\x5c"', "UTF8", '"表"'.encode()),
        ("LATIN99", b"public.a", "UTF8", b"public.a"),
    ],
)
def test_psql_is_told_names_in_an_encoding_that_it_reads_as_we_do(
    encoding: str, name: bytes, client: str, words: bytes
) -> None:
    assert (client_of(encoding), told(name, encoding)) == (client, words)


def test_as_many_tables_are_shown_as_a_result_can_hold() -> None:
    usual = {f"public.{'t' * 63}{number:03}": number for number in range(300)}
    assert largest(usual) == [f"public.{'t' * 63}{number:03}" for number in range(299, 99, -1)]

    odd = {f'"{chr(34) * 120}{number:03}".t': 1 for number in range(300)}
    shown = largest(odd)
    assert shown == sorted(odd)[: len(shown)]
    assert 30_000 < len(msgspec.json.encode(shown)) < 40_960


def test_what_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(Damaged) as raised:
        RowCounter().feed(b"COPY hush hush;\n")

    assert "hush" not in str(raised.value)


def test_a_script_that_ends_within_a_statement_is_damaged() -> None:
    counter = RowCounter()
    counter.feed(b"SELECT pg_catalog.setval('public.s")

    with pytest.raises(Damaged, match="ends within a statement"):
        counter.finish()


@pytest.mark.parametrize("mib", [5, 10, 20, 40])
def test_nothing_is_kept_of_a_picture(mib: int) -> None:
    counter, piece = RowCounter(), b"5c" * (32 * 1024)
    counter.feed(b"COPY public.pictures (a) FROM stdin;\n\\\\x")
    for _ in range(mib * 2 * 16):
        counter.feed(piece)
        assert counter.held < 4
    counter.feed(b"\n\\.\n")

    assert counter.finish() == {"public.pictures": 1}


@pytest.mark.parametrize("piece", [1, 64 * 1024])
def test_each_byte_is_looked_at_a_bounded_number_of_times(piece: int) -> None:
    """Of a row, a text and a comment without an end, however they come, nothing is kept."""
    for beginning in (b"COPY public.t (a) FROM stdin;\n", b"SELECT '", b"-- "):
        counter = RowCounter()
        counter.feed(beginning)
        for _ in range(100):
            counter.feed(b"x" * piece)
            assert counter.held <= 8

"""Rows are counted in what pg_restore writes, however it is cut into pieces."""

from __future__ import annotations

import pytest

from waterclock_worker.executors.backup import rows
from waterclock_worker.executors.backup.faults import Damaged
from waterclock_worker.executors.backup.rows import RowCounter

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

"""Names and rows as others write them: a good backup is proved whatever its tables are called, in any encoding."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.integration.backup.stage import environment, run_backup
from tests.integration.backup.test_drill import run_drill
from tests.support.servers import Bucket
from waterclock_worker.executors.backup.postgres.rows import RowCounter
from waterclock_worker.executors.restore_drill import DrillResult

HEADINGS = r"""
CREATE TABLE t ("line
break" int);
INSERT INTO t VALUES (1), (2);
CREATE SCHEMA "sche
ma; it's";
CREATE TABLE "sche
ma; it's"."
COPY public.fake (a) FROM stdin;
\.
" ("x"") FROM stdin;" text, "a;--" serial);
INSERT INTO "sche
ma; it's"."
COPY public.fake (a) FROM stdin;
\.
" VALUES (E'\\.\n\\.');
CREATE MATERIALIZED VIEW "se
en" AS SELECT * FROM t;
SELECT lo_from_bytea(0, 'it''s; COPY a FROM stdin;');
CREATE TABLE wide (picture bytea);
ALTER TABLE wide ALTER picture SET STORAGE EXTERNAL;
INSERT INTO wide VALUES (decode(repeat('5c2e0a5c', 262144), 'hex'));
"""
"""The headings of a spreadsheet, names that look like a script's words, and a row of 1 MB."""
WORDS = {"WIN1252": "naïve", "EUC_JP": "表", "SQL_ASCII": "\udcff"}
BEYOND = {"WIN1252": "\udc81", "EUC_JP": "\udca1\udcc1", "SQL_ASCII": "\udce9\udcfe"}
"""Bytes that mean nothing in UTF-8, or have no like there."""
CODECS = {"WIN1252": "cp1252", "EUC_JP": "euc_jp", "SQL_ASCII": "utf-8"}


@contextmanager
def database(url: str, encoding: str) -> Generator[str]:
    """The URL of a database with an owner of its own, who may make others and nothing else."""
    name, at = f"names_{secrets.token_hex(6)}", urlsplit(url)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN CREATEDB PASSWORD 'x'".encode())
        admin.execute(
            f"CREATE DATABASE {name} OWNER {name} ENCODING '{encoding}' TEMPLATE template0"
            " LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc".encode()
        )
        try:
            yield at._replace(netloc=f"{name}:x@{at.hostname}:{at.port}", path=f"/{name}").geturl()
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
            admin.execute(f"DROP ROLE {name}".encode())


async def test_names_may_hold_anything_and_a_long_row_is_read_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, s3: Bucket
) -> None:
    readers: set[int] = set()
    feed = RowCounter.feed

    def seen(counter: RowCounter, piece: bytes) -> None:
        readers.add(threading.get_ident())
        feed(counter, piece)

    monkeypatch.setattr(RowCounter, "feed", seen)
    with database(postgres_url, "UTF8") as url:
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(HEADINGS.encode())
        surroundings = environment(url, s3)
        await run_backup(surroundings)

        result: DrillResult = (await run_drill(surroundings, {"compareWithSource": True})).result

    odd = '"sche\nma; it\'s"."\nCOPY public.fake (a) FROM stdin;\n\\.\n"'
    assert {one.table: one.rows for one in result.counts} == {"public.t": 2, odd: 1, "public.wide": 1}
    assert readers
    assert threading.get_ident() not in readers


@pytest.mark.parametrize("encoding", WORDS)
async def test_a_database_may_have_any_encoding(postgres_url: str, s3: Bucket, encoding: str) -> None:
    def written(text: str) -> bytes:
        return b"".join(
            bytes([ord(sign) - 0xDC00]) if "\udc80" <= sign <= "\udcff" else sign.encode(CODECS[encoding])
            for sign in text
        )

    word, beyond = WORDS[encoding], BEYOND[encoding]
    table = written(f'public."{word}{beyond}"')
    with database(postgres_url, encoding) as url:
        with psycopg.connect(url, autocommit=True, client_encoding=encoding) as owner:
            owner.pgconn.exec_(b"CREATE TABLE %b (a text); INSERT INTO %b VALUES ('%b')" % (table, table, table))
            owner.pgconn.exec_(b'CREATE SCHEMA "%b"; CREATE TABLE "%b".left_out (a int)' % ((written(word),) * 2))
        surroundings = environment(url, s3)
        patterns = {} if encoding == "SQL_ASCII" else {"excludeTables": [f"{word}.left_*"]}
        await run_backup(surroundings, patterns)

        result: DrillResult = (await run_drill(surroundings, {"compareWithSource": True})).result

    shown = table.decode(CODECS[encoding], errors="backslashreplace")
    others = {'"\\xff".left_out': 0} if encoding == "SQL_ASCII" else {}
    assert {one.table: one.rows for one in result.counts} == {shown: 1} | others

"""The archive: every event, in the order of its partition; the log's cold tier.

The lines of a `step.log` lie in `log_lines`, where they can be deleted for good; the event itself is kept as a stub
and gets its lines back when it is read, as long as they are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from waterclock.model.events import LogLine, StepLogged
from waterclock.model.positions import Position
from waterclock.model.readmodels.change_types import LineInsert
from waterclock.model.timestamps import stamp
from waterclock.store.connection.lanes import Connections
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire import chain
from waterclock.wire.envelope import Entry, UnknownEvent, read_document
from waterclock.wire.salvage import told_by

STEP_LOG = "step.log"
KIND_MOST = 200  # characters of a type that nobody knows
_EPOCH = datetime.fromtimestamp(0, UTC)
_LAST = 2**63 - 1
_PAGE = 2_000  # entries read at once

_encoder = msgspec.json.Encoder()
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Page(NamedTuple):
    """`size`: bytes of documents and lines; `last`: nothing follows within the bounds."""

    entries: list[Entry]
    size: int
    last: bool


async def write(connection: Connection, entries: Iterable[Entry], lines: Iterable[LineInsert]) -> bytes:
    """Archive entries, and the lines that are to be kept of them, in the caller's transaction; their leaves."""
    leaves: list[bytes] = []
    async with connection.cursor() as cursor:
        async with cursor.copy(statement("copy_events")) as copy:
            copy.set_types(["int4", "int8", "int8", "text", "timestamptz", "text", "text", "text", "bytea"])
            for entry in entries:
                row = _row(entry)
                leaves.append(_leaf(entry, row))
                await copy.write_row(row)
        if rows := [_line_row(line) for line in lines]:
            async with cursor.copy(statement("copy_log_lines")) as copy:
                for row in rows:
                    await copy.write_row(row)
    return b"".join(leaves)


async def link(connection: Connection, entries: Sequence[Entry], leaves: bytes) -> None:
    """Link what was archived to the chain of its partition, in the same transaction."""
    first, last = entries[0].position, entries[-1].position
    of = chain.place(first.partition, first[1:], last[1:])
    at = {"partition": last.partition, "first_epoch": first.epoch, "first_seq": first.seq, "at": entries[-1].at}
    arguments = {**at, "epoch": last.epoch, "seq": last.seq, "place": of, "leaves": leaves}
    await connection.execute(statement("link_chain"), arguments)


async def position(connection: Connection, partition: int) -> Position | None:
    """The last event that is archived and projected; None before the first."""
    cursor = await connection.execute(statement("position"), {"partition": partition})
    row = await cursor.fetchone()
    return Position(partition, row[0], row[1]) if row is not None and row[0] > 0 else None


async def entries(
    connection: Connection, partition: int, after: Position | None, before: Position | None, limit: int
) -> list[Entry]:
    """Entries strictly between two positions, oldest first, at most `limit`."""
    rows = await _rows(connection, partition, after, before, limit, _LAST)
    return await entries_of(connection, partition, rows)


async def page(
    connection: Connection, partition: int, after: Position | None, before: Position | None, limit: int, most: int
) -> Page:
    """The same, no more than come to `most` bytes, but one in any case."""
    rows = await _rows(connection, partition, after, before, limit, most)
    return await page_of(connection, partition, rows, limit, most)


async def page_of(
    connection: Connection, partition: int, rows: Sequence[tuple[Any, ...]], limit: int, most: int
) -> Page:
    """The page that begins with rows with the columns of `sql/entries.sql`, which were read by the same bounds."""
    sizes = await line_sizes(connection, [(row[5], row[0], row[1]) for row in rows if row[6] == STEP_LOG])
    size = taken = 0
    for row in rows:
        if taken and size >= most:
            break
        size += len(row[4]) + sizes.get((row[0], row[1]), 0)
        taken += 1
    last = taken == len(rows) < limit and size < most
    return Page(await entries_of(connection, partition, rows[:taken]), size, last)


async def entries_of(connection: Connection, partition: int, rows: Sequence[tuple[Any, ...]]) -> list[Entry]:
    """Entries made of rows with the columns of `sql/entries.sql`, with the lines that are left of them."""
    lines = await lines_of(connection, [(row[5], row[0], row[1]) for row in rows if row[6] == STEP_LOG])
    return [_entry(partition, row, lines) for row in rows]


async def line_sizes(connection: Connection, places: Sequence[tuple[str, int, int]]) -> dict[tuple[int, int], int]:
    """How many bytes of lines are left of some events, by epoch and seq."""
    if not places:
        return {}
    cursor = await connection.execute(statement("line_sizes"), _named_places(places))
    return {(epoch, seq): size for epoch, seq, size in await cursor.fetchall()}


async def places(connection: Connection, found: Sequence[Position]) -> dict[Position, tuple[str, int]]:
    """Those of some entries of one partition that are archived: the entry before, and the time in ms."""
    if not found:
        return {}
    partition = found[0].partition
    named = {"epochs": [one.epoch for one in found], "seqs": [one.seq for one in found]}
    cursor = await connection.execute(statement("known_entries"), {"partition": partition, **named})
    return {Position(partition, epoch, seq): (prev, at) for epoch, seq, prev, at in await cursor.fetchall()}


async def count_after(connection: Connection, partition: int, after: Position | None) -> int:
    """How many archived entries stand after one that is archived; None: all."""
    epoch, seq = (after.epoch, after.seq) if after is not None else (0, 0)
    cursor = await connection.execute(statement("count_after"), {"partition": partition, "epoch": epoch, "seq": seq})
    row = await cursor.fetchone()
    assert row is not None
    return row[0]


class ArchiveReader:
    """The archive as the readers of the log want it, to fill what was trimmed."""

    def __init__(self, pool: Connections) -> None:
        self._pool = pool

    async def entries(self, partition: int, after: Position | None, before: Position) -> list[Entry]:
        """The entries strictly between two positions, oldest first: all of them."""
        found: list[Entry] = []
        async with self._pool.connection() as connection:
            while page := await entries(connection, partition, after, before, _PAGE):
                found += page
                after = page[-1].position
                if len(page) < _PAGE:
                    break
        return found


async def _rows(
    connection: Connection, partition: int, after: Position | None, before: Position | None, limit: int, most: int
) -> Sequence[tuple[Any, ...]]:
    first, end = after or (partition, -1, -1), before or (partition, _LAST, _LAST)
    bounds = {"after_epoch": first[1], "after_seq": first[2], "before_epoch": end[1], "before_seq": end[2]}
    arguments = {"partition": partition, "limit": limit, "bytes": most, **bounds}
    cursor = await connection.execute(statement("entries"), arguments)
    return await cursor.fetchall()


def _named_places(places: Sequence[tuple[str, int, int]]) -> dict[str, list[Any]]:
    runs, epochs, seqs = zip(*places, strict=True)
    return {"runs": list(runs), "epochs": list(epochs), "seqs": list(seqs)}


async def make_months(connection: Connection) -> None:
    """Have tables ready for the events of this month and the next ones."""
    await connection.execute(statement("make_months"))


def storable(entry: Entry) -> tuple[str, str | None, str | None]:
    """Type, job and run of an entry, as columns hold them."""
    event = entry.event
    if isinstance(event, UnknownEvent):
        told = told_by(entry.document)
        return _storable(event.named)[:KIND_MOST], told.job_id, told.run_id
    ids = _id(getattr(event, "job_id", None)), _id(getattr(event, "run_id", None))
    return str(event.__struct_config__.tag), *ids


def _row(entry: Entry) -> tuple[Any, ...]:
    place, event, document = entry.position, entry.event, entry.document
    if isinstance(event, StepLogged) and event.lines:
        document = _stub(document, event.lines)
    at = _EPOCH + timedelta(milliseconds=entry.at)
    return place.partition, place.epoch, place.seq, entry.prev, at, *storable(entry), document


def _id(found: str | None) -> str | None:
    """Postgres has no text with a NUL, and nothing has such a name."""
    return None if found is not None and "\0" in found else found


def _leaf(entry: Entry, row: tuple[Any, ...]) -> bytes:
    kind, job_id, run_id, document = row[5:]
    return chain.leaf(entry.position.epoch, entry.position.seq, entry.prev, entry.at, kind, job_id, run_id, document)


def _line_row(line: LineInsert) -> tuple[Any, ...]:
    text = _storable(line.text)
    place = (line.partition, line.epoch, line.seq, line.line)
    return *place, line.job_id, line.run_id, line.attempt, line.step, line.at, line.level, text


def _storable(text: str) -> str:
    """Postgres has no text with a NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _stub(document: bytes, lines: Sequence[LogLine]) -> bytes:
    members = _members.decode(document)
    kept = [{"at": line.at, "level": line.level, "text": _storable(line.text)} for line in lines]
    members["lines"], members["linesCount"] = msgspec.Raw(b"[]"), msgspec.Raw(b"%d" % len(lines))
    members["linesDigest"] = msgspec.Raw(_encoder.encode(chain.lines_digest(kept)))
    return _encoder.encode(members)


def _filled(stub: bytes, lines: Sequence[dict[str, str]]) -> bytes:
    """The document that the stub was made of, if all lines are still there."""
    members = _members.decode(stub)
    if bytes(members.get("linesCount", b"0")) != b"%d" % len(lines):
        return stub
    members["lines"] = msgspec.Raw(_encoder.encode(lines))
    for name in ("linesCount", "linesDigest"):
        members.pop(name, None)
    return _encoder.encode(members)


Lines = dict[tuple[int, int], list[dict[str, str]]]


async def lines_of(connection: Connection, places: list[tuple[str, int, int]]) -> Lines:
    if not places:
        return {}
    cursor = await connection.execute(statement("lines_of_entries"), _named_places(places))
    found: Lines = {}
    for epoch, seq, at, level, text in await cursor.fetchall():
        found.setdefault((epoch, seq), []).append({"at": stamp(at), "level": level, "text": text})
    return found


def _entry(partition: int, row: tuple[Any, ...], lines: Lines) -> Entry:
    epoch, seq, prev, at, document = row[:5]
    if (own := lines.get((epoch, seq))) is not None:
        document = _filled(document, own)
    return read_document(Position(partition, epoch, seq), prev, at, document)

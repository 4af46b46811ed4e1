"""How many rows of which table a dump holds, by what pg_restore makes of it: COPY blocks, one line a row.

The script is read as bytes, for names stand in it in the dump's own encoding. Outside the blocks it is statements, in
whose quotes may stand line breaks, semicolons and whatever looks like another statement. In a block no row begins with
a backslash and a dot, and no line break stands within one: COPY writes both otherwise. Each byte is looked at a bounded
number of times, and nothing is kept but the head of a block.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from waterclock_worker.executors.backup.faults import Damaged
from waterclock_worker.executors.backup.postgres.encoding import UTF8, shown

_NAME = rb'(?:"(?:[^"\0]|"")+"|[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*)'
_COPY = re.compile(
    rb"COPY (?P<table>%b\.%b) {0,9}(?:\(.*\))? {0,9}FROM stdin;" % (_NAME, _NAME), re.DOTALL
)  # bounded: it is tried in each division
_ENCODING = re.compile(rb"SET client_encoding = '(?P<name>[A-Za-z0-9_]{1,40})';")
_KEPT = (b"COPY ", b"SET client_encoding ")  # how the statements begin that are read
_BLANKS = re.compile(rb"[ \t\r\n;]*")
_SIGN = re.compile(rb"""[;'"]""")
_LINE = b"-\\"  # how lines begin that are no statement: comments, and words of psql
_END = b"\n\\.\n"
_SEAM = len(_END) - 1
_HEAD_MOST = 1024 * 1024  # bytes of a block's head
_TABLES_MOST = 500_000
_SHOWN = 200  # tables in a result
_SHOWN_MOST = 40 * 1024  # bytes of JSON that they may take there: a name alone can take 2 KB
_OVERHEAD = 40  # what a table takes there beside its name


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What a dump holds."""

    rows: Mapping[str, int]
    """By the table's name, quoted as SQL writes it, as it may be shown."""
    names: Mapping[str, bytes]
    """The same names as the dump has them."""
    encoding: str
    """What the dump is written in, by PostgreSQL's name."""


def largest(rows: Mapping[str, int]) -> list[str]:
    """The names of the tables with the most rows, that a result can hold: at most 200."""
    found: list[str] = []
    size = 0
    for table in sorted(rows, key=lambda table: (-rows[table], table))[:_SHOWN]:
        size += len(msgspec.json.encode(table)) + _OVERHEAD
        if size > _SHOWN_MOST:
            break
        found.append(table)
    return found


class RowCounter:
    """Fed with the script of `pg_restore --data-only`, in pieces of any length."""

    def __init__(self) -> None:
        self._rows: dict[bytes, int] = {}
        self._encoding = UTF8
        self._read = self._between
        self._table = b""  # whose block is open
        self._head: bytearray | None = None  # of a statement, while it may be one that is read
        self._quote = b""  # that is open
        self._rest = b""  # of a block, where its end may begin
        self._at = 0  # bytes before this piece

    @property
    def held(self) -> int:
        """Bytes that are kept for the next piece."""
        return len(self._rest) + len(self._head or b"")

    def feed(self, piece: bytes) -> None:
        """
        Raises:
            Damaged: a block's head is not as pg_restore writes it, or there are more than a database has.
        """
        at = 0
        while at < len(piece):
            at = self._read(piece, at)
        self._at += len(piece)

    def finish(self) -> dict[str, int]:
        """The counts, by table.

        Raises:
            Damaged: the script ends within a block or a statement.
        """
        return dict(self.counts().rows)

    def counts(self) -> Counts:
        """As `finish`, with what it takes to ask a database for these tables."""
        if self._read == self._in_block:
            raise Damaged(f"the rows of {shown(self._table, self._encoding)} do not end")
        if self._read == self._statement:
            raise Damaged("the script of pg_restore ends within a statement")
        rows: dict[str, int] = {}
        names: dict[str, bytes] = {}
        for raw, count in self._rows.items():
            name = shown(raw, self._encoding)
            if name in rows:
                name = f"{name} ({raw.hex()})"
            rows[name], names[name] = count, raw
        return Counts(rows=rows, names=names, encoding=self._encoding)

    def _between(self, piece: bytes, at: int) -> int:
        """Before a statement."""
        blanks = _BLANKS.match(piece, at)
        at = at if blanks is None else blanks.end()
        if at < len(piece):
            self._head = bytearray()
            self._read = self._line if piece[at] in _LINE else self._statement
        return at

    def _line(self, piece: bytes, at: int) -> int:
        self._head = None
        end = piece.find(b"\n", at)
        if end < 0:
            return len(piece)
        self._read = self._between
        return end + 1

    def _statement(self, piece: bytes, at: int) -> int:
        """On to the next quote, to the end of one, or to the statement's end. A doubled quote ends one and opens it."""
        quote, ended = self._quote, False
        if quote:
            place = piece.find(quote, at)
            end = place + 1 if place >= 0 else len(piece)
            self._quote = b"" if place >= 0 else quote
        else:
            found = _SIGN.search(piece, at)
            end = len(piece) if found is None else found.end()
            ended = found is not None and found[0] == b";"
            self._quote = b"" if found is None or ended else found[0]
        if self._head is not None:
            self._keep(piece[at:end], within=bool(quote))
        if ended:
            self._end_statement()
        return end

    def _keep(self, part: bytes, *, within: bool) -> None:
        """Hold on to a statement that is to be read. `within`: the part stands in quotes."""
        head = self._head
        assert head is not None
        head += part
        beginning = bytes(head[: max(map(len, _KEPT))])
        if not any(beginning.startswith(kept) or kept.startswith(beginning) for kept in _KEPT):
            self._head = None
        elif len(head) > _HEAD_MOST:
            raise self._no_head(", and no end of it")
        elif not within and b"\n" in part:
            raise self._no_head()

    def _end_statement(self) -> None:
        head, self._head, self._read = bytes(self._head or b""), None, self._between
        if (said := _ENCODING.fullmatch(head)) is not None:
            self._encoding = said["name"].decode()
            return
        found = _COPY.fullmatch(head)
        if found is None:
            if head.startswith(b"COPY "):
                raise self._no_head()
            return
        self._table = found["table"]
        self._rows.setdefault(self._table, 0)
        if len(self._rows) > _TABLES_MOST:
            raise Damaged(f"it names more than {_TABLES_MOST} tables")
        self._read = self._in_block

    def _in_block(self, piece: bytes, at: int) -> int:
        """Count rows by the line breaks before them."""
        if self._rest:
            seam = self._rest + piece[at : at + _SEAM]
            end = seam.find(_END)
            if end >= 0:
                return at + self._end_block(seam, 0, end) - len(self._rest_taken())
            if len(piece) - at < _SEAM:
                return self._to_be_continued(seam, 0, len(piece))
            self._rows[self._table] += self._rest_taken().count(b"\n")
        end = piece.find(_END, at)
        return self._end_block(piece, at, end) if end >= 0 else self._to_be_continued(piece, at, len(piece))

    def _end_block(self, data: bytes, start: int, end: int) -> int:
        self._rows[self._table] += data.count(b"\n", start, end)
        self._read = self._between
        return end + len(_END)

    def _to_be_continued(self, data: bytes, start: int, read: int) -> int:
        """The end may begin in the last bytes, however long a row is."""
        looked_at = max(len(data) - _SEAM, start)
        self._rows[self._table] += data.count(b"\n", start, looked_at)
        self._rest = data[looked_at:]
        return read

    def _rest_taken(self) -> bytes:
        rest, self._rest = self._rest, b""
        return rest

    def _no_head(self, more: str = "") -> Damaged:
        """It is not repeated: nobody knows what it is."""
        place = f"by byte {self._at} of its script"
        return Damaged(f"not a table's head as pg_restore writes it ({place}){more}")

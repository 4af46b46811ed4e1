"""How many rows of which table a dump holds, by what pg_restore makes of it: COPY blocks, one line a row.

In a block no row begins with a backslash and a dot, and no line break stands within one: COPY writes both otherwise.
"""

from __future__ import annotations

import re

from waterclock_worker.executors.backup.faults import Damaged

_NAME = r'(?:"(?:[^"\n\0]|"")+"|[^\W\d][\w$]*)'
_COPY = re.compile(
    rf"COPY (?P<table>{_NAME}\.{_NAME}) {{0,9}}(?:\(.*\))? {{0,9}}FROM stdin;"
)  # bounded: it is tried in each division
_END = b"\n\\.\n"
_HEAD_MOST = 1024 * 1024  # bytes of a line outside the blocks that is looked at
_TABLES_MOST = 500_000


class RowCounter:
    """Fed with the script of `pg_restore --data-only`, in pieces of any length."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}  # by the table's name, quoted as SQL writes it
        self._table: str | None = None  # whose block is open
        self._rest = b""

    @property
    def held(self) -> int:
        """Bytes that are kept for the next piece."""
        return len(self._rest)

    def feed(self, piece: bytes) -> None:
        """
        Raises:
            Damaged: a block's head is not as pg_restore writes it, or there are more than a database has.
        """
        data = self._rest + piece
        while data:
            before = len(data)
            data = self._outside(data) if self._table is None else self._inside(data, self._table)
            if len(data) == before:
                break
        self._rest = data

    def finish(self) -> dict[str, int]:
        """The counts, by table.

        Raises:
            Damaged: the script ends within a block.
        """
        if self._table is not None:
            raise Damaged(f"the rows of {self._table} do not end")
        return self.rows

    def _outside(self, data: bytes) -> bytes:
        """Read lines up to the next block's head; returns what is left, from the line break before its first row."""
        at = 0
        while (end := data.find(b"\n", at)) >= 0:
            line = data[at:end]
            if line.startswith(b"COPY "):
                found = _COPY.fullmatch(line.decode(errors="replace"))
                if found is None:
                    raise Damaged(f"not a table's head as pg_restore writes it: {line[:200]!r}")
                self._table = table = found["table"]
                self.rows.setdefault(table, 0)
                if len(self.rows) > _TABLES_MOST:
                    raise Damaged(f"it names more than {_TABLES_MOST} tables")
                return data[end:]
            at = end + 1
        rest = data[at:]
        if len(rest) <= _HEAD_MOST:
            return rest
        if rest.startswith(b"COPY "):
            raise Damaged(f"not a table's head as pg_restore writes it: {rest[:200]!r}, and no end of it")
        return rest[-1:]

    def _inside(self, data: bytes, table: str) -> bytes:
        """Count rows by the line breaks before them; `data` begins with the first that is not counted, or after it."""
        end = data.find(_END)
        if end >= 0:
            self.rows[table] += data.count(b"\n", 0, end)
            self._table = None
            return data[end + len(_END) :]
        looked_at = max(len(data) - len(_END) + 1, 0)  # the end may begin in what is left, however long a row is
        self.rows[table] += data.count(b"\n", 0, looked_at)
        return data[looked_at:]

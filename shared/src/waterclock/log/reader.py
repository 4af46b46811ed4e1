"""A connection for one blocking loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from waterclock.log.errors import LogUnavailable
from waterclock.log.lines import Line, pack
from waterclock.log.nodes import Nodes
from waterclock.wire.keys import Keys

Fields = dict[bytes, bytes]


class Reader:
    """Not for two tasks at once. After an error the next read connects anew; the caller decides how long it waits."""

    def __init__(self, nodes: Nodes, *, name: str, keys: Keys) -> None:
        self.keys = keys
        self._nodes = nodes
        self._name = name
        self._line: Line | None = None

    @property
    def longest(self) -> float:
        """The longest that a read may block, s: half the socket timeout, so that silence is told from a dead server."""
        return self._nodes.timeout / 2

    async def read(
        self, streams: Mapping[str, str], *, count: int, block: float | None
    ) -> dict[str, list[tuple[str, Fields]]]:
        """Entries after the given ids, by stream; empty if none came within `block` s (at most `longest`).

        Raises:
            LogUnavailable: no answer.
        """
        words: list[str | int] = ["XREAD", "COUNT", count]
        if block is not None:
            words += ["BLOCK", max(1, int(min(block, self.longest) * 1000))]
        words += ["STREAMS", *streams, *streams.values()]
        rows = cast("list[tuple[bytes, list[Any]]] | None", await self._ask(next(iter(streams)), pack(*words)))
        return {stream.decode(): [entry_of(row) for row in found] for stream, found in rows or []}

    async def close(self) -> None:
        if self._line is not None:
            line, self._line = self._line, None
            await line.close()

    async def _ask(self, key: str, command: bytes) -> Any:
        if self._line is None:
            self._line = self._nodes.reader_line(key, name=self._name)
        try:
            if not self._line.server.run_id:
                await self._line.open()
            return await self._line.ask(command)
        except BaseException as error:
            await self.close()
            if self._nodes.clustered and "Moved" in type(error).__name__:
                await self._nodes.look_again()
                raise LogUnavailable(f"{key} has moved.") from error
            raise


def entry_of(row: list[Any]) -> tuple[str, Fields]:
    """An entry as the server gives it: its id and its fields."""
    entry, flat = row
    return entry.decode(), dict(zip(flat[::2], flat[1::2], strict=True))

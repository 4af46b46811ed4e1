"""A connection for one blocking loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from redis.exceptions import ResponseError

from waterclock.log.errors import AccessLost, LogUnavailable, LogUnfit, NotPrimary
from waterclock.log.lines import Line, pack
from waterclock.log.nodes import Node, Nodes
from waterclock.log.passing import MOVED, code_of
from waterclock.wire.keys import Keys

Fields = dict[bytes, bytes]


class Reader:
    """Not for two tasks at once. After an error the next read connects anew; the caller decides how long it waits."""

    def __init__(self, nodes: Nodes, *, name: str, keys: Keys) -> None:
        self.keys = keys
        self._nodes = nodes
        self._name = name
        self._line: Line | None = None
        self._node: Node | None = None  # that it reached, and how often that one's connections had been dropped then
        self._dropped = 0

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
        node = self._nodes.holder(key)
        if self._line is not None and (node is not self._node or node.dropped != self._dropped):
            await self.close()
        if self._line is None:
            self._line = Line(node.target, timeout=self._nodes.timeout, name=self._name)
            self._node, self._dropped = node, node.dropped
        try:
            if not self._line.server.run_id:
                await self._line.open()
            return await self._line.ask(command)
        except BaseException as error:
            await self.close()
            await self._after(node, key, error)
            raise

    async def _after(self, node: Node, key: str, error: BaseException) -> None:
        """
        Raises:
            LogUnavailable: another server is to be asked, or this one refuses us now.
        """
        if isinstance(error, LogUnfit):
            await self._nodes.leave(node)
            raise AccessLost(str(error)) from error
        if isinstance(error, NotPrimary):
            await self._nodes.leave(node)
        if isinstance(error, ResponseError) and code_of(error) in MOVED:
            await self._nodes.look_again()
            raise LogUnavailable(f"{key} has moved.") from error


def entry_of(row: list[Any]) -> tuple[str, Fields]:
    """An entry as the server gives it: its id and its fields."""
    entry, flat = row
    return entry.decode(), dict(zip(flat[::2], flat[1::2], strict=True))

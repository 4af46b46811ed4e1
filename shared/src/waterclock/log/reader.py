"""A connection for one blocking loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, cast

from redis.exceptions import ResponseError

from waterclock.log.connection.connections import Line, pack
from waterclock.log.connection.errors import LogUnavailable, LogUnfit, NotPrimary
from waterclock.log.connection.floors import Floors
from waterclock.log.connection.handshake import WHO, Handshake, check_primary
from waterclock.log.connection.transient import MOVED, code_of
from waterclock.log.topology.node import Node
from waterclock.log.topology.primaries import Nodes
from waterclock.wire.keys import Keys

Fields = dict[bytes, bytes]

_ASK_EVERY = 1.0  # s


class Reader:
    """Not for two tasks at once. After an error the next read connects anew; the caller decides how long it waits.

    With a read it asks once a second whether the server is still the one to ask, and what its gates say.
    """

    def __init__(self, nodes: Nodes, *, name: str, keys: Keys, handshake: Handshake) -> None:
        self.keys = keys
        self._nodes = nodes
        self._name = name
        self._handshake = handshake
        self._line: Line | None = None
        self._node: Node | None = None  # that it reached, and how often that one's connections had been dropped then
        self._dropped = 0
        self._asked_at = float("-inf")
        self._open: dict[str, bool] = {}  # by the key of `meta`: whether the partition was open there at the last look

    @property
    def floors(self) -> Floors:
        return self._handshake.floors

    @property
    def longest(self) -> float:
        """The longest that a read may block, s: silence is told from a dead server, and a demoted one soon left."""
        return min(_ASK_EVERY, self._nodes.timeout / 2)

    def is_open(self, partition: int) -> bool:
        """Whether, at the last look, the partition was open on the server process that it is read from."""
        return self._line is not None and self._open.get(self.keys.partition(partition, "meta"), False)

    async def read(
        self, streams: Mapping[str, str], *, count: int, block: float | None
    ) -> dict[str, list[tuple[str, Fields]]]:
        """Entries after the given ids, by stream; empty if none came within `block` s (at most `longest`).

        Raises:
            LogUnavailable: no answer, or another server is to be asked.
            Foreign: a partition there is another installation's.
        """
        words: list[str | int] = ["XREAD", "COUNT", count]
        if block is not None:
            words += ["BLOCK", max(1, int(min(block, self.longest) * 1000))]
        words += ["STREAMS", *streams, *streams.values()]
        key, command = next(iter(streams)), pack(*words)
        node = self._nodes.holder(key)
        try:
            rows = cast("list[tuple[bytes, list[Any]]] | None", await self._ask(node, streams, command))
        except BaseException as error:
            await self.close()
            await self._after(node, key, error)
            raise
        return {stream.decode(): [entry_of(row) for row in found] for stream, found in rows or []}

    async def close(self) -> None:
        if self._line is not None:
            line, self._line = self._line, None
            await line.close()

    async def _ask(self, node: Node, streams: Iterable[str], command: bytes) -> Any:
        now = asyncio.get_running_loop().time()
        if self._line is not None and (node is not self._node or node.dropped != self._dropped):
            await self.close()
        if self._line is None:
            self._line, self._asked_at = Line(node.target, timeout=self._nodes.timeout, name=self._name), float("-inf")
            await self._line.open()
            await node.met(self._line.server)
            self._node, self._dropped = node, node.dropped
        if now - self._asked_at < _ASK_EVERY:
            return await self._line.ask(command)
        metas = [f"{stream[: stream.index('}') + 1]}:meta" for stream in streams]
        gates = [self._handshake.question(meta) for meta in metas]
        told, *heads, rows = await self._line.ask_all(WHO, *gates, command)
        self._asked_at = now
        check_primary(self._line, self._line.checked(told, WHO))
        for meta, gate, head in zip(metas, gates, heads, strict=True):
            found = self._line.checked(head, gate)
            self._open[meta] = await self._handshake.hear(self._line, meta, found, leave=True)
        return self._line.checked(rows, command)

    async def _after(self, node: Node, key: str, error: BaseException) -> None:
        """
        Raises:
            LogUnavailable: another server is to be asked, or this one refuses us now.
        """
        if isinstance(error, LogUnfit):
            raise await self._nodes.refused(node, error) from error
        if isinstance(error, NotPrimary):
            await self._nodes.leave(node)
        elif isinstance(error, LogUnavailable):
            self._nodes.look_soon()
        if isinstance(error, ResponseError) and code_of(error) in MOVED:
            await self._nodes.look_again()
            raise LogUnavailable(f"{key} has moved.") from error


def entry_of(row: list[Any]) -> tuple[str, Fields]:
    """An entry as the server gives it: its id and its fields."""
    entry, flat = row
    return entry.decode(), dict(zip(flat[::2], flat[1::2], strict=True))

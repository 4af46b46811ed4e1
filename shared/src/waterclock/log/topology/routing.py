"""The way of a call to whoever holds its key; and what happens to that way when the answer is that it is another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from redis.exceptions import AskError, MovedError, ResponseError, TryAgainError

from waterclock.log.connection.addresses import Address
from waterclock.log.connection.connections import Line
from waterclock.log.connection.errors import (
    Halted,
    LogError,
    LogRefuses,
    LogUnavailable,
    LogUnfit,
    NotPrimary,
)
from waterclock.log.connection.transient import FOLLOWED_S, MOVED, NOT_INITIALISED, code_of
from waterclock.log.topology.node import Node
from waterclock.log.topology.primaries import Nodes

_FIRST_REST = 0.05  # s; doubled from one try to the next

Send = Callable[[Line], Awaitable[Any]]


class Routing:
    """Of one process. `let_in`: a script of ours was executed; what is refused later is so for the time being."""

    def __init__(self, nodes: Nodes, *, emptied: Callable[[], LogError]) -> None:
        """`emptied`: what it means that there is nothing where the log should be."""
        self.let_in = False
        self._nodes = nodes
        self._emptied = emptied

    async def carry(self, key: str, send: Send, *, control: bool) -> Any:
        """Do `send` with a connection to whoever holds `key`; a key that moves is followed, for a while.

        Raises:
            LogError: what the answer, or none, stands for.
            ResponseError: the answer is an error that is none of the server's state.
        """
        node = self._nodes.holder(key)
        try:
            async with (node.control if control else node.writer).line() as line:
                return await send(line)
        except ResponseError as error:
            if code_of(error) in MOVED:
                return await self._follow(error, node, key, send)
            raise self._refused(error) from error
        except (LogUnavailable, LogUnfit) as error:
            await self.left(node, error)
            raise

    async def left(self, node: Node, error: LogError) -> None:
        """Leave a server for an error, where that says that it is not the one to ask, and look for the one that is.

        Raises:
            AccessLost: the error says that we may not, though we might before.
        """
        match error:
            case LogUnfit() if self.let_in:
                raise await self._nodes.refused(node, error) from error
            case LogUnfit():
                return
            case LogRefuses():
                if error.lacks_replicas and node.lacks_replicas.met(asyncio.get_running_loop().time()):
                    await self._nodes.leave(node)
            case NotPrimary():
                await self._nodes.leave(node)
            case _:
                self._nodes.look_soon()

    async def _follow(self, error: ResponseError, node: Node, key: str, send: Send) -> Any:
        """Do `send` where its key has gone, or is going."""
        loop, rest = asyncio.get_running_loop(), 0.0
        deadline = loop.time() + FOLLOWED_S
        while True:
            if isinstance(error, TryAgainError):
                rest = rest or _FIRST_REST
            sent_to = self._sent_to(error, node)
            node = sent_to or self._nodes.holder(key)
            await asyncio.sleep(max(0.0, min(rest, deadline - loop.time())))
            rest = 2 * rest or _FIRST_REST
            try:
                async with node.writer.line() as line:
                    line.asking = sent_to is not None and code_of(error) == "ASK"
                    try:
                        return await send(line)
                    finally:
                        line.asking = False
            except ResponseError as again:
                if code_of(again) not in MOVED:
                    raise self._refused(again) from again
                if loop.time() >= deadline:
                    raise LogUnavailable(f"The slot of {key} is still moving.") from again
                error = again
            except (LogUnavailable, LogUnfit) as gone:
                await self.left(node, gone)
                raise

    def _sent_to(self, error: ResponseError, asked: Node) -> Node | None:
        """The node that a reply of another names; None if it names none."""
        if not isinstance(error, AskError) or not self._nodes.clustered:  # a MovedError is an AskError
            return None
        host = cast("str", error.host) or asked.target.address.host
        node = self._nodes.at(Address(host, error.port))
        if isinstance(error, MovedError):
            self._nodes.moved(error.slot_id, node)
        return node

    def _refused(self, error: ResponseError) -> Exception:
        """The error of ours that an answer of a script stands for."""
        said = str(error)
        if said.startswith("HALTED"):
            if self._nodes.halted.met(asyncio.get_running_loop().time()):
                self._nodes.look_soon()  # it may be halted because another has taken its place
            return Halted("The partition is not open on this Redis server.")
        if said.startswith(NOT_INITIALISED):
            return self._emptied()
        return error

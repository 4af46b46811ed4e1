"""Which server holds which partition: one server, or the masters of a cluster."""

from __future__ import annotations

from typing import Any, cast

from redis.crc import key_slot

from waterclock.log.errors import LogUnavailable
from waterclock.log.lines import Address, Lines, Server, Target, pack

WRITERS, CONTROLS = 16, 2  # connections to one server


class Node:
    """One server and the connections to it, by use."""

    def __init__(self, target: Target, *, timeout: float, control_timeout: float, name: str) -> None:
        self.target = target
        self.writer = Lines(target, size=WRITERS, timeout=timeout, name=name)
        self.control = Lines(target, size=CONTROLS, timeout=control_timeout, name=f"{name}-control")
        self.dropped = 0

    async def drop(self) -> None:
        """Use none of the connections to it again; who reads from it by itself connects anew by `dropped`."""
        self.dropped += 1
        await self.writer.drop()
        await self.control.drop()

    async def close(self) -> None:
        await self.writer.close()
        await self.control.close()


class Nodes:
    """All servers of one deployment. Off a cluster there is one, and nothing to look up."""

    def __init__(self, target: Target, *, timeout: float, control_timeout: float, name: str) -> None:
        self.timeout = timeout
        self._control_timeout = control_timeout
        self._name = name
        self._first = target.address
        self._target = target
        first = Node(target, timeout=timeout, control_timeout=control_timeout, name=name)
        self._nodes: dict[Address, Node] = {target.address: first}
        self.owners: list[tuple[int, int, Address]] = []  # slots from, to; empty off a cluster
        self.clustered = False

    async def greet(self) -> Server:
        """Reach the server that the URL names, and learn the cluster behind it if there is one."""
        async with self._nodes[self._first].writer.line() as line:
            server = line.server
        self.clustered = server.cluster
        await self.look_again()
        return server

    def holder(self, key: str) -> Node:
        """The server that holds `key`, as far as we know."""
        if not self.clustered:
            return self._nodes[self._first]
        slot = key_slot(key.encode())
        for first, last, address in self.owners:
            if first <= slot <= last:
                return self._nodes[address]
        raise LogUnavailable(f"No node of the cluster serves slot {slot}.")

    def all(self) -> list[Node]:
        """Every server that holds something."""
        if not self.clustered:
            return [self._nodes[self._first]]
        return [self._nodes[address] for address in dict.fromkeys(owner for _, _, owner in self.owners)]

    async def look_again(self) -> None:
        """Ask who owns which slots: the first node that answers is believed. Off a cluster there is nothing to ask."""
        if not self.clustered:
            return
        failure: LogUnavailable | None = None
        for address in dict.fromkeys([*self._nodes, self._first]):
            try:
                async with self._nodes[address].control.line() as line:
                    rows = cast("list[list[Any]]", await line.ask(pack("CLUSTER", "SLOTS")))
            except LogUnavailable as error:
                failure = error
                continue
            self._learn(rows, asked=address)
            return
        raise LogUnavailable("No node of the cluster answers.") from failure

    async def leave(self, node: Node) -> None:
        """Drop all connections to a server that is not the one to ask, and look for the one that is."""
        await node.drop()
        await self.look_again()

    async def close(self) -> None:
        for node in self._nodes.values():
            await node.close()

    def _learn(self, rows: list[list[Any]], *, asked: Address) -> None:
        owners: list[tuple[int, int, Address]] = []
        for first, last, master, *_ in rows:
            host = cast("bytes", master[0] or b"").decode() or asked.host
            owners.append((first, last, Address(host, master[1])))
        for _, _, address in owners:
            if address not in self._nodes:
                self._nodes[address] = self._node(address)
        self.owners = owners

    def _node(self, address: Address) -> Node:
        return Node(
            self._target.at(address), timeout=self.timeout, control_timeout=self._control_timeout, name=self._name
        )

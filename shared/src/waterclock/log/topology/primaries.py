"""Which server holds which partition: one server, the primary that sentinels name, or the masters of a cluster.

A plain URL's name is resolved anew at each connection. Every few seconds, and whenever a server was not the one to ask,
it is looked who is: where that is another, the connections to the one before are dropped.

It is long: three kinds of deployment behind one face.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from redis.crc import key_slot
from redis.exceptions import ResponseError

from waterclock.kit.randomness import fraction
from waterclock.kit.telemetry.log_lines import Outage, Throttle
from waterclock.log.connection.addresses import Address, Deployment, Target
from waterclock.log.connection.connections import Line, Server, pack
from waterclock.log.connection.errors import (
    AccessLost,
    LogError,
    LogUnavailable,
    LogUnfit,
    NotPrimary,
)
from waterclock.log.topology.asking import Asked
from waterclock.log.topology.cluster import View, owners_of, strangers, view_of
from waterclock.log.topology.node import Lasting, Node
from waterclock.log.topology.sentinels import question, verdict_of

LOOK_EVERY, SENTINELS_EVERY = 5.0, 1.0  # s, when all is well
_REFUSED_EVERY = 10.0  # s, one line
_REST = 0.5  # s between two looks, about: when much fails at once, many ask for one

_CLUSTER = (pack("CLUSTER", "INFO"), pack("CLUSTER", "NODES"), pack("CLUSTER", "SHARDS"))
_ASKED = ("CLUSTER INFO", "CLUSTER NODES", "CLUSTER SHARDS")

_log = logging.getLogger(__name__)


class Nodes:
    """All servers of one deployment.

    `agreed`: whether those who know it say where the primary is; if not, what is known stays, and nothing is opened.
    `lacks`: what our user may not ask though it would help, and what the server said to it.
    """

    def __init__(self, deployment: Deployment, *, timeout: float, control_timeout: float, name: str) -> None:
        self.timeout = timeout
        self.clustered = False
        self.owners: list[Address | None] = []  # by slot; empty off a cluster
        self.agreed = True
        self.lacks: dict[str, str] = {}
        self.halted = Lasting()
        self._control_timeout = control_timeout
        self._name = name
        self._deployment = deployment
        self._asked = Asked(name=f"{name}-look")
        self._primary = self._node(deployment.target)  # off a cluster
        self._nodes: dict[Address, Node] = {}  # of a cluster
        self._known = dict.fromkeys(deployment.seeds)  # nodes of the cluster, also replicas
        self._holding: dict[str, Node] = {}  # what was found of keys
        self._looking: asyncio.Task[LogError | None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._outage = Outage(_log, "redis primary unknown", "redis primary known again")
        self._discord = Outage(_log, "sentinels do not agree", "sentinels agree again")
        self._refused = Throttle(_REFUSED_EVERY)

    async def greet(self) -> Server:
        """Reach the servers of the URL, and find out which are to be asked.

        Raises:
            LogUnfit: these are not servers of one log.
            LogUnavailable: none answers that is the one to ask.
            ResponseError: one refuses us.
        """
        if self._deployment.sentinels:
            await self._ask_sentinels(at_start=True)
            return await self._greet(self._primary.target)
        async with asyncio.TaskGroup() as greeting:
            tasks = [greeting.create_task(self._greeted(self._at(seed))) for seed in self._known]
        found = [task.result() for task in tasks]
        servers = [one for one in found if isinstance(one, Server)]
        if not servers:
            raise next(one for one in found if not isinstance(one, Server))
        for address, server in zip(self._known, found, strict=True):
            if isinstance(server, Server):
                self._check_kind(address, server)
        self.clustered = servers[0].cluster
        if self.clustered:
            await self._ask_cluster(at_start=True)
        return servers[0]

    def holder(self, key: str) -> Node:
        """The server that holds `key`, as far as we know."""
        if not self.clustered:
            return self._primary
        return self._holding.get(key) or self._held_by(key)

    def at(self, address: Address) -> Node:
        """The node of a cluster that another sends us to, as that names it."""
        address = self._deployment.reached(address)
        if address not in self._nodes:
            self._nodes[address] = self._node(self._at(address))
        return self._nodes[address]

    def moved(self, slot: int, node: Node) -> None:
        """A node says that another holds a slot: ask that one, until we have looked ourselves."""
        self.owners[slot] = node.target.address
        self._holding.clear()
        self.look_soon()

    def all(self) -> list[Node]:
        """Every server that holds something."""
        if not self.clustered:
            return [self._primary]
        return [self._nodes[address] for address in dict.fromkeys(self.owners) if address is not None]

    def watch(self) -> None:
        """Look again from now on: every few seconds, and when `look_soon` asks for it."""
        self._watching = asyncio.create_task(self._watch(), name="watch the servers of the log")

    def look_soon(self) -> None:
        self._wanted.set()

    async def leave(self, node: Node) -> None:
        """Drop all connections to a server that is not the one to ask, and look for the one that is."""
        await node.drop()
        if self.clustered or self._deployment.sentinels:
            try:
                await self.look_again()
            except LogUnavailable:  # it is told where it is watched
                self.look_soon()

    async def refused(self, node: Node, error: LogUnfit) -> AccessLost:
        """Leave a server that refuses our user, or what that asks, though it let us in before; what to raise."""
        if self._refused.may(asyncio.get_running_loop().time()):
            _log.error("redis refuses access", extra={"error": str(error)})
        await self.leave(node)
        return AccessLost(str(error))

    async def look_again(self) -> None:
        """Find out which servers are to be asked. One look serves all who want one meanwhile.

        Raises:
            LogUnavailable: it cannot be told; what was known stays.
        """
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="look for the servers of the log")
            self._looking.add_done_callback(self._looked)
        error = await asyncio.shield(self._looking)
        if error is not None:
            raise LogUnavailable(str(error)) from error

    def check_agreed(self) -> None:
        """
        Raises:
            LogUnavailable: it is not certain who is the primary, so that nothing may be opened.
        """
        if not self.agreed:
            raise LogUnavailable("The Redis primary is not known for certain: nothing is opened.")

    def reader_line(self, key: str, *, name: str) -> Line:
        """A connection of its own, not connected yet, to the server that holds `key`."""
        return Line(self.holder(key).target, timeout=self.timeout, name=name)

    async def close(self) -> None:
        for task in (self._watching, self._looking):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        await self._asked.close()
        for node in (self._primary, *self._nodes.values()):
            await node.close()

    def _at(self, address: Address) -> Target:
        target = self._deployment.target
        return target if address == target.address else target.at(address)

    def _node(self, target: Target) -> Node:
        return Node(target, timeout=self.timeout, control_timeout=self._control_timeout, name=self._name)

    def _held_by(self, key: str) -> Node:
        slot = key_slot(key.encode())
        address = self.owners[slot]
        if address is None:
            self.look_soon()
            raise LogUnavailable(f"No node of the cluster serves slot {slot}.")
        node = self._holding[key] = self._nodes[address]
        return node

    async def _greeted(self, target: Target) -> Server | LogError | ResponseError:
        try:
            return await self._greet(target, any_role=True)
        except (LogError, ResponseError) as error:
            return error

    async def _greet(self, target: Target, *, any_role: bool = False) -> Server:
        line = Line(target, timeout=self.timeout, name=f"{self._name}-look", any_role=any_role)
        try:
            await line.open()
            return line.server
        finally:
            await line.drop()

    def _check_kind(self, address: Address, server: Server) -> None:
        if server.sentinel:
            raise LogUnfit(
                f"{address} is a sentinel (WATERCLOCK_REDIS_URL): use redis+sentinel://, with the name of the master "
                "at the end"
            )
        if len(self._known) > 1 and not server.cluster:
            raise LogUnfit(
                f"Several servers are named, and {address} is no node of a cluster (WATERCLOCK_REDIS_URL): name one"
                " server, or the sentinels that watch it (redis+sentinel://)"
            )
        if server.replica and not server.cluster:
            raise NotPrimary(f"{address} is a replica: use the address of the primary")

    async def _watch(self) -> None:
        period = SENTINELS_EVERY if self._deployment.sentinels else LOOK_EVERY
        while True:
            try:
                async with asyncio.timeout(period * (0.9 + fraction() / 5)):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            try:
                await self.look_again()
            except LogUnavailable as error:
                if self._deployment.sentinels or self.clustered:  # else it is told by those who need it
                    self._outage.failed(error)
            else:
                self._outage.over()
            await asyncio.sleep(_REST * (0.5 + fraction()))

    def _looked(self, _: asyncio.Task[LogError | None]) -> None:
        self._looking = None

    async def _look(self) -> LogError | None:
        try:
            if self._deployment.sentinels:
                await self._ask_sentinels()
            elif self.clustered:
                await self._ask_cluster()
            else:
                await self._look_at(self._primary)
        except (LogError, ResponseError) as error:
            return error if isinstance(error, LogError) else LogUnavailable(str(error))
        return None

    async def _look_at(self, node: Node) -> None:
        """Whether its name still leads to the server that it led to."""
        try:
            await node.met(await self._greet(node.target))
        except NotPrimary:
            await node.drop()
            raise

    async def _ask_sentinels(self, *, at_start: bool = False) -> None:
        deployment = self._deployment
        verdict = verdict_of(deployment, await self._asked.ask_all(deployment.sentinels, *question(deployment.master)))
        self.agreed = verdict.primary is not None
        if verdict.primary is None:
            if at_start and verdict.unknown:
                raise LogUnfit(f"WATERCLOCK_REDIS_URL: {verdict.reason}")
            raise LogUnavailable(f"On the primary {deployment.master!r} {verdict.reason}.")
        if verdict.reason:
            self._discord.failed(verdict.reason)
        else:
            self._discord.over()
        if verdict.primary != self._primary.target.address or at_start:
            before, self._primary = self._primary, self._node(deployment.target.at(verdict.primary))
            await before.close()
            if not at_start:
                _log.info("sentinels name another primary", extra={"primary": str(verdict.primary)})

    async def _ask_cluster(self, *, at_start: bool = False) -> None:
        tls = self._deployment.target.tls
        answers = await self._asked.ask_all([self._at(address) for address in self._known], *_CLUSTER)
        views = [await self._view(address, replies, tls=tls) for address, replies in answers.items()]
        well = [view for view in views if view is not None and view.well]
        self.agreed = bool(well)
        if not well:
            errors = [str(one) for one in answers.values() if isinstance(one, LogError)]
            raise LogUnavailable(f"No node of the cluster is part of its cluster now. {' '.join(errors)}".strip())
        if (two := strangers(well)) is not None:
            raise LogUnfit(f"{two[0]} and {two[1]} are nodes of two clusters (WATERCLOCK_REDIS_URL): list nodes of one")
        owners = owners_of(well)
        known = dict.fromkeys([*self._deployment.seeds, *(place for view in well for place in view.places.values())])
        await self._asked.forget(self._known.keys() - known.keys())
        self._known = known
        if owners != self.owners:
            await self._adopt(owners)
            if not at_start:
                _log.info("cluster changed", extra={"owners": [str(one.target.address) for one in self.all()]})

    async def _view(self, address: Address, replies: list[Any] | LogError, *, tls: bool) -> View | None:
        if isinstance(replies, LogError):
            return None
        slots: Any = None
        for asked, reply in zip(_ASKED, replies, strict=True):
            if isinstance(reply, ResponseError):
                self.lacks[asked] = str(reply)
        if any(isinstance(reply, ResponseError) for reply in replies[1:]):
            instead = await self._asked.ask(self._at(address), pack("CLUSTER", "SLOTS"))
            slots = None if isinstance(instead, LogError) else instead[0]
        info, nodes, shards = replies
        view = view_of(address, tls=tls, info=info, nodes=nodes, shards=shards, slots=slots)
        places = {name: self._deployment.reached(place) for name, place in view.places.items()}
        return view._replace(places=places)

    async def _adopt(self, owners: list[Address | None]) -> None:
        for address in dict.fromkeys(owners):
            if address is not None and address not in self._nodes:
                self._nodes[address] = self._node(self._at(address))
        self.owners = owners
        self._holding.clear()
        for address in self._nodes.keys() - set(owners):
            await self._nodes.pop(address).close()

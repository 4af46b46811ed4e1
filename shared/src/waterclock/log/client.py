"""The log's client: three ways to the server, one way to call a script.

*Writer*: scripts that change something; retries are off, for a call that was executed and lost its reply must be
repeated by whoever knows that it may be. *Control*: renewals, on connections of their own with a short timeout.
*Reader*: one connection for each blocking loop. Every script call names the server process that its connection
reached, and the floor (`log/floors.py`). Before a connection is used for a partition it is asked whose that is
(`log/handshake.py`).

It is long: each way to call a script, with what is checked around it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, cast

import msgspec
from redis.exceptions import ResponseError

from waterclock.log.connection.addresses import Deployment, deployment_of
from waterclock.log.connection.calls import Route, packed, route, send
from waterclock.log.connection.connections import Line, Server, pack, pack_word
from waterclock.log.connection.ends import Ends
from waterclock.log.connection.errors import Halted, LogUnavailable, LogUnfit, NotInitialised
from waterclock.log.connection.floors import NAMES, Floors
from waterclock.log.connection.handshake import Handshake
from waterclock.log.connection.scripts import Script, Told
from waterclock.log.reader import Reader
from waterclock.log.replicas import TOUCH, check_waits, heard, too_few
from waterclock.log.server_checks import check
from waterclock.log.topology.primaries import Nodes
from waterclock.log.topology.routing import Routing
from waterclock.model.ids import partition_of
from waterclock.wire.keys import STREAMS, Keys

Reply = TypeVar("Reply")
Word = str | bytes | int | float

_NOT_INITIALISED = "No event log under the prefix {!r} in Redis (WATERCLOCK_KEY_PREFIX): run `waterclock migrate`."
_encoder = msgspec.msgpack.Encoder()
_NOTHING = pack_word(_encoder.encode({}))


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    address_map: str = ""  # where servers are for us that name themselves otherwise: `10.0.0.5:6379=redis-1:6379, ...`
    prefix: str = "wc"
    timeout: float = 5.0  # s, writers and readers
    control_timeout: float = 2.0  # s; at most a quarter of the lease
    replicas: int = 0  # that are to have what is acknowledged


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    weight: int


class _Process(msgspec.Struct, frozen=True):
    run_id: str


_PROCESS = Script("process", _Process)
_CHANGES = 3  # of servers while one is looked at, at most

_queues = msgspec.json.Decoder(tuple[Queue, ...])


class Log:
    """One process's way to the log. It belongs to the event loop that connected it."""

    def __init__(self, settings: LogSettings, nodes: Nodes, *, role: str, only_reads: bool = False) -> None:
        self.keys = Keys(settings.prefix)
        self.partitions = 0
        self.queues: tuple[Queue, ...] = ()
        self.server: Server = Server("", valkey=False, version=(), cluster=False)
        self.handshake = Handshake(self.keys, only_reads=only_reads)
        self.nodes = nodes
        self.ends = Ends()
        self._role = role
        self._routing = Routing(nodes, emptied=self._emptied)
        self._replicas = settings.replicas
        self._packed: dict[tuple[str, int], Route] = {}

    @classmethod
    async def connect(
        cls, settings: LogSettings, *, role: str, beside: Log | None = None, only_reads: bool = False
    ) -> Log:
        """Connect, and check that this server may be used.

        `beside`: another of this process, perhaps of another thread; what one of them has seen opened, both know.
        `only_reads`: by a user who may write nothing; a server that was superseded is left, and not told.

        Raises:
            LogUnfit: it may not; the message names what to change.
            LogUnavailable: it does not answer.
        """
        log = await cls.reach(settings, role=role, only_reads=only_reads)
        if beside is not None:
            log.handshake.join(beside.handshake)
        try:
            await log.refresh()
            await log.check_direct()
        except BaseException:
            await log.close()
            raise
        return log

    @classmethod
    async def reach(cls, settings: LogSettings, *, role: str, only_reads: bool = False) -> Log:
        """As `connect`, but the log need not have been initialised."""
        nodes = Nodes(
            _deployment(settings),
            timeout=settings.timeout,
            control_timeout=settings.control_timeout,
            name=f"{settings.prefix}-{role}",
        )
        log = cls(settings, nodes, role=role, only_reads=only_reads)
        try:
            log.server = await nodes.greet()
            await check(nodes)
            if settings.replicas:
                await check_waits(nodes)
            nodes.watch()
        except ResponseError as error:
            await log.close()
            raise LogUnfit(f"Redis refuses the connection: {error}") from error
        except LogUnavailable as error:
            await log.close()
            raise LogUnavailable(f"Cannot connect to Redis (WATERCLOCK_REDIS_URL): {error}") from error
        except BaseException:
            await log.close()
            raise
        return log

    async def close(self) -> None:
        await self.nodes.close()

    @property
    def restored(self) -> int:
        """The epoch from which on there are so many partitions; 0: there always were."""
        return self.handshake.restored

    @property
    def identity(self) -> str:
        """Of our installation; empty: it is not known to have one."""
        return self.handshake.identity

    @property
    def floors(self) -> Floors:
        return self.handshake.floors

    def partition_of(self, some_id: str) -> int:
        return partition_of(some_id, self.partitions)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Partitions that one blocking read may watch together: all, but on a cluster each alone."""
        everything = tuple(range(self.partitions))
        return tuple((each,) for each in everything) if self.nodes.clustered else (everything,)

    async def refresh(self) -> None:
        """Learn partitions and queues anew. A process is not to go on where their number has changed: it is halted.

        Raises:
            NotInitialised: there are none yet.
        """
        key = self.keys.partition(0, "meta")
        fields = ("partitions", "queues", "restored", "identity")
        found = cast("list[bytes | None]", await self.execute(key, "HMGET", key, *fields))
        if found[0] is None or found[1] is None:
            raise self._emptied()
        if self.partitions == 0:
            self.partitions, self.handshake.restored = int(found[0]), int(found[2] or 0)
        self.handshake.identity = self.identity or (found[3] or b"").decode()
        self.queues = _queues.decode(found[1])
        self._packed.clear()

    async def check_direct(self) -> None:
        """Check that a connection leads to one server: to the one that says who it is there.

        Raises:
            LogUnfit: it leads to several, by a proxy that shares out commands among them.
        """
        for partitions in self.groups:
            try:
                await self._check_direct(partitions[0])
            except (LogUnavailable, Halted):  # of a cluster some may be away, or have lost what they had
                if not self.nodes.clustered:
                    raise
        self._routing.let_in = False  # of what a service does this was nothing yet

    async def _check_direct(self, partition: int) -> None:
        key = self.keys.partition(partition, "meta")
        for _ in range(_CHANGES):  # it may really be another by now
            process = (await self.call(_PROCESS, partition, {})).run_id
            node = self.nodes.holder(key)
            if node.server is not None and node.server.run_id == process:
                return
        raise LogUnfit(
            f"{self.nodes.holder(key).target.address} leads to several servers, through a proxy that distributes "
            "commands. Set WATERCLOCK_REDIS_URL to the primary itself, or to an address that leads only to it."
        )

    async def call(
        self,
        script: Script[Reply],
        partition: int,
        payload: msgspec.Struct | Mapping[str, Any],
        *,
        control: bool = False,
    ) -> Reply:
        """Execute a script in a partition, once.

        Raises:
            LogUnavailable: no answer; it may have been executed. It may be called again with the same payload.
            Superseded: another server has taken this one's place. All connections to it are dropped.
            Foreign: the partition there is another installation's.
            Halted: the partition is not open on this server process.
            LogFull: no memory for what is new.
            NotReplicated: too few replicas have it yet; called again with the same payload, it is asked for again.
        """
        way, meta = self._route(script, partition), self.keys.partition(partition, "meta")
        reply = await self._run(script, partition, meta, way, payload, control=control)
        if isinstance(reply, Told):
            self.floors.seen(partition, reply.last[0])  # a halt that was over before we called was met by nobody here
            self.ends.heard(partition, reply.last)
        return reply

    async def call_names(self, script: Script[Reply], payload: msgspec.Struct | Mapping[str, Any]) -> Reply:
        """As `call`, for the reservations of names, which stand beside the partitions."""
        keys = self.keys
        named = {"meta": keys.names_meta, "names": keys.names}
        way = route(script.source, [named[name] for name in script.source.keys])
        return await self._run(script, NAMES, keys.names_meta, way, payload, control=False)

    async def execute(self, key: str, *words: Word, control: bool = False) -> Any:
        """Send a plain command to the server that holds `key`: for reading."""
        command = pack(*words)

        async def look(line: Line) -> Any:
            await self.handshake.meet(line, key)
            return await line.ask(command)

        return await self._routed(key, look, control=control)

    async def ask(self, key: str, look: Callable[[Line], Awaitable[Reply]]) -> Reply:
        """Do what takes several commands on one connection to the server that holds `key`: for reading."""
        return cast("Reply", await self._routed(key, look, control=False))

    async def run_id(self, key: str) -> str:
        """The server process that holds `key` now, as the gate names it."""

        async def look(line: Line) -> str:
            await self.handshake.meet(line, key)
            return self.handshake.named(line.server.run_id)

        return await self._routed(key, look, control=False)

    def reader(self) -> Reader:
        """A connection of its own, for one blocking loop."""
        name = f"{self.keys.prefix}-{self._role}-reader"
        return Reader(self.nodes, name=name, keys=self.keys, handshake=self.handshake)

    def _route(self, script: Script[Any], partition: int) -> Route:
        known = self._packed.get((script.name, partition))
        if known is None:
            names = [*script.source.spelled]
            for kind in script.source.kinds:
                for queue in self.queues:
                    names += [f"{kind}{stream}:{queue.name}" for stream in STREAMS]
            keys = [self.keys.partition(partition, name) for name in names]
            known = self._packed[script.name, partition] = route(script.source, keys)
        return known

    async def _run(
        self,
        script: Script[Reply],
        place: int,
        key: str,
        way: Route,
        payload: msgspec.Struct | Mapping[str, Any],
        *,
        control: bool,
    ) -> Reply:
        blob = pack_word(_encoder.encode(payload))
        shake, floors = self.handshake, self.floors

        async def call(line: Line) -> tuple[Reply, int]:
            if line.met.get(place) != floors.halts(place):
                await shake.look(line, place)
            server, floor = shake.named(line.server.run_id), floors.word(place)
            reply = script.decoder.decode(await send(line, script, way, server=server, blob=blob, floor=floor))
            if self._replicas == 0 or not script.acknowledges(reply):
                return reply, self._replicas
            touch = packed(route(TOUCH.source, [key]), server=server, blob=_NOTHING, floor=floor)
            return reply, await heard(line, touch, self._replicas, within=self.nodes.timeout / 2)

        try:
            reply, found = cast("tuple[Reply, int]", await self._routed(key, call, control=control))
        except Halted:
            floors.halted(place)
            raise
        self._routing.let_in = True
        if found < self._replicas:
            raise too_few(found, self._replicas)
        return reply

    async def _routed(self, key: str, send: Callable[[Line], Awaitable[Any]], *, control: bool) -> Any:
        return await self._routing.carry(key, send, control=control)

    def _emptied(self) -> NotInitialised | Halted:
        """Where there is nothing: there never was anything, or all that was there when we connected is lost."""
        if self.partitions == 0:
            return NotInitialised(_NOT_INITIALISED.format(self.keys.prefix))
        return Halted(f"Redis has lost the event log {self.keys.prefix}: a projector restores it.")


def _deployment(settings: LogSettings) -> Deployment:
    """
    Raises:
        LogUnfit: a setting is wrong; it is named.
    """
    try:
        deployment_of(settings.url)
    except ValueError as error:
        raise LogUnfit(f"WATERCLOCK_REDIS_URL: {error}") from error
    try:
        return deployment_of(settings.url, settings.address_map)
    except ValueError as error:
        raise LogUnfit(f"WATERCLOCK_REDIS_ADDRESS_MAP: {error}") from error

"""Clusters: two masters, each with half of the slots (0–8191 and 8192–16383); three with a replica each."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from redis.crc import key_slot

from tests.support.asking import ask, told
from tests.support.replicas import QUICK
from tests.support.standing import end
from tests.support.waiting import until
from waterclock_dev.servers.ports import LOOPBACK, free_port
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.valkey import Valkey

HALVES = ((0, 8191), (8192, 16383))
THIRDS = ((0, 5460), (5461, 10922), (10923, 16383))
POLL = 0.02  # s
TAKEN_OVER = 15.0  # s: found dead after the node timeout, then elected


async def start_cluster(folder: Path, *, deadline: float = 30.0) -> list[Server[Valkey]]:
    """Two masters that know each other and serve every slot; on any failure none is left running."""
    masters = [Server(_member(folder / f"master-{number}")) for number in (1, 2)]
    try:
        for master in masters:
            await master.start()
        async with asyncio.timeout(deadline):
            await _join(masters, HALVES)
    except BaseException:
        for master in masters:
            await master.stop()
        raise
    return masters


class Shards(NamedTuple):
    """Three masters and the replica of each, in the same order, as they began; `ranges` are the slots of each."""

    masters: tuple[Server[Valkey], ...]
    replicas: tuple[Server[Valkey], ...]
    ranges: tuple[tuple[int, int], ...] = THIRDS

    @property
    def members(self) -> tuple[Server[Valkey], ...]:
        return self.masters + self.replicas

    def shard_of(self, key: str) -> int:
        """Which of the three held the key's slot at first."""
        slot = key_slot(key.encode())
        return next(place for place, (first, last) in enumerate(self.ranges) if first <= slot <= last)

    async def is_master(self, member: Server[Valkey]) -> bool:
        return (await told(member, "replication"))["role"] == "master"

    async def takes_over(self, replica: Server[Valkey], *, within: float = TAKEN_OVER) -> None:
        """Return when a replica has become a master."""
        await until(lambda: self.is_master(replica), within=within, what="the replica is a master")

    async def switch(self, replica: Server[Valkey]) -> None:
        """A planned failover to a replica; returns when it is the master."""
        await ask(replica, "CLUSTER", "FAILOVER")
        await self.takes_over(replica)

    async def move(self, slot: int, source: int, target: int) -> None:
        """Move a slot with its keys, as `--cluster reshard` does, between masters that are still that, by place."""
        old, new = self.masters[source], self.masters[target]
        names = [(await ask(one, "CLUSTER", "MYID")).decode() for one in (old, new)]
        await ask(new, "CLUSTER", "SETSLOT", slot, "IMPORTING", names[0])
        await ask(old, "CLUSTER", "SETSLOT", slot, "MIGRATING", names[1])
        while keys := await ask(old, "CLUSTER", "GETKEYSINSLOT", slot, 100):
            await ask(old, "MIGRATE", LOOPBACK, new.port, "", 0, 5000, "KEYS", *keys)
        for one in (new, old):
            await ask(one, "CLUSTER", "SETSLOT", slot, "NODE", names[1])  # the others hear of it


@asynccontextmanager
async def sharded(
    folder: Path, *, settings: Mapping[str, str] | None = None, deadline: float = 60.0
) -> AsyncGenerator[Shards]:
    """Three masters with a third of the slots each, and their replicas in step; at the end all are killed."""
    more = {"cluster-node-timeout": "1000", **QUICK, **(settings or {})}
    members = tuple(Server(_member(folder / f"node-{number}", more, "everysec")) for number in range(6))
    shards = Shards(members[:3], members[3:])
    try:
        async with asyncio.timeout(deadline):
            for member in members:
                await member.start()
            await _join(shards.masters, THIRDS)
            await _attach(shards)
        yield shards
    finally:
        await end(members)


def _member(
    data: Path, more: Mapping[str, str] = MappingProxyType({}), appendfsync: Literal["everysec", "always"] = "everysec"
) -> Valkey:
    bus = free_port()  # by default it is the port + 10000, which may not exist
    settings = {"cluster-enabled": "yes", "cluster-port": str(bus), "cluster-node-timeout": "5000", **more}
    return Valkey(data=data, appendfsync=appendfsync, settings=settings)


async def _join(masters: Sequence[Server[Valkey]], ranges: Sequence[tuple[int, int]]) -> None:
    for epoch, (master, (first, last)) in enumerate(zip(masters, ranges, strict=True), start=1):
        await ask(master, "CLUSTER", "ADDSLOTSRANGE", first, last)
        await ask(master, "CLUSTER", "SET-CONFIG-EPOCH", epoch)
    await _meet(masters[0], masters[1:])
    for master in masters:
        await _is_well(master)


async def _attach(shards: Shards) -> None:
    await _meet(shards.masters[0], shards.replicas)
    for master, replica in zip(shards.masters, shards.replicas, strict=True):
        await _is_well(replica)
        name = (await ask(master, "CLUSTER", "MYID")).decode()
        while name.encode() not in await ask(replica, "CLUSTER", "NODES"):  # noqa: ASYNC110  gossip gives no signal
            await asyncio.sleep(POLL)
        await ask(replica, "CLUSTER", "REPLICATE", name)
    for replica in shards.replicas:
        while (await told(replica, "replication")).get("master_link_status") != "up":  # noqa: ASYNC110
            await asyncio.sleep(POLL)
    for member in shards.members:  # a failover needs everybody to know who follows whom
        while (await ask(member, "CLUSTER", "NODES")).count(b"slave") != len(shards.replicas):  # noqa: ASYNC110
            await asyncio.sleep(POLL)


async def _meet(first: Server[Valkey], others: Sequence[Server[Valkey]]) -> None:
    for other in others:
        await ask(first, "CLUSTER", "MEET", LOOPBACK, other.port, other.program.settings["cluster-port"])


async def _is_well(member: Server[Valkey]) -> None:
    while b"cluster_state:ok" not in await ask(member, "CLUSTER", "INFO"):  # noqa: ASYNC110  gossip gives no signal
        await asyncio.sleep(POLL)

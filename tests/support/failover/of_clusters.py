"""A cluster of three masters and three replicas: a master dies, stands still, is replaced as planned; slots move."""

from __future__ import annotations

from redis.crc import key_slot

from tests.support.failover.field import PREFIX, Field, Row
from tests.support.failover.stages import Sharded, cluster
from tests.support.standing import go_on, stand_still
from waterclock.wire.keys import Keys

STILL = 20.0  # s
BACK = 3.0  # s


async def killed(field: Field[Sharded], place: int = 1) -> None:
    shards = field.stage.shards
    await shards.masters[place].kill()
    await shards.takes_over(shards.replicas[place])
    await field.writable("the replica is a master")
    await shards.masters[place].start()
    await field.go_on(BACK)
    await field.writable("the old master is back")


async def named_one_killed(field: Field[Sharded]) -> None:
    """The node that the URL names: who is started meanwhile has only that name."""
    await killed(field, place=0)


async def switched(field: Field[Sharded]) -> None:
    shards = field.stage.shards
    await shards.switch(shards.replicas[1])
    await field.writable("the failover by hand")
    await shards.switch(shards.masters[1])
    await field.writable("the way back")


async def slots_move(field: Field[Sharded]) -> None:
    """The slots of two partitions go to another master."""
    shards = field.stage.shards
    for partition in (0, 1):
        key = Keys(PREFIX).partition(partition, "meta")
        source = shards.shard_of(key)
        await shards.move(key_slot(key.encode()), source, (source + 1) % 3)
        await field.writable(f"the slot of partition {partition} has moved")


async def stopped(field: Field[Sharded]) -> None:
    shards = field.stage.shards
    stand_still(shards.masters[1])
    await shards.takes_over(shards.replicas[1])
    await field.writable("the replica is a master")
    await field.go_on(STILL)
    go_on(shards.masters[1])
    await field.go_on(BACK)
    await field.writable("the old master goes on")


ROWS: tuple[Row[Sharded], ...] = (
    Row("B1", "a master killed, its replica takes over", cluster, killed, keeps=False),
    Row("B2", "the same with the node of the URL", cluster, named_one_killed, keeps=False),
    Row("B3", "failover by hand, and back", cluster, switched),
    Row("B4", "slots move", cluster, slots_move),
    Row("B5", "a master stands still for 20 s", cluster, stopped, keeps=False),
)

"""A primary and a replica of Valkey change places: killed, split, switched, led to one after the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from tests.support.failover.field import Field, Row
from tests.support.failover.stages import Pair, Watched, pair, with_sentinels
from tests.support.servers import redis_server
from tests.support.standing import go_on, stand_still

LAG = 2.0  # s that a replica is behind
SPLIT = 8.0  # s that services are led to one of two primaries
ALONE = 10.0  # s that the projector alone is led to the new one
LATE = 12.0  # s after which a demoted primary is told
EXCLUDING = {"min-replicas-to-write": "1", "min-replicas-max-lag": "2"}


async def killed_in_step(field: Field[Pair]) -> None:
    """And the old one comes back as a replica."""
    stage = field.stage
    await stage.in_step()
    await stage.old.kill()
    await stage.promote()
    await field.writable("the promotion")
    await stage.old.start()
    await stage.replicas.follow(stage.old, stage.new)
    await stage.replicas.in_step(stage.old, stage.new)
    await field.writable("the old one follows")


async def killed_while_it_lags(field: Field[Pair]) -> None:
    stage = field.stage
    stage.link.hold()
    await field.go_on(LAG)
    await stage.old.kill()
    await stage.promote()
    await field.writable("the promotion")


async def killed_while_all_lag(field: Field[Pair]) -> None:
    """The projector hears nothing for as long: what is lost then was in no store that is left."""
    stage = field.stage
    stage.link.hold()
    stage.projectors.hold()
    await field.go_on(LAG)
    await stage.old.kill()
    stage.projectors.cut()
    stage.projectors.release()
    await stage.promote()
    await field.writable("the promotion")


async def split(field: Field[Pair], *, seconds: float = SPLIT) -> None:
    """The old primary lives, and is told nothing; the address leads to the new one, the old one, the new one."""
    stage = field.stage
    await stage.in_step()
    await stage.promote()
    await field.writable("the promotion")
    await field.go_on(seconds)
    stage.lead_to(stage.old)
    await field.go_on(seconds)
    stage.lead_to(stage.new)
    await field.writable("the way back")
    await field.go_on(seconds / 2)


async def split_then_switched(field: Field[Pair]) -> None:
    """In short: after a split the old one is made a replica, and becomes the primary again as it was planned."""
    stage = field.stage
    await split(field, seconds=2)
    await stage.replicas.follow(stage.old, stage.new)
    await stage.replicas.in_step(stage.old, stage.new)
    await stage.replicas.switch(stage.new, stage.old)
    stage.lead_to(stage.old)
    await field.writable("the switchover")


async def split_and_repaired_on_the_old(field: Field[Pair]) -> None:
    """An operator makes the old primary the truth again, by his own word."""
    stage = field.stage
    await stage.in_step()
    await stage.promote()
    await field.writable("the promotion")
    await field.go_on(SPLIT / 2)
    stage.lead_to(stage.old)
    await field.go_on(SPLIT)
    code, said = await field.verb("reconcile", "--apply")
    field.fleet.tell(f"reconcile --apply: {code}\n{said}")
    await field.writable("reconcile --apply")


async def switched(field: Field[Pair]) -> None:
    stage = field.stage
    await stage.replicas.switch(stage.old, stage.new)
    stage.lead_to(stage.new)
    await field.writable("the switchover")
    await stage.replicas.switch(stage.new, stage.old)
    stage.lead_to(stage.old)
    await field.writable("the way back")


async def kept_and_demoted_late(field: Field[Pair]) -> None:
    """Connections through the address stay with the old primary, until it is told that it is a replica."""
    stage = field.stage
    await stage.in_step()
    await stage.promote(cut=False)
    await field.go_on(LATE)
    await stage.replicas.follow(stage.old, stage.new)
    await field.writable("the demotion")


async def projector_alone(field: Field[Pair]) -> None:
    stage = field.stage
    await stage.in_step()
    await stage.replicas.promote(stage.new)
    stage.projectors.lead_to(stage.new.port, cut=True)
    await field.go_on(ALONE)
    stage.lead_to(stage.new)
    await field.writable("all are led to the new primary")


async def projector_alone_without_replicas(field: Field[Pair]) -> None:
    """Neither takes writes without a replica: the old one has lost its own, which gets one when that is demoted."""
    stage = field.stage
    await stage.in_step()
    await stage.replicas.promote(stage.new)
    stage.projectors.lead_to(stage.new.port, cut=True)
    await field.go_on(ALONE)
    await stage.replicas.follow(stage.old, stage.new)
    stage.lead_to(stage.new)
    await field.writable("the old one follows")


async def killed_while_a_word_is_asked_for(field: Field[Pair]) -> None:
    """Nothing is acknowledged while the replica lags, nor before the new primary has a replica of its own."""
    stage = field.stage
    stage.link.hold()
    await field.go_on(LAG)
    await stage.old.kill()
    await stage.promote()
    await stage.old.start()
    await stage.replicas.follow(stage.old, stage.new)
    await field.writable("the old one follows")


async def sentinels_fail_over(field: Field[Watched]) -> None:
    stage = field.stage
    await stage.old.kill()
    await stage.sentinels.all_name(stage.new.port)
    stage.truth = stage.new
    await field.writable("the sentinels' failover")
    await stage.old.start()
    await field.go_on(SPLIT / 2)
    await field.writable("the old one is back")


async def sentinels_switch(field: Field[Watched], *, coordinated: bool) -> None:
    """`coordinated`: writes are held back until the replica has all; else it is promoted with what it has."""
    stage = field.stage
    await stage.sentinels.fail_over(coordinated=coordinated)
    await stage.sentinels.all_name(stage.new.port)
    stage.truth = stage.new
    await field.writable("the planned failover")


async def sentinels_and_a_pause(field: Field[Watched]) -> None:
    """The primary stands still, is replaced, goes on and does not know."""
    stage = field.stage
    stand_still(stage.old)
    await stage.sentinels.all_name(stage.new.port)
    stage.truth = stage.new
    await field.writable("the sentinels' failover")
    go_on(stage.old)
    await field.go_on(SPLIT)
    await field.writable("the old one goes on")


@asynccontextmanager
async def pair_of_redis(folder: Path) -> AsyncGenerator[Pair]:
    async with pair(folder, binary=redis_server()) as stage:
        yield stage


@asynccontextmanager
async def with_sentinels_of_redis(folder: Path) -> AsyncGenerator[Watched]:
    async with with_sentinels(folder, binary=redis_server()) as stage:
        yield stage


SHORT = Row("split and switched", "in short: A4, then A6", pair, split_then_switched)
LOST = ("log.truncated",)
FORKED = ("log.forked",)
ROWS: tuple[Row[Pair] | Row[Watched], ...] = (
    Row("A1", "primary killed, replica in step promoted", pair, killed_in_step),
    Row("A2", "the same, replica behind", pair, killed_while_it_lags, tells=FORKED),
    Row("A3", "the same, and the projector behind", pair, killed_while_all_lag, keeps=False, tells=LOST),
    Row("A4", "split; address new, old, new", pair, split),
    Row("A5", "split, repaired on the old one", pair, split_and_repaired_on_the_old, keeps=False, tells=FORKED),
    Row("A6", "planned switchover, and back", pair, switched),
    Row("A7", "the same with Redis", pair_of_redis, switched),
    Row("A7a", "A1 with Redis", pair_of_redis, killed_in_step),
    Row("A7b", "A2 with Redis", pair_of_redis, killed_while_it_lags, tells=FORKED),
    Row("A8", "connections kept, old primary demoted late", pair, kept_and_demoted_late, keeps=False, tells=FORKED),
    Row("A9", "only the projector is led to the new one", pair, projector_alone, keeps=False, tells=FORKED + LOST),
    Row("A10", "sentinels, primary killed and back", with_sentinels, sentinels_fail_over, keeps=False),
    Row("A11", "sentinels, planned", with_sentinels, partial(sentinels_switch, coordinated=True)),
    Row("A11a", "the same, not coordinated", with_sentinels, partial(sentinels_switch, coordinated=False), keeps=False),
    Row("A11c", "A10 with Redis", with_sentinels_of_redis, sentinels_fail_over, keeps=False),
    Row(
        "A11d",
        "A11a with Redis",
        with_sentinels_of_redis,
        partial(sentinels_switch, coordinated=False),
        keeps=False,
    ),
    Row("A11b", "sentinels, primary stands still", with_sentinels, sentinels_and_a_pause, keeps=False),
    Row("A12", "A9 where replicas are required", partial(pair, settings=EXCLUDING), projector_alone_without_replicas),
    Row(
        "A13",
        "A2 where a replica's word is asked for",
        pair,
        killed_while_a_word_is_asked_for,
        told={"LOG_REPLICAS": "1"},
    ),
)

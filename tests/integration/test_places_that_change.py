"""The servers on which failovers are tried do what their names say."""

from pathlib import Path

import psycopg
import pytest

from tests.support.asking import ask, told
from tests.support.cluster import sharded
from tests.support.relay import Relay
from tests.support.replicas import replicated
from tests.support.sentinels import watched
from tests.support.standby import with_standby
from tests.support.standing import go_on, stand_still


async def test_a_replica_lags_while_its_link_is_held_and_both_take_writes_once_it_is_promoted(tmp_path: Path) -> None:
    async with replicated(tmp_path) as pair, Relay(pair.members[0].port) as relay:
        old, new = pair.members
        await ask(old, "SET", "a", 1)
        await pair.in_step(new, old)
        pair.link(new).hold()
        await ask(relay.port, "SET", "a", 2)
        assert await ask(new, "GET", "a") == b"1"

        await pair.promote(new)
        relay.lead_to(new.port, cut=True)
        await ask(relay.port, "SET", "b", 1)

        assert (await ask(old, "GET", "a"), await ask(old, "GET", "b")) == (b"2", None)
        pair.link(new).release()
        await pair.follow(old, new)
        await pair.in_step(old, new)
        assert await ask(old, "GET", "a") == b"1"


async def test_primary_and_replica_change_places_as_planned(tmp_path: Path) -> None:
    async with replicated(tmp_path) as pair:
        old, new = pair.members
        await ask(old, "SET", "a", 1)
        await pair.switch(old, new)
        await ask(new, "SET", "a", 2)
        await pair.in_step(old, new)
        assert await ask(old, "GET", "a") == b"2"


@pytest.mark.soak
async def test_sentinels_promote_a_replica_when_the_primary_is_killed(tmp_path: Path) -> None:
    async with replicated(tmp_path) as pair, watched(tmp_path, pair.members[0].port) as sentinels:
        old, new = pair.members
        assert await sentinels.primary() == old.port
        await old.kill()
        await sentinels.all_name(new.port)
        assert (await told(new, "replication"))["role"] == "master"


@pytest.mark.soak
async def test_a_cluster_replaces_a_master_that_stands_still_and_moves_a_slot(tmp_path: Path) -> None:
    async with sharded(tmp_path) as shards:
        stand_still(shards.masters[2])
        await shards.takes_over(shards.replicas[2])
        go_on(shards.masters[2])

        await ask(shards.masters[0], "SET", "{06S}", 1)  # slot 0
        await shards.move(0, 0, 1)
        assert await ask(shards.masters[1], "GET", "{06S}") == b"1"


@pytest.mark.soak
async def test_a_standby_lags_while_its_link_is_held_and_takes_writes_once_it_is_promoted(tmp_path: Path) -> None:
    async with with_standby(tmp_path) as pair:
        _execute(pair.primary.url, "CREATE TABLE seen (a int)")
        await pair.in_step()
        pair.link.hold()
        _execute(pair.primary.url, "INSERT INTO seen VALUES (1)")
        await pair.promote()
        _execute(pair.standby.url, "INSERT INTO seen VALUES (2)")
        with psycopg.connect(pair.standby.url) as connection:
            assert connection.execute("SELECT a FROM seen").fetchall() == [(2,)]


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())

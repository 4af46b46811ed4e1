"""The log's servers are found: whoever is the one to ask now, and by a clear word where nobody can be."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.log import build
from tests.support import servers
from tests.support.answering import Answering
from tests.support.asking import ask
from tests.support.certificates import Authority
from tests.support.cluster import sharded
from tests.support.relay import Relay
from tests.support.replicas import replicated
from tests.support.sentinels import watched
from tests.support.servers import OwnValkey, Shared
from tests.support.standing import go_on, stand_still
from tests.support.terminator import terminated
from tests.support.waiting import until
from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.errors import (
    AccessLost,
    LogError,
    LogUnavailable,
    LogUnfit,
    NotPrimary,
)
from waterclock.log.liveness.sessions import join
from waterclock.log.recovery import opening
from waterclock.log.server_checks import durability_of

LOOPBACK = "127.0.0.1"
FOUND = 15.0  # s


@asynccontextmanager
async def begun(settings: LogSettings, *, partitions: int = 1) -> AsyncGenerator[Log]:
    await opening.initialise(settings, partitions=partitions, queues=build.QUEUES)
    log = await Log.connect(settings, role="test")
    try:
        await build.open_all(log, epoch=1)
        yield log
    finally:
        await log.close()


def at(*ports: int) -> str:
    return f"redis://{','.join(f'{LOOPBACK}:{port}' for port in ports)}/0"


async def run_id(log: Log) -> str | None:
    """Of the server process that answers now; None: none does, for a reason that passes."""
    try:
        key = log.keys.partition(0, "meta")
        await log.execute(key, "HGET", key, "epoch")
        return await log.run_id(key)
    except LogUnavailable:
        return None


async def _is_away(log: Log) -> bool:
    return await run_id(log) is None


async def reached(log: Log, port: int) -> None:
    """Return when the log asks the server at a port."""
    info = await ask(port, "INFO", "server")
    wanted = next(line[7:] for line in info.decode().splitlines() if line.startswith("run_id:"))

    async def is_it() -> bool:
        return await run_id(log) == wanted

    await until(is_it, within=FOUND, what=f"the server at {port} is asked")


async def reads(log: Log) -> None:
    """For ever read as services do: whatever does not pass by itself flies."""
    reader, key = log.reader(), log.keys.partition(0, "wake")
    try:
        while True:
            try:
                await reader.read({key: "0-0"}, count=1, block=reader.longest)
            except LogUnavailable:
                await asyncio.sleep(0.05)
    finally:
        await reader.close()


async def refusal(settings: LogSettings) -> str:
    with pytest.raises(LogError) as refused:
        await (await Log.reach(settings, role="test")).close()
    return str(refused.value)


async def test_a_planned_switchover_behind_an_address_ends_no_read(tmp_path: Path) -> None:
    async with replicated(tmp_path) as pair, Relay(pair.members[0].port) as relay:
        old, new = pair.members
        async with begun(LogSettings(url=at(relay.port))) as log:
            reading = asyncio.create_task(reads(log), name="read")
            await pair.switch(old, new)
            await until(
                lambda: _is_away(log), within=FOUND, what="a replica is refused"
            )  # the address still leads there
            relay.lead_to(new.port, cut=False)
            await reached(log, new.port)
            assert not reading.done()
            reading.cancel()
            await asyncio.wait({reading})
        assert "is a replica" in await refusal(LogSettings(url=at(old.port)))


async def test_connections_that_an_address_keeps_are_left_when_it_leads_to_another(tmp_path: Path) -> None:
    async with replicated(tmp_path) as pair, Relay(pair.members[0].port) as relay:
        _, new = pair.members
        async with begun(LogSettings(url=at(relay.port))) as log:
            await pair.promote(new)
            relay.lead_to(new.port, cut=False)
            await reached(log, new.port)  # nobody has told us, and the old primary answers on


async def test_a_reader_leaves_a_server_that_was_demoted_behind_its_back(tmp_path: Path) -> None:
    async with (
        replicated(tmp_path) as pair,
        Relay(pair.members[0].port) as relay,
        begun(LogSettings(url=at(relay.port))) as log,
    ):
        old, new = pair.members
        reader, key = log.reader(), log.keys.partition(0, "wake")
        await reader.read({key: "0-0"}, count=1, block=None)
        assert reader.is_open(0)
        await pair.promote(new)
        relay.lead_to(new.port, cut=False)
        await ask(old, "REPLICAOF", LOOPBACK, new.port)
        async with asyncio.timeout(FOUND):
            while reader.is_open(0):  # busy, so that no wait is broken off
                with contextlib.suppress(NotPrimary):
                    await reader.read({key: "0-0"}, count=1, block=None)
        await reader.read({key: "0-0"}, count=1, block=None)
        assert not reader.is_open(0)  # on this server nobody has opened it
        await reader.close()


async def test_a_cluster_is_found_by_any_of_its_nodes_and_its_new_masters(
    tmp_path: Path, redis_cluster_urls: tuple[str, str], redis_url: str, unused_tcp_port: int
) -> None:
    async with sharded(tmp_path) as shards:
        some = [unused_tcp_port, shards.replicas[0].port, shards.masters[1].port]
        async with begun(LogSettings(url=at(*some)), partitions=6) as log:
            assert {node.target.address.port for node in log.nodes.all()} == {one.port for one in shards.masters}
            shard = shards.shard_of(log.keys.partition(0, "meta"))
            stand_still(shards.masters[shard])
            await reached(log, shards.replicas[shard].port)
            late = await Log.connect(LogSettings(url=at(*some)), role="late")
            await late.close()
            go_on(shards.masters[shard])

        first, alone = (urlsplit(url).port or 0 for url in (redis_cluster_urls[0], redis_url))
        two = LogSettings(url=at(shards.masters[1].port, first))
        assert "are nodes of two clusters" in await refusal(two)
        mixed = LogSettings(url=at(shards.masters[1].port, alone))
        assert f"{LOOPBACK}:{alone} is no node of a cluster" in await refusal(mixed)


async def test_a_slot_that_moves_is_followed(tmp_path: Path) -> None:
    async with sharded(tmp_path) as shards, begun(LogSettings(url=at(shards.masters[0].port))) as log:
        key = log.keys.partition(0, "meta")
        source = shards.shard_of(key)
        slot = await ask(shards.masters[0], "CLUSTER", "KEYSLOT", key)
        target = shards.masters[(source + 1) % 3]
        await shards.move(slot, source, (source + 1) % 3)
        await log.execute(key, "HGET", key, "epoch")
        assert log.nodes.holder(key).target.address.port == target.port


async def test_rights_that_only_help_are_done_without_and_told(
    redis_cluster_urls: tuple[str, str], key_prefix: str
) -> None:
    ports = [urlsplit(url).port or 0 for url in redis_cluster_urls]
    refused = (
        "+@all",
        "-config",
        "-debug",
        "-replicaof",
        "-role",
        "-cluster|nodes",
        "-cluster|shards",
        "-cluster|info",
    )
    for port in ports:
        await ask(port, "ACL", "SETUSER", key_prefix, "on", ">secret", "~*", "&*", *refused)
    try:
        url = at(*ports).replace("//", f"//{key_prefix}:secret@")
        async with begun(LogSettings(url=url, prefix=key_prefix), partitions=4) as log:
            assert len(log.nodes.all()) == 2
            assert log.nodes.lacks.keys() == {"CLUSTER INFO", "CLUSTER NODES", "CLUSTER SHARDS"}
            assert await durability_of(log.nodes) == "none"  # it may not look
    finally:
        for port in ports:
            await ask(port, "ACL", "DELUSER", key_prefix)


async def test_addresses_that_nodes_give_are_mapped(redis_cluster_urls: tuple[str, str], key_prefix: str) -> None:
    ports = [urlsplit(url).port or 0 for url in redis_cluster_urls]
    async with Relay(ports[0]) as first, Relay(ports[1]) as second:
        pairs = [
            f"{LOOPBACK}:{port}=localhost:{relay.port}" for port, relay in zip(ports, (first, second), strict=True)
        ]
        settings = LogSettings(url=at(first.port), address_map=",".join(pairs), prefix=key_prefix)
        async with begun(settings, partitions=4) as log:
            assert {node.target.address for node in log.nodes.all()} == {
                ("localhost", one.port) for one in (first, second)
            }
            assert second.connections


async def test_a_password_that_is_rotated_is_waited_for(valkey_server: Shared, key_prefix: str) -> None:
    servers.empty(valkey_server)
    port = urlsplit(valkey_server.url).port or 0
    await ask(port, "ACL", "SETUSER", key_prefix, "on", ">old", "~*", "&*", "+@all")
    try:
        url = at(port).replace("//", f"//{key_prefix}:old@")
        async with begun(LogSettings(url=url, prefix=key_prefix)) as log:
            reader, wake = log.reader(), log.keys.partition(0, "wake")
            await reader.read({wake: "0-0"}, count=1, block=None)
            await ask(port, "ACL", "SETUSER", key_prefix, "resetpass", ">new")
            await ask(port, "CLIENT", "KILL", "USER", key_prefix)
            with pytest.raises(LogUnavailable):
                await join(log, "s-1", body=None)
            with pytest.raises(AccessLost, match=f"refuses the user {key_prefix}"):
                await join(log, "s-1", body=None)
            with pytest.raises(LogUnavailable):
                await reader.read({wake: "0-0"}, count=1, block=None)
            with pytest.raises(AccessLost):
                await reader.read({wake: "0-0"}, count=1, block=None)
            await ask(port, "ACL", "SETUSER", key_prefix, ">old")
            await join(log, "s-1", body=None)
            await reader.read({wake: "0-0"}, count=1, block=None)
            await reader.close()
    finally:
        await ask(port, "ACL", "DELUSER", key_prefix)


async def test_all_addresses_of_a_name_are_tried_and_looked_up_anew(
    valkey_server: Shared, key_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.empty(valkey_server)
    port = urlsplit(valkey_server.url).port or 0
    loop, asked = asyncio.get_running_loop(), list[str]()
    found = ["127.0.0.2", LOOPBACK]  # nobody listens at the first

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    async with begun(LogSettings(url=f"redis://store.test:{port}", prefix=key_prefix)) as log:
        assert asked.count("store.test") >= 2
        before = len(asked)
        await log.nodes.holder("").drop()
        await log.execute("", "PING")
        assert len(asked) > before
        found[:] = ["127.0.0.2"]
        await log.nodes.holder("").drop()
        with pytest.raises(LogUnavailable, match=r"store\.test"):
            await log.execute("", "PING")


async def test_a_sentinel_names_the_primary_or_knows_none(tmp_path: Path, valkey_server: Shared) -> None:
    servers.empty(valkey_server)
    port = urlsplit(valkey_server.url).port or 0
    async with watched(tmp_path, port, replicas=0, count=1) as sentinels:
        async with begun(LogSettings(url=sentinels.url())) as log:
            assert log.nodes.holder("").target.address.port == port
            await sentinels.members[0].kill()
            with pytest.raises(LogUnavailable, match=r"no 1 of 1 sentinels agree: .* does not answer"):
                await log.nodes.look_again()
            with pytest.raises(LogUnavailable, match="nothing is opened"):
                log.nodes.check_agreed()
            assert await run_id(log) is not None  # what is known stays
            await sentinels.members[0].start()
            await log.nodes.look_again()
            log.nodes.check_agreed()
        other = sentinels.url().replace("mymaster", "another")
        assert "know no master 'another'" in await refusal(LogSettings(url=other))
        plain = at(sentinels.members[0].port)
        assert r"is a sentinel (WATERCLOCK_REDIS_URL): use redis+sentinel://" in await refusal(LogSettings(url=plain))


OURS = "user ours on >hush resetkeys resetchannels -@all +ping +client|setname +client|setinfo +info"
MAY_ASK = f"{OURS} +sentinel|get-master-addr-by-name"


@pytest.mark.parametrize("sentinel_tls", ["yes", "no"])
async def test_sentinels_are_asked_by_tls_and_as_a_user_of_their_own(
    tmp_path: Path, valkey_server: Shared, key_prefix: str, sentinel_tls: str
) -> None:
    servers.empty(valkey_server)
    ca = Authority(tmp_path)
    identity = ca.issue("here", hosts=("localhost",))  # sentinels tell IPs, which it does not fit
    port = urlsplit(valkey_server.url).port or 0
    async with watched(tmp_path, port, replicas=0, count=1, told=(MAY_ASK,)) as sentinels:
        watching = sentinels.members[0].port
        with terminated(port, identity) as server, terminated(watching, identity) as sentinel:
            at_sentinel = f"localhost:{sentinel.port if sentinel_tls == 'yes' else watching}"
            options = f"sentinel_tls={sentinel_tls}&ssl_ca_certs={ca.file}&sentinel_username=ours&sentinel_password="
            url = f"rediss+sentinel://{at_sentinel}/mymaster?{options}"
            settings = LogSettings(
                url=f"{url}hush", address_map=f"{LOOPBACK}:{port}=localhost:{server.port}", prefix=key_prefix
            )
            async with begun(settings) as log:
                assert log.nodes.holder("").target.address == ("localhost", server.port)
            assert "refuses the user ours" in await refusal(LogSettings(url=f"{url}wrong"))
            by_ip = LogSettings(url=f"{url}hush", address_map=f"{LOOPBACK}:{port}={LOOPBACK}:{server.port}")
            assert "mismatch" in await refusal(by_ip)


@pytest.mark.soak
async def test_sentinels_lead_to_the_one_that_they_promote(tmp_path: Path) -> None:
    async with replicated(tmp_path) as pair, watched(tmp_path, pair.members[0].port) as sentinels:
        old, new = pair.members
        async with begun(LogSettings(url=sentinels.url())) as log:
            reading = asyncio.create_task(reads(log), name="read")
            await old.kill()
            await reached(log, new.port)
            assert not reading.done()
            reading.cancel()
            await asyncio.wait({reading})


async def test_a_proxy_that_shares_out_commands_is_refused(
    valkey_server: Shared, other_redis_server: Shared, key_prefix: str
) -> None:
    servers.empty(valkey_server)
    async with (
        begun(LogSettings(url=valkey_server.url, prefix=key_prefix)),
        Answering(valkey_server.url) as direct,
        Answering(valkey_server.url, informs=other_redis_server.url) as sharing,
    ):
        await (await Log.connect(LogSettings(url=direct.url, prefix=key_prefix), role="test")).close()
        with pytest.raises(LogUnfit, match="leads to several servers"):
            await Log.connect(LogSettings(url=sharing.url, prefix=key_prefix), role="test")


@pytest.mark.parametrize("setting", ["min-replicas-to-write", "maxmemory"])
async def test_a_server_that_takes_no_writes_is_no_reason_not_to_start(own_valkey: OwnValkey, setting: str) -> None:
    server = await own_valkey()
    async with begun(LogSettings(url=server.url)):
        await ask(server, "CONFIG", "SET", setting, 1)
        await (await Log.connect(LogSettings(url=server.url), role="test")).close()


async def test_a_refusal_at_the_start_is_one_for_a_person(valkey_server: Shared) -> None:
    url = valkey_server.url.replace("//", "//nobody:wrong@")
    with pytest.raises(LogUnfit, match="refuses the user nobody"):
        await Log.reach(LogSettings(url=url), role="test")

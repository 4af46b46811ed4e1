"""TLS to a cluster: every node that one of them names is reached in the same way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from tests.contract.log import build
from tests.support import waiting
from tests.support.certificates import Authority
from tests.support.cluster import start_cluster
from tests.support.terminator import terminated
from waterclock.log.broker import application, broker_of, control_stream, hosted
from waterclock.log.client import Log, LogSettings
from waterclock.log.control import Control, say
from waterclock.log.recovery.opening import initialise
from waterclock.log.tail import tail_of
from waterclock_dev.servers.ports import LOOPBACK


async def test_every_node_of_a_cluster_is_reached_by_tls(tmp_path: Path) -> None:
    ca = Authority(tmp_path / "papers")
    server = ca.issue("server")
    masters = await start_cluster(tmp_path)
    first, second = masters
    try:
        with terminated(first.port, server) as one, terminated(second.port, server) as two:
            ports = {master.port: before.port for master, before in zip(masters, (one, two), strict=True)}
            await announce(ports)
            url = f"rediss://{LOOPBACK}:{one.port}/0?ssl_ca_certs={ca.file}"
            settings = LogSettings(url=url)
            await initialise(settings, partitions=8, queues=build.QUEUES)
            log = await Log.connect(settings, role="test")
            try:
                assert {node.target.address.port for node in log.nodes.all()} == {one.port, two.port}
                for partition in range(8):
                    await tail_of(log, partition)
                await heard_by_the_broker(log)
            finally:
                await log.close()
            assert one.peers
            assert two.peers
    finally:
        for master in masters:
            await master.kill()


async def announce(ports: dict[int, int]) -> None:
    """Let the nodes tell clients where TLS is spoken before them, and wait until each knows it of all."""
    for port, announced in ports.items():
        async with Redis(host=LOOPBACK, port=port) as client:
            untyped: Any = client
            await untyped.config_set("cluster-announce-port", announced)

    async def known() -> bool:
        told: set[Any] = set()
        for port in ports:
            async with Redis(host=LOOPBACK, port=port) as client:
                untyped: Any = client
                untyped.response_callbacks.clear()
                told |= {row[2][1] for row in await untyped.execute_command("CLUSTER", "SLOTS")}
        return told == set(ports.values())

    await waiting.until(known, within=60, what="the nodes know each other's ports")


async def heard_by_the_broker(log: Log) -> None:
    """A word to workers, as one on a cluster hears it by FastStream's broker."""
    broker = broker_of(log.nodes, log.keys.control)
    heard: asyncio.Queue[Control] = asyncio.Queue()
    broker.subscriber(stream=control_stream(log.keys, since_ms=0))(heard.put)
    async with hosted(application(broker, title="test", version="1", description="hears")):
        await say(log, Control(say="drain", worker="w"))
        async with asyncio.timeout(30):
            assert await heard.get() is not None

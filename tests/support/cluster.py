"""A cluster of two masters, each with half of the slots: 0–8191 and 8192–16383."""

import asyncio
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from waterclock_dev.ports import LOOPBACK, free_port
from waterclock_dev.servers import Server
from waterclock_dev.valkey import Valkey

HALVES = ((0, 8191), (8192, 16383))
POLL = 0.02  # s


async def start_cluster(folder: Path, *, deadline: float = 30.0) -> list[Server[Valkey]]:
    """Two masters that know each other and serve every slot; on any failure none is left running."""
    masters = [Server(_master(folder / f"master-{number}")) for number in (1, 2)]
    try:
        for master in masters:
            await master.start()
        async with asyncio.timeout(deadline):
            await _join(masters)
    except BaseException:
        for master in masters:
            await master.stop()
        raise
    return masters


def _master(data: Path) -> Valkey:
    bus = free_port()  # by default it is the port + 10000, which may not exist
    settings = {"cluster-enabled": "yes", "cluster-port": str(bus), "cluster-node-timeout": "5000"}
    return Valkey(data=data, settings=settings)


async def _join(masters: list[Server[Valkey]]) -> None:
    for epoch, (master, (first, last)) in enumerate(zip(masters, HALVES, strict=True), start=1):
        await _ask(master, "ADDSLOTSRANGE", first, last)
        await _ask(master, "SET-CONFIG-EPOCH", epoch)
    one, two = masters
    await _ask(one, "MEET", LOOPBACK, two.port, two.program.settings["cluster-port"])
    for master in masters:
        while b"cluster_state:ok" not in await _ask(master, "INFO"):  # noqa: ASYNC110  gossip gives no signal
            await asyncio.sleep(POLL)


async def _ask(master: Server[Valkey], *words: str | int) -> bytes:
    client: Any = Redis(host=LOOPBACK, port=master.port)
    async with client:
        answer: object = await client.execute_command("CLUSTER", *words)
        return answer if isinstance(answer, bytes) else b""

"""How many events an API process delivers to its streams in a second, how soon, what that costs, what is left after.

The bare application beside it is served by the same server and sends the same bytes to as many clients: no log, no
places, each write made of as many events as come in the time for which the API gathers them.
"""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any, cast

import msgspec
import redis

from waterclock.model.events import StepProgressed
from waterclock.model.ids import JobId, RunId
from waterclock.wire.envelope import encode_body
from waterclock_dev.bench.projection import stores
from waterclock_dev.bench.stage import Stage
from waterclock_dev.servers.ports import free_port

PATH = "/v1/monitor/events/stream"
READERS = 2  # processes
GATHER = 0.05  # s
TICK = 0.01  # s between two handfuls of events
LEAVES = 30.0  # s
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


class Streamed(msgspec.Struct, frozen=True, kw_only=True):
    """`micros`: of the server's processor time, a delivery; MiB before, with all clients, and when they have left."""

    deliveries: float
    p50: float
    p99: float
    micros: float
    before: float
    full: float
    after: float


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """What one process of readers found: ms late, of a sample."""

    deliveries: int
    seconds: float
    late: list[float]


async def ours(*, clients: int, rate: int, seconds: float) -> Streamed:
    """All read all events, which come at a rate."""
    async with stores() as (stage, url, _), stage.projector(url):
        port = free_port()
        async with stage.api(url, port=port, streams=clients + 10) as api:
            return await _measured(
                api.pid, port, clients, seconds, lambda: asyncio.to_thread(_append, stage, rate, seconds + 4)
            )


async def bare(*, clients: int, rate: int, seconds: float) -> Streamed:
    port = free_port()
    arguments = ("-m", "waterclock_dev.bench.bare_streams", str(port), str(rate), str(GATHER))
    server = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert server.stdout is not None
        async with asyncio.timeout(LEAVES):
            await server.stdout.readline()
        return await _measured(server.pid, port, clients, seconds, lambda: asyncio.sleep(seconds + 4))
    finally:
        server.terminate()
        await server.wait()


async def _measured(pid: int, port: int, clients: int, seconds: float, feed: Any) -> Streamed:
    await _read(port, clients // 10 or 1, 0.5)  # what is loaded at the first request is no leak
    before = _memory(pid)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(_read(port, clients, seconds), name="read")
        feeding = tasks.create_task(feed(), name="feed")
        await asyncio.sleep(3)
        began, used = time.monotonic(), _processor(pid)
        await asyncio.sleep(seconds / 2)
        took, used, full = time.monotonic() - began, _processor(pid) - used, _memory(pid)
        found = await reading
        await feeding
    await asyncio.sleep(3)
    rate = sum(one.deliveries / one.seconds for one in found)
    late = sorted(ms for one in found for ms in one.late)
    return Streamed(
        deliveries=rate,
        p50=late[len(late) // 2],
        p99=late[int(len(late) * 0.99)],
        micros=used / took / rate * 1e6,
        before=before,
        full=full,
        after=_memory(pid),
    )


async def _read(port: int, clients: int, seconds: float) -> list[Reading]:
    """By several processes."""
    shares = [clients // READERS + (place < clients % READERS) for place in range(READERS)]
    arguments = [("-m", "waterclock_dev.bench.readers", str(port), str(share), str(seconds)) for share in shares]
    pipe = asyncio.subprocess.PIPE
    processes = [await asyncio.create_subprocess_exec(sys.executable, *one, stdout=pipe) for one in arguments]
    said = [await process.communicate() for process in processes]
    return [msgspec.json.decode(out, type=Reading) for out, _ in said]


def _append(stage: Stage, rate: int, seconds: float) -> None:
    """Events of a run's progress, past the scripts, at a rate."""
    client: Any = redis.Redis.from_url(stage.url)  # pyright: ignore[reportUnknownMemberType]
    key = stage.log.keys.partition(0, "events")
    rows = cast("list[Any]", client.xrevrange(key, count=1))
    prev, seq = rows[0][0], int(rows[0][0].split(b"-")[1])
    event = StepProgressed(
        run_id=RunId("bench-1"), job_id=JobId("bench"), attempt=1, fence=1, number=1, done=1, total=100
    )
    body, began, count = encode_body(event), time.monotonic(), 0
    while (now := time.monotonic() - began) < seconds:
        pipeline = client.pipeline(transaction=False)
        for _ in range(int(rate * now) - count):
            seq, count = seq + 1, count + 1
            name = b"1-%d" % seq
            pipeline.xadd(key, {"b": body, "p": prev, "t": int(time.time() * 1000)}, id=name)
            prev = name
        pipeline.execute()
        time.sleep(TICK)
    client.close()


def _memory(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]) * _PAGE / 2**20


def _processor(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS

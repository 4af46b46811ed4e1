"""What traces cost: the whole path at a rate without them, with all of them, and with one in a hundred."""

import msgspec

from waterclock_dev.bench import path
from waterclock_dev.bench.path import Sustained
from waterclock_dev.bench.stage import staged
from waterclock_dev.servers.ports import LOOPBACK, free_port

SHARES = (None, 0.01, 1.0)
"""Of the traces; None: without tracing."""
TRACED = ("api", "worker", "projector")


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    share: float | None
    path: Sustained


async def measure(*, rate: float, seconds: float) -> list[Cost]:
    port = free_port()
    found: list[Cost] = []
    async with staged() as stage, stage.sink(port=port):
        for share in SHARES:
            env = (
                {}
                if share is None
                else {
                    "WATERCLOCK_OTLP_ENDPOINT": f"http://{LOOPBACK}:{port}",
                    "WATERCLOCK_TRACE_SAMPLE": str(share),
                }
            )
            found.append(Cost(share=share, path=await path.measure(rate=rate, seconds=seconds, env=env)))
    return found

"""`python -m waterclock_dev.bench.bare_streams PORT RATE GATHER`: the same server and bytes, nothing behind them."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

_EVENT = (
    b'id: 0-1-%d\nevent: step.progress\ndata: {"id":"0-1-%d","at":"%b","type":"step.progress","runId":"bench-1",'
    b'"jobId":"bench","attempt":1,"fence":1,"number":1,"done":1,"total":100}\n\n'
)


async def main(port: int, rate: int, gather: float) -> None:
    waiting: list[asyncio.Future[bytes]] = []
    loop = asyncio.get_running_loop()

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        while True:
            waiting.append(loop.create_future())
            await send({"type": "http.response.body", "body": await waiting[-1], "more_body": True})

    server = Server(
        app,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backpressure=100_000,
        log_enabled=False,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(), name="serve")
        await asyncio.sleep(1)
        print("ready", flush=True)  # noqa: T201
        seq, count = 0, int(rate * gather)
        while True:
            await asyncio.sleep(gather)
            at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()  # noqa: TID251
            data = b"".join([_EVENT % (seq + place, seq + place, at) for place in range(count)])
            seq += count
            heard, waiting[:] = list(waiting), []
            for one in heard:
                if not one.done():
                    one.set_result(data)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))

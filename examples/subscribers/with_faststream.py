"""A FastStream subscriber of events that `waterclock publisher` publishes. Try it:

    REDIS_URL=redis://localhost:6379/0 python examples/subscribers/with_faststream.py

It begins with the present when it is started first, and goes on where it ended later. Two that run share the events.
"""

import asyncio
import json
import os
from typing import Any

from faststream import FastStream
from faststream.redis import RedisBroker, StreamSub

REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
EVENTS = StreamSub("waterclock-events", group="billing", consumer=f"billing-{os.getpid()}", last_id=">")

broker = RedisBroker(REDIS_URL)
app = FastStream(broker)
seen: set[str] = set()


async def whole(message: Any) -> dict[str, Any]:
    """Take the whole entry. FastStream's own decoder would keep the member `data` of a CloudEvent, and nothing else."""
    return json.loads(message.raw_message["data"][b"__data__"])


@broker.subscriber(stream=EVENTS, decoder=whole)
async def heard(event: dict[str, Any]) -> None:
    """Each event comes at least once: one that has come before is skipped."""
    known = event["source"] + " " + event["id"]
    if known in seen:
        return
    seen.add(known)
    print(event["type"], event.get("jobname", "(no job)"), event["id"], flush=True)


if __name__ == "__main__":
    asyncio.run(app.run())

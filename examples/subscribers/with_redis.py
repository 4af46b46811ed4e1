"""A subscriber with redis-py of events that `waterclock publisher` publishes. Try it:

    REDIS_URL=redis://localhost:6379/0 python examples/subscribers/with_redis.py

It goes on where it ended: the consumer group keeps the place, and what was not acknowledged comes again.
"""

import json
import os
from typing import Any

import redis

REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
STREAM, GROUP, CONSUMER = "waterclock-events", "reports", "reports-1"


def main() -> None:
    client: Any = redis.Redis.from_url(REDIS_URL)  # pyright: ignore[reportUnknownMemberType]
    with client:
        join(client)
        unacknowledged = True  # of an earlier start
        while True:
            after = "0" if unacknowledged else ">"
            found: Any = client.xreadgroup(GROUP, CONSUMER, {STREAM: after}, count=100, block=5_000)
            entries: Any = found[0][1] if found else []
            unacknowledged = unacknowledged and bool(entries)
            for entry_id, fields in entries:
                heard(json.loads(fields[b"__data__"]))
                client.xack(STREAM, GROUP, entry_id)


def join(client: Any) -> None:
    try:
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):  # else somebody has made it
            raise


def heard(event: dict[str, Any]) -> None:
    """Each event comes at least once: `source` and `id` together tell whether it has come before."""
    print(event["type"], event.get("jobname", "(no job)"), event["id"], flush=True)


if __name__ == "__main__":
    main()

"""What OpenTelemetry calls the parts of a message's way, for our log: a queue, or the events of a partition.

    create (decide) → send (append) → receive (claim) → process (attempt) → process (project)

Its conventions for messaging are in development still; a test compares the names with its package.
"""

from __future__ import annotations

from typing import Literal

Operation = Literal["create", "send", "receive", "process"]

SYSTEM = "redis"
EVENTS = "events"
"""Where a projector reads."""


def messaging(
    type: Operation,  # noqa: A002 - its name in the convention
    name: str,
    destination: str,
    *,
    partition: int | None = None,
    message: str | None = None,
    count: int | None = None,
    group: str | None = None,
    client: str | None = None,
    **ours: str | int,
) -> dict[str, str | int]:
    """Attributes of one operation; `count` of a batch alone, `ours` with the prefix `waterclock.`.

    The log has no consumer groups: as one counts whoever shares the messages out among themselves.
    """
    told: dict[str, str | int | None] = {
        "messaging.system": SYSTEM,
        "messaging.operation.type": type,
        "messaging.operation.name": name,
        "messaging.destination.name": destination,
        "messaging.destination.partition.id": None if partition is None else str(partition),
        "messaging.message.id": message,
        "messaging.batch.message_count": count,
        "messaging.consumer.group.name": group,
        "messaging.client.id": client,
    }
    return {key: value for key, value in told.items() if value is not None} | {
        f"waterclock.{key}": value for key, value in ours.items()
    }

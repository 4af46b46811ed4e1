"""The stream that events are published to: one field of each entry is a CloudEvent."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from faststream import FastStream
from faststream.redis import StreamSub
from redis.exceptions import RedisError

from waterclock.log import broker as messages
from waterclock_api.publisher.cloud_event import PublishedEvent

AWAY = (RedisError, OSError)
"""What it is to try again later; a TimeoutError is one."""


class Target:
    """A stream of at most some `length` entries, on the server of `url`."""

    def __init__(self, url: str, stream: str, length: int) -> None:
        self._broker = messages.broker_at(url)
        self._publisher = self._broker.publisher(
            stream=StreamSub(stream, maxlen=length),
            title="events",
            description="Events of jobs, runs and scheduled times, in the order of each partition, at least once.",
            schema=PublishedEvent,
        )

    async def publish(self, documents: Sequence[bytes]) -> None:
        """Append entries, in one round trip.

        Raises:
            RedisError, OSError: perhaps some of them were appended, and perhaps none.
        """
        pipeline: Any = (await self._broker.connect()).pipeline(transaction=False)
        for document in documents:
            await self._publisher.publish(document, pipeline=pipeline)
        await pipeline.execute()

    async def close(self) -> None:
        await self._broker.stop()

    def application(self) -> FastStream:
        return messages.application(
            self._broker,
            title="Waterclock publisher",
            version=version("waterclock-api"),
            description="Events for other services, as CloudEvents 1.0. More types may come: skip unknown ones.",
        )

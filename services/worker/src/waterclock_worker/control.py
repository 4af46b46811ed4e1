"""What a worker hears from operators, and the FastStream application that hosts it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from faststream import AckPolicy, FastStream
from faststream.redis import RedisBroker

from waterclock.log.broker import application, control_stream
from waterclock.log.control import Control
from waterclock.wire.keys import Keys
from waterclock_worker.worker import Worker

log = logging.getLogger(__name__)

Host = Callable[[], AbstractAsyncContextManager[None]]


def app_of(
    worker: Worker | None,
    broker: RedisBroker,
    keys: Keys,
    *,
    since_ms: int,
    host: Host | None = None,
) -> FastStream:
    """The application that hosts a worker: `host` is entered before the broker starts and left after it has stopped.

    Without a worker it is only good for its AsyncAPI document.
    """
    _subscribe(broker, worker, keys, since_ms=since_ms)
    return application(
        broker,
        title="Waterclock worker",
        version=version("waterclock-worker"),
        description="What a worker hears. Its claims and endings are not messages but calls of the log.",
        lifespan=host or _nothing,
    )


def _subscribe(broker: RedisBroker, worker: Worker | None, keys: Keys, *, since_ms: int) -> None:
    stream = control_stream(keys, since_ms=since_ms)

    @broker.subscriber(stream=stream, title="control", ack_policy=AckPolicy.MANUAL)
    async def control(said: Control) -> None:  # pyright: ignore[reportUnusedFunction]
        """Drain, where this worker is the one that is named."""
        if worker is not None and worker.is_called(said.worker):
            log.info("drain requested", extra={"by": said.by})
            worker.drain()


@asynccontextmanager
async def _nothing() -> AsyncGenerator[None]:
    yield

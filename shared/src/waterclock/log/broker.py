"""FastStream's broker, as our services use it: for what may be lost and heard again.

A message is one JSON document, in the field that FastStream reads, with nothing around it: its own frame breaks on a
header that is not ASCII, and its older one takes a member called `data` for the message. Streams are read without a
consumer group: every process hears everything from its own start on, and a deleted stream stops nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import TracebackType
from typing import Any, cast

import msgspec
from faststream import FastStream
from faststream._internal.endpoint.subscriber.mixins import TasksMixin
from faststream.message import StreamMessage
from faststream.redis import RedisBroker, StreamSub
from faststream.redis.parser import MessageFormat
from faststream.specification import AsyncAPI
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from waterclock.log.connection.addresses import Target, target_of
from waterclock.log.connection.errors import LogUnavailable
from waterclock.log.connection.transient import MOVED, NO_ACCESS, NOT_THE_ONE, code_of
from waterclock.log.control import KEPT
from waterclock.log.topology.primaries import Nodes
from waterclock.wire.keys import Keys

BLOCK_MS = 2_000
SOCKET_TIMEOUT = 5.0  # s; more than twice the block: silence is told from a dead server
_START_AGAIN = 0.5  # s

messages_log = logging.getLogger("waterclock.messages")


class _Useful(logging.Filter):
    """Of FastStream's own lines those that say something: not how it ends, and not with a traceback that a read failed.

    What it reads may be lost, and is read again; that the log is away is said by those who need it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        said = str(record.msg)
        fetching = (said == _FETCH_ERROR or _RETRYING in said) and isinstance(error, RedisError | OSError)
        if not fetching and not said.startswith(_ENDING):
            return True
        record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
        record.exc_info = None
        record.error = repr(error)
        return messages_log.isEnabledFor(logging.DEBUG)


_FETCH_ERROR, _RETRYING, _ENDING = "Message fetch error", " raised an exception, retrying", "callback for "
"""As FastStream 0.7 says them."""
messages_log.addFilter(_Useful())


class Document(MessageFormat):
    """Bytes as they are: JSON, made here or by whoever wrote the entry."""

    @classmethod
    async def encode(
        cls,
        *,
        message: Any,
        reply_to: str | None,
        headers: dict[str, Any] | None,
        correlation_id: str,
        serializer: Any = None,
        codec: Any = None,
    ) -> bytes:
        del reply_to, headers, correlation_id, serializer, codec
        return message if isinstance(message, bytes) else msgspec.json.encode(message)

    @classmethod
    def parse(cls, data: bytes) -> tuple[bytes, dict[str, Any]]:
        return data, {}


async def decoded(message: StreamMessage[Any]) -> Any:
    """The document of a message.

    Raises:
        msgspec.DecodeError: it is not JSON; the subscriber logs that and goes on.
    """
    return msgspec.json.decode(message.body)


class _Patient(RedisBroker):
    """A broker that has started also while the server is away: it begins to read when the server is there.

    FastStream's own start fails after three seconds without an answer, and with it the service.
    """

    _starting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Wait for the first try; go on with the others beside what comes next."""
        tried = asyncio.Event()
        self._starting = asyncio.create_task(self._start_at_last(tried), name="begin to read messages")
        waiting = asyncio.create_task(tried.wait(), name="wait for the first try")
        try:
            await asyncio.wait([self._starting, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._starting.done():
            self._starting.result()

    async def stop(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        await self._read_no_more()
        try:
            await super().stop(exc_type, exc_val, exc_tb)
        except* (RedisError, OSError) as errors:  # what it says goodbye to is away: there is nothing to be said
            messages_log.debug("left without a word", extra={"errors": repr(errors.exceptions)})
            await self.config.disconnect()

    async def _read_no_more(self) -> None:
        """End those who read, and wait for it: what is cancelled closes its connection, on which the stop speaks."""
        reading = [task for each in self.subscribers if isinstance(each, TasksMixin) for task in each.tasks]
        for each in self.subscribers:
            each.running = False
        for task in reading:
            task.cancel()
        if reading:
            await asyncio.wait(reading, timeout=SOCKET_TIMEOUT)

    async def _start_at_last(self, tried: asyncio.Event) -> None:
        while True:
            try:
                await (await self.connect()).ping()  # pyright: ignore[reportUnknownMemberType]
                await super().start()
            except (RedisError, OSError) as error:  # a TimeoutError is one
                messages_log.debug("messages are not read yet", extra={"error": repr(error)})
                await self._read_no_more()
                for each in self.subscribers:
                    with suppress(RedisError, OSError):
                        await each.stop()
            else:
                return
            tried.set()
            await asyncio.sleep(_START_AGAIN)


def broker_at(url: str) -> RedisBroker:
    """A broker at the first server that a URL names, not connected yet: for a document."""
    return _broker(target_of(url))


def broker_of(nodes: Nodes, key: str) -> RedisBroker:
    """A broker, not connected yet, whose connections go to whoever holds `key` when they are made."""
    target = nodes.all()[0].target
    return _broker(target if target.socket else target._replace(kind=_following(target.kind, nodes, key)))


def _broker(target: Target) -> RedisBroker:
    ours = {"connection_class": target.kind, "socket_timeout": SOCKET_TIMEOUT, "specification_url": target.url}
    options = {name: value for name, value in target.options.items() if name != "protocol"} | ours
    return _Patient(
        "redis://",  # what it says is in the options
        message_format=Document,
        decoder=decoded,
        logger=messages_log,
        log_level=logging.DEBUG,
        **cast("dict[str, Any]", options),
    )


def _following(kind: type[AbstractConnection], nodes: Nodes, key: str) -> type[AbstractConnection]:
    """Connections of that kind: each looks up where it goes, and ends when its server is not the one to ask."""
    base = cast("type[Any]", kind)

    class Following(base):
        async def connect(self) -> None:
            if not self.is_connected:
                try:
                    self.host, self.port = nodes.holder(key).target.address
                except LogUnavailable as error:
                    raise ConnectionLost(str(error)) from error
            await super().connect()  # pyright: ignore[reportUnknownMemberType]

        async def read_response(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return cast("object", await super().read_response(*args, **kwargs))  # pyright: ignore[reportUnknownMemberType]
            except RedisError as error:
                nodes.look_soon()
                if code_of(error) not in MOVED | NOT_THE_ONE | NO_ACCESS:
                    raise
                await self.disconnect()
                raise ConnectionLost(str(error)) from error  # FastStream goes on after it; an answer ends its task

    return Following


def control_stream(keys: Keys, *, since_ms: int) -> StreamSub:
    """The control stream from a moment on, by the store's clock. `$` would miss what comes between two reads."""
    return StreamSub(keys.control, last_id=f"{since_ms}-0", polling_interval=BLOCK_MS, maxlen=KEPT)


def application(broker: RedisBroker, *, title: str, version: str, description: str, **hooks: Any) -> FastStream:
    """The FastStream application that hosts a service; `hooks` as FastStream takes them (`lifespan` and the like)."""
    specification = AsyncAPI(title=title, version=version, description=description)
    return FastStream(broker, logger=messages_log, specification=specification, **hooks)


@asynccontextmanager
async def hosted(app: FastStream) -> AsyncGenerator[None]:
    """The application at work while the context lasts. Not `app.run`, which takes the signals for itself."""
    lifespan = cast("Callable[[], AbstractAsyncContextManager[None]]", app.lifespan_context)
    async with lifespan(), app:
        yield


def asyncapi(app: FastStream) -> str:
    """The application's AsyncAPI document, JSON. Needs no server."""
    return app.schema.to_specification().to_json()

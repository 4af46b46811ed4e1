"""Streams of events (SSE): history first, then live, without a hole or a repeat.

`id` is the position, so a client that comes again goes on after the last event it saw. The order is join the hub,
archive, stream, live; everything is freed when the client leaves, when it is too slow, and when the process stops.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import psycopg
from litestar.types import Receive, Scope, Send
from psycopg_pool import PoolTimeout

from waterclock.log.errors import LogError
from waterclock.model.outcomes import RunStatus
from waterclock.model.positions import Position
from waterclock_api.frames import HEARTBEAT, Frame, end_frame
from waterclock_api.history import Subject, end_before, frames, start_of_live_run
from waterclock_api.hub import Seat
from waterclock_api.parts import Parts

HEARTBEAT_EVERY = 15.0  # s
RETRY_MS = 1_000  # after which a browser comes again

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
_log = logging.getLogger(__name__)


class EventStream:
    """The answer to a request for a stream. `after` None: from the first; `live`: from the job's live run, else now."""

    def __init__(self, parts: Parts, subject: Subject, after: Position | None, *, live: bool = False) -> None:
        self._parts = parts
        self._subject = subject
        self._after = after
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's signature
        sending: asyncio.Task[None] | None = None

        def cut() -> None:  # a client that does not read holds us in `send`
            if sending is not None:
                sending.cancel()

        async with (
            self._parts.hub.join(self._subject.partition, self._subject.id, cut) as seat,
            asyncio.TaskGroup() as tasks,
        ):
            sending = tasks.create_task(self._serve(seat, send), name=f"stream {self._subject.id}")
            leaving = tasks.create_task(_left(receive), name=f"client of {self._subject.id}")
            sending.add_done_callback(lambda _: leaving.cancel())
            leaving.add_done_callback(lambda _: cut())

    async def _serve(self, seat: Seat, send: Send) -> None:
        stream = _Sending(send, self._subject)
        await stream.begin()
        try:
            await self._tell(seat, stream)
        except (LogError, psycopg.Error, PoolTimeout) as error:
            _log.warning("stream broken off", extra={"subject": self._subject.id, "error": str(error)})
        await stream.finish()

    async def _tell(self, seat: Seat, stream: _Sending) -> None:
        after = self._after
        if self._live:
            after = await start_of_live_run(self._parts, self._subject, seat.joined_at)
        if self._subject.kind == "run" and after is not None:
            status = await end_before(self._parts, self._subject.id, after)
            if status is not None:
                await stream.end(status)
                return
        stream.at = after
        async for page in frames(self._parts, self._subject, after, seat.joined_at):
            if await stream.send(page):
                return
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_EVERY):
                    found = await seat.take()
            except TimeoutError:
                await stream.beat()
                continue
            if not found or await stream.send(found):
                return


class _Sending:
    """What goes out: each event once, many in one write."""

    def __init__(self, send: Send, subject: Subject) -> None:
        self.at: Position | None = None  # of the last event sent
        self._send = send
        self._subject = subject

    async def begin(self) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await self._write(b"retry: %d\n\n" % RETRY_MS)

    async def send(self, found: Iterable[Frame]) -> bool:
        """Send what is not sent yet; whether that was the end of the run."""
        fresh = [frame for frame in found if self.at is None or frame.position > self.at]
        if not fresh:
            return False
        self.at = fresh[-1].position
        ended: RunStatus | None = next((frame.ends for frame in fresh if frame.ends is not None), None)
        parts = [frame.data for frame in fresh]
        if self._subject.kind == "run" and ended is not None:
            parts.append(end_frame(self._subject.id, ended))
        await self._write(b"".join(parts))
        return self._subject.kind == "run" and ended is not None

    async def end(self, status: RunStatus) -> None:
        await self._write(end_frame(self._subject.id, status))

    async def beat(self) -> None:
        await self._write(HEARTBEAT)

    async def finish(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})


async def _left(receive: Receive) -> None:
    """Until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        continue

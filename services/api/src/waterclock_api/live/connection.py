"""What every live stream is to its client: an answer that lasts, ends with its grant, and is cut if nobody reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from litestar.types import Receive, Scope, Send

from waterclock.kit.clock import Clock
from waterclock_api.access.credentials import EndOfGrant
from waterclock_api.access.guard import grant_of
from waterclock_api.access.principal import caller_id
from waterclock_api.http.response import is_head
from waterclock_api.limits.chunked_response import STUCK
from waterclock_api.limits.peer_state import far_end
from waterclock_api.live.hub import Hub
from waterclock_api.live.sse import closed_frame
from waterclock_api.live.subscriptions import Question, Subscription

RETRY_MS = 1_000  # after which a browser comes again
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]

Serve: TypeAlias = "Callable[[Subscription, Send], Awaitable[None]]"


async def answer_live(scope: Scope, receive: Receive, send: Send, hub: Hub, question: Question, serve: Serve) -> None:
    """Have `serve` send what there is to a subscription, until it is done, the client has left or is cut."""
    if is_head(scope):
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    sending: asyncio.Task[None] | None = None

    def cut() -> None:
        """A client that does not read holds us in `send`. Libraries may swallow this: it is closed, too."""
        if sending is not None and not sending.done():
            scope[STUCK] = True  # pyright: ignore[reportGeneralTypeIssues]  ours
            sending.cancel()

    async def served(subscription: Subscription) -> None:
        await serve(subscription, send)

    host, port = scope["client"] or ("", 0)
    end = far_end(host, int(port))  # a text from granian
    async with (
        hub.join(question, cut, client=caller_id(scope), end=end, ended=grant_of(scope)) as subscription,
        asyncio.TaskGroup() as tasks,
    ):
        sending = tasks.create_task(served(subscription), name="stream")
        leaving = tasks.create_task(_left(receive), name="client of a stream")
        sending.add_done_callback(lambda _: leaving.cancel())
        leaving.add_done_callback(lambda _: subscription.cut())


class Sender:
    """What goes out to a client; its subscription knows when."""

    def __init__(self, send: Send, subscription: Subscription, clock: Clock) -> None:
        self._send = send
        self._subscription = subscription
        self._clock = clock

    async def begin(self) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await self.write(b"retry: %d\n\n" % RETRY_MS)

    async def write(self, data: bytes) -> None:
        one = self._subscription
        if one.closed_by is not None:
            return
        one.beat, one.sending, one.sent_at = False, True, self._clock.monotonic()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        one.sending = False

    async def close(self, why: EndOfGrant) -> None:
        await self._send({"type": "http.response.body", "body": closed_frame(why), "more_body": True})

    async def finish(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    """Until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        continue

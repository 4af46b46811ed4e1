"""The pulse, to one client: how everything is, then what changes."""

from __future__ import annotations

from litestar.types import Receive, Scope, Send

from waterclock.kit.clock import Clock
from waterclock_api.live.connection import Sender, answer_live
from waterclock_api.live.hub import Hub
from waterclock_api.live.pulse.beat import LISTENERS, Beat
from waterclock_api.live.sse import HEARTBEAT
from waterclock_api.live.subscriptions import Subscription


class PulseStream:
    """The answer to a request for the pulse."""

    def __init__(self, beat: Beat, hub: Hub, clock: Clock) -> None:
        self._beat = beat
        self._hub = hub
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer_live(scope, receive, send, self._hub, LISTENERS, self._serve)

    async def _serve(self, subscription: Subscription, send: Send) -> None:
        sender = Sender(send, subscription, self._clock)
        await sender.begin()
        with self._beat.listening():
            await sender.write(await self._beat.first())
            subscription.live = True
            while not subscription.closed:
                batches = await subscription.take()
                if batches:
                    await sender.write(b"".join([batch.data for batch in batches]))
                elif not subscription.closed:
                    await sender.write(HEARTBEAT)
        if subscription.closed_by is not None:
            await sender.close(subscription.closed_by)
        await sender.finish()

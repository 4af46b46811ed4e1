"""Notices that Postgres could not store: sent from memory, each channel's in their order, and kept to be recorded.

They are sent at least once. What was sent, or is tried in vain, goes into the outbox as such when Postgres is back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from waterclock.kit.randomness import fraction
from waterclock.kit.telemetry import catalog
from waterclock.model.notices.notice import Notice
from waterclock.store.connection.pool import Connection
from waterclock.store.notices import outbox
from waterclock.store.notices.outbox import Message
from waterclock_api.notifier.delivery.back_off import back_off
from waterclock_api.notifier.delivery.channels import Channel
from waterclock_api.notifier.delivery.notice_details import details_of
from waterclock_api.notifier.delivery.outcome import Again, Dead, Delivered, Outcome
from waterclock_api.notifier.dispatch import Send, Told

KEPT_MOST = 1_000
"""Messages. What is told beyond is lost: Postgres was away while the installation changed so often."""

_log = logging.getLogger(__name__)


class _Kept(msgspec.Struct):
    message: Message
    state: Literal["waiting", "sending", "sent", "dead"] = "waiting"


class Memory:
    """`send`: as of the dispatcher, which is to use `send_once`."""

    def __init__(self, send: Send, channels: Callable[[], Mapping[str, Channel]]) -> None:
        self._send = send
        self._channels = channels
        self._kept: list[_Kept] = []
        self._busy: set[str] = set()
        self._sent: dict[tuple[str, str], None] = {}

    @property
    def is_empty(self) -> bool:
        return not self._kept

    async def send_once(self, channel: Channel, told: Told) -> Outcome:
        """Send what is in the outbox, if it was not sent from here."""
        if (channel.name, told.id) in self._sent:
            return Delivered()
        return await self._send(channel, told)

    def tell(self, notices: Iterable[Notice], tasks: asyncio.TaskGroup) -> None:
        """Begin to send notices; they are kept until they are recorded."""
        for message in outbox.messages_of(notices):
            if len(self._kept) >= KEPT_MOST:
                _log.error("notice lost", extra={"channel": message.channel, "notice": message.notice.id})
                continue
            self._kept.append(_Kept(message))
            if message.channel not in self._busy:
                self._busy.add(message.channel)
                tasks.create_task(self._send_all(message.channel), name=f"send to {message.channel} from memory")

    async def record(self, connection: Connection) -> Sequence[_Kept]:
        """Record what is not on its way just now, in the caller's transaction; `forget` it when that is committed."""
        kept = [one for one in self._kept if one.state != "sending"]
        sent = [one.message for one in kept if one.state == "sent"]
        unsent = [one.message for one in kept if one.state != "sent"]
        notices = {one.message.notice.id: one.message.notice for one in kept}
        await outbox.record_told(connection, list(notices.values()), sent, unsent)
        return kept

    def forget(self, recorded: Sequence[_Kept]) -> None:
        self._kept = [one for one in self._kept if not any(one is other for other in recorded)]

    async def _send_all(self, name: str) -> None:
        failures = 0
        try:
            while (one := self._next(name)) is not None:
                outcome = await self._sent_now(one)
                if isinstance(outcome, Again):
                    failures += 1
                    await asyncio.sleep(back_off(failures, fraction(), asked=outcome.after))
                else:
                    failures = 0
        finally:
            self._busy.discard(name)

    def _next(self, name: str) -> _Kept | None:
        return next((one for one in self._kept if one.message.channel == name and one.state == "waiting"), None)

    async def _sent_now(self, one: _Kept) -> Outcome:
        channel = self._channels().get(one.message.channel)
        notice = one.message.notice
        about = {"channel": one.message.channel, "message_id": notice.id}
        if channel is None:
            one.state = "dead"
            return Dead(said="there is no such channel any more")
        one.state = "sending"
        outcome = await self._send(channel, details_of(notice))
        match outcome:
            case Delivered():
                one.state = "sent"
                catalog.DELIVERIES.add(1, channel.name, "delivered")
                self._sent[channel.name, notice.id] = None
                if len(self._sent) > KEPT_MOST:
                    del self._sent[next(iter(self._sent))]
                _log.info("message delivered from memory", extra=about)
            case Dead(said=said):
                one.state = "dead"
                catalog.DELIVERIES.add(1, channel.name, "givenUp")
                _log.error("message given up", extra=about | {"reason": said})
            case Again(said=said):
                one.state = "waiting"
                catalog.DELIVERIES.add(1, channel.name, "failed")
                _log.warning("message not delivered", extra=about | {"reason": said})
        return outcome

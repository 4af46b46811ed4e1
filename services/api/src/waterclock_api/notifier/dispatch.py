"""Messages of the outbox on their way: claimed, written, sent, and noted how they ended.

too many, or too old ──► one digest ──┐
waiting ──claim──► details ──► message ──► channel ──► delivered
   │ ▲      │                                ├──► again, after a growing while
   │ └──────│────────────────────────────────┴──► given up
   └────────┴──► muted ──the mute is over, and it lasts──► waiting
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import msgspec

from waterclock.kit.clock import wait
from waterclock.kit.randomness import fraction, token
from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.store.connection.pool import Connection, Pool
from waterclock.store.connection.transient import PASSES
from waterclock.store.notices import deliveries, mutes, origin
from waterclock.store.notices.deliveries import Claimed, Waiting
from waterclock.store.notices.origin import Origin
from waterclock.store.notices.presence import Presence, free_claims
from waterclock_api.notifier.delivery.back_off import back_off
from waterclock_api.notifier.delivery.channels import Channel
from waterclock_api.notifier.delivery.notice_details import DigestDetails, NoticeDetails
from waterclock_api.notifier.delivery.outcome import Again, Dead, Delivered, Outcome
from waterclock_api.notifier.delivery.sender import DEADLINE
from waterclock_api.notifier.details import digest_of, told_of

A_MINUTE = 20  # messages of a channel, at most; more become one
FEW = 5  # that are told one by one, later, where so many were sent already
CALM = (2.0, 15.0)  # s without another message, or in all, after which too many are told as one
LEASE = 3 * DEADLINE
GIVE_UP = 3 * 86_400.0  # s
LOOK_EVERY = 0.5  # s

_log = logging.getLogger(__name__)
_digest = msgspec.json.Decoder(DigestDetails)
Told = NoticeDetails | DigestDetails


Send = Callable[[Channel, Told], Awaitable[Outcome]]
"""Sends one message through a channel. It never raises, and gives up before the lease ends."""


class Dispatcher:
    """`channels`: those in force; messages of others wait. `is_muted`: whether another place sends; None: not known."""

    def __init__(
        self,
        pool: Pool,
        channels: Callable[[], Mapping[str, Channel]],
        send: Send,
        here: Origin,
        presence: Presence,
    ) -> None:
        self.is_muted: bool | None = None
        self._pool = pool
        self._channels = channels
        self._send = send
        self._here = here
        self._presence = presence

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set and what is under way has ended; an outage of the database is waited for."""
        outage = Outage(_log, "messages not sent", "messages sent again")
        async with asyncio.TaskGroup() as sending:
            while not stop.is_set():
                try:
                    async with self._pool.connection() as connection:
                        if await self._may_send(connection):
                            for one, claim in await self._claimed(connection):
                                sending.create_task(self._deliver(one, claim), name=f"send to {one.channel}")
                    outage.over()
                except PASSES as error:
                    outage.failed(error)
                await wait(stop, LOOK_EVERY)

    async def _may_send(self, connection: Connection) -> bool:
        was_muted, self.is_muted = self.is_muted, not await origin.sends(connection, self._here)
        if self.is_muted and not was_muted:
            speaking, _ = await origin.found(connection)
            _log.warning("notifier muted", extra={"here": str(self._here), "sent_from": str(speaking)})
        if was_muted and not self.is_muted:
            _log.info("notices sent from here again", extra={"here": str(self._here)})
        return not self.is_muted

    async def _claimed(self, connection: Connection) -> list[tuple[Claimed, str]]:
        channels = self._channels()
        if not channels:
            return []
        await free_claims(connection)
        if released := await mutes.release(connection):
            _log.info("mute over: messages sent", extra={"count": released})
        if not await deliveries.any_waits(connection):
            return []
        if muted := await mutes.settle_waiting(connection):
            _log.info("messages muted", extra={"count": muted})
        waiting = await deliveries.waiting(connection, list(channels))
        for channel, found in waiting.items():
            await self._gather(connection, channel, found)
        most = {channel: max(0, A_MINUTE - found.sent) for channel, found in waiting.items() if not _floods(found)}
        claim = token()
        owner = self._presence.number
        return [(one, claim) for one in await deliveries.claim(connection, most, lease=LEASE, claim=claim, owner=owner)]

    async def _gather(self, connection: Connection, channel: str, found: Waiting) -> None:
        """Make one of what is old, and of what is too much once it has calmed down."""
        calm = found.newest >= CALM[0] or found.oldest >= CALM[1]
        if not calm or not (found.old or _floods(found)):
            return
        async with connection.transaction():
            taken = await deliveries.take_for_digest(connection, channel, only_old=not _floods(found))
            if taken:
                message = token()
                since, through = min(one.at for one in taken), max(one.at for one in taken)
                muted = await mutes.count(connection, channel, since, through)
                document = msgspec.json.encode(digest_of(taken, message, muted=muted))
                await deliveries.put_digest(connection, channel, message, document)

    async def _deliver(self, one: Claimed, claim: str) -> None:
        channel = self._channels().get(one.channel)
        if channel is None:
            return  # its lease ends by itself
        with suppress(*PASSES):  # then the lease ends, and it is sent again under the same id
            async with self._pool.connection() as connection:
                if await mutes.settle_claimed(connection, one, claim):
                    return
                told = await self._told(connection, one)
            outcome = await self._send(channel, told)
            async with self._pool.connection() as connection, connection.transaction():
                await self._note(connection, one, claim, outcome)

    async def _told(self, connection: Connection, one: Claimed) -> Told:
        if one.digest is not None:
            return _digest.decode(one.digest)
        assert one.notice is not None
        return await told_of(connection, one.notice)

    async def _note(self, connection: Connection, one: Claimed, claim: str, outcome: Outcome) -> None:
        match outcome:
            case Delivered():
                await deliveries.settle(connection, one, claim, "delivered")
                await deliveries.note_channel(connection, one.channel, None)
                catalog.DELIVERIES.add(1, one.channel, "delivered")
            case Dead(said=said):
                await self._give_up(connection, one, claim, said)
            case Again(said=said, after=after):
                wait = back_off(one.failures + 1, fraction(), asked=after)
                if one.waited + wait > GIVE_UP:
                    await self._give_up(connection, one, claim, said)
                    return
                await deliveries.postpone(connection, one, claim, after=wait, said=said)
                await deliveries.note_channel(connection, one.channel, said)
                catalog.DELIVERIES.add(1, one.channel, "failed")
                _log.warning(
                    "message not delivered",
                    extra={"channel": one.channel, "message_id": one.message, "reason": said, "again_in": round(wait)},
                )

    async def _give_up(self, connection: Connection, one: Claimed, claim: str, said: str) -> None:
        await deliveries.settle(connection, one, claim, "givenUp", said)
        await deliveries.note_channel(connection, one.channel, said, gave_up=True)
        catalog.DELIVERIES.add(1, one.channel, "givenUp")
        _log.error("message given up", extra={"channel": one.channel, "message_id": one.message, "reason": said})


def _floods(found: Waiting) -> bool:
    return found.messages > max(FEW, A_MINUTE - found.sent)

"""The way from a channel and what is told to an outcome: references resolved, text made, sent.

Channel ─► resolve ─┬─ webhook ─► CloudEvent ─► POST ──────┬─► Delivered │ Again │ Dead
                    └─ apprise ─► message ─► child process ┘
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from waterclock.kit.clock import Clock
from waterclock.kit.http.session import Session
from waterclock.model.notices.rule_file import BadRules, RuleFlaw
from waterclock.model.notices.rules import Heartbeat
from waterclock_api.notifier.delivery.apprise_sender import AppriseSender
from waterclock_api.notifier.delivery.channels import (
    CHANNELS,
    HEARTBEAT,
    AppriseTarget,
    Channel,
    WebhookTarget,
    heartbeat_flaws,
    resolve,
    url_behind,
)
from waterclock_api.notifier.delivery.cloud_event import cloud_event
from waterclock_api.notifier.delivery.notice_details import ChannelTest, DigestDetails, Installation, NoticeDetails
from waterclock_api.notifier.delivery.outcome import Again, Outcome
from waterclock_api.notifier.delivery.request import beat
from waterclock_api.notifier.delivery.texts import message_of
from waterclock_api.notifier.delivery.webhook import post

DEADLINE = 30.0
"""Seconds that one delivery may take."""


class Sender:
    """Sends for one installation, to any channel. Of one event loop; the session is its maker's to close."""

    def __init__(
        self,
        installation: Installation,
        *,
        session: Session,
        apprise: AppriseSender,
        environment: Mapping[str, str],
        clock: Clock,
        deadline: float = DEADLINE,
    ) -> None:
        self._installation = installation
        self._session = session
        self._apprise = apprise
        self._environment = environment
        self._clock = clock
        self._deadline = deadline

    async def send(self, channel: Channel, told: NoticeDetails | DigestDetails | ChannelTest) -> Outcome:
        """Send once. A reference that does not resolve may do so later: a secret is being mounted, or changed."""
        try:
            target = resolve(channel, self._environment)
        except BadRules as error:
            return Again(said=str(error))
        match target:
            case WebhookTarget():
                body = cloud_event(told, self._installation)
                return await post(
                    target, told.id, body, session=self._session, clock=self._clock, deadline=self._deadline
                )
            case AppriseTarget():
                message = message_of(told, self._installation)
                return await self._apprise.send(target, message, deadline=self._deadline)

    async def beat(self, heartbeat: Heartbeat) -> Outcome:
        """Send the heartbeat once. A reference that does not resolve may do so later."""
        try:
            url = url_behind(HEARTBEAT, heartbeat.url, self._environment)
        except BadRules as error:
            return Again(said=str(error))
        return await beat(url, session=self._session, clock=self._clock, deadline=self._deadline)

    async def flaws(self, channels: Iterable[Channel], heartbeat: Heartbeat | None = None) -> list[RuleFlaw]:
        """What keeps channels and the heartbeat from being sent to, as far as it is known without sending."""
        found: dict[str, list[RuleFlaw]] = {}
        addresses: dict[str, AppriseTarget] = {}
        for channel in channels:
            found[channel.name] = []
            try:
                target = resolve(channel, self._environment)
            except BadRules as error:
                found[channel.name] += error.flaws
            else:
                if isinstance(target, AppriseTarget):
                    addresses[channel.name] = target
        told = await self._apprise.flaws(list(addresses.values()), deadline=self._deadline)
        for name, flaw in zip(addresses, told, strict=True):
            if flaw is not None:
                found[name].append(RuleFlaw(f"{CHANNELS}.{name}.apprise", flaw))
        of_heartbeat = () if heartbeat is None else heartbeat_flaws(heartbeat, self._environment)
        return [*(flaw for flaws in found.values() for flaw in flaws), *of_heartbeat]

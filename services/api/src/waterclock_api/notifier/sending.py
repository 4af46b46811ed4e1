"""What sends through channels, made of settings."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from waterclock.kit.clock import Clock
from waterclock.kit.http.guard import Guard
from waterclock.kit.http.session import Session
from waterclock.kit.service import Unfit
from waterclock_api.notifier.delivery.apprise_sender import AppriseSender
from waterclock_api.notifier.delivery.notice_details import Installation
from waterclock_api.notifier.delivery.sender import Sender
from waterclock_api.settings import ChannelSettings


@asynccontextmanager
async def sender_of(own: ChannelSettings, name: str, clock: Clock) -> AsyncGenerator[Sender]:
    """`name`: whom messages are from.

    Raises:
        Unfit: a setting is malformed.
    """
    try:
        session = Session(Guard(own.http_allow))
    except ValueError as error:
        raise Unfit(str(error)) from error
    try:
        yield Sender(
            Installation(name=name, public_url=own.public_url),
            session=session,
            apprise=AppriseSender(own.notices_services),
            environment=os.environ,
            clock=clock,
        )
    finally:
        await session.close()

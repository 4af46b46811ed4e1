"""From a channel of the file to a receiver that has the notice."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from standardwebhooks import Webhook

from tests.integration.notifier.receiver import LOOPBACK, http_receiver, mailbox
from waterclock.kit.clock import SystemClock
from waterclock.kit.http.guard import Guard
from waterclock.kit.http.session import Session
from waterclock_api.notifier.delivery.apprise_sender import AppriseSender
from waterclock_api.notifier.delivery.channels import read_channels
from waterclock_api.notifier.delivery.notice_details import ChannelTest, Installation
from waterclock_api.notifier.delivery.outcome import Again, Delivered
from waterclock_api.notifier.delivery.sender import Sender

KEY = "whsec_aGFyZGx5IGEgc2VjcmV0IG9mIGFueWJvZHk="
OTHER_KEY = "whsec_YW5vdGhlciBzZWNyZXQgb2Ygbm9ib2R5IGF0IGFsbA=="
TEST = ChannelTest(id="tst_1", channel="ops", at_ms=1_795_831_200_000)


@asynccontextmanager
async def sending(environment: dict[str, str]) -> AsyncGenerator[Sender]:
    session = Session(Guard(f"{LOOPBACK}/32"))
    try:
        yield Sender(
            Installation(name="here"), session=session, apprise=AppriseSender(), environment=environment,
            clock=SystemClock(), deadline=60,
        )  # fmt: skip
    finally:
        await session.close()


async def test_a_webhook_and_a_mail_have_the_same_subject() -> None:
    async with http_receiver() as receiver, mailbox() as box:
        environment = {
            "HOOK": f"{receiver.url}/t0ken",
            "KEY": KEY,
            "MAIL": f"mailto://{LOOPBACK}:{box.port}?from=a@mail.test&to=b@mail.test",
        }
        found = read_channels({"ops": {"webhook": "env:HOOK", "secret": "env:KEY"}, "oncall": {"apprise": "env:MAIL"}})
        async with sending(environment) as sender:
            assert await sender.flaws(found.values()) == []
            assert [await sender.send(channel, TEST) for channel in found.values()] == [Delivered(), Delivered()]

        event = json.loads(receiver.requests[0].body)
        assert event["type"] == "waterclock.notice.test"
        assert event["data"]["subject"] == box.mails[0]["subject"] == "Waterclock: this is a test of the channel ops"


async def test_a_key_that_was_changed_is_used_at_the_next_delivery(tmp_path: Path) -> None:
    key = tmp_path / "key"
    async with http_receiver() as receiver, sending({}) as sender:
        (channel,) = read_channels({"ops": {"webhook": receiver.url, "secret": f"file:{key}"}}).values()
        missing = await sender.send(channel, TEST)
        for text in (KEY, OTHER_KEY):
            key.write_text(text)
            assert await sender.send(channel, TEST) == Delivered()

    assert missing == Again(said=f"channels.ops.secret: cannot read {key}: No such file or directory")
    assert [request.headers["webhook-id"] for request in receiver.requests] == ["tst_1", "tst_1"]
    for request, text in zip(receiver.requests, (KEY, OTHER_KEY), strict=True):
        assert Webhook(text).verify(request.body, request.headers)


async def test_each_channel_that_cannot_be_used_is_told_by_its_place() -> None:
    found = read_channels(
        {
            "a": {"apprise": "env:MISSING"},
            "b": {"apprise": "json://127.0.0.1/t0ken"},
            "c": {"apprise": "mailto://u:p@mail.test"},
            "d": {"webhook": "https://ops.example/hook", "secret": "env:SHORT"},
        }
    )
    async with sending({"SHORT": "whsec_c2hvcnQ="}) as sender:
        told = await sender.flaws(found.values())

    assert [flaw.path for flaw in told] == ["channels.a.apprise", "channels.b.apprise", "channels.d.secret"]
    assert "WATERCLOCK_NOTICES_SERVICES" in told[1].message
    assert "t0ken" not in str(told)

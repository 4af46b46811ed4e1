"""Webhooks, against a real receiver on loopback, which a setting allows."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from standardwebhooks import Webhook, WebhookVerificationError

from tests.integration.notifier.receiver import LOOPBACK, HttpReceiver, http_receiver
from waterclock.kit.clock import SystemClock
from waterclock.kit.http.guard import Guard
from waterclock.kit.http.session import Session
from waterclock.model.parameters.http_url import http_url
from waterclock_api.notifier.delivery.channels import WebhookTarget
from waterclock_api.notifier.delivery.cloud_event import cloud_event
from waterclock_api.notifier.delivery.notice_details import Installation, NoticeDetails
from waterclock_api.notifier.delivery.outcome import Again, Dead, Delivered, Outcome
from waterclock_api.notifier.delivery.webhook import post

KEY = "whsec_" + "aGFyZGx5IGEgc2VjcmV0IG9mIGFueWJvZHk="
OTHER_KEY = "whsec_" + "YW5vdGhlciBzZWNyZXQgb2Ygbm9ib2R5IGF0IGFsbA=="
NOTICE = NoticeDetails(
    id="ntc_1", kind="failed", rule="nightly", at_ms=1_795_831_200_000, group="reports", name="täglich €"
)
BODY = cloud_event(NOTICE, Installation(name="here"))
PATIENCE = 20.0  # s


@pytest_asyncio.fixture
async def receiver() -> AsyncGenerator[HttpReceiver]:
    async with http_receiver() as found:
        yield found


@pytest_asyncio.fixture
async def session() -> AsyncGenerator[Session]:
    opened = Session(Guard(f"{LOOPBACK}/32"))
    yield opened
    await opened.close()


async def sent(session: Session, url: str, *keys: str, deadline: float = PATIENCE) -> Outcome:
    target = WebhookTarget(http_url(url), keys or (KEY,))
    return await post(target, NOTICE.id, BODY, session=session, clock=SystemClock(), deadline=deadline)


async def test_a_receiver_can_verify_it_by_the_standards_own_library(receiver: HttpReceiver, session: Session) -> None:
    assert await sent(session, f"{receiver.url}/hook?team=ops") == Delivered()

    (request,) = receiver.requests
    assert request.path == "/hook?team=ops"
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert request.headers["webhook-id"] == NOTICE.id
    assert Webhook(KEY).verify(request.body, request.headers) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(request.body + b" ", request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER_KEY).verify(request.body, request.headers)


async def test_either_key_verifies_while_one_takes_the_place_of_another(
    receiver: HttpReceiver, session: Session
) -> None:
    await sent(session, receiver.url, KEY, OTHER_KEY)

    (request,) = receiver.requests
    for key in (KEY, OTHER_KEY):
        assert Webhook(key).verify(request.body, request.headers)


async def test_a_second_delivery_has_the_same_id_and_body(receiver: HttpReceiver, session: Session) -> None:
    await sent(session, receiver.url)
    await sent(session, receiver.url)

    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_whatever_begins_with_2_is_delivered(receiver: HttpReceiver, session: Session, status: int) -> None:
    receiver.answers(status)

    assert await sent(session, receiver.url) == Delivered()


async def test_410_is_the_end_of_the_channel(receiver: HttpReceiver, session: Session) -> None:
    receiver.answers(410, "no more")

    assert await sent(session, receiver.url) == Dead(said=f"{receiver.url} answered 410: no more")


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429, 500, 503])
async def test_any_other_status_is_tried_again(receiver: HttpReceiver, session: Session, status: int) -> None:
    receiver.answers(status, "line\nof\u202etrouble")

    assert await sent(session, receiver.url) == Again(said=f"{receiver.url} answered {status}: line of\\u202etrouble")


@pytest.mark.parametrize(("text", "after"), [("120", 120), ("999999999", 86_400), ("soon", None)])
async def test_a_receiver_is_heard_that_asks_to_wait(
    receiver: HttpReceiver, session: Session, text: str, after: float | None
) -> None:
    receiver.answers(503, Retry_After=text)

    outcome = await sent(session, receiver.url)

    assert isinstance(outcome, Again)
    assert outcome.after == after


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(receiver: HttpReceiver, session: Session, status: int) -> None:
    receiver.answers(status, Location=f"{receiver.url}/elsewhere")

    outcome = await sent(session, f"{receiver.url}/here")

    assert outcome == Again(said=f"{receiver.url} answered {status} (redirects are not followed)")
    assert [request.path for request in receiver.requests] == ["/here"]


async def test_a_receiver_that_hangs_is_left_at_the_deadline(receiver: HttpReceiver, session: Session) -> None:
    receiver.is_silent()

    assert await sent(session, receiver.url, deadline=0.2) == Again(
        said=f"{receiver.url}: no complete response within 0.2 s"
    )
    await receiver.abandoned.wait()


async def test_nobody_there_is_tried_again(session: Session) -> None:
    with socket.create_server((LOOPBACK, 0)) as free:
        port = free.getsockname()[1]

    outcome = await sent(session, f"http://{LOOPBACK}:{port}/secret-path")

    assert isinstance(outcome, Again)
    assert "Connect" in outcome.said
    assert "secret-path" not in outcome.said


async def test_a_private_address_is_refused_unless_the_setting_allows_it(receiver: HttpReceiver) -> None:
    guarded = Session(Guard(""))
    try:
        outcome = await sent(guarded, receiver.url)
    finally:
        await guarded.close()

    assert isinstance(outcome, Again)
    assert "loopback" in outcome.said
    assert "WATERCLOCK_HTTP_ALLOW" in outcome.said
    assert receiver.requests == []


async def test_what_a_receiver_repeats_of_a_secret_is_not_told(receiver: HttpReceiver, session: Session) -> None:
    receiver.answers(500, f"you are /hook/t0ken and {KEY}")

    outcome = await sent(session, f"{receiver.url}/hook/t0ken")

    assert isinstance(outcome, Again)
    assert "t0ken" not in outcome.said
    assert KEY not in outcome.said

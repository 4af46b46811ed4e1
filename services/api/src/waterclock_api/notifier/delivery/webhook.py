"""Webhooks: one POST, signed after Standard Webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version

from standardwebhooks import Webhook

from waterclock.kit.clock import Clock
from waterclock.kit.http.exchange import Request
from waterclock.kit.http.session import Session
from waterclock_api.notifier.delivery.channels import WebhookTarget
from waterclock_api.notifier.delivery.cloud_event import CONTENT_TYPE
from waterclock_api.notifier.delivery.outcome import Outcome
from waterclock_api.notifier.delivery.request import send


async def post(
    target: WebhookTarget, event_id: str, body: bytes, *, session: Session, clock: Clock, deadline: float
) -> Outcome:
    """Send a CloudEvent. `deadline`: seconds after which it counts as not answered."""
    return await send(_request(target, event_id, body, clock), session=session, clock=clock, deadline=deadline)


def _request(target: WebhookTarget, event_id: str, body: bytes, clock: Clock) -> Request:
    at = datetime.fromtimestamp(clock.now_ms() // 1000, UTC)
    text = body.decode()
    headers = {
        "Content-Type": CONTENT_TYPE,
        "User-Agent": f"waterclock/{version('waterclock-api')}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(event_id, at, text) for key in target.keys),
    }
    return Request(
        method="POST", url=target.url, headers=headers, body=body, private=frozenset(headers), secrets=target.keys
    )

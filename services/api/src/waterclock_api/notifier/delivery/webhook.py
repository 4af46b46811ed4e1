"""Webhooks: one POST, signed after Standard Webhooks, sent by the client that goes to no private address.

2xx: it is delivered. 410: the receiver wants no more. Whatever else, or nothing: again later. A redirect is not
followed: what is signed for one receiver is not for another.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from importlib.metadata import version

from standardwebhooks import Webhook

from waterclock.kit.clock import Clock
from waterclock.kit.http.exchange import BrokenAnswer, Heard, NoAnswer, Request
from waterclock.kit.http.guard import Refused
from waterclock.kit.http.retry_after import retry_after
from waterclock.kit.http.session import Session
from waterclock.kit.redaction import Redactor
from waterclock_api.notifier.delivery.channels import WebhookTarget
from waterclock_api.notifier.delivery.cloud_event import CONTENT_TYPE
from waterclock_api.notifier.delivery.harmless import one_line
from waterclock_api.notifier.delivery.outcome import Again, Dead, Delivered, Outcome

_GONE = 410
_SHOWN = 200  # characters of what a receiver says
_SAID_MOST = 400


async def post(
    target: WebhookTarget, event_id: str, body: bytes, *, session: Session, clock: Clock, deadline: float
) -> Outcome:
    """Send a CloudEvent. `deadline`: seconds after which it counts as not answered."""
    url, heard = target.url, Heard()
    redactor = Redactor((*target.keys, url.target))
    said = ""
    try:
        async with asyncio.timeout(deadline):
            await session.send(_request(target, event_id, body, clock), redirects=0, final=lambda _: True, heard=heard)
    except TimeoutError:
        said = f"no complete response within {deadline:g} s"
    except (Refused, NoAnswer, BrokenAnswer) as error:
        said = str(error)
    if heard.status is None:
        return Again(said=one_line(redactor.known(f"{url.origin}: {said.removeprefix(f'{url.origin}: ')}"), _SAID_MOST))
    return _judged(target, heard, heard.status, redactor, clock)


def _judged(target: WebhookTarget, heard: Heard, status: int, redactor: Redactor, clock: Clock) -> Outcome:
    """By the status alone: what comes behind it may be cut off."""
    if 200 <= status < 300:
        return Delivered()
    answer = redactor.known(heard.body[: 4 * _SHOWN].decode(errors="replace"))
    shown = one_line(answer, _SHOWN)
    why = " (redirects are not followed)" if 300 <= status < 400 else ""
    said = f"{target.url.origin} answered {status}{why}{f': {shown}' if shown else ''}"
    if status == _GONE:
        return Dead(said=said)
    return Again(said=said, after=retry_after(heard.headers.get("retry-after"), clock.now_ms()))


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

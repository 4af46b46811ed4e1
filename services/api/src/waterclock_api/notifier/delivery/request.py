"""One request to a receiver, by the client that goes to no private address, and what its answer means.

2xx: it is delivered. 410: the receiver wants no more. Whatever else, or nothing: again later. A redirect is not
followed: what is meant for one receiver is not for another.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from waterclock.kit.clock import Clock
from waterclock.kit.http.exchange import BrokenAnswer, Heard, NoAnswer, Request
from waterclock.kit.http.guard import Refused
from waterclock.kit.http.retry_after import retry_after
from waterclock.kit.http.session import Session
from waterclock.kit.redaction import Redactor
from waterclock.model.parameters.http_url import HttpUrl
from waterclock_api.notifier.delivery.harmless import one_line
from waterclock_api.notifier.delivery.outcome import Again, Dead, Delivered, Outcome

_GONE = 410
_SHOWN = 200  # characters of what a receiver says
_SAID_MOST = 400


async def send(request: Request, *, session: Session, clock: Clock, deadline: float) -> Outcome:
    """Send it once, within `deadline` s. Neither its secrets nor its path are shown."""
    url, heard = request.url, Heard()
    redactor = Redactor((*request.secrets, url.target))
    said = ""
    try:
        async with asyncio.timeout(deadline):
            await session.send(request, redirects=0, final=lambda _: True, heard=heard)
    except TimeoutError:
        said = f"no complete response within {deadline:g} s"
    except (Refused, NoAnswer, BrokenAnswer) as error:
        said = str(error)
    if heard.status is None:
        return Again(said=one_line(redactor.known(f"{url.origin}: {said.removeprefix(f'{url.origin}: ')}"), _SAID_MOST))
    return _judged(url.origin, heard, heard.status, redactor, clock)


async def beat(url: HttpUrl, *, session: Session, clock: Clock, deadline: float) -> Outcome:
    """Send a heartbeat once: a GET to a dead man's switch of another system, whose URL is a secret as a rule."""
    headers = {"User-Agent": f"waterclock/{version('waterclock-api')}", "Accept": "*/*", "Accept-Encoding": "identity"}
    request = Request(method="GET", url=url, headers=headers, body=None, private=frozenset())
    return await send(request, session=session, clock=clock, deadline=deadline)


def _judged(origin: str, heard: Heard, status: int, redactor: Redactor, clock: Clock) -> Outcome:
    """By the status alone: what comes behind it may be cut off."""
    if 200 <= status < 300:
        return Delivered()
    answer = redactor.known(heard.body[: 4 * _SHOWN].decode(errors="replace"))
    shown = one_line(answer, _SHOWN)
    why = " (redirects are not followed)" if 300 <= status < 400 else ""
    said = f"{origin} answered {status}{why}{f': {shown}' if shown else ''}"
    if status == _GONE:
        return Dead(said=said)
    return Again(said=said, after=retry_after(heard.headers.get("retry-after"), clock.now_ms()))

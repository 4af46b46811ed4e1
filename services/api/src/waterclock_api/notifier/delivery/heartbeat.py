"""The heartbeat: one GET to a dead man's switch of another system, whose URL is a secret as a rule."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from waterclock.kit.clock import Clock
from waterclock.kit.http.exchange import Request
from waterclock.kit.http.session import Session
from waterclock.kit.references import is_reference
from waterclock.model.notices.rule_file import BadRules, RuleFlaw
from waterclock.model.notices.rules import Heartbeat
from waterclock_api.notifier.delivery.channels import url_behind
from waterclock_api.notifier.delivery.outcome import Again, Outcome
from waterclock_api.notifier.delivery.request import send

_PATH = "heartbeat.url"


def written_flaws(heartbeat: Heartbeat) -> tuple[RuleFlaw, ...]:
    """What is wrong with a URL that is no reference."""
    return () if is_reference(heartbeat.url) else unresolved(heartbeat, {})


def unresolved(heartbeat: Heartbeat, environment: Mapping[str, str]) -> tuple[RuleFlaw, ...]:
    """What keeps the heartbeat from being sent; nothing, if it can be."""
    try:
        url_behind(_PATH, heartbeat.url, environment)
    except BadRules as error:
        return error.flaws
    return ()


async def beat(
    heartbeat: Heartbeat, environment: Mapping[str, str], *, session: Session, clock: Clock, deadline: float
) -> Outcome:
    """Send it once. A reference that does not resolve may do so later."""
    try:
        url = url_behind(_PATH, heartbeat.url, environment)
    except BadRules as error:
        return Again(said=str(error))
    headers = {"User-Agent": f"waterclock/{version('waterclock-api')}", "Accept": "*/*", "Accept-Encoding": "identity"}
    request = Request(method="GET", url=url, headers=headers, body=None, private=frozenset())
    return await send(request, session=session, clock=clock, deadline=deadline)

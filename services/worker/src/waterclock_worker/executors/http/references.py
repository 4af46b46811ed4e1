"""Which secrets requests may be made with, and where they may be sent."""

from __future__ import annotations

from collections.abc import Mapping

from waterclock.executors.context import GiveUp
from waterclock_worker.executors.reach.references import Listed, listed_in

REFERENCES = "WATERCLOCK_HTTP_REFERENCES"


def http_references(environment: Mapping[str, str]) -> tuple[Listed, ...]:
    """What headers and signatures may be made with, and where it may be sent: none, unless the setting lists it.

    Raises:
        GiveUp: an entry of the setting is malformed.
    """
    try:
        return listed_in(environment.get(REFERENCES, ""))
    except ValueError as error:
        raise GiveUp(f"{REFERENCES}: {error}") from None

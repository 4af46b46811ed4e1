"""What a server's `Retry-After` asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0  # s that a server may ask us to wait
_MOST = 1000  # characters


def retry_after(text: str | None, now_ms: int) -> float | None:
    """Seconds that a server asks us to wait; None, if it does not, or not in words we know."""
    if text is None or len(text) > _MOST:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), LONGEST)
    try:
        moment = parsedate_to_datetime(text)
        wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.fromtimestamp(now_ms / 1000, UTC)
    except (ArithmeticError, LookupError, TypeError, ValueError):  # the parser has raised each of them
        return None
    return min(max(wait.total_seconds(), 0.0), LONGEST)

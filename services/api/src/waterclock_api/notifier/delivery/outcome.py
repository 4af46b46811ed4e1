"""How an attempt to deliver a message ended."""

from __future__ import annotations

import msgspec


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """The receiver has taken it."""


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """It may go better later. `after`: seconds that the receiver asks to wait; `said` holds no secret."""

    said: str
    after: float | None = None


class Dead(msgspec.Struct, frozen=True, kw_only=True):
    """It will not go better until somebody changes the channel."""

    said: str


Outcome = Delivered | Again | Dead

"""Who a caller is and what it may do, and why credentials are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, TypeAlias

import msgspec

from waterclock.model.errors import Flaw, Refusal
from waterclock_api.access.rate_limit import Pace
from waterclock_api.access.scopes import SCOPES, Scope

_NAMED, _LONGEST = 10, 100  # members named in a line, and characters of one
EndOfGrant = Literal[
    "keyRevoked",
    "keyRotated",
    "keyRemoved",
    "expired",
    "narrowed",
    "signingKeyRemoved",
    "credentialsRequired",
    "credentialsUnknown",
]
"""Why what a caller was let in to is over.

`keyRotated`: its key ended when the overlap with the next one did; `keyRemoved`: it is stored no more, or is another;
`narrowed`: it lacks the scope by now; `signingKeyRemoved`: the issuer shows the key of the token no more;
`credentialsRequired`: nobody was asked, and by now everybody is; `credentialsUnknown`: nothing is known for too long.
"""
GrantEnded: TypeAlias = "Callable[[], EndOfGrant | None]"
"""Looks again at what a caller has shown: None while that is as good as it was."""


_KINDS = {"key": "API key", "jwt": "token"}


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is how events call it: `key:<name>`, `jwt:<subject>`. `id` tells it from all others, also of that name.

    `pace`: how often it may ask, if that is its own; else all of its kind have the same. `expires_ms`: until when what
    it has shown is good; None: for ever.
    """

    name: str
    id: str
    scopes: AbstractSet[str]
    pace: Pace | None = None
    expires_ms: int | None = None

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or "admin" in self.scopes


ANYBODY = Principal(name="anonymous", id="", scopes=frozenset(SCOPES))
"""Where no credentials are asked for."""


class Unauthenticated(Refusal):
    """Missing or invalid credentials. `given`: some were sent, and are invalid."""

    def __init__(self, message: str, *, given: bool = True) -> None:
        super().__init__(message)
        self.given = given


class Forbidden(Refusal):
    """It is known who asks, and it may not."""

    def __init__(self, principal: Principal, scope: Scope) -> None:
        super().__init__(f"Forbidden: {_who(principal.name)} lacks the scope '{scope}'.")
        self.scope = scope


class BeyondRun(Refusal):
    """It is known who asks, and it may run, but not send what it sends: `flaws` name that."""

    scope: Scope = "edit"

    def __init__(self, actor: str, flaws: Sequence[Flaw]) -> None:
        named = ", ".join(_short(flaw.pointer) for flaw in flaws[:_NAMED])
        more = f" and {len(flaws) - _NAMED} more" if len(flaws) > _NAMED else ""
        super().__init__(
            f"Forbidden: {actor} may run the job as it is stored; {named}{more} takes the scope '{self.scope}', too."
        )
        self.flaws = tuple(flaws)


def _who(actor: str) -> str:
    """`key:viewer` in words."""
    kind, _, name = actor.partition(":")
    return f"{_KINDS[kind]} '{name}'" if kind in _KINDS else actor


def _short(pointer: str) -> str:
    return pointer if len(pointer) <= _LONGEST else pointer[: _LONGEST - 1] + "…"


class CredentialsUnknown(Exception):
    """What is needed to check credentials cannot be had; the message says what."""

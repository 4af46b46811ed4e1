"""JSON Web Tokens of an issuer that is trusted: signed with a key of its set, for us, and not too old."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, cast

import jwt
import msgspec

from waterclock.kit.clock import Clock
from waterclock_api.access.credentials import EndOfGrant, Principal, Unauthenticated
from waterclock_api.access.jwks import KeySet
from waterclock_api.access.scopes import SCOPES, Scope
from waterclock_api.access.token_settings import TokenSettings

LONGEST = 8_192  # characters
REMEMBERED = 10_000  # tokens
LOOK_EVERY = 1.0  # s, whether the issuer's keys are due to be read again
LONGEST_SUBJECT = 200  # characters
LATEST = 253_402_300_799  # s: the end of the year 9999, the last that a time can be written of
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
"""Kinds of characters (Unicode) that no name has: controls, what turns the direction, halves of surrogates, blanks."""
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and signs that show nothing, though their kinds are those of letters and signs."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_OURS: frozenset[str] = frozenset(SCOPES)
_TIMES = ("exp", "nbf", "iat")
_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "The token has expired."),
    (jwt.ImmatureSignatureError, "The token is not valid yet."),
    (jwt.InvalidAudienceError, "The token has another audience."),
    (jwt.InvalidIssuerError, "The token has another issuer."),
    (jwt.MissingRequiredClaimError, "The token lacks a claim: exp, iss, aud and sub are required."),
    (jwt.InvalidSignatureError, "The token's signature is invalid."),
)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A token that was good: until when, if its issuer still shows the key that it was checked with."""

    principal: Principal
    until: float
    kid: str | None
    algorithm: str
    key: jwt.PyJWK


class Tokens:
    def __init__(self, settings: TokenSettings, keys: KeySet, clock: Clock) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._seen: dict[bytes, Seen] = {}

    async def known(self, text: str) -> Principal | None:
        """Whom a token tells of that was checked before, with a key as it was read last: no more than `REMEMBERED`."""
        digest = _digest(text)
        seen = self._seen.get(digest)
        if seen is None:
            return None
        key = await self._keys.key(seen.kid, seen.algorithm)
        if key is seen.key and not self._is_over(seen):
            return seen.principal
        self._seen.pop(digest, None)
        return None

    def seen(self, text: str) -> Seen | None:
        """What is remembered of a token that was good."""
        return self._seen.get(_digest(text))

    def ended(self, seen: Seen, scope: Scope) -> EndOfGrant | None:
        """Why a token that was good for a scope is so no more; None while it is."""
        if self._is_over(seen):
            return "expired"
        if self._keys.too_old:
            return "credentialsUnknown"
        if self._keys.shown(seen.kid, seen.algorithm) is not seen.key:
            return "signingKeyRemoved"
        return None if seen.principal.may(scope) else "narrowed"

    async def keep_keys(self) -> None:
        """Read the issuer's keys as they become due, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self._keys.keep_fresh()

    def _is_over(self, seen: Seen) -> bool:
        return self._clock.now_ms() >= seen.until * 1000

    async def principal(self, text: str) -> Principal:
        """Whom a token tells of.

        Raises:
            Unauthenticated: it is not good.
            CredentialsUnknown: the issuer's keys cannot be had.
        """
        own = self._settings
        header = _header(text)
        algorithm = header.get("alg")
        if algorithm not in own.jwt_algorithms:
            raise Unauthenticated(f"The token's algorithm is not one of {', '.join(own.jwt_algorithms)}.")
        key = await self._keys.key(header.get("kid"), algorithm)
        if key is None:
            raise Unauthenticated("The token is signed with a key that is not in its issuer's key set (JWKS).")
        try:
            claims = jwt.decode(
                text,
                key,
                algorithms=[algorithm],
                audience=own.jwt_audience,
                issuer=own.jwt_issuer,
                leeway=own.jwt_leeway,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise Unauthenticated(_reason(error)) from error
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise Unauthenticated("The token's claims cannot be read.") from error  # whatever the library overlooks
        _check_times(claims)
        _check_texts(claims, "jti", own.jwt_scope_claim)
        subject = claims["sub"]
        if not isinstance(subject, str) or not _is_name(subject):
            raise Unauthenticated("The token's subject (sub) must be 1 to 200 visible characters without spaces.")
        scopes = _scopes(claims.get(own.jwt_scope_claim))
        principal = Principal(
            name=f"jwt:{subject}",
            id=f"jwt:{own.jwt_issuer} {subject}",
            scopes=scopes,
            expires_ms=int(float(claims["exp"]) * 1000),
        )
        until = float(claims["exp"]) + own.jwt_leeway
        if len(self._seen) >= REMEMBERED:
            del self._seen[next(iter(self._seen))]  # the oldest
        self._seen[_digest(text)] = Seen(
            principal=principal, until=until, kid=header.get("kid"), algorithm=algorithm, key=key
        )
        return principal


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _header(text: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise Unauthenticated(f"The token is longer than {LONGEST} characters.")
    try:
        return jwt.get_unverified_header(text)
    except jwt.PyJWTError as error:
        raise Unauthenticated("The credential is neither an API key nor a token (JWT).") from error


def _reason(error: jwt.PyJWTError) -> str:
    return next((text for kind, text in _REASONS if isinstance(error, kind)), "The token is not valid.")


def _check_times(claims: Mapping[str, Any]) -> None:
    """Times are numbers of seconds (RFC 7519), of the years 1970 to 9999."""
    for name in _TIMES:
        value: object = claims.get(name)
        if value is None and name != "exp":
            continue
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LATEST:
            raise Unauthenticated(f"The token's {name} must be a time from 1970 to 9999, in seconds.")


def _check_texts(claims: Mapping[str, Any], *names: str) -> None:
    """No half of a surrogate anywhere, and no control character in those that are named."""
    try:
        json.dumps(claims, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Unauthenticated("The token's claims hold half of a surrogate pair.") from error
    for name in names:
        value: object = claims.get(name)
        texts = cast("list[object]", value) if isinstance(value, list) else [value]
        if any(_CONTROL.search(text) for text in texts if isinstance(text, str)):
            raise Unauthenticated(f"The token's {name} holds control characters.")


def _is_name(text: str) -> bool:
    """Whether it can be shown, and is not taken for another: what is stored of a caller is read by people."""
    return 0 < len(text) <= LONGEST_SUBJECT and not any(
        unicodedata.category(one) in _INVISIBLE or one in _BLANK for one in text
    )


def _scopes(claim: Any) -> frozenset[str]:
    """As OAuth writes them, with spaces between, or as a list; of ours alone."""
    if isinstance(claim, str):
        return _OURS.intersection(claim.split())
    if not isinstance(claim, list):
        return frozenset()
    return _OURS.intersection(one for one in cast("list[object]", claim) if isinstance(one, str))

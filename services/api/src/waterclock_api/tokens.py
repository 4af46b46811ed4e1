"""JSON Web Tokens of an issuer that is trusted: signed with a key of its set, for us, and not too old."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, cast

import jwt
import msgspec

from waterclock.kit.clock import Clock
from waterclock.kit.settings import SettingsError
from waterclock_api.credentials import Principal, Unauthenticated
from waterclock_api.keyset import KeySet

ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LONGEST = 8_192  # characters
REMEMBERED = 10_000  # tokens
_SUBJECT = re.compile(r"[^\x00-\x20\x7f]{1,200}")
_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "The token has expired."),
    (jwt.ImmatureSignatureError, "The token is not valid yet."),
    (jwt.InvalidAudienceError, "The token is for another audience."),
    (jwt.InvalidIssuerError, "The token is of another issuer."),
    (jwt.MissingRequiredClaimError, "The token lacks a claim: exp, iss, aud and sub are needed."),
    (jwt.InvalidSignatureError, "The token's signature is wrong."),
)


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`jwt_jwks`: a URL, or a file."""

    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_jwks: str | None = None
    jwt_algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    jwt_scope_claim: str = "scope"
    jwt_leeway: Annotated[float, msgspec.Meta(ge=0, le=300)] = 30


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
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
        self._seen: dict[bytes, _Seen] = {}

    async def known(self, text: str) -> Principal | None:
        """Whom a token tells of that was checked before, with a key as it was read last: no more than `REMEMBERED`."""
        digest = _digest(text)
        seen = self._seen.get(digest)
        if seen is None:
            return None
        key = await self._keys.key(seen.kid, seen.algorithm)
        if key is seen.key and self._clock.now_ms() < seen.until * 1000:
            return seen.principal
        self._seen.pop(digest, None)
        return None

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
            raise Unauthenticated(f"The token's algorithm is none of {', '.join(own.jwt_algorithms)}.")
        key = await self._keys.key(header.get("kid"), algorithm)
        if key is None:
            raise Unauthenticated("The token is signed with a key that its issuer does not show.")
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
        subject = claims["sub"]
        if not isinstance(subject, str) or _SUBJECT.fullmatch(subject) is None:
            raise Unauthenticated("The token's subject is no name of 1 to 200 characters without spaces.")
        scopes = _scopes(claims.get(own.jwt_scope_claim))
        principal = Principal(name=f"jwt:{subject}", id=f"jwt:{own.jwt_issuer} {subject}", scopes=scopes)
        until = float(claims["exp"]) + own.jwt_leeway
        if len(self._seen) >= REMEMBERED:
            del self._seen[next(iter(self._seen))]  # the oldest
        self._seen[_digest(text)] = _Seen(
            principal=principal, until=until, kid=header.get("kid"), algorithm=algorithm, key=key
        )
        return principal


def tokens_of(settings: TokenSettings, clock: Clock) -> Tokens | None:
    """None where no issuer is trusted.

    Raises:
        SettingsError: the settings do not say whom to trust, or trust too many.
    """
    told = {name: getattr(settings, name) for name in ("jwt_issuer", "jwt_audience", "jwt_jwks")}
    if not any(told.values()):
        return None
    lacking = next((name for name, value in told.items() if not value), None)
    if lacking is not None:
        raise SettingsError(f"WATERCLOCK_{lacking.upper()} is not set: tokens need issuer, audience and key set")
    wrong = [one for one in settings.jwt_algorithms if one not in ASYMMETRIC]
    if wrong or not settings.jwt_algorithms:
        raise SettingsError(f"WATERCLOCK_JWT_ALGORITHMS: {', '.join(wrong) or 'none'}; take {', '.join(ASYMMETRIC)}")
    return Tokens(settings, KeySet(str(settings.jwt_jwks), clock), clock)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _header(text: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise Unauthenticated(f"The token is longer than {LONGEST} characters.")
    try:
        return jwt.get_unverified_header(text)
    except jwt.PyJWTError as error:
        raise Unauthenticated("What was given is neither a key of ours nor a token.") from error


def _reason(error: jwt.PyJWTError) -> str:
    return next((text for kind, text in _REASONS if isinstance(error, kind)), "The token is not valid.")


def _scopes(claim: Any) -> frozenset[str]:
    """As OAuth writes them, with spaces between, or as a list."""
    if isinstance(claim, str):
        return frozenset(claim.split())
    if not isinstance(claim, list):
        return frozenset()
    return frozenset(one for one in cast("list[object]", claim) if isinstance(one, str))

"""Whose tokens are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from waterclock.kit.addresses import url_or_file
from waterclock.kit.clock import Clock
from waterclock.kit.settings import SettingsError, helps, reading

if TYPE_CHECKING:
    from waterclock_api.access.jwt import Tokens

ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`jwt_jwks`: a URL, or a file."""

    jwt_issuer: Annotated[
        str | None,
        helps(
            "Issuer (iss) of tokens that are accepted.",
            example="https://login.example/ops",
            more="Exactly as the tokens have it.",
        ),
    ] = None
    jwt_audience: Annotated[
        str | None,
        helps("Audience (aud) that tokens must have.", example="waterclock", more="Required where an issuer is set."),
    ] = None
    jwt_jwks: Annotated[
        Annotated[str, reading(url_or_file)] | None,
        helps(
            "URL or file of the issuer's key set (JWKS); unset: by OpenID Connect Discovery.",
            example="https://login.example/ops/keys",
            secret=True,
        ),
    ] = None
    jwt_algorithms: Annotated[
        tuple[str, ...],
        helps(
            "Signature algorithms that are accepted, asymmetric ones only.",
            more=f"Any of {', '.join(f'`{one}`' for one in ASYMMETRIC)}.",
        ),
    ] = (
        "RS256",
        "ES256",
        "EdDSA",
    )
    jwt_scope_claim: Annotated[str, helps("Claim that holds the scopes.")] = "scope"
    jwt_leeway: Annotated[float, msgspec.Meta(ge=0, le=300), helps("Seconds by which clocks may differ.")] = 30


def tokens_of(settings: TokenSettings, clock: Clock) -> Tokens | None:
    """None where no issuer is trusted.

    Raises:
        SettingsError: the settings do not say whom to trust, or trust too many.
    """
    if not (settings.jwt_issuer or settings.jwt_audience or settings.jwt_jwks):
        return None
    issuer = settings.jwt_issuer
    if not issuer or not settings.jwt_audience:
        lacking = "AUDIENCE" if issuer else "ISSUER"
        raise SettingsError(f"WATERCLOCK_JWT_{lacking} is not set: tokens need issuer and audience")
    wrong = [one for one in settings.jwt_algorithms if one not in ASYMMETRIC]
    if wrong or not settings.jwt_algorithms:
        raise SettingsError(f"WATERCLOCK_JWT_ALGORITHMS: {', '.join(wrong) or 'none'}; use {', '.join(ASYMMETRIC)}")
    # Imported where an issuer is trusted: the libraries take a quarter of the start.
    from waterclock_api.access.jwks import KeySet  # noqa: PLC0415
    from waterclock_api.access.jwt import Tokens  # noqa: PLC0415
    from waterclock_api.access.key_sources import key_source  # noqa: PLC0415

    try:
        source = key_source(settings.jwt_jwks or None, issuer)
    except ValueError as error:
        said = f"WATERCLOCK_JWT_JWKS is not set, and WATERCLOCK_JWT_ISSUER, which would be asked for it, {error}"
        raise SettingsError(said) from None
    return Tokens(settings, KeySet(source, clock), clock)

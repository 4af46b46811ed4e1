"""Tokens, signed by real keys, and an issuer's key set behind a real HTTP server."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import math
import ssl
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.support.certificates import Authority
from waterclock.kit.clock import SystemClock
from waterclock.kit.settings import SettingsError
from waterclock_api.access.credentials import CredentialsUnknown, Unauthenticated
from waterclock_api.access.jwks import BOUND, FRESH, PAUSE
from waterclock_api.access.jwt import Seen, Tokens
from waterclock_api.access.token_settings import TokenSettings, tokens_of

ISSUER, AUDIENCE = "https://issuer.example", "waterclock"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC, ED = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
ALGORITHMS: dict[str, Any] = {
    "RS256": RSAAlgorithm,
    "ES256": ECAlgorithm,
    "EdDSA": OKPAlgorithm,
}
SIGNERS: dict[str, Any] = {"RS256": RSA, "ES256": EC, "EdDSA": ED}


class Later(SystemClock):
    """A clock that is set forward by hand."""

    def __init__(self) -> None:
        self.by = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.by


def shown(key: Any, kid: str, algorithm: str) -> dict[str, Any]:
    return json.loads(ALGORITHMS[algorithm].to_jwk(key.public_key())) | {"kid": kid, "use": "sig"}


KEYS = {"keys": [shown(key, algorithm, algorithm) for algorithm, key in SIGNERS.items()]}


def token(algorithm: str = "RS256", *, key: Any = None, kid: str | None = None, **claims: Any) -> str:
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "bob", "iat": now, "exp": now + 86_400, "scope": "list run"}
    merged = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode(merged, key or SIGNERS[algorithm], algorithm, headers={"kid": kid or algorithm})


def settings(jwks: str, **more: Any) -> TokenSettings:
    return TokenSettings(jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwt_jwks=jwks, **more)


def made(jwks: str, clock: SystemClock | None = None, **more: Any) -> Tokens:
    found = tokens_of(settings(jwks, **more), clock or SystemClock())
    assert found is not None
    return found


@pytest.fixture
def jwks(tmp_path: Path) -> str:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(KEYS))
    return str(file)


class Issuer:
    def __init__(self) -> None:
        self.keys: Any = KEYS
        self.asked = 0
        self.up = True

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=tls)
        async with server:
            yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        body = json.dumps(self.keys).encode()
        status = b"200 OK" if self.up else b"502 Bad Gateway"
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, len(body), body))
        await writer.drain()
        writer.close()


@pytest.mark.parametrize("algorithm", SIGNERS)
async def test_a_good_token_tells_who_asks_and_what_it_may(jwks: str, algorithm: str) -> None:
    found = await made(jwks).principal(token(algorithm))
    assert (found.name, found.scopes) == ("jwt:bob", {"list", "run"})


@pytest.mark.parametrize(
    ("claim", "scopes"),
    [("list edit", ["edit", "list"]), (["run", 5], ["run"]), (None, []), (7, []), ("", [])],
)
async def test_scopes_are_a_text_or_a_list_in_the_claim_of_the_setting(jwks: str, claim: Any, scopes: Any) -> None:
    text = token(scope="admin", permissions=claim)
    assert sorted((await made(jwks, jwt_scope_claim="permissions").principal(text)).scopes) == scopes


def _forged() -> str:
    """Signed by HMAC with the public key, as if it were a secret: the old confusion."""
    head, claims, _ = token().split(".")
    fields = json.loads(base64.urlsafe_b64decode(head + "=="))
    head = base64.urlsafe_b64encode(json.dumps(fields | {"alg": "HS256"}).encode()).decode().rstrip("=")
    pem = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signature = hmac.digest(pem, f"{head}.{claims}".encode(), "sha256")
    return f"{head}.{claims}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (token(exp=int(time.time()) - 40), "expired"),
        (token(nbf=int(time.time()) + 86_000), "not valid yet"),
        (token(aud="another"), "audience"),
        (token(iss="https://another.example"), "issuer"),
        (token(sub=None), "lacks a claim"),
        (token(exp=None), "lacks a claim"),
        (token(sub="two\nlines"), "subject"),
        (token(sub=""), "subject"),
        (token(key=OTHER_RSA), "signature"),
        (token("ES256", kid="RS256"), "is not in its issuer's"),
        (token(kid="unknown"), "is not in its issuer's"),
        (_forged(), "algorithm"),
        (jwt.encode({"sub": "bob"}, "", algorithm="none"), "algorithm"),
        ("abc", "neither"),
        ("a.b.c", "neither"),
        ("x" * 9000, "longer"),
    ],
)
async def test_a_token_that_is_not_good_is_refused(jwks: str, text: str, why: str) -> None:
    with pytest.raises(Unauthenticated, match=why):
        await made(jwks).principal(text)


async def test_a_clock_may_be_off_by_the_leeway(jwks: str) -> None:
    late = token(exp=int(time.time()) - 10)
    assert (await made(jwks).principal(late)).name == "jwt:bob"
    with pytest.raises(Unauthenticated, match="expired"):
        await made(jwks, jwt_leeway=0).principal(late)


async def test_an_algorithm_that_is_not_listed_is_refused(jwks: str) -> None:
    with pytest.raises(Unauthenticated, match="not one of ES256"):
        await made(jwks, jwt_algorithms=("ES256",)).principal(token("RS256"))


async def test_a_new_key_of_the_issuer_is_looked_up_and_not_too_often() -> None:
    issuer, clock = Issuer(), Later()
    async with issuer.serving() as url:
        tokens = made(url, clock)
        await tokens.principal(token())
        await tokens.principal(token("ES256"))
        assert issuer.asked == 1
        issuer.keys = {"keys": [shown(OTHER_RSA, "new", "RS256")]}
        fresh = token(key=OTHER_RSA, kid="new")
        for _ in range(5):
            with pytest.raises(Unauthenticated, match="is not in its issuer's"):
                await tokens.principal(fresh)
        assert issuer.asked == 1
        clock.by += PAUSE + 1
        assert (await tokens.principal(fresh)).name == "jwt:bob"
        with pytest.raises(Unauthenticated, match="is not in its issuer's"):
            await tokens.principal(token())
        assert issuer.asked == 2


async def test_what_was_checked_stays_so_for_as_long_as_the_issuer_shows_the_same_key() -> None:
    issuer, clock = Issuer(), Later()
    async with issuer.serving() as url:
        tokens = made(url, clock)
        seen = [await remembered(tokens, token(algorithm)) for algorithm in ("RS256", "ES256")]
        issuer.keys = {"keys": [*reversed(KEYS["keys"]), shown(OTHER_RSA, "new", "RS256")]}
        clock.by += FRESH + 1
        await tokens.principal(token("EdDSA"))
        assert issuer.asked == 2
        assert [tokens.ended(one, "list") for one in seen] == [None, None]
        assert tokens.ended(seen[0], "edit") == "narrowed"
        others = [one for one in KEYS["keys"] if one["kid"] != "RS256"]
        issuer.keys = {"keys": [shown(OTHER_RSA, "RS256", "RS256"), *others]}
        clock.by += FRESH + 1
        await tokens.principal(token("EdDSA"))
        assert [tokens.ended(one, "list") for one in seen] == ["signingKeyRemoved", None]
        issuer.up = False
        clock.by += BOUND + 1
        assert tokens.ended(seen[1], "list") == "credentialsUnknown"


async def remembered(tokens: Tokens, text: str) -> Seen:
    await tokens.principal(text)
    found = tokens.seen(text)
    assert found is not None
    return found


HUGE = 10**400
NO_TIMES: list[Any] = [HUGE, -HUGE, 1e300, -1, 253_402_300_800, True, "4102444800", [4_102_444_800], {}, "x"]


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", [*NO_TIMES, math.inf, -math.inf, math.nan], ids=lambda value: str(value)[:12])
async def test_a_time_that_is_none_makes_a_token_no_good(jwks: str, name: str, value: Any) -> None:
    with pytest.raises(Unauthenticated):
        await made(jwks).principal(token(**{name: value}))


async def test_times_may_have_fractions_and_lie_far_ahead(jwks: str) -> None:
    for exp in (time.time() + 100.5, 253_402_300_799, 4_102_444_800.0):
        assert (await made(jwks).principal(token(exp=exp, nbf=0, iat=1.5))).name == "jwt:bob"


@pytest.mark.parametrize(
    "subject",
    [
        *("half\ud800", "\udc00", "a\x00b", "a\x1b[2J", "a\x85b", "a\x9bb", "a\u2028b", "a b", "a\u00a0b", "a\u3000b"),
        *(
            "a\u202eb",
            "a\u2066b",
            "a\u200bb",
            "a\u200db",
            "\ufeffa",
            "\u3164",
            "\u2800",
            "a\u00adb",
            "\U000e0041",
            "\u034f",
        ),
        *("x" * 201, "x" * 5_000),
    ],
    ids=ascii,
)
async def test_a_subject_that_cannot_be_shown_is_none(jwks: str, subject: str) -> None:
    with pytest.raises(Unauthenticated, match=r"subject|longer|half"):
        await made(jwks).principal(token(sub=subject))


@pytest.mark.parametrize("subject", ["bob@example.com", "Zoë", "山田", "auth0|5f7", "urn:uuid:0-1", "x" * 200, "🦊"])
async def test_a_subject_in_any_script_is_one(jwks: str, subject: str) -> None:
    assert (await made(jwks).principal(token(sub=subject))).name == f"jwt:{subject}"


@pytest.mark.parametrize(
    "claim", ["list \u202e nothing", ["list", "x" * 3_000], ["list", ["run"], None], "list\trooms"]
)
async def test_of_scopes_only_ours_are_taken(jwks: str, claim: Any) -> None:
    assert (await made(jwks).principal(token(scope=claim))).scopes == {"list"}


@pytest.mark.parametrize(
    "claims",
    [
        *(
            {"scope": claim}
            for claim in (["list", "\ud800"], "list \udfff", "list \x00", ["list", "\x1b[2J"], "list \x9b")
        ),
        *({"jti": claim} for claim in (5, "\ud800", "a\x00", ["a"])),
        *({"aud": claim} for claim in ([["waterclock"]], {"waterclock": 1}, ["\ud800"], 7)),
        *({"sub": claim} for claim in (7, ["bob"], {"bob": 1}, True)),
        {"name": {"half": ["\ud800"]}},
    ],
    ids=ascii,
)
async def test_a_token_with_claims_of_other_kinds_is_no_good(jwks: str, claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated, match=r"^The token"):
        await made(jwks).principal(token(**claims))


async def test_keys_are_read_by_tls_if_their_authority_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = Authority(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*ca.issue("issuer"))
    async with Issuer().serving(tls) as url:
        with pytest.raises(CredentialsUnknown):
            await made(url).principal(token("RS256"))
        monkeypatch.setenv("SSL_CERT_FILE", str(ca.file))
        await made(url).principal(token("RS256"))


async def test_an_issuer_that_is_away_is_done_without_for_a_time() -> None:
    issuer, clock = Issuer(), Later()
    async with issuer.serving() as url:
        tokens = made(url, clock)
        issuer.up = False
        with pytest.raises(CredentialsUnknown):
            await tokens.principal(token())
        issuer.up = True
        clock.by += PAUSE + 1
        await tokens.principal(token())
        issuer.up = False
        clock.by += FRESH + 1
        assert (await tokens.principal(token())).name == "jwt:bob"
        assert issuer.asked == 3
        clock.by += BOUND
        with pytest.raises(CredentialsUnknown):
            await tokens.principal(token())


async def test_a_secret_in_a_key_set_is_no_key(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "RS256"}]}))
    with pytest.raises(Unauthenticated, match="is not in its issuer's"):
        await made(str(file)).principal(token())


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"jwt_audience": None}, "WATERCLOCK_JWT_AUDIENCE"),
        ({"jwt_issuer": None}, "WATERCLOCK_JWT_ISSUER"),
        (
            {"jwt_jwks": None, "jwt_issuer": "ops"},
            "WATERCLOCK_JWT_ISSUER, which would be asked for it, does not begin",
        ),
        ({"jwt_algorithms": ("HS256",)}, "HS256"),
        ({"jwt_algorithms": ("none",)}, "none"),
        ({"jwt_algorithms": ()}, "WATERCLOCK_JWT_ALGORITHMS"),
    ],
)
def test_settings_that_trust_too_little_or_too_much_stop_the_start(given: dict[str, Any], named: str) -> None:
    usual: dict[str, Any] = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_jwks": "https://issuer.example/jwks"}
    with pytest.raises(SettingsError, match=named):
        tokens_of(TokenSettings(**(usual | given)), SystemClock())


def test_no_issuer_no_tokens() -> None:
    assert tokens_of(TokenSettings(), SystemClock()) is None

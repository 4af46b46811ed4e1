"""Where an issuer's keys are read: what it tells of itself, and through which proxy it is asked."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.support.proxy import Proxy
from waterclock_api.access.key_sources import Discovered, KeyUrl, key_source

ISSUER = "http://login.example/realms/ops"
KEYS = b'{"keys": []}'
VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def told(**more: Any) -> bytes:
    return json.dumps({"issuer": ISSUER, "jwks_uri": "http://login.example/keys", **more}).encode()


@pytest.mark.parametrize("issuer", [ISSUER, f"{ISSUER}/"])
async def test_the_issuer_tells_where_its_keys_are(issuer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Proxy(
        {f"{ISSUER}/.well-known/openid-configuration": told(issuer=issuer), "http://login.example/keys": KEYS}
    )
    async with network.serving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        assert await key_source(None, issuer).read() == KEYS
    assert network.asked == [f"{ISSUER}/.well-known/openid-configuration", "http://login.example/keys"]


@pytest.mark.parametrize(
    ("issuer", "document", "said"),
    [
        (ISSUER, told(issuer="http://other.example"), "names the issuer 'http://other.example', not"),
        (ISSUER, b"[]", "Expected `object`"),
        (ISSUER, b'{"issuer": "x"}', "jwks_uri"),
    ],
)
async def test_what_does_not_fit_the_issuer_is_not_believed(
    issuer: str, document: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Proxy({f"{ISSUER}/.well-known/openid-configuration": document}).serving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        with pytest.raises(msgspec.ValidationError, match=said):
            await Discovered(issuer).read()


async def test_a_host_that_needs_no_proxy_is_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Proxy({"/keys": KEYS})
    async with network.serving() as here, Proxy({}).serving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        assert await KeyUrl(f"{here}/keys").read() == KEYS
    assert network.asked == ["/keys"], "this machine is asked by no proxy"


@pytest.mark.parametrize("issuer", ["ops", "ftp://login.example"])
def test_an_issuer_that_is_no_url_tells_nothing(issuer: str) -> None:
    with pytest.raises(ValueError, match="does not begin with http"):
        key_source(None, issuer)

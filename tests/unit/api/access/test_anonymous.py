"""When an API may ask nobody who it is."""

from __future__ import annotations

from typing import Any

import pytest

from waterclock.kit.settings import SettingsError, read
from waterclock_api.access.anonymous import Proxied, check_direct, check_names, is_keyless, why_not
from waterclock_api.settings import ApiSettings


def settings(**given: str) -> ApiSettings:
    return read(ApiSettings, {f"WATERCLOCK_{name}": value for name, value in given.items()})


def test_nobody_is_asked_only_where_somebody_has_said_so() -> None:
    assert is_keyless(settings(KEYLESS="loopback"))
    assert is_keyless(settings(KEYLESS="loopback", HOST="::1", PATH_PREFIX="/"))
    assert not is_keyless(settings())
    assert not is_keyless(settings(KEYLESS=""))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ("waterclock key create", "WATERCLOCK_KEYLESS=loopback", "proxy", "tunnel")),
        ({"KEYLESS": "loopback", "HOST": "0.0.0.0"}, ("WATERCLOCK_HOST", "authentication", "waterclock key create")),
        ({"KEYLESS": "loopback", "HOST": "::"}, ("WATERCLOCK_HOST",)),
        (
            {"KEYLESS": "loopback", "TRUSTED_PROXIES": "127.0.0.1"},
            ("WATERCLOCK_TRUSTED_PROXIES", "waterclock key create"),
        ),
        ({"KEYLESS": "loopback", "PATH_PREFIX": "/scheduler"}, ("WATERCLOCK_PATH_PREFIX", "waterclock key create")),
        ({"TRUSTED_PROXIES": "10.0.0.0/8"}, ("WATERCLOCK_TRUSTED_PROXIES",)),
    ],
)
def test_what_keeps_it_from_starting_so_is_said(given: dict[str, str], said: tuple[str, ...]) -> None:
    own = settings(**given)
    refusal = why_not(own)
    assert refusal is not None
    assert [word for word in said if word not in refusal] == []
    assert "\n" not in refusal
    assert not is_keyless(own)


@pytest.mark.parametrize("value", ["1", "true", "yes", "any", "LOOPBACK", "0.0.0.0"])
def test_any_other_value_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="WATERCLOCK_KEYLESS"):
        settings(KEYLESS=value)


def asked(name: str = "host", value: str = "localhost", version: str = "1.1") -> Any:
    return {"headers": [(name.encode(), value.encode())], "http_version": version}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-prefix",
            "x-forwarded-host",
            "x-forwarded",
            "x_forwarded_for",
        ),
        *(
            "forwarded",
            "via",
            "x-real-ip",
            "x_real_ip",
            "true-client-ip",
            "cf-connecting-ip",
            "cdn-loop",
            "x-client-ip",
        ),
        *(
            "x-original-forwarded-for",
            "x-original-host",
            "x-envoy-external-address",
            "tailscale-user-login",
            "x-varnish",
        ),
    ],
)
def test_a_request_that_says_it_came_through_a_proxy_is_refused(name: str) -> None:
    with pytest.raises(Proxied, match="Create an API key"):
        check_direct(asked(name, "203.0.113.7"))
    with pytest.raises(Proxied):
        check_direct(asked(name, ""))


def test_a_request_of_the_version_that_proxies_speak_is_refused() -> None:
    with pytest.raises(Proxied, match=r"HTTP/1\.0"):
        check_direct(asked(version="1.0"))


@pytest.mark.parametrize(
    "name",
    [
        *("host", "user-agent", "accept", "content-type", "content-length", "connection", "cookie", "cache-control"),
        *("origin", "sec-fetch-site", "x-request-id", "traceparent", "prefer", "idempotency-key", "last-event-id"),
    ],
)
def test_what_programs_send_of_themselves_is_let_in(name: str) -> None:
    check_direct(asked(name))


async def test_a_name_that_means_this_machine_may_be_listed() -> None:
    await check_names(("localhost", "127.0.0.1", "[::1]"))


@pytest.mark.parametrize("name", ["203.0.113.7", "nothing.invalid", "0.0.0.0", "[2001:db8::1]"])
async def test_a_name_that_means_another_machine_is_a_gateways(name: str) -> None:
    with pytest.raises(SettingsError, match="WATERCLOCK_ALLOWED_HOSTS"):
        await check_names(("localhost", name))

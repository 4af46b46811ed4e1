"""Whose pages are let in where nobody is asked for credentials, and which settings are refused."""

from __future__ import annotations

import pytest

from waterclock.kit.settings import SettingsError
from waterclock_api.access.csrf import CrossSite, CsrfProtection, Misdirected, allowed_hosts, cors_origins

SITES = CsrfProtection(("scheduler.example", "[2001:db8::1]"), ("https://ops.example", "http://localhost:3000"))
FOLLOWED = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def check(method: str, *headers: tuple[str, str]) -> None:
    SITES.check({"method": method, "headers": [(name.lower().encode(), value.encode()) for name, value in headers]})


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8080",
        "127.0.0.1",
        "127.0.0.1:9",
        "127.8.8.8:8080",
        "[::1]",
        "[::1]:8080",
        "wc.localhost:8080",
        "scheduler.example",
        "Scheduler.Example:443",
        "[2001:db8::1]:8080",
    ],
)
def test_names_of_this_machine_are_ours(host: str) -> None:
    check("POST", ("Host", host))


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example@127.0.0.1",
        "127.0.0.1:80@evil.example",
        "xlocalhost",
        "scheduler.example.evil.example",
        "evil.scheduler.example",
        "192.168.0.1:8080",
        "0.0.0.0:8080",
        "2130706433",
        "0x7f.1",
        "[::]",
        "::1",
        "[::1].evil.example",
        "localhost:8080:8080",
        "localhost:\u0668\u0660",
        "\u0661\u0662\u0667.0.0.1",
        "localhost, evil.example",
        "localhost\n",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_any_other_name_is_refused(host: str, method: str) -> None:
    with pytest.raises(Misdirected, match="WATERCLOCK_ALLOWED_HOSTS"):
        check(method, ("Host", host))


def test_no_name_and_two_names_are_refused() -> None:
    with pytest.raises(Misdirected):
        check("GET")
    with pytest.raises(Misdirected):
        check("GET", ("Host", "localhost"), ("Host", "localhost"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://127.0.0.1:8443"},  # a gateway has changed Host
        {"Origin": "http://localhost:8080"},  # of an older browser
        {"Origin": "https://ops.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_browser_and_pages_of_our_own_or_listed_are_let_in(method: str, headers: dict[str, str]) -> None:
    check(method, ("Host", "localhost:8080"), *headers.items())


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8081"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8080"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "of-tomorrow"},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost:8081"},
        {"Origin": "http://localhost:8080.evil.example"},
        {"Origin": "https://ops.example.evil.example"},
        {"Origin": "http://ops.example"},
        {"Origin": "https://ops.example:444"},
        {"Origin": "https://ops.example, https://evil.example"},
        {"Origin": ""},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_pages_of_others_are_not(method: str, headers: dict[str, str]) -> None:
    with pytest.raises(CrossSite, match="WATERCLOCK_CORS_ORIGINS"):
        check(method, ("Host", "localhost:8080"), *headers.items())


def test_a_link_may_be_followed_and_a_form_may_not_be_sent() -> None:
    told = (("Host", "localhost:8080"), ("Sec-Fetch-Site", "cross-site"), *FOLLOWED.items())
    check("GET", *told)
    with pytest.raises(CrossSite):
        check("POST", *told)


def test_two_origins_are_none() -> None:
    with pytest.raises(CrossSite):
        check("GET", ("Host", "localhost"), ("Origin", "https://ops.example"), ("Origin", "http://evil.example"))


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "ops.example",
        "https://ops.example/",
        "https://*.ops.example",
        "https://ops.example:443",
        "http://ops.example:80",
        "https://ops.example:x",
        "https://user@ops.example",
        "https://\u00f6ps.example",
        "https://",
        "ftp://ops.example",
    ],
)
def test_an_origin_that_no_browser_sends_is_refused_by_the_settings_name(text: str) -> None:
    with pytest.raises(SettingsError, match="WATERCLOCK_CORS_ORIGINS: "):
        cors_origins(["https://ops.example", text])


@pytest.mark.parametrize(
    "text", ["*", "*.example", "http://ops.example", "ops.example:80", "::1", "ops example", ".", ""]
)
def test_what_is_no_name_is_refused_by_the_settings_name(text: str) -> None:
    with pytest.raises(SettingsError, match="WATERCLOCK_ALLOWED_HOSTS: "):
        allowed_hosts(["ops.example", text])


def test_settings_are_taken_as_browsers_write_them() -> None:
    assert cors_origins(["HTTPS://Ops.example", "http://[::1]:3000"]) == ("https://ops.example", "http://[::1]:3000")
    assert allowed_hosts(["Scheduler.Example", "10.0.0.7", "[fd00::1]"]) == (
        "scheduler.example",
        "10.0.0.7",
        "[fd00::1]",
    )

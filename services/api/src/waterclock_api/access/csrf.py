"""Origin checks for an API without authentication: only its own pages, under a host name that only this machine has.

Any web page can send requests to localhost from the user's browser, in two ways:

- DNS rebinding: the page's own host name resolves to this machine, so the page reads and writes as if we were its
  server. Then `Host` is that name;
- CSRF: the page sends requests that need no permission. Then the browser names the other site in `Sec-Fetch-Site`,
  which no page can forge, or an older browser in `Origin`.

Programs that are no browser send neither header and pass. With authentication nothing of this is checked: a browser
adds no credentials of its own accord.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from waterclock.kit.addresses import is_loopback
from waterclock.kit.settings import SettingsError
from waterclock.model.errors import Refusal

_HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_ORIGIN = re.compile(rf"(?P<scheme>https?)://(?:{_NAME.pattern})(?::(?P<port>[0-9]{{1,5}}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_OWN = ("same-origin", "none")
_OF_SITES = {b"origin": "Origin", b"sec-fetch-site": "Sec-Fetch-Site"}
_FACTS = frozenset({b"host", b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest"})


class Misdirected(Refusal):
    """It was asked under a name that others may have given to this machine."""


class CrossSite(Refusal):
    """A page of another site asks, by a browser on this machine."""


class CsrfProtection:
    """`hosts`: names of this machine beside those of loopback; `origins`: pages that may ask besides our own."""

    def __init__(self, hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> None:
        self._origins = frozenset(origins)
        known = frozenset(hosts)

        @lru_cache(maxsize=256)
        def is_ours(host: str) -> bool:
            found = _HOST.fullmatch(host.lower())
            return found is not None and (found["name"] in known or _is_loopback(found["name"]))

        self._is_ours = is_ours

    def check(self, scope: Any) -> None:
        """
        Raises:
            Misdirected, CrossSite: a page that is not ours may be behind it.
        """
        told: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            if name in _FACTS:
                told.setdefault(name, []).append(value.decode("latin-1"))
        hosts = told.get(b"host", ["none"])
        if len(hosts) > 1 or not self._is_ours(hosts[0]):
            raise Misdirected(
                f"Host: {_shown(hosts)} may not be this machine, and authentication is off. Use localhost or "
                "127.0.0.1, "
                "create an API key, or, if the hosts file maps the name to this machine, add it to "
                "WATERCLOCK_ALLOWED_HOSTS."
            )
        if len(told) > 1 and not self._is_let_in(scope["method"], told, hosts[0]):
            sites = [f"{header}: {_shown(told[name])}" for name, header in _OF_SITES.items() if name in told]
            raise CrossSite(
                f"{'; '.join(sites)}: a page of another site sent the request, and authentication is off. Add its "
                "origin to WATERCLOCK_CORS_ORIGINS, or create an API key."
            )

    def _is_let_in(self, method: str, told: dict[bytes, list[str]], host: str) -> bool:
        origins = told.get(b"origin", [])
        if len(origins) == 1 and origins[0] in self._origins:
            return True
        if sites := told.get(b"sec-fetch-site"):
            return all(site in _OWN for site in sites) or _is_followed(method, told)
        return all(origin.partition("://")[2] == host for origin in origins)


def allowed_hosts(texts: Sequence[str]) -> tuple[str, ...]:
    """
    Raises:
        SettingsError: one is no name, or has a port.
    """
    for text in texts:
        if _NAME.fullmatch(text.lower()) is None:
            raise SettingsError(
                f"WATERCLOCK_ALLOWED_HOSTS: {text!r} is not a host name such as scheduler.example, without a port"
            )
    return tuple(text.lower() for text in texts)


def cors_origins(texts: Sequence[str]) -> tuple[str, ...]:
    """
    Raises:
        SettingsError: one is not as browsers write it.
    """
    for text in texts:
        found = _ORIGIN.fullmatch(text.lower())
        if found is None:
            raise SettingsError(
                f"WATERCLOCK_CORS_ORIGINS: {text!r} is not an origin such as https://ops.example: scheme, host and an "
                "optional port, without a path or *"
            )
        if found["port"] == _DEFAULT_PORTS[found["scheme"]]:
            raise SettingsError(
                f"WATERCLOCK_CORS_ORIGINS: {text!r}: browsers leave out the port {found['port']}; leave it out"
            )
    return tuple(text.lower() for text in texts)


def _shown(values: Sequence[str]) -> str:
    return ", ".join(values)[:200]


def _is_loopback(name: str) -> bool:
    return name.endswith(".localhost") or is_loopback(name)  # of those names browsers ask nobody (RFC 6761)


def _is_followed(method: str, told: dict[bytes, list[str]]) -> bool:
    """Somebody follows a link to us: the page that has it learns nothing, and nothing is changed."""
    return (
        method == "GET" and told.get(b"sec-fetch-mode") == ["navigate"] and told.get(b"sec-fetch-dest") == ["document"]
    )

"""An API that asks nobody who it is: by a setting that somebody has made, and for this machine alone.

A proxy, a tunnel or a published port on this machine comes from a loopback address, as everybody here does. One that
adds no header cannot be told from a local program: what keeps others out is that nothing opens of its own accord. One
that says what it is is refused, too.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from waterclock.kit.addresses import is_loopback
from waterclock.kit.settings import SettingsError
from waterclock.model.errors import Refusal
from waterclock_api.settings import ApiSettings

SETTING = "WATERCLOCK_KEYLESS=loopback"
MEANS = (
    "every program on this machine has full access, and so has anyone who connects through a proxy, tunnel "
    "or published port on it"
)
_MAKE = "create a key with `waterclock key create --name admin --scope admin`, or set WATERCLOCK_JWT_ISSUER"
_RESOLVE = 3.0  # s, for a name
_FAMILIES = (
    b"x-forwarded",
    b"x-original-",
    b"x-envoy-",
    b"x-azure-",
    b"x-appengine-",
    b"x-amzn-",
    b"cf-",
    b"tailscale-",
)
_NAMES = frozenset(
    {
        *(b"forwarded", b"forwarded-for", b"via", b"cdn-loop", b"client-ip", b"proxy-client-ip", b"wl-proxy-client-ip"),
        *(
            b"x-real-ip",
            b"x-client-ip",
            b"x-cluster-client-ip",
            b"true-client-ip",
            b"fastly-client-ip",
            b"fly-client-ip",
        ),
        *(
            b"x-remote-addr",
            b"x-remote-ip",
            b"x-originating-ip",
            b"x-proxyuser-ip",
            b"x-rewrite-url",
            b"x-host",
            b"x-scheme",
        ),
        *(b"x-amz-cf-id", b"x-varnish", b"x-arr-ssl", b"x-arr-log-id"),
    }
)


class Proxied(Refusal):
    """A request came through a proxy, and nobody is asked who it is."""


def is_keyless(own: ApiSettings) -> bool:
    """Whether nobody is asked for credentials while there are none: `why_not` says the rest."""
    return own.keyless == "loopback" and why_not(own) is None


def why_not(own: ApiSettings) -> str | None:
    """Why an API of these settings does not start while nobody could show credentials; None: it does."""
    if not is_loopback(own.host):
        return (
            f"WATERCLOCK_HOST is {own.host}, and authentication is not configured: {_MAKE}, or listen on a loopback "
            "address"
        )
    for name, given in (
        ("WATERCLOCK_TRUSTED_PROXIES", own.trusted_proxies),
        ("WATERCLOCK_PATH_PREFIX", (own.path_prefix or "").rstrip("/")),
    ):
        if given:
            return (
                f"{name} is set, and authentication is not configured: anyone who connects through the gateway would "
                f"have full access, as a caller on this machine; {_MAKE}"
            )
    if own.keyless != "loopback":
        return f"authentication is not configured: {_MAKE}; with {SETTING} the API starts without it, and {MEANS}"
    return None


async def check_names(names: Sequence[str]) -> None:
    """Names that a keyless API answers to mean this machine here, too: one that does not is a gateway's.

    Raises:
        SettingsError: one means another machine, or nothing.
    """
    for name in names:
        try:
            async with asyncio.timeout(_RESOLVE):
                found = await asyncio.get_running_loop().getaddrinfo(name.strip("[]"), None, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError):
            found = []
        addresses = [str(address[0]).partition("%")[0] for *_, address in found]
        if not addresses or not all(ipaddress.ip_address(one).is_loopback for one in addresses):
            means = ", ".join(dict.fromkeys(addresses)) or "nothing"
            raise SettingsError(
                f"WATERCLOCK_ALLOWED_HOSTS: {name} means {means} here, not only this machine, and authentication is "
                "not "
                f"configured: {_MAKE}"
            )


def check_direct(scope: Any) -> None:
    """
    Raises:
        Proxied: the request says that it came through a proxy.
    """
    for name, _ in scope["headers"]:
        if _is_proxys(name):
            raise _proxied(f"The request has {name.decode('latin-1')[:100]}, which proxies add")
    if scope["http_version"] in ("1.0", "1"):  # ASGI's and granian's
        raise _proxied("The request uses HTTP/1.0, as proxies do")


@lru_cache(maxsize=256)
def _is_proxys(name: bytes) -> bool:
    name = name.replace(b"_", b"-")
    return name in _NAMES or name.startswith(_FAMILIES)


def _proxied(why: str) -> Proxied:
    return Proxied(f"{why}, and authentication is off, which is only for programs on this machine. Create an API key.")

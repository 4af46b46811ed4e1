"""Addresses as people write them in settings: read in one way by all services, and said in one way.

A host to serve at: an IP address, in brackets or not, or a name of this machine, which is looked up. A URL: `http` or
`https`, in any case, with a host and a port that there is.
"""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
from urllib.parse import urlsplit

ALL_IPV6 = "::"
"""Serves IPv4 too, in every service."""
_PORT_MOST = 65_535
_UNSEEN = re.compile(r"[\x00-\x20\x7f]|[^\S ]")


def served_host(text: str) -> str:
    """The IP address to serve at.

    Raises:
        ValueError: it is none, nor a name of this machine.
    """
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    if "%" in bare:
        raise ValueError(f"{text!r} has an interface (%): use an address without one")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(bare, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        found = []
    addresses = sorted((family, str(place[0])) for family, _, _, _, place in found)  # IPv4 before IPv6
    if not bare or not addresses:
        raise ValueError(f"{text!r} is not an IP address such as 127.0.0.1 or ::1, nor a name that can be resolved")
    return addresses[0][1]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def uses_proxies(url: str) -> bool:
    """Whether a request there may go through a proxy that the environment names: not to this machine."""
    return not is_loopback(urlsplit(url).hostname or "")


def authority(host: str, port: int) -> str:
    """Host and port as a URL has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def setting_at_fault(error: OSError, port: str) -> str:
    """Which setting an address that cannot be had is the fault of: the one of the port, or the host."""
    return port if error.errno in (errno.EADDRINUSE, errno.EACCES) else "WATERCLOCK_HOST"


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens there; at `::` for IPv4 too.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=100, dualstack_ipv6=host == ALL_IPV6)


def http_url(text: str) -> str:
    """The root of a service: a URL, its scheme and host in small letters, without a slash at its end.

    Raises:
        ValueError: it is none; the message says why, and repeats no user and no password.
    """
    example = "such as http://127.0.0.1:8080"
    given = text.strip()
    if _UNSEEN.search(given):
        raise ValueError(f"holds a space or control character: write a URL {example}")
    scheme, separator, rest = given.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise ValueError(f"does not begin with http:// or https://: write a URL {example}")
    try:
        parts = urlsplit(f"{scheme.lower()}://{rest}")
        host, port = parts.hostname, _port(parts.netloc)
    except _NoPort as error:
        raise ValueError(f"{error}: write a URL {example}") from None
    except ValueError:  # of the parser: it repeats what it was given, password and all
        raise ValueError(f"cannot be parsed: write a URL {example}") from None
    if "@" in parts.path:  # a slash in a password: what stands before it would be host and port
        raise ValueError(f"has an @ after its host (in a password, write / as %2F): write a URL {example}")
    if not host:
        raise ValueError(f"has no host: write a URL {example}")
    if "?" in rest or "#" in rest:
        raise ValueError(f"has a ? or # part, which is not allowed: write a URL {example}")
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    where = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{user}{where}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def url_or_file(text: str) -> str:
    """A document: a URL, which may have a query, or the path of a file.

    Raises:
        ValueError: it has a scheme, and is no such URL.
    """
    before, _, query = text.partition("?")
    if "://" in text:
        if "@" in query:
            raise ValueError("has an @ after its host (in a password, write ? as %3F, and in a query @ as %40)")
        http_url(before)
    return text


class _NoPort(ValueError):
    """What follows the host is no port. Nothing of it is shown: it may be a part of a password."""


def _port(netloc: str) -> int | None:
    """
    Raises:
        _NoPort: what follows the host is none.
    """
    place = netloc.rpartition("@")[2]
    if place.startswith("["):
        _, bracket, after = place.partition("]")
        if not bracket or (after and not after.startswith(":")):
            raise _NoPort("has a [ without its ] around an IPv6 address")
        text = after[1:]
    elif place.count(":") > 1:
        raise _NoPort("has an IPv6 address without brackets ([::1])")
    else:
        text = place.partition(":")[2]
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= _PORT_MOST:
        raise _NoPort(f"has no valid port (1 to {_PORT_MOST}) after the host (in a password, write / as %2F)")
    return int(text)

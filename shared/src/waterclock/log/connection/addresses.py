"""Where the log's servers are, as a URL says it: one server, nodes of a cluster, or sentinels that know the primary.

    redis://user:password@host:6379/0                           rediss:// with TLS, unix:// for a socket
    valkey://user:password@host:6379/0                          the same, and valkeys:// with TLS; also before +sentinel
    redis://user:password@a:6379,b:6379/0                       any nodes of a cluster; the others are found
    redis+sentinel://user:password@a:26379,b:26379,c:26379/name?sentinel_username=u&sentinel_password=p

Of sentinels, user and password before the @ are those of the servers that they watch. With `rediss+sentinel://` both
are asked by TLS, the sentinels only unless `sentinel_tls=no`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import SplitResult, parse_qs, unquote, urlencode, urlsplit

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, parse_url

from waterclock.log.connection.tls import TcpConnection, TlsConnection, check_options

PORT, SENTINEL_PORT = 6379, 26379

_NETLOC = re.compile(r"([^:/?#]+://)([^/?#]*)")
_OPTIONS = {"host", "port", "path", "username", "password", "db", "protocol", "socket_keepalive"} | {
    "socket_timeout",  # this and what follows is ours to say: taken and not followed
    "socket_connect_timeout",
    "health_check_interval",
    "retry_on_timeout",
    "client_name",
}
_SENTINEL = "+sentinel"  # ends the scheme
_VALKEY = {"valkey": "redis", "valkeys": "rediss"}
"""What other clients of Valkey call the schemes."""
_OF_SENTINELS = ("sentinel_username", "sentinel_password", "sentinel_tls")
_SECRET = ("password=", "username=", "sentinel_password=", "sentinel_username=")
_PASSWORD = "password="  # noqa: S105 # nosec B105 # how the option of a URL begins
_SAFE = ("Invalid value for '", "Redis URL must")  # complaints that hold nothing but a known option's name
_FORM = (
    "must look like redis://user:password@host:6379/0 (percent-encode the password: write / : @ ? # & as "
    "%2F %3A %40 %3F %23 %26)"
)
_SENTINEL_FORM = (
    "must look like redis+sentinel://user:password@a:26379,b:26379,c:26379/name, with the name of the master"
)
_ODD = re.compile(r"[^\w.:%~-]")
_PLACE = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[\w.~-]+)(?::(\d+))?")


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Target(NamedTuple):
    """Where and how to connect; `at` moves it to another server of the same installation."""

    kind: type[AbstractConnection]  # TCP, TLS or a Unix socket
    options: dict[str, Any]

    @property
    def address(self) -> Address:
        host = self.options.get("path") or self.options.get("host", "localhost")
        return Address(str(host), int(self.options.get("port", PORT)))

    @property
    def user(self) -> str:
        return str(self.options.get("username") or "default")

    @property
    def tls(self) -> bool:
        return issubclass(self.kind, SSLConnection)

    @property
    def socket(self) -> bool:
        """Whether it is reached by a Unix socket."""
        return "path" in self.options

    @property
    def url(self) -> str:
        """Where it is, without user and password."""
        if self.socket:
            return f"unix://{self.options['path']}"
        return f"{'rediss' if self.tls else 'redis'}://{self.address}/{self.options.get('db', 0)}"

    def at(self, address: Address) -> Target:
        return Target(self.kind, self.options | {"host": address.host, "port": address.port})


class Deployment(NamedTuple):
    """All that a URL says. `master`: the name by which `sentinels` know the servers; empty without sentinels."""

    target: Target  # the first server; of one that sentinels know: how to connect, not where
    seeds: tuple[Address, ...]
    sentinels: tuple[Target, ...] = ()
    master: str = ""
    remapped: Mapping[Address, Address] = {}

    def reached(self, told: Address) -> Address:
        """Where a server is for us that servers and sentinels give this address. A port of 0 stands for any."""
        found = self.remapped.get(told) or self.remapped.get(Address(told.host, 0))
        return told if found is None else Address(found.host, found.port or told.port)


def target_of(url: str) -> Target:
    """How to connect to the first server that a URL names.

    Raises:
        ValueError: as `deployment_of`.
    """
    return deployment_of(url).target


def deployment_of(url: str, address_map: str = "") -> Deployment:
    """
    Raises:
        ValueError: not a URL of Redis servers, or one with options that cannot be followed.
    """
    family = url.partition("://")[0].partition("+")[0]
    url = _VALKEY.get(family, family) + url.removeprefix(family)
    scheme, _, rest = url.partition("://")
    if not scheme.endswith(_SENTINEL):
        target, seeds = _servers(url, PORT)
        return Deployment(target, seeds, remapped=_map_of(address_map))
    url, master, options = _without_sentinels(f"{scheme.removesuffix(_SENTINEL)}://{rest}")
    target, seeds = _servers(url, SENTINEL_PORT)
    sentinels = tuple(_sentinel(target, options).at(seed) for seed in seeds)
    return Deployment(target, (), sentinels, master, _map_of(address_map))


def _servers(url: str, port: int) -> tuple[Target, tuple[Address, ...]]:
    first, seeds = _parted(url, port)
    target = _target(first)
    return target, seeds or (target.address,)


def _parted(url: str, port: int) -> tuple[str, tuple[Address, ...]]:
    """The URL with the first of its hosts alone, and all of them; none of a Unix socket.

    Raises:
        ValueError: a host is not written as one.
    """
    try:
        parts = _split(url)
    except ValueError:
        raise ValueError(_FORM) from None
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts and port == PORT:
        return url, ()
    if parts.scheme not in ("redis", "rediss"):
        raise ValueError(_FORM)
    found: list[Address] = []
    for text in hosts.split(","):
        place = _place(text.strip(), port)
        if place is None:
            raise ValueError(_FORM)
        found.append(place)
    return parts._replace(netloc=f"{user}{at}{found[0]}").geturl(), tuple(dict.fromkeys(found))


def _split(url: str) -> SplitResult:
    """As `urlsplit` does, also of several hosts: some releases of Python refuse what stands before a bracket."""
    named = _NETLOC.match(url)
    if named is None or "," not in named[2]:
        return urlsplit(url)
    return urlsplit(f"{named[1]}host{url[named.end() :]}")._replace(netloc=named[2])


def _place(text: str, port: int) -> Address | None:
    """`host`, `host:port` or `[address]:port`; None: neither."""
    match = _PLACE.fullmatch(text)
    if match is None or int(match[2] or 1) not in range(1, 65_536):
        return None
    return Address(match[1].strip("[]").lower(), int(match[2] or port))


def _target(url: str) -> Target:
    try:
        is_cut = _is_cut(url)
        options = cast("dict[str, Any]", parse_url(url))
    except ValueError as error:
        said = str(error)
        if said.startswith("Port"):  # it would be shown, and may be part of a password
            raise ValueError("the port is not a number (in a password, write / as %2F)") from None
        raise ValueError(said if said.startswith(_SAFE) else _FORM) from None
    if is_cut:
        raise ValueError(_FORM)
    kind = cast("type[AbstractConnection]", options.pop("connection_class", Connection))
    if unknown := options.keys() - _OPTIONS - {name for name in options if name.startswith("ssl")}:
        if _PASSWORD in url:
            raise ValueError(f"unknown option; {_FORM}")
        raise ValueError(f"unknown option {min(unknown)}")
    check_options(kind, options)
    ours: dict[type[AbstractConnection], type[AbstractConnection]]
    ours = {SSLConnection: TlsConnection, Connection: TcpConnection}
    return Target(ours.get(kind) or kind, options)


def _is_cut(url: str) -> bool:
    """Whether a sign in the password seems to have ended it, so that a part of it would be a host, and be shown.

    Raises:
        ValueError: it is no URL at all.
    """
    parts = urlsplit(url)
    options = [one for one in parts.query.split("&") if not one.startswith(_SECRET)]
    later = [parts.path, *options] if parts.scheme != "unix" else options
    is_odd = _ODD.search(parts.hostname or "") is not None
    return is_odd or bool(parts.fragment) or any("@" in one for one in later) or not all("=" in o for o in options if o)


def _without_sentinels(url: str) -> tuple[str, str, dict[str, str]]:
    """The URL without what concerns sentinels, the master's name, and the options of sentinels.

    Raises:
        ValueError: there is no such name, or an option of sentinels is wrong.
    """
    try:
        parts = _split(url)
        given = parse_qs(parts.query, keep_blank_values=True)
    except ValueError:
        raise ValueError(_SENTINEL_FORM) from None
    if _is_cut(parts._replace(netloc="host").geturl()):
        raise ValueError(_FORM)
    name, _, db = parts.path.strip("/").partition("/")
    if not name or (db and not db.isdecimal()):
        raise ValueError(_SENTINEL_FORM)
    options = {name: given.pop(name)[-1] for name in _OF_SENTINELS if name in given}
    if options.get("sentinel_tls", "no") not in ("yes", "no"):
        raise ValueError("sentinel_tls must be yes or no")
    if options.get("sentinel_tls") == "yes" and parts.scheme != "rediss":
        raise ValueError("sentinel_tls=yes needs TLS: use rediss+sentinel://")
    query = urlencode(given, doseq=True)
    return parts._replace(path=f"/{db}" if db else "", query=query).geturl(), unquote(name), options


def _sentinel(target: Target, given: Mapping[str, str]) -> Target:
    """How to connect to a sentinel."""
    tls = target.tls and given.get("sentinel_tls", "yes") == "yes"
    options = {name: value for name, value in target.options.items() if tls and name.startswith("ssl")}
    for name in ("username", "password"):
        if value := given.get(f"sentinel_{name}"):
            options[name] = value
    return Target(TlsConnection if tls else TcpConnection, options)


def _map_of(text: str) -> Mapping[Address, Address]:
    """`10.0.0.5:6379=redis-1.example:6380, 10.0.0.6=redis-2.example`: as they are told, and where they are for us.

    Raises:
        ValueError: it is not written so.
    """
    found: dict[Address, Address] = {}
    for pair in filter(None, (one.strip() for one in text.split(","))):
        told, _, reached = pair.partition("=")
        ends = _place(told.strip(), 0), _place(reached.strip(), 0)
        if ends[0] is None or ends[1] is None:
            raise ValueError(f"{pair!r} is not like 10.0.0.5:6379=redis-1.example.com:6379")
        found[ends[0]] = ends[1]
    return found

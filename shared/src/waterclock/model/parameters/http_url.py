"""URLs of requests: read in one way by who checks them and by who sends, and sent as they are written.

Only what cannot stand in a request line is changed: what lies beyond ASCII is percent-encoded as UTF-8 in path and
query, and written by IDNA in a host. A fragment is not sent.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Literal
from urllib.parse import quote

import idna
import msgspec

Scheme = Literal["http", "https"]
_WHOLE = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<target>[^#]*)(?:#.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(?::(?P<port>[0-9]*))?", re.DOTALL)
_SPLITS = re.compile(r"[\x00-\x20\x7f]")
_BEYOND = re.compile(r"[^\x21-\x7e]+")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_NAME_MOST = 253
_PORTS: dict[Scheme, int] = {"http": 80, "https": 443}


class HttpUrl(msgspec.Struct, frozen=True, kw_only=True):
    scheme: Scheme
    host: str  # in small letters, as it is asked for at name servers: an IPv6 address without brackets
    port: int
    target: str  # what stands in the request line

    @property
    def origin(self) -> str:
        """Without path and query, so that it may be shown."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """As it is sent in `Host`: without the port that goes without saying, nor a final dot."""
        host = f"[{self.host}]" if ":" in self.host else self.host.removesuffix(".")
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return self.origin + self.target


def http_url(text: str) -> HttpUrl:
    """
    Raises:
        ValueError: it is no URL that a request can be sent to; the message says why, and repeats no user or password.
    """
    if _SPLITS.search(text):
        raise ValueError("a URL has no spaces or control characters: percent-encode them, a space as %20")
    found = _WHOLE.fullmatch(text)
    scheme = None if found is None else found["scheme"].lower()
    if found is None or (scheme != "http" and scheme != "https"):
        raise ValueError("only http and https are supported: write https://name.example/path")
    if "@" in found["authority"]:
        raise ValueError("a URL must not hold a user or password; use a header with a reference")
    parts = _AUTHORITY.fullmatch(found["authority"])
    if parts is None:
        raise ValueError("the host cannot be read: write https://name.example:8443/path or https://[2001:db8::7]/path")
    target = found["target"]
    return HttpUrl(
        scheme=scheme,
        host=_host(parts["host"]),
        port=_port(parts["port"]) or _PORTS[scheme],
        target=ascii_target(target if target.startswith("/") else f"/{target}"),
    )


def ascii_target(text: str) -> str:
    """A path and query whose characters beyond ASCII are percent-encoded as UTF-8; blanks and controls likewise."""
    return _BEYOND.sub(lambda found: quote(found[0], safe=""), text)


def ascii_name(name: str) -> str:
    """A host's name as name servers know it: in small letters, by IDNA.

    Raises:
        ValueError: it is no name.
    """
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except UnicodeError:
            name = _older_idna(name)
    if _NAME.fullmatch(name) is None or len(name.removesuffix(".")) > _NAME_MOST:
        raise ValueError("the host is not a name of letters, digits, '-' and '_', with single dots in between")
    return name.lower()


def by_idna(pattern: str) -> str:
    """A name or pattern whose labels beyond ASCII are written as name servers know them, where that can be done."""
    return pattern if pattern.isascii() else ".".join(map(_label, pattern.split(".")))


def unicode_name(name: str) -> str:
    """The same name as a person writes it."""
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except UnicodeError:
        return name


def _label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return ascii_name(label)
    except ValueError:
        return label


def _host(written: str) -> str:
    if not written:
        raise ValueError("there is no host: write https://name.example/path")
    if not written.startswith("["):
        return ascii_name(written)
    try:
        return str(IPv6Address(written[1:-1]))
    except ValueError:
        raise ValueError("between [ and ] stands an IPv6 address, as in https://[2001:db8::7]/path") from None


def _port(written: str | None) -> int | None:
    """None: that of the scheme."""
    if not written:
        return None
    digits = written.lstrip("0")
    if not digits or len(digits) > 5 or int(digits) > 65_535:
        raise ValueError("a port is a number from 1 to 65535")
    return int(digits)


def _older_idna(name: str) -> str:
    """By the rules of 2003, which took names that today's refuse."""
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("the host is not a name: its letters cannot be encoded in IDNA") from None

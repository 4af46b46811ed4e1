"""Hosts as a setting lists them: `books.example`, `*.bücher.example:5432`, `10.0.0.7`, `[2001:db8::7]:443`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

from waterclock.model.parameters.http_url import by_idna

_WRITTEN = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9*._\u0080-\U0010ffff-]+)(?::(?P<port>[0-9]{1,5}))?")
LOCAL = "localhost"
"""What a socket of this machine is listed as, too."""


class Host(NamedTuple):
    """Where something is sent to: a name or an address, as `plain` spells it."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


class HostPattern(NamedTuple):
    name: str  # `*` stands for any run of characters
    port: int | None  # None: any

    def fits(self, host: Host) -> bool:
        wanted = ".*".join(re.escape(part) for part in self.name.split("*"))
        return re.fullmatch(wanted, host.name) is not None and self.port in {None, host.port}


def plain(name: str) -> str:
    """One spelling for a name or address: small, by IDNA, without final dot and brackets, IPv6 in its shortest form."""
    name = by_idna(name.strip("[]").lower().removesuffix("."))
    if ":" not in name:
        return name
    try:
        return str(ip_address(name))
    except ValueError:
        return name


def host_pattern(text: str) -> HostPattern:
    """
    Raises:
        ValueError: it is no host; the message says how one is written.
    """
    found = _WRITTEN.fullmatch(text.strip())
    port = None if found is None or found["port"] is None else int(found["port"])
    name = None if found is None or (port is not None and not 0 < port < 65_536) else by_idna(found["name"])
    if name is None or not name.isascii():
        raise ValueError(
            f"{text.strip()[:100]!r} is not a host: write name.example, *.example:443, 10.0.0.7 or [::1]:5432"
        )
    return HostPattern(plain(name), port)


def written(hosts: Iterable[HostPattern]) -> str:
    """As a list of them is written."""
    return "|".join(
        f"{f'[{name}]' if ':' in name else name}{'' if port is None else f':{port}'}" for name, port in hosts
    )

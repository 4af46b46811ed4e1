"""Which addresses a request may be sent to: none that leads inside, unless the setting of the process allows it.

An address is taken for what it carries (an IPv4 one inside IPv6 by mapping, NAT64 or 6to4), and judged by the tables of
IANA as they stand here: `ipaddress` changes its mind between versions of Python.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from waterclock.model.parameters.http_url import by_idna, unicode_name

ALLOW = "WATERCLOCK_HTTP_ALLOW"

_INSIDE_4 = {
    "this network": ("0.0.0.0/8",),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    "shared by a carrier": ("100.64.0.0/10",),
    "loopback": ("127.0.0.0/8",),
    "link-local, where clouds keep their metadata": ("169.254.0.0/16",),
    "a cloud's own": ("168.63.129.16/32",),  # Azure's, in the midst of public ones
    "reserved": ("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
                 "203.0.113.0/24", "240.0.0.0/4"),
    "multicast": ("224.0.0.0/4",),
}  # fmt: skip
_OUTSIDE_6 = IPv6Network("2000::/3")  # all that is global; what lies beside it is local, mapped, multicast or unused
_INSIDE_6 = {
    "reserved": ("2001::/23", "2001:db8::/32", "3fff::/20"),  # Teredo among them
}
_NAT64 = IPv6Network("64:ff9b::/96")
_KINDS_4 = [(IPv4Network(net), kind) for kind, nets in _INSIDE_4.items() for net in nets]
_KINDS_6 = [(IPv6Network(net), kind) for kind, nets in _INSIDE_6.items() for net in nets]
_NAMES_6 = [
    (IPv6Network("::1/128"), "loopback"),
    (IPv6Network("fe80::/10"), "link-local"),
    (IPv6Network("fc00::/7"), "private"),
    (IPv6Network("ff00::/8"), "multicast"),
]

Address = IPv4Address | IPv6Address


class Refused(Exception):
    """A request would lead where this process may not send any."""


class Guard:
    """What a process allows beside public addresses: networks, and hosts by name or pattern, whatever they lead to."""

    def __init__(self, allow: str) -> None:
        """
        Raises:
            ValueError: an entry is no network, address, name or pattern.
        """
        self._networks: list[IPv4Network | IPv6Network] = []
        self._hosts: list[str] = []
        for entry in filter(None, (part.strip() for part in allow.split(","))):
            try:
                self._networks.append(ip_network(entry))
            except ValueError:
                if "/" in entry or ":" in entry:
                    raise ValueError(f"{ALLOW}: {entry!r} is neither a network nor a host") from None
                self._hosts.append(by_idna(_plain(entry)))

    def check(self, host: str, address: str) -> None:
        """
        Raises:
            Refused: `address`, to which `host` leads, is not one to send to.
        """
        name = _plain(host)
        if any(fnmatchcase(name, one) or fnmatchcase(unicode_name(name), one) for one in self._hosts):
            return
        try:
            found = ip_address(address)
        except ValueError:
            raise Refused(f"{host}: {address!r} is not a valid address") from None
        carried = _carried(found)
        if any(
            one in network for one in (found, carried) for network in self._networks if one.version == network.version
        ):
            return
        kind = _kind(carried)
        if kind is not None:
            raise Refused(
                f"{host} resolves to {address}, which is {kind}; requests are sent there only if {ALLOW} lists it"
            )


def _kind(address: Address) -> str | None:
    """What an address is that is not public."""
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _KINDS_4 if address in network), None)
    if address not in _OUTSIDE_6 or address.scope_id is not None:
        return next((kind for network, kind in _NAMES_6 if address in network), "not global")
    return next((kind for network, kind in _KINDS_6 if address in network), None)


def _carried(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _plain(host: str) -> str:
    return host.rstrip(".").lower()

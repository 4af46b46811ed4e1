"""Where a request comes from, when it comes through proxies: they are believed by list only."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

from waterclock.kit.settings import SettingsError

Networks: TypeAlias = tuple[IPv4Network | IPv6Network, ...]


def trusted_networks(texts: Sequence[str]) -> Networks:
    """
    Raises:
        SettingsError: one is no address and no network.
    """
    found: list[IPv4Network | IPv6Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise SettingsError(f"WATERCLOCK_TRUSTED_PROXIES: {error}") from error
    return tuple(found)


def address(peer: str, forwarded_for: Sequence[str], trusted: Networks) -> str:
    """The nearest address that is no trusted proxy's: each proxy adds whom it heard from at the end of the header.

    `forwarded_for`: the values of X-Forwarded-For, in their order.
    """
    if not trusted or not is_of(peer, trusted):
        return peer
    nearest = peer
    for text in reversed([part.strip() for value in forwarded_for for part in value.split(",")]):
        try:
            nearest = str(_plain(text))
        except ValueError:
            return nearest  # not an address: whoever wrote it, what stands before it is worth nothing either
        if not is_of(nearest, trusted):
            return nearest
    return nearest


def is_address(text: str) -> bool:
    try:
        _plain(text)
    except ValueError:
        return False
    return True


def _plain(text: str) -> IPv4Address | IPv6Address:
    """
    Raises:
        ValueError: it is no address, or has a zone, in which anything may stand.
    """
    if "%" in text:
        raise ValueError(f"{text} has a zone")
    return ipaddress.ip_address(text)


def is_of(text: str, networks: Networks) -> bool:
    """Whether it is an address of one of the networks."""
    try:
        one = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(one, ipaddress.IPv6Address) and one.ipv4_mapped is not None:
        one = one.ipv4_mapped
    return any(one in network for network in networks)

"""Who holds what in a cluster, out of what its nodes say, of whom some may be cut off or know an earlier state.

One node's word is three answers: `CLUSTER INFO` (whether it is with its cluster), `CLUSTER NODES` (who owns which
slots, since which config epoch) and `CLUSTER SHARDS` (where nodes are to be reached). Where one of the last two may not
be asked, `CLUSTER SLOTS` says a part of both. Only nodes that are with their cluster count; of two owners of a slot it
is the one with the greater config epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from waterclock.log.connection.addresses import Address
from waterclock.log.connection.connections import facts

SLOTS = 16_384

Owned = tuple[int, int, int, str]
"""Config epoch, slots from and to, and the id of the node that owns them."""


class View(NamedTuple):
    """What one node says."""

    asked: Address
    well: bool  # it is with its cluster
    owned: tuple[Owned, ...]
    places: dict[str, Address]  # of nodes by their ids, also of replicas


def view_of(asked: Address, *, tls: bool, info: Any, nodes: Any, shards: Any, slots: Any) -> View:
    """Out of the answers of the node at `asked`; one that was refused is an error, and counts as none."""
    told = facts(info) if isinstance(info, bytes) else {}
    epoch = int(told.get("cluster_current_epoch", 0))
    places: dict[str, Address] = {}
    owned: tuple[Owned, ...] = ()
    if isinstance(slots, list):
        owned = _of_slots(cast("list[list[Any]]", slots), epoch, places, asked)
    if isinstance(nodes, bytes):
        owned = _of_nodes(nodes.decode(), places, asked)
    if isinstance(shards, list):
        _of_shards(cast("list[list[Any]]", shards), places, asked, tls=tls)
    well = told.get("cluster_state", "ok") == "ok" and bool(owned)
    return View(asked, well, owned, places)


def owners_of(views: Sequence[View]) -> list[Address | None]:
    """The owner of each slot; None where nobody has one. Views of nodes that are not well are left out."""
    owners: list[Address | None] = [None] * SLOTS
    told = {(entry, view.places[entry[3]]) for view in views if view.well for entry in view.owned}
    for (_, first, last, _), address in sorted(told):  # the greatest epoch comes last
        owners[first : last + 1] = [address] * (last + 1 - first)
    return owners


def strangers(views: Sequence[View]) -> tuple[Address, Address] | None:
    """Two nodes that are each with a cluster, and know nothing of each other."""
    well = [view for view in views if view.well]
    for view in well[1:]:
        if not view.places.keys() & well[0].places.keys():
            return well[0].asked, view.asked
    return None


def _of_nodes(text: str, places: dict[str, Address], asked: Address) -> tuple[Owned, ...]:
    owned: list[Owned] = []
    for line in text.splitlines():
        name, place, flags, _, _, _, epoch, _, *slots = line.split(" ")
        if "noaddr" in flags or "handshake" in flags:
            continue
        host, _, port = place.partition("@")[0].rpartition(":")
        places[name] = Address(host or asked.host, int(port))
        for slot in slots:
            first, _, last = slot.partition("-")
            if first.isdecimal():  # else it is one that moves
                owned.append((int(epoch), int(first), int(last or first), name))
    return tuple(sorted(owned))


def _of_slots(rows: list[list[Any]], epoch: int, places: dict[str, Address], asked: Address) -> tuple[Owned, ...]:
    owned: list[Owned] = []
    for first, last, *nodes in rows:
        for host, port, name, *_ in nodes:
            places[name.decode()] = Address(_host(host, asked), port)
        owned.append((epoch, first, last, nodes[0][2].decode()))
    return tuple(sorted(owned))


def _of_shards(rows: list[list[Any]], places: dict[str, Address], asked: Address, *, tls: bool) -> None:
    for shard in rows:
        for flat in _fields(shard)[b"nodes"]:
            node = _fields(flat)
            port = node.get(b"tls-port" if tls else b"port")
            if port:
                places[node[b"id"].decode()] = Address(_host(node.get(b"endpoint"), asked), port)


def _fields(flat: list[Any]) -> dict[bytes, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _host(told: bytes | None, asked: Address) -> str:
    """A node that does not know its address, or its name, is where it was asked."""
    host = (told or b"").decode()
    return asked.host if host in ("", "?") else host

"""Whose connections are still there: the kernel's word, where the server's is lost.

Granian tells an application that its client has gone only if it is being waited for at that moment, and takes without
a word what is sent afterwards. A client that leaves while its stream is being prepared would be served for ever.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_LISTENING = "0A"


class Row(NamedTuple):
    local: str
    remote: str
    state: str
    inode: str


def connected() -> frozenset[str] | None:
    """The far ends of all TCP connections, as `far_end` names them; None where the system does not tell."""
    found: set[str] = set()
    told = False
    try:
        for row in tcp_rows():
            found.add(row.remote)
            told = told or row.state == _LISTENING  # we listen, so a table without it is not ours
    except OSError:  # no descriptor is left to look by
        return None
    return frozenset(found) if told else None


def tcp_rows() -> Iterator[Row]:
    """All TCP sockets of the network that this process is in; none where the system does not tell.

    Raises:
        OSError: it cannot be looked at now.
    """
    for table in _TABLES:
        try:
            rows = table.read_text(encoding="ascii").splitlines()[1:]
        except (FileNotFoundError, PermissionError):
            continue
        for row in rows:
            _, local, remote, state, _, _, _, _, _, inode, *_ = row.split()
            yield Row(local, remote, state, inode)


def far_end(host: str, port: int) -> str | None:
    """The client's address as the kernel writes it: words of four bytes, the last byte first. None: no IP address."""
    try:
        packed = ipaddress.ip_address(host).packed
    except ValueError:
        return None
    words = [packed[place : place + 4][::-1].hex().upper() for place in range(0, len(packed), 4)]
    return f"{''.join(words)}:{port:04X}"

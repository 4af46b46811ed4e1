"""Whose connections are still there: the kernel's word, where the server's is lost.

Granian tells an application that its client has gone only if it is being waited for at that moment, and takes without
a word what is sent afterwards. A client that leaves while its stream is being prepared would be served for ever.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

_TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_LISTENING = "0A"


def connected() -> frozenset[str] | None:
    """The far ends of all TCP connections, as `far_end` names them; None where the system does not tell."""
    found: set[str] = set()
    told = False
    for table in _TABLES:
        try:
            rows = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            _, _, remote, state, *_ = row.split()
            found.add(remote)
            told = told or state == _LISTENING  # we listen, so a table without it is not ours
    return frozenset(found) if told else None


def far_end(host: str, port: int) -> str | None:
    """The client's address as the kernel writes it: words of four bytes, the last byte first. None: no IP address."""
    try:
        packed = ipaddress.ip_address(host).packed
    except ValueError:
        return None
    words = [packed[place : place + 4][::-1].hex().upper() for place in range(0, len(packed), 4)]
    return f"{''.join(words)}:{port:04X}"

"""Connections of clients: how many there may be, and which go first when so many are there.

Granian takes connections as long as it has permits, and a connection keeps its permit while it is open, whatever it
does. With more permits than descriptors `accept` would fail again and again, and the stores could not be reached. A
connection without a request costs its client nothing, so those make room, the one that rests longest first.

Gateways keep connections open between requests, and may send the next one on any that we have not closed: so one that
rests is left for long. One on which a head has begun is not: that has to come within a time. Granian has one limit for
both, so the shorter is kept here, by what the kernel tells of the last byte that came.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from litestar.types import ASGIApp

from waterclock.kit.telemetry.log_lines import Outage
from waterclock_api.limits.chunked_response import STUCK
from waterclock_api.limits.peer_state import far_end, tcp_rows
from waterclock_api.limits.thread_turns import in_thread

KEPT_BACK = 128  # descriptors for the stores, for logs and files
LEAST = 32
LOOK_EVERY = 0.5  # s
HEADS_EVERY = 2.0  # s between two looks for heads that do not come, or so many times as long as one takes
_SPARING = 50
_SLACK = 0.05  # s by which the kernel's clock of a connection may be behind ours
_TCP_INFO = getattr(socket, "TCP_INFO", None)
_LAST_DATA_RECV = 52  # where Linux tells in it how long ago the last byte came, ms
_CROWDED, _ROOMY = 0.9, 0.8  # of all: when connections have to go, and until when
_BUFFER = 128 << 10  # bytes that the kernel holds each way, of which it makes twice as many
_OPEN, _LISTENING = frozenset({"01", "08"}), "0A"  # established, or closed by the other end
_UNTAKEN = "0"  # the inode of a connection that waits to be accepted
_AT_ONCE = struct.pack("ii", 1, 0)  # as SO_LINGER: what is not sent yet is dropped

_OWN = Path("/proc/self/fd")
_log = logging.getLogger(__name__)

Peer = tuple[str, Any]


class _Connection(NamedTuple):
    far_end: str
    inode: str


class _Begun(NamedTuple):
    """A head that has begun to come, on a connection that had rested since."""

    rested_at: float
    seen_at: float


def connections_at_most(wanted: int) -> int:
    """So many, or what the limit of descriptors leaves."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(LEAST, min(wanted, soft - KEPT_BACK))


def watchable() -> bool:
    """Whether the system tells what it takes to give up heads that do not come."""
    return _TCP_INFO is not None and _OWN.exists() and any(True for _ in tcp_rows())


def bound_buffers(port: int) -> None:
    """Have the kernel hold less for each connection that is accepted from now on: by default it is up to some MiB."""
    listening = [inode for local, _, state, inode in tcp_rows() if state == _LISTENING and _port_of(local) == port]
    for _, found in _sockets(set(listening)):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)


class Connections:
    """An ASGI application: the given one, which notes what its connections do."""

    def __init__(self, application: ASGIApp, port: int, most: int, *, head_within: float = 10.0) -> None:
        """`head_within`: s that the head of a request may take, from its first byte, or from the connection's begin."""
        self._application = application
        self._port = port
        self._most = most
        self._busy: dict[Peer, int] = {}  # requests: the next may begin before the last is quite over
        self._rested_at: dict[Peer, float] = {}
        self._stuck: set[Peer] = set()
        self._seen_at: dict[_Connection, float] = {}
        self._head_within = head_within
        self._begun: dict[str, _Begun] = {}  # by inode
        self._look_at = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        peer: Peer = scope["client"]
        self._busy[peer] = self._busy.get(peer, 0) + 1
        self._stuck.discard(peer)  # who asks again does so by another connection
        try:
            await self._application(scope, receive, send)
        except asyncio.CancelledError:
            if STUCK not in scope:
                raise
        finally:
            if left := self._busy[peer] - 1:
                self._busy[peer] = left
            else:
                del self._busy[peer]
            self._rested_at[peer] = time.monotonic()
            if STUCK in scope:
                self._stuck.add(peer)

    async def tend(self) -> None:
        """Close those that are stuck or late, and, where there are too many, those that rest; for ever."""
        outage = Outage(_log, "client connections not checked", "client connections checked again")
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                crowded = len(self._rested_at) > self._most or open_descriptors() > self._most // 2
                if self._stuck or crowded or time.monotonic() >= self._look_at:
                    await in_thread(self._look)
                outage.over()
            except OSError as error:  # no descriptor is left to look by
                outage.failed(error)

    def _look(self) -> None:
        now = time.monotonic()
        of_ours = [row for row in tcp_rows() if row.state in _OPEN and _port_of(row.local) == self._port]
        there = {_Connection(row.remote, row.inode) for row in of_ours if row.inode != _UNTAKEN}
        waiting = len(of_ours) - len(there)
        self._seen_at = {one: self._seen_at.get(one, now) for one in there}
        rested = self._rested({one.far_end for one in there})
        gone = self._shut_stuck(there)
        busy = {_end_of(peer) for peer in tuple(self._busy)}
        idle = [one for one in there if one.far_end not in busy and one.inode not in gone]
        late = self._shut_late(idle, rested, now)
        self._look_at = now + max(min(HEADS_EVERY, self._head_within / 4), _SPARING * (time.monotonic() - now))
        left = len(there) - len(gone) - len(late)
        if left < _CROWDED * self._most:
            return
        idle = [one for one in idle if one.inode not in late]
        idle.sort(key=lambda one: (rested.get(one.far_end, self._seen_at[one]), int(one.inode)))
        shut({one.inode for one in idle[: min(left // 2, left + waiting - int(_ROOMY * self._most))]})

    def _shut_late(self, idle: list[_Connection], rested: dict[str, float], now: float) -> set[str]:
        """The inodes of those on which a head has begun, or the first is awaited, for too long."""
        since = {one.inode: self._seen_at[one] for one in idle if one.far_end not in rested}
        resting = {one.inode: rested[one.far_end] for one in idle if one.far_end in rested}
        begun: dict[str, _Begun] = {}
        for inode, found in _sockets(set(resting)):
            at = _last_byte_at(found)
            if at is not None and at > resting[inode] + _SLACK:
                before = self._begun.get(inode)
                begun[inode] = before if before and before.rested_at == resting[inode] else _Begun(resting[inode], now)
        self._begun = begun
        since |= {inode: one.seen_at for inode, one in begun.items()}
        return shut({inode for inode, at in since.items() if now - at >= self._head_within})

    def _shut_stuck(self, there: set[_Connection]) -> set[str]:
        """The inodes of those that are stuck; whatever cannot be shut now is left for the next look."""
        marked = tuple(self._stuck)
        stuck = {end: peer for peer in marked if (end := _end_of(peer)) is not None}
        found = {one.inode: stuck[one.far_end] for one in there if one.far_end in stuck}
        ended = shut(set(found), at_once=True)
        self._stuck.difference_update(set(marked) - {peer for inode, peer in found.items() if inode not in ended})
        return set(found)

    def _rested(self, there: set[str]) -> dict[str, float]:
        """Since when those that are there have rested; those that are not are forgotten."""
        found: dict[str, float] = {}
        for peer, at in tuple(self._rested_at.items()):
            end = _end_of(peer)
            if end in there:
                found[end] = at
            else:
                self._rested_at.pop(peer, None)
        return found


def shut(inodes: set[str], *, at_once: bool = False) -> set[str]:
    """End connections of ours, as if their clients had; the server closes them then. Which were there to be ended."""
    ended: set[str] = set()
    for inode, found in _sockets(inodes):
        with contextlib.suppress(OSError):
            if at_once:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            found.shutdown(socket.SHUT_RDWR)
        ended.add(inode)
    return ended


def _sockets(inodes: set[str]) -> Iterator[tuple[str, socket.socket]]:
    """Those of our sockets, by a descriptor of our own: the server's may stand for another one a moment later."""
    if not inodes:
        return
    for own in tuple(_OWN.iterdir()):
        inode = _inode(own)
        if inode not in inodes:
            continue
        try:
            copy = os.dup(int(own.name))
        except OSError:
            continue
        with socket.socket(fileno=copy) as found:
            if _inode(_OWN / str(copy)) == inode:
                yield inode, found


def _inode(own: Path) -> str | None:
    try:
        target = str(own.readlink())
    except OSError:
        return None
    return target[8:-1] if target.startswith("socket:[") else None


def _last_byte_at(found: socket.socket) -> float | None:
    """When the last byte came from the client; None where the system does not tell."""
    if _TCP_INFO is None:
        return None
    try:
        told = found.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _LAST_DATA_RECV + 4)
    except OSError:
        return None
    if len(told) < _LAST_DATA_RECV + 4:
        return None
    return time.monotonic() - int.from_bytes(told[_LAST_DATA_RECV:], sys.byteorder) / 1000


def open_descriptors() -> int:
    return sum(1 for _ in _OWN.iterdir())


def _port_of(local: str) -> int:
    return int(local.rpartition(":")[2], 16)


def _end_of(peer: Peer) -> str | None:
    return far_end(peer[0], int(peer[1]))

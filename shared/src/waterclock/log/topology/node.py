"""One server of the log, and the connections to it."""

from __future__ import annotations

from waterclock.log.connection.addresses import Target
from waterclock.log.connection.connections import Server
from waterclock.log.connection.pools import Lines
from waterclock.log.connection.transient import LASTING_S

WRITERS, CONTROLS = 16, 2  # connections to one server


class Node:
    """One server and the connections to it, by use."""

    def __init__(self, target: Target, *, timeout: float, control_timeout: float, name: str) -> None:
        self.target = target
        self.server: Server | None = None  # the process that was reached last
        self.dropped = 0
        self.lacks_replicas = Lasting()
        self.writer = Lines(target, size=WRITERS, timeout=timeout, name=name, met=self.met)
        self.control = Lines(target, size=CONTROLS, timeout=control_timeout, name=f"{name}-control", met=self.met)

    async def met(self, server: Server) -> None:
        """A new connection reached this process. Is it another than the last, the connections to that one are left."""
        before, self.server = self.server, server
        if before is not None and before.run_id != server.run_id:
            await self.drop()

    async def drop(self) -> None:
        """Use none of the connections to it again; who reads from it by itself connects anew by `dropped`."""
        self.dropped += 1
        await self.writer.drop()
        await self.control.drop()

    async def close(self) -> None:
        self.dropped += 1
        await self.writer.close()
        await self.control.close()


class Lasting:
    """Whether something that is met now and then has gone on for `LASTING_S`."""

    def __init__(self) -> None:
        self._since = self._last = float("-inf")

    def met(self, now: float) -> bool:
        """It is met, at that monotonic second; when it has lasted, the time begins anew."""
        if now - self._last > LASTING_S:
            self._since = now
        self._last = now
        if now - self._since < LASTING_S:
            return False
        self._since = now
        return True

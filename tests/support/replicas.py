"""A Valkey primary and its replicas, each of which hears of its primary through a relay of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from tests.support.asking import ask, told
from tests.support.relay import Relay
from tests.support.standing import end
from tests.support.waiting import until
from waterclock_dev.servers.ports import LOOPBACK
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.valkey import Valkey

IN_STEP = 20.0  # s
SWITCHED = 10.0  # s
QUICK = {"repl-diskless-sync-delay": "0", "repl-ping-replica-period": "1"}


class Replicas:
    """`members`, the first of which began as the primary. None of them learns of a change that it is not told."""

    def __init__(self, members: tuple[Server[Valkey], ...], links: tuple[Relay, ...]) -> None:
        self.members = members
        self._links = dict(zip(members, links, strict=True))

    def link(self, member: Server[Valkey]) -> Relay:
        """How it hears of its primary, when it is a replica; what is held there makes it lag."""
        return self._links[member]

    async def follow(self, replica: Server[Valkey], primary: Server[Valkey]) -> None:
        """Demote a primary, or lead a replica to another one; it may not be in step yet."""
        link = self._links[replica]
        link.lead_to(primary.port, cut=True)
        await ask(replica, "REPLICAOF", LOOPBACK, link.port)

    async def promote(self, replica: Server[Valkey]) -> None:
        """Make it a primary with what it has. Whoever was its primary is told nothing."""
        await ask(replica, "REPLICAOF", "NO", "ONE")

    async def switch(self, primary: Server[Valkey], replica: Server[Valkey]) -> None:
        """A planned switchover, as servers do it among each other; returns when it is done."""
        await ask(primary, "FAILOVER", "TO", LOOPBACK, replica.port, "TIMEOUT", int(SWITCHED * 1000))

        async def switched() -> bool:
            roles = [(await told(one, "replication"))["role"] for one in (primary, replica)]
            return roles == ["slave", "master"]

        await until(switched, within=SWITCHED, what="primary and replica have changed places")

    async def in_step(self, replica: Server[Valkey], primary: Server[Valkey]) -> None:
        """Return when the replica has what the primary had at the call."""
        wanted = int((await told(primary, "replication"))["master_repl_offset"])

        async def reached() -> bool:
            now = await told(replica, "replication")
            is_up = now.get("master_link_status") == "up"
            return is_up and int(now["slave_repl_offset"]) >= wanted

        await until(reached, within=IN_STEP, what=f"the replica has come to {wanted}")


@asynccontextmanager
async def replicated(
    folder: Path,
    *,
    replicas: int = 1,
    appendfsync: Literal["always", "everysec", "no"] = "everysec",
    binary: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> AsyncGenerator[Replicas]:
    """A primary with replicas in step, on fresh data; at the end all are killed. `binary`: another server's."""
    chosen: dict[str, Any] = {} if binary is None else {"binary": binary}
    members = tuple(
        Server(
            Valkey(
                data=folder / f"valkey-{number}",
                appendfsync=appendfsync,
                settings=QUICK | dict(settings or {}),
                **chosen,
            )
        )
        for number in range(replicas + 1)
    )
    first, *others = members
    try:
        async with AsyncExitStack() as held:
            for member in members:
                await member.start()
            links = [await held.enter_async_context(Relay(first.port)) for _ in members]
            made = Replicas(members, tuple(links))
            for other in others:
                await made.follow(other, first)
            for other in others:
                await made.in_step(other, first)
            yield made
    finally:
        await end(members)

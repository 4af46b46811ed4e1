"""Servers in Docker, where a daemon answers."""

import contextlib
import functools
import os
import secrets
from collections.abc import Generator
from pathlib import Path
from typing import Any

VALKEY = "valkey/valkey:9.1"
REDIS = "redis:8.2.3"
POSTGRES = "postgres:18"
RCLONE = "rclone/rclone:1.75.2"

KEPT = "--appendonly yes --save '' --maxmemory-policy noeviction"


@functools.cache
def are_wanted() -> bool:
    """Whether test servers come from Docker: said so, or its daemon answers. A socket alone proves nothing."""
    said = os.environ.get("WATERCLOCK_TEST_SERVERS")
    if said is not None:
        assert said in {"docker", "embedded"}, f"WATERCLOCK_TEST_SERVERS is {said!r}, not docker or embedded"
        return said == "docker"
    if "DOCKER_HOST" not in os.environ and not Path("/var/run/docker.sock").exists():
        return False
    import docker
    from docker.errors import DockerException
    from requests import RequestException

    try:
        client: Any = docker.from_env(timeout=5)
        with contextlib.closing(client):
            return bool(client.ping())
    except (DockerException, RequestException):
        return False


@contextlib.contextmanager
def valkey() -> Generator[str]:
    with _started(VALKEY, f"valkey-server {KEPT}", 6379, "Ready to accept connections") as address:
        yield f"redis://{address}/0"


@contextlib.contextmanager
def redis() -> Generator[str]:
    with _started(REDIS, f"redis-server {KEPT}", 6379, "Ready to accept connections") as address:
        yield f"redis://{address}/0"


@contextlib.contextmanager
def postgres() -> Generator[str]:
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(POSTGRES, driver=None) as container:
        yield container.get_connection_url()


@contextlib.contextmanager
def s3() -> Generator[str]:
    key, secret = secrets.token_hex(10), secrets.token_hex(20)
    command = f"serve s3 --addr :8080 --auth-key {key},{secret} /data"
    with _started(RCLONE, command, 8080, "Starting s3 server") as address:
        yield f"http://{key}:{secret}@{address}"


@contextlib.contextmanager
def _started(image: str, command: str, port: int, ready: str) -> Generator[str]:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    server: Any = DockerContainer(image).with_command(command).with_exposed_ports(port)
    with server.waiting_for(LogMessageWaitStrategy(ready)) as container:
        yield f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"

"""What the environment says to the API and the projector."""

from __future__ import annotations

import ipaddress
import os
from typing import Annotated, Literal

import msgspec

from waterclock.kit.settings import Count, Host, RedisSettings, Seconds, SettingsError, read
from waterclock.log.client import LogSettings, Queue
from waterclock_api.limits.memory_budget import HELD_BYTES

Rate = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
"""Requests a second; 0: no limit."""
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    postgres_url: str


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    host: Host = "127.0.0.1"
    port: Port = 8080
    postgres_connections: Count = 10
    read_timeout: Annotated[float, msgspec.Meta(ge=0.1, le=3_600)] = 10
    keep_alive: Annotated[float, msgspec.Meta(ge=10, le=86_400)] = 95  # s
    streams: Count = 2_000
    streams_per_client: Count = 500
    held_bytes: Annotated[int, msgspec.Meta(ge=16 << 20)] = HELD_BYTES
    keyless: Literal["loopback", ""] = ""
    trusted_proxies: tuple[str, ...] = ()
    path_prefix: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    rate_limit: Rate = 1_000
    rate_limit_address: Rate = 20


class ProjectorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Ages are written `90d` or `36h`; those of runs for all, or `succeeded=7d,failed=90d`."""

    host: Host = "127.0.0.1"
    health_port: Port | None = None
    stream_bytes: Count = 256 * 1024 * 1024
    trim_after: Seconds = 3600
    keep_events: str | None = None
    keep_runs: tuple[str, ...] = ()


class MigrateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Queues are written `critical=6,default=3,low=1`."""

    partitions: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 1
    queue_weights: tuple[str, ...] = ("critical=6", "default=3", "low=1")


def is_loopback(host: str) -> bool:
    """Whether only this machine can ask what is served there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def log_settings() -> LogSettings:
    redis = read(RedisSettings, os.environ)
    return LogSettings(
        url=redis.redis_url,
        address_map=redis.redis_address_map,
        prefix=redis.key_prefix,
        replicas=redis.log_replicas,
    )


def queues_of(own: MigrateSettings) -> tuple[Queue, ...]:
    """
    Raises:
        SettingsError: one is not written as `name=weight`, or is written twice.
    """
    found: list[Queue] = []
    for text in own.queue_weights:
        name, _, weight = text.partition("=")
        if not name or not weight.isdecimal() or int(weight) < 1:
            raise SettingsError(f"WATERCLOCK_QUEUE_WEIGHTS: {text!r} is not name=weight, such as default=3")
        if any(queue.name == name for queue in found):
            raise SettingsError(f"WATERCLOCK_QUEUE_WEIGHTS: names the queue {name!r} twice")
        found.append(Queue(name=name, weight=int(weight)))
    if not found:
        raise SettingsError("WATERCLOCK_QUEUE_WEIGHTS names no queue")
    return tuple(found)

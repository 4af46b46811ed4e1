"""What the environment says to the API and the projector."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import msgspec

from waterclock.kit.settings import Count, Host, RedisSettings, Seconds, SettingsError, helps, read, reading
from waterclock.log.client import LogSettings, Queue
from waterclock.model.cron.zones import zone
from waterclock_api.limits.memory_budget import HELD_BYTES

Rate = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
"""Requests a second; 0: no limit."""
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


def zone_name(text: str) -> str:
    """
    Raises:
        ValueError: there is no such zone; with the closest names.
    """
    return zone(text).name


TimeZone = Annotated[str, reading(zone_name)]


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    postgres_url: Annotated[
        str,
        helps("The database.", example="postgresql://waterclock:password@127.0.0.1:5432/waterclock", secret=True),
    ]


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    host: Annotated[Host, helps("Address to serve at.")] = "127.0.0.1"
    port: Annotated[Port, helps("Port to serve at.")] = 8080
    timezone: Annotated[
        TimeZone | None, helps("Zone of a job that is created without one; unset: UTC.", example="Europe/Berlin")
    ] = None
    postgres_connections: Annotated[Count, helps("Connections to Postgres, at most.")] = 10
    read_timeout: Annotated[
        float, msgspec.Meta(ge=0.1, le=3_600), helps("Seconds that a read may take in Postgres.")
    ] = 10
    keep_alive: Annotated[
        float, msgspec.Meta(ge=10, le=86_400), helps("Seconds that a connection may rest between two requests.")
    ] = 95
    streams: Annotated[Count, helps("Event streams served at once.")] = 2_000
    streams_per_client: Annotated[Count, helps("Of these, to one caller.")] = 500
    held_bytes: Annotated[
        int, msgspec.Meta(ge=16 << 20), helps("Bytes held at once for bodies, lists and streams.")
    ] = HELD_BYTES
    keyless: Annotated[
        Literal["loopback", ""],
        helps("loopback: start without key or issuer, and ask nobody.", example="loopback"),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...], helps("Networks whose X-Forwarded-… are believed.", example="10.0.0.0/8")
    ] = ()
    path_prefix: Annotated[str | None, helps("What a gateway leaves before the paths.", example="/scheduler")] = None
    allowed_hosts: Annotated[
        tuple[str, ...], helps("Names beside loopback's that mean this machine.", example="scheduler.example")
    ] = ()
    cors_origins: Annotated[
        tuple[str, ...], helps("Origins whose pages may call the API.", example="https://ops.example")
    ] = ()
    rate_limit: Annotated[Rate, helps("Requests a second of one caller; 0: no limit.")] = 1_000
    rate_limit_address: Annotated[Rate, helps("The same of one address without credentials.")] = 20


class ProjectorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Ages are written `90d` or `36h`; those of runs for all, or `succeeded=7d,failed=90d`."""

    host: Annotated[Host, helps("Address to serve health and metrics at.")] = "127.0.0.1"
    health_port: Annotated[
        Port | None, helps("Port of /livez, /readyz and /metrics; none: they are not served.", example="9100")
    ] = None
    stream_bytes: Annotated[
        Count, helps("Bytes that the event streams may take before what is archived is trimmed.")
    ] = 256 * 1024 * 1024
    trim_after: Annotated[Seconds, helps("Seconds for which events are never trimmed.")] = 3600
    keep_events: Annotated[
        str | None, helps("For how long the archive keeps events; unset: for ever.", example="90d")
    ] = None
    keep_runs: Annotated[
        tuple[str, ...], helps("For how long ended runs are kept, also by status.", example="30d,failed=180d")
    ] = ()


class MigrateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Queues are written `critical=6,default=3,low=1`."""

    partitions: Annotated[
        int, msgspec.Meta(ge=1, le=1024), helps("Partitions of the event log; the first migration fixes them.")
    ] = 1
    queue_weights: Annotated[tuple[str, ...], helps("Queues, and their shares when all are full.")] = (
        "critical=6",
        "default=3",
        "low=1",
    )


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

"""What the environment says to the services of this package.

It is long: each setting has its help beside it.
"""

from __future__ import annotations

import os
from typing import Annotated, Literal

import msgspec

from waterclock.kit.settings import Count, Host, RedisSettings, Seconds, SettingsError, helps, read, reading
from waterclock.log.client import LogSettings, Queue
from waterclock.model.cron.zones import zone
from waterclock.store.ages import age_text
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
        helps(
            "URL of the Postgres database.",
            example="postgresql://waterclock:password@127.0.0.1:5432/waterclock",
            secret=True,
            more="Postgres must be 15 or later. `?sslmode=verify-full` uses TLS and checks the certificate.",
        ),
    ]


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    host: Annotated[
        Host,
        helps(
            "Address to listen on.",
            more="The API serves HTTP there. The other services serve health checks and metrics there, if "
            "`WATERCLOCK_HEALTH_PORT` is set.",
        ),
    ] = "127.0.0.1"
    port: Annotated[Port, helps("Port of the HTTP API.")] = 8080
    timezone: Annotated[
        TimeZone | None,
        helps(
            "Time zone of jobs that are created without one; unset: UTC.",
            example="Europe/Berlin",
            more="Set it to the same value for all replicas of the API.",
        ),
    ] = None
    postgres_connections: Annotated[
        Count,
        helps(
            "Maximum number of connections to Postgres.",
            more="Searches, lists, streams, single reads and commands each have a share, so that none blocks the "
            "others. That takes 5 connections or more. With 2, commands are kept apart from slow reads. With 1, "
            "nothing is.",
        ),
    ] = 10
    read_timeout: Annotated[
        float,
        msgspec.Meta(ge=0.1, le=3_600),
        helps("Seconds that a read may take in Postgres.", more="With a single connection it is 1 second at most."),
    ] = 10
    keep_alive: Annotated[
        float,
        msgspec.Meta(ge=10, le=86_400),
        helps(
            "Seconds that a connection may be idle between two requests.",
            more="Set it longer than the keep-alive time of the gateway in front.",
        ),
    ] = 95
    streams: Annotated[
        Count,
        helps("Maximum number of event streams at once in this process.", more="Further ones are answered with 503."),
    ] = 2_000
    streams_per_client: Annotated[
        Count,
        helps(
            "Maximum number of event streams of one caller.",
            more="Further ones are answered with 429. Without authentication a caller is an address.",
        ),
    ] = 500
    held_bytes: Annotated[
        int,
        msgspec.Meta(ge=16 << 20),
        helps(
            "Memory in bytes for request bodies, lists and streams.",
            more="Each of the three may use a third. Beyond it, requests are answered with 503.",
        ),
    ] = HELD_BYTES
    keyless: Annotated[
        Literal["loopback", ""],
        helps(
            "loopback: start without an API key or a token issuer, and authenticate nobody.",
            example="loopback",
            more="Every program on this machine may then do everything, and so may everybody who comes through a proxy "
            "on it. `waterclock dev` and `waterclock demo` set it.",
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        helps(
            "Networks of proxies whose X-Forwarded-… headers are trusted.",
            example="10.0.0.0/8",
            more="The headers are `X-Forwarded-For`, `X-Forwarded-Prefix` and `X-Request-Id`. From other addresses "
            "they are ignored.",
        ),
    ] = ()
    path_prefix: Annotated[
        str | None,
        helps(
            "Path prefix that a gateway does not strip.",
            example="/scheduler",
            more="All routes are then also served below it.",
        ),
    ] = None
    allowed_hosts: Annotated[
        tuple[str, ...],
        helps(
            "Host names of this machine, beside localhost, that requests without authentication may use.",
            example="scheduler.example",
            more="It matters only with `WATERCLOCK_KEYLESS`.",
        ),
    ] = ()
    cors_origins: Annotated[
        tuple[str, ...],
        helps(
            "Origins whose web pages may call the API (CORS).",
            example="https://ops.example",
            more="Exact origins, without patterns.",
        ),
    ] = ()
    rate_limit: Annotated[
        Rate,
        helps(
            "Requests a second of one caller; 0: no limit.",
            more="It holds where requests are authenticated. A key made with `--rate` has its own limit.",
        ),
    ] = 1_000
    rate_limit_address: Annotated[
        Rate,
        helps(
            "Requests a second of one address, with missing or invalid credentials; 0: no limit.",
        ),
    ] = 20


class ProjectorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Ages are written `90d` or `36h`; those of runs for all, or `succeeded=7d,failed=90d`."""

    host: Annotated[Host, helps("Address to serve health checks and metrics on.")] = "127.0.0.1"
    health_port: Annotated[
        Port | None,
        helps("Port of /livez, /readyz and /metrics; unset: they are not served.", example="9100"),
    ] = None
    stream_bytes: Annotated[
        Count,
        helps(
            "Memory in bytes that the event streams may use in Redis before archived events are trimmed.",
            more="All partitions share it.",
        ),
    ] = 256 * 1024 * 1024
    trim_after: Annotated[Seconds, helps("Age in seconds below which an event is never trimmed.")] = 3600
    keep_events: Annotated[
        str | None,
        helps(
            "How long the archive keeps events; unset: forever.",
            example="90d",
            more="At least two days. Whole months (UTC) are deleted, once all of a month is older.",
        ),
    ] = None
    keep_runs: Annotated[
        tuple[str, ...],
        helps(
            "How long ended runs are kept, for all or by status.",
            example="30d,failed=180d",
            more="At least two days, or `forever`. If it is unset, the store decides: `90d` in a store that this "
            "release made, and forever in one that an earlier release made.",
        ),
    ] = ()


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True):
    public_url: Annotated[
        str | None,
        helps(
            "URL of this installation for people, which messages link to.",
            example="https://scheduler.example",
        ),
    ] = None
    notices_services: Annotated[
        tuple[str, ...],
        helps(
            "Services of Apprise that channels may name beside hosted ones and mail.",
            example="ntfy,json",
            more="By the word before `://`. Such a service may lead to a machine inside your network.",
        ),
    ] = ()
    http_allow: Annotated[
        str,
        helps(
            "Internal networks and hosts that webhooks may be sent to.",
            example="10.0.0.0/8,hooks.internal",
            more="Without it, they are sent to public addresses only.",
        ),
    ] = ""


class NotifierSettings(ChannelSettings, frozen=True, kw_only=True):
    host: Annotated[Host, helps("Address to serve health checks and metrics on.")] = "127.0.0.1"
    health_port: Annotated[
        Port | None,
        helps("Port of /livez, /readyz and /metrics; unset: they are not served.", example="9100"),
    ] = None
    notices: Annotated[
        str,
        helps(
            "File of channels and rules of notices, in YAML.",
            example="/etc/waterclock/notices.yaml",
            more="It is read again when it changes, and on SIGHUP. If a new one is wrong, the last right one stays in "
            "force.",
        ),
    ]
    keep_notices: Annotated[
        str,
        reading(age_text),
        helps(
            "How long notices are kept.",
            example="1000d",
            more="At least two days, or `forever`. A notice that waits to be delivered is kept, and so is that of what "
            "lasts.",
        ),
    ] = "90d"


class PublisherSettings(msgspec.Struct, frozen=True, kw_only=True):
    public_url: Annotated[
        str | None,
        helps(
            "URL of this installation for people, which events name as their source.",
            example="https://scheduler.example",
            more="It is that of the notifiers.",
        ),
    ] = None
    publish_url: Annotated[
        str,
        helps(
            "URL of the Redis server that events are published to.",
            example="redis://publisher:password@events.example:6379/0",
            secret=True,
        ),
    ]
    publish_stream: Annotated[
        Annotated[str, msgspec.Meta(min_length=1, max_length=512)],
        helps(
            "Stream that events are published to.", more="Not a key that begins with the key prefix of the event log."
        ),
    ] = "waterclock-events"
    publish_length: Annotated[
        Annotated[int, msgspec.Meta(ge=1)],
        helps("How many events the stream keeps, or a few more; older ones are deleted."),
    ] = 100_000
    publish_types: Annotated[
        tuple[str, ...],
        helps(
            "Types of events that are published, or what stands before their dot.",
            example="run.failed,run.timedOut,run.died",
        ),
    ] = ("job", "run", "fire")
    publish_groups: Annotated[
        tuple[str, ...],
        helps(
            "Groups of jobs whose events are published; unset: of all, and of runs without a job.", example="reports"
        ),
    ] = ()
    host: Annotated[Host, helps("Address to serve health checks and metrics on.")] = "127.0.0.1"
    health_port: Annotated[
        Port | None,
        helps("Port of /livez, /readyz and /metrics; unset: they are not served.", example="9100"),
    ] = None


class MigrateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Queues are written `critical=6,default=3,low=1`."""

    partitions: Annotated[
        int,
        msgspec.Meta(ge=1, le=1024),
        helps(
            "Partitions of the event log; the first migration fixes their number.",
            more="`waterclock restore --partitions` changes it later.",
        ),
    ] = 1
    queue_weights: Annotated[
        tuple[str, ...],
        helps(
            "Queues, and their shares of the workers when all have runs to start.",
            more="`waterclock restore` reads it too.",
        ),
    ] = (
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
        raise SettingsError("WATERCLOCK_QUEUE_WEIGHTS is empty: name a queue, such as default=1")
    return tuple(found)

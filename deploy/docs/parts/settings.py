"""The settings, made from the structs that read them and from the options of services."""

from __future__ import annotations

import re
import textwrap
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import click
import msgspec
from msgspec.structs import FieldInfo

from waterclock.cli.connection.resolve import ClientSettings
from waterclock.client.environment import CallerSettings
from waterclock.kit.setting_options import variable_of
from waterclock.kit.settings import RedisSettings, TelemetrySettings, help_of, options_of, written
from waterclock_api.access.token_settings import TokenSettings
from waterclock_api.main import api
from waterclock_api.notifier_main import notifier
from waterclock_api.operator.migrate import migrate
from waterclock_api.projector_main import projector
from waterclock_api.publisher_main import publisher
from waterclock_api.settings import (
    ApiSettings,
    MigrateSettings,
    NotifierSettings,
    ProjectorSettings,
    PublisherSettings,
    StoreSettings,
)
from waterclock_scheduler.main import SchedulerSettings, scheduler
from waterclock_worker.main import worker
from waterclock_worker.settings import ReachSettings, WorkerSettings

Kind = type[msgspec.Struct]

WIDTH = 120
SERVICES: Mapping[click.Command, tuple[Kind, ...]] = {
    api: (RedisSettings, StoreSettings, ApiSettings, TokenSettings, TelemetrySettings),
    projector: (RedisSettings, StoreSettings, ProjectorSettings, TelemetrySettings),
    scheduler: (RedisSettings, SchedulerSettings, TelemetrySettings),
    worker: (RedisSettings, WorkerSettings, ReachSettings, TelemetrySettings),
    notifier: (RedisSettings, StoreSettings, NotifierSettings, CallerSettings, TelemetrySettings),
    publisher: (RedisSettings, StoreSettings, PublisherSettings, TelemetrySettings),
    migrate: (RedisSettings, StoreSettings, MigrateSettings),
}
"""What each service reads; a test compares it with the options that the service has."""
OTHERS: Mapping[Kind, tuple[str, ...]] = {
    RedisSettings: ("reconcile", "restore", "doctor"),
    StoreSettings: ("rebuild", "reconcile", "restore", "key", "doctor", "ledger verify --chain"),
    MigrateSettings: ("restore",),
    TelemetrySettings: ("rebuild", "reconcile", "restore"),
    ReachSettings: (),
    ClientSettings: ("all commands that call the API",),
}
"""Commands that read a struct and are no services."""
OF_DEV = {"redis_url", "postgres_url", "s3_endpoint", "s3_bucket", "s3_access_key", "s3_secret_key"}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Redis and Postgres": ("redis_url", "redis_address_map", "key_prefix", "log_replicas", "postgres_url"),
    "HTTP API": (
        *("host", "port", "timezone", "path_prefix", "trusted_proxies", "keep_alive", "read_timeout"),
        *("postgres_connections", "streams", "streams_per_client", "held_bytes"),
    ),
    "Authentication and rate limits": (
        *("keyless", "jwt_issuer", "jwt_audience", "jwt_jwks", "jwt_algorithms", "jwt_scope_claim", "jwt_leeway"),
        *("rate_limit", "rate_limit_address", "cors_origins", "allowed_hosts"),
    ),
    "Scheduler": ("scheduler_name", "scheduler_term"),
    "Worker": ("worker_name", "slots", "queues", "strict", "executors", "drain_timeout", "lease"),
    "Built-in executors": (
        *("places", "s3_endpoint", "s3_bucket", "s3_region", "s3_access_key", "s3_secret_key"),
        *("backup_database_url", "backup_references", "pg_bin", "http_allow", "http_references"),
    ),
    "Projector and retention": ("keep_events", "keep_runs", "stream_bytes", "trim_after"),
    "Notifier": ("notices", "keep_notices", "notices_services", "public_url"),
    "Publisher": ("publish_url", "publish_stream", "publish_length", "publish_types", "publish_groups"),
    "Migration": ("partitions", "queue_weights"),
    "Health checks, traces and log lines": (
        *("health_port", "log_level", "log_format", "otlp_endpoint", "trace_sample"),
    ),
    "Commands that call the API": ("api_url", "api_key", "context"),
}
SEE: Mapping[str, str] = {
    "redis_url": "[TLS and Sentinel](store-security.md)",
    "redis_address_map": "[Sentinel](store-security.md#sentinel)",
    "log_replicas": "[failover](../explanation/failover.md)",
    "postgres_url": "[TLS](store-security.md#tls-to-the-stores)",
    "keyless": "[access](access.md)",
    "jwt_issuer": "[tokens](access.md#tokens)",
    "rate_limit": "[rate limits](access.md#rate-limits)",
    "cors_origins": "[CORS](access.md#cors-and-csrf-protection)",
    "allowed_hosts": "[CSRF protection](access.md#cors-and-csrf-protection)",
    "trusted_proxies": "[gateways](../how-to/gateway.md)",
    "keep_alive": "[gateways](../how-to/gateway.md)",
    "keep_events": "[retention](retention.md)",
    "keep_runs": "[retention](retention.md)",
    "held_bytes": "[sizing](sizing.md)",
    "places": "[places](db-backup.md#places)",
    "backup_references": "[references](db-backup.md#references)",
    "http_allow": "[`http.request`](http-request.md)",
    "http_references": "[`http.request`](http-request.md)",
    "otlp_endpoint": "[telemetry](telemetry.md#where-traces-and-metrics-go)",
    "trace_sample": "[sampling](telemetry.md#where-traces-and-metrics-go)",
    "log_level": "[log lines](log-lines.md)",
    "publish_url": "[events for other services](published-events.md)",
    "context": "[contexts](access.md#urls-and-keys-of-commands)",
}


class Setting(NamedTuple):
    """`field` is that of the first struct that has it; the words of a service that listens come from the API."""

    field: FieldInfo
    readers: tuple[str, ...]
    option: str


def settings() -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for kind in dict.fromkeys((*(kind for kinds in SERVICES.values() for kind in kinds), ClientSettings)):
        for field in msgspec.structs.fields(kind):
            services = tuple(str(command.name) for command, kinds in SERVICES.items() if kind in kinds)
            before = found.get(field.name)
            readers = dict.fromkeys((*(before.readers if before else ()), *services, *OTHERS.get(kind, ())))
            if field.name in OF_DEV:
                readers["dev"] = None
            found[field.name] = Setting(before.field if before else field, tuple(readers), _option(field))
    return found


def text() -> str:
    """
    Raises:
        ValueError: a setting is in no group, or in two.
    """
    known = settings()
    grouped = [name for names in GROUPS.values() for name in names]
    if sorted(grouped) != sorted(known):
        raise ValueError(f"groups and settings differ: {sorted(set(grouped) ^ set(known))}")
    return "".join(
        f"## {title}\n\n{''.join(_section(name, known[name]) for name in names)}" for title, names in GROUPS.items()
    )


def _section(name: str, setting: Setting) -> str:
    told = help_of(setting.field)
    shown = re.sub(
        r"(?<!\w)(/(?:livez|readyz|metrics)|(?:http|db)\.[a-z-]+|pg_\w+|psql|(?:iss|aud)\b|loopback(?=:))",
        r"`\1`",
        told.text,
    )
    said = " ".join(filter(None, (shown, told.more, f"See {SEE[name]}." if name in SEE else "")))
    facts = " · ".join(f"**{title}** {value}" for title, value in _facts(setting))
    return f"### `{variable_of(setting.field)}`\n\n{_wrapped(said)}\n\n{_wrapped(facts)}\n\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _facts(setting: Setting) -> Iterator[tuple[str, str]]:
    field, told = setting.field, help_of(setting.field)
    default = written(field.default)
    if setting.option:
        yield "Option", f"`{setting.option}`"
    mib = f" ({int(default) >> 20} MiB)" if default.isdecimal() and int(default) >= 1 << 20 else ""
    yield "Default", f"`{default}`{mib}" if default else "none: it must be set" if field.required else "not set"
    if values := _values(field):
        yield "Values", values
    if told.example:
        yield "Example", f"`{told.example}`"
    services = {str(command.name) for command in SERVICES}
    names = [name for name in setting.readers if name not in services or not services <= set(setting.readers)]
    every = ["all services"] if services <= set(setting.readers) else []
    yield "Read by", ", ".join((*every, *(name if " " in name and "-" not in name else f"`{name}`" for name in names)))


def _values(field: FieldInfo) -> str:
    """Bounds of a number, or the words that are taken."""
    words = [
        word
        for kind in options_of(field.type)
        if typing.get_origin(kind) is Literal
        for word in typing.get_args(kind)
        if word
    ]
    if words:
        return ", ".join(f"`{word}`" for word in words)
    if any(kind is bool for kind in options_of(field.type)):
        return "`true`, `false`"
    least, most = _bound(field.type, "ge"), _bound(field.type, "le")
    if _bound(field.type, "gt") is not None:
        return f"more than {_bound(field.type, 'gt')}"
    if most is not None:
        return f"{least} to {most}"
    return "" if least is None else f"{least} or more"


def _bound(kind: Any, name: str) -> Any:
    bare, *metas = typing.get_args(kind) if typing.get_origin(kind) is typing.Annotated else (kind,)
    said = [getattr(meta, name) for meta in metas if isinstance(meta, msgspec.Meta)]
    said += [_bound(each, name) for each in ((bare,) if metas else typing.get_args(bare))]
    return next((bound for bound in said if bound is not None), None)


def _option(field: FieldInfo) -> str:
    """As the first service has it that reads the setting."""
    for command in SERVICES:
        for param in command.params:
            if param.name == field.name and isinstance(param, click.Option):
                names = ", ".join(sorted(param.opts, key=lambda name: name != f"--{field.name.replace('_', '-')}"))
                return " / ".join((names, *param.secondary_opts))
    return ""

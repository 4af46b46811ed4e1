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
        helps("Name shown in runs and events; unset: the host's.", example="worker-1"),
    ] = None
    slots: Annotated[Count, helps("Runs at once.")] = 10
    queues: Annotated[tuple[str, ...], helps("Queues to take runs from; unset: all.", example="critical,default")] = ()
    strict: Annotated[bool, helps("Empty each queue before the next, instead of by weight.")] = False
    executors: Annotated[
        tuple[str, ...], helps("Modules or .py files of executors, beside the entry points.", example="shop.jobs")
    ] = ()
    drain_timeout: Annotated[float, msgspec.Meta(ge=0), helps("Seconds that running attempts get at the end.")] = 30
    health_port: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=65535)] | None,
        helps("Port of /livez, /readyz and /metrics; none: they are not served.", example="9102"),
    ] = None
    host: Annotated[Host, helps("Address to serve health and metrics at.")] = "127.0.0.1"
    lease: Annotated[
        Seconds, helps("Seconds without a renewal after which a worker is dead; the same for all of them.")
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
    """What our own executors may reach: each is read where it is needed, and listed here for help."""

    places: Annotated[
        str | None, helps("TOML file of the places that jobs may name.", example="/etc/waterclock/places.toml")
    ] = None
    s3_endpoint: Annotated[str | None, helps("Where backups go.", example="https://s3.example.com")] = None
    s3_bucket: Annotated[str | None, helps("The bucket of backups.", example="backups")] = None
    s3_region: Annotated[str, helps("Its region.")] = "us-east-1"
    s3_access_key: Annotated[str | None, helps("The access key of the bucket.", secret=True)] = None
    s3_secret_key: Annotated[str | None, helps("The secret key of the bucket.", secret=True)] = None
    backup_database_url: Annotated[str | None, helps("The database that is backed up.", secret=True)] = None
    backup_references: Annotated[
        str, helps("Secrets that jobs of backups may refer to, and for which hosts.", example="env:SHOP_*@db.example")
    ] = ""
    http_allow: Annotated[
        str, helps("Networks and hosts inside that requests may reach.", example="10.0.0.0/8,books.internal")
    ] = ""
    http_references: Annotated[
        str, helps("Secrets that requests may be made with, and for which hosts.", example="env:BOOKS_*@books.example")
    ] = ""
    pg_bin: Annotated[
        str | None, helps("Folder of pg_dump, pg_restore and psql.", example="/usr/lib/postgresql/18/bin")
    ] = None

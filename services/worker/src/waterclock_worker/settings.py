"""The worker's settings, and the periods that follow from its lease."""

from __future__ import annotations

import re
import socket
from typing import Annotated

import msgspec

from waterclock.kit.settings import NAME, Count, Host, Seconds

_NAME_LENGTH = 40  # leaves room for the suffix of a session within the 64 of an id


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Durations are seconds. Every worker of a deployment has the same `lease`: each judges the others by its own."""

    worker_name: Annotated[str, msgspec.Meta(max_length=200), NAME] | None = None
    slots: Count = 10
    queues: tuple[str, ...] = ()  # none: all
    strict: bool = False  # weights as strict order
    executors: tuple[str, ...] = ()  # modules or .py files, beside the entry points
    drain_timeout: Annotated[float, msgspec.Meta(ge=0)] = 30
    health_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None
    host: Host = "127.0.0.1"
    lease: Seconds = 8

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

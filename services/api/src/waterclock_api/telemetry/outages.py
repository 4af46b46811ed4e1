"""Requests refused because Redis or Postgres is unreachable: a line when that begins, and one when it is over."""

from __future__ import annotations

import logging

import psycopg
from psycopg_pool import PoolTimeout

from waterclock.kit.clock import Clock
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.log.connection.errors import Halted, LogRefuses, LogUnavailable

QUIET_S = 3.0
"""Over when the store answers, and no request was refused for so long: some of its answers may be good, others not."""

Away = LogUnavailable | Halted | psycopg.Error | PoolTimeout

_log = logging.getLogger(__name__)


class Outages:
    """Of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of = {
            "redis": Outage(_log, "redis unreachable", "redis reachable again"),
            "writes": Outage(_log, "redis rejects writes", "redis accepts writes again"),
            "halted": Outage(_log, "partitions not open", "partitions open again"),
            "postgres": Outage(_log, "postgres unreachable", "postgres reachable again"),
        }
        self._refused_at = dict.fromkeys(self._of, 0.0)  # monotonic

    def refused(self, error: Away) -> None:
        """A request was refused, or a stream broken off."""
        match error:
            case LogRefuses():
                kind = "writes"
            case LogUnavailable():
                kind = "redis"
            case Halted():
                kind = "halted"
            case _:
                kind = "postgres"
        self._refused_at[kind] = self._clock.monotonic()
        self._of[kind].failed(error)

    def look(self, *, redis: bool, postgres: bool) -> None:
        """Once a second: whether they answer now."""
        quiet_since = self._clock.monotonic() - QUIET_S
        for kind, outage in self._of.items():
            if (postgres if kind == "postgres" else redis) and self._refused_at[kind] <= quiet_since:
                outage.over()

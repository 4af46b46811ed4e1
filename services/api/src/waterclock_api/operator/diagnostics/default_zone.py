"""What `waterclock doctor` says of the zone of jobs that name none: whether all APIs agree on it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from waterclock.store.connection.pool import Connection
from waterclock_api.consistency.default_zone import zones_told
from waterclock_api.operator.diagnostics.checks import Finding, ok, warning

CHECK = "time zone"
SETTING = "WATERCLOCK_TIMEZONE"


async def of_apis(connection: Connection) -> AsyncGenerator[Finding]:
    """Of the APIs that are at work now; nothing where there is none."""
    zones = await zones_told(connection)
    if len(zones) > 1:
        told = ", ".join(zone or "not set, which is UTC" for zone in zones)
        said = (
            f"{SETTING} differs between the running APIs: {told}. A new job without timezone gets that of the API "
            "that creates it"
        )
        yield warning(CHECK, said, f"set {SETTING} to the same value for all of them, or for none, and restart them")
    for zone in zones if len(zones) == 1 else ():
        yield ok(CHECK, f"jobs created without a timezone get {zone or 'UTC'}")

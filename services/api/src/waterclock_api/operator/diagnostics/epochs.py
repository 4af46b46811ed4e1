"""What `doctor` finds of whose log and database are, and of the epochs that are left."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from waterclock.log.client import Log
from waterclock.store import epochs
from waterclock.store.connection.pool import Connection
from waterclock.store.epochs import MANY, MOST
from waterclock_api.consistency.identity import OtherInstallation, check_installation
from waterclock_api.operator.diagnostics.checks import Finding, ok, problem, warning


async def of_installation(log: Log, connection: Connection) -> AsyncGenerator[Finding]:
    try:
        ours = await check_installation(log, connection)
    except OtherInstallation as error:
        yield problem("installation", str(error), "Waterclock does not start with these two together")
        return
    if ours is None:
        said = "neither event log nor database names its installation: another installation's would be accepted"
        yield warning("installation", said, "run `waterclock migrate`")
    else:
        yield ok("installation", f"{ours.identity}, under the prefix {ours.prefix}")


async def of_epochs(connection: Connection) -> AsyncGenerator[Finding]:
    """One goes with each restart of the log's server and each failover; there are 8 000."""
    latest = await epochs.latest(connection)
    said = f"{latest} of {MOST} are used"
    do = "check what restarts Redis so often: `epoch.began` and `log.forked` in GET /v1/monitor/events"
    if latest >= MOST:
        yield problem("epochs", f"{said}: after its next restart, no partition can be opened", do)
    elif latest >= MANY:
        yield warning("epochs", f"{said}: one more restart, and no partition can be opened", do)
    else:
        yield ok("epochs", said)

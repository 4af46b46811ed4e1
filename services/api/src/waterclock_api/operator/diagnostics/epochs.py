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
        yield problem("installation", str(error), "nothing of Waterclock starts on these two together")
        return
    if ours is None:
        said = "neither log nor database says whose it is: another's would be taken for ours"
        yield warning("installation", said, "run `waterclock migrate`")
    else:
        yield ok("installation", f"{ours.identity}, under the prefix {ours.prefix}")


async def of_epochs(connection: Connection) -> AsyncGenerator[Finding]:
    """One goes with each restart of the log's server and each failover; there are 8 000."""
    latest = await epochs.latest(connection)
    said = f"{latest} of {MOST} are used"
    do = "see what restarts the log's server so often: `epoch.began` and `log.forked` in GET /v1/monitor/events"
    if latest >= MOST:
        yield problem("epochs", f"{said}: after its next restart nothing is opened any more", do)
    elif latest >= MANY:
        yield warning("epochs", f"{said}: without one more nothing is opened after a restart", do)
    else:
        yield ok("epochs", said)

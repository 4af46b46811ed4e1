"""Whether log and database are of one installation: told by an identity that both bear, and by the prefix of the log.

One that has none is not another's. It takes the other's identity, where what it holds does not say that they are
strangers; `waterclock migrate` gives both one where neither has. Only a log under the prefix that the database names is
taken for its own. Nothing is halted, reserved or opened before this is settled.
"""

from __future__ import annotations

from collections.abc import Mapping

from waterclock.kit.randomness import token
from waterclock.log.client import Log
from waterclock.log.connection.errors import BrokenChain, LogUnfit
from waterclock.log.connection.floors import NAMES
from waterclock.log.gates import gate_of
from waterclock.log.recovery.opening import identify
from waterclock.store.connection.pool import Connection
from waterclock.store.installation import Installation, found, installation
from waterclock_api.consistency.compare import Strangers, compare, fork_of

_MOVE = "`waterclock restore` moves an installation to another event log."


class OtherInstallation(LogUnfit):
    """Log and database are of two installations, or may be."""


async def check_installation(log: Log, connection: Connection) -> Installation | None:
    """Whose the database is, where it is that of the log; None: nobody has said. Nothing is written.

    Raises:
        OtherInstallation: it is another's.
    """
    ours = await installation(connection)
    if ours is None:
        if log.identity:
            raise OtherInstallation(
                f"The event log {log.keys.prefix} belongs to installation {log.identity}, and the database does not "
                "name its installation: if they belong together, run `waterclock migrate`."
            )
        return None
    if ours.prefix != log.keys.prefix:
        raise OtherInstallation(
            f"The database belongs to the event log {ours.prefix}, and WATERCLOCK_KEY_PREFIX is {log.keys.prefix}: "
            f"correct it or WATERCLOCK_POSTGRES_URL. {_MOVE}"
        )
    if log.identity and log.identity != ours.identity:
        raise OtherInstallation(
            f"The event log {log.keys.prefix} belongs to installation {log.identity}, and the database to "
            f"{ours.identity}: correct WATERCLOCK_REDIS_URL or WATERCLOCK_POSTGRES_URL. {_MOVE}"
        )
    return ours


async def settle_installation(log: Log, connection: Connection) -> None:
    """The same, and a part of the log that has no identity gets that of the database.

    Raises:
        OtherInstallation: it is another's.
    """
    ours = await check_installation(log, connection)
    if ours is None:
        return
    borne = await _borne(log)
    if "" in borne.values():
        await _check_acquainted(log, connection)
    log.handshake.identity = ours.identity
    for place, identity in borne.items():
        if not identity:
            await identify(log, place)


async def make_installation(log: Log, connection: Connection) -> str:
    """The same, and a database without an identity gets that of the log, or a new one; the identity. For `migrate`.

    Raises:
        OtherInstallation: it is another's.
    """
    if await installation(connection) is None:
        await _check_acquainted(log, connection)
        await found(connection, Installation(log.identity or token(16), log.keys.prefix))
    await settle_installation(log, connection)
    ours = await installation(connection)
    assert ours is not None
    return ours.identity


async def _borne(log: Log) -> Mapping[int, str]:
    """The identities that the parts of the log bear, empty for none; only of what there is."""
    gates = {place: await gate_of(log, place) for place in (NAMES, *range(log.partitions))}
    return {place: gate.identity for place, gate in gates.items() if gate.prepared}


async def _check_acquainted(log: Log, connection: Connection) -> None:
    """Whether what log and archive hold may be of one installation; where one holds nothing it may.

    Raises:
        OtherInstallation: it is not.
    """
    for partition in range(log.partitions):
        try:
            ends = await compare(log, connection, partition)
            if ends.forked:
                await fork_of(log, connection, partition, ends)
        except Strangers as error:
            raise OtherInstallation(f"{error} {_MOVE}") from error
        except BrokenChain as error:
            if not error.after:  # the archive is empty, and the log has been archived by another
                raise OtherInstallation(
                    f"The event log {log.keys.prefix} does not begin with its first event, and the database "
                    "has none of it: it belongs to another installation, or was restored to a state before this one. "
                    f"{_MOVE}"
                ) from error

"""How the stream of a partition and its archive fit, in words: which is ahead, by how much, and what to do."""

from __future__ import annotations

from typing import NamedTuple

from waterclock.log import tail
from waterclock.log.client import Log
from waterclock.log.clock import server_time
from waterclock.log.connection.errors import BrokenChain
from waterclock.log.tail import tail_of
from waterclock.model.positions import Position, at_entry
from waterclock.store import archive
from waterclock.store.connection.pool import Connection
from waterclock_api.consistency.compare import Ends, Strangers, compare, fork_of

_ANOTHER_STATE = (
    "restore the matching state; or drop what only the stream has (`waterclock dropped list` keeps it): "
    "`waterclock reconcile --accept-loss --apply`"
)
_STRANGERS = "check whether WATERCLOCK_REDIS_URL or WATERCLOCK_POSTGRES_URL points to another installation"
_AHEAD = (
    "a projector that opens the partition restores the archived events; if it is open already, check that "
    "Redis is the right server, then run `waterclock reconcile` to see what is lost, and with --apply to "
    "repair it"
)
_BEHIND = (
    "restore a later backup of Postgres; or record the loss permanently: `waterclock reconcile --accept-loss --apply`"
)


class Misfit(NamedTuple):
    """Nothing is projected from such a partition."""

    said: str
    do: str


class Gap(NamedTuple):
    """`last`: of the entries that neither has; `at`: ms, not before it; `lost`: how many; None: of several epochs."""

    last: Position
    at: int
    lost: int | None


async def misfit(log: Log, connection: Connection, partition: int, *, exact: bool = False) -> Misfit | None:
    """What does not fit; None: the stream goes on from the archive. `exact`: count what is lost, which may take long.

    What moves while it is looked at is looked at again.
    """
    if await _misfit(log, connection, partition, exact=False) is None:
        return None
    return await _misfit(log, connection, partition, exact=exact)


async def gap_after(log: Log, partition: int, archived: Position | None) -> Gap:
    """What neither has, where the stream has nothing between the archive's end and a later entry."""
    found = await tail.entries_from(log, partition, archived or Position(partition, 0, 1), count=2)
    fresh = [entry for entry in found if entry.position != archived]
    if fresh:
        last, at = at_entry(partition, fresh[0].prev), fresh[0].at
    else:
        end = await tail_of(log, partition)
        assert end is not None
        last, at = end, await server_time(log, log.keys.partition(partition, "events"))
    before = archived.seq if archived is not None and archived.epoch == last.epoch else None
    return Gap(last, at, last.seq - before if before is not None else None)


async def _misfit(log: Log, connection: Connection, partition: int, *, exact: bool) -> Misfit | None:
    try:
        ends = await compare(log, connection, partition)
        if not ends.forked:
            return None
        return Misfit(f"partition {partition}: {await _ahead(log, connection, partition, ends, exact=exact)}", _AHEAD)
    except BrokenChain:
        archived = await archive.position(connection, partition)
        gap = await gap_after(log, partition, archived)
        count = gap.lost if gap.lost is not None else "an unknown number of"
        said = (
            f"partition {partition}: the event log is ahead. The archive ends at {archived}, and the stream lacks "
            f"everything up to {gap.last}: {count} entries are in neither"
        )
        return Misfit(said, _BEHIND)
    except Strangers as error:
        return Misfit(str(error), _ANOTHER_STATE if error.ours else _STRANGERS)


async def _ahead(log: Log, connection: Connection, partition: int, ends: Ends, *, exact: bool) -> str:
    """
    Raises:
        Strangers: they have nothing in common.
    """
    if ends.begins:
        return "nothing of it has been restored since the number of partitions changed"
    if ends.end is None:
        said = f"the archive is ahead. It ends at {ends.archived}, and the stream is empty"
    else:
        said = f"the archive is ahead. It ends at {ends.archived}, and the stream ends at {ends.end}"
    if not exact:
        return said
    fork = await fork_of(log, connection, partition, ends)
    said += f": the stream lost {fork.lost} entries"
    return f"{said}, and has {fork.dropped} that the archive does not know" if fork.dropped else said

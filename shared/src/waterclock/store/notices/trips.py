"""Jobs that the breaker is to disable: claimed for a while, then done, refused, or tried again."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from waterclock.model.ids import JobId
from waterclock.model.notices.facts import Trouble, trouble_key
from waterclock.model.notices.known import decode
from waterclock.model.notices.notice import Trip
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

_trip: msgspec.json.Decoder[Trip] = msgspec.json.Decoder(Trip)
_PREFIX = trouble_key(JobId(""))


class ClaimedTrip(NamedTuple):
    """`tries` that went wrong; `fails`: the job has failed on, and nobody has changed or enabled it."""

    trip: Trip
    tries: int
    fails: bool


async def breakers(connection: Connection) -> frozenset[str]:
    """The actors whose disabling of a job is the breaker's."""
    rows = await (await connection.execute(statement("breakers"))).fetchall()
    return frozenset(actor for (actor,) in rows)


async def note_breaker(connection: Connection, actor: str) -> None:
    """Note an actor, before it disables anything."""
    await connection.execute(statement("note_breaker"), {"actor": actor})


async def claim(
    connection: Connection, *, most: int, lease: float, claim: str, owner: int | None = None
) -> list[ClaimedTrip]:
    """Claim jobs that are to be disabled, at most so many, for `lease` s. `claim`, `owner`: as of messages."""
    arguments = {"most": most, "lease": lease, "claim": claim, "owner": owner, "prefix": _PREFIX}
    rows = await (await connection.execute(statement("claim_trips"), arguments)).fetchall()
    return [_claimed(_trip.decode(bytes(document)), tries, fact) for document, tries, fact in rows]


async def settle(
    connection: Connection, trip: Trip, claim: str, state: Literal["done", "refused"], said: str | None = None
) -> None:
    arguments = {"id": trip.id, "claim": claim, "state": state, "said": said}
    await connection.execute(statement("settle_trip"), arguments)


async def postpone(connection: Connection, trip: Trip, claim: str, *, after: float, said: str) -> None:
    """Try it again after so many seconds."""
    arguments = {"id": trip.id, "claim": claim, "after": after, "said": said}
    await connection.execute(statement("postpone_trip"), arguments)


def _claimed(trip: Trip, tries: int, fact: bytes | None) -> ClaimedTrip:
    trouble = None if fact is None else decode(bytes(fact))
    return ClaimedTrip(trip, tries, isinstance(trouble, Trouble) and trouble.scheduled >= trip.failures)

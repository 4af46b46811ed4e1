"""Where a stream goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from litestar import Request

from waterclock.model.errors import Flaw
from waterclock.model.positions import Position, parse_position
from waterclock_api.http.headers import sole_header
from waterclock_api.http.problems import BadRequest
from waterclock_api.http.request_query import read_query
from waterclock_api.live.positions import OLDEST, read_places
from waterclock_api.schemas.requests import StreamQuery


class Resumed(NamedTuple):
    """`given`: the client named a place; `after` None: before the oldest event kept."""

    given: bool
    after: Position | None


def resumed_at(request: Request[Any, Any, Any], partition: int, *, there_are: int, restored: int) -> Resumed:
    """The place that Last-Event-ID names, else `?after=`: a browser that comes again sends the first beside the second.

    Before the epoch `restored` there was another number of partitions: of a place of then epoch and number count. Any
    other in a partition beyond the `there_are` of the log is taken as it is, for `known_places` to tell.

    Raises:
        BadRequest: no position, or one of another partition.
    """
    query = read_query(request, StreamQuery)
    named = sole_header(request, b"last-event-id") or query.after
    if not named:
        return Resumed(given=False, after=None)
    if named == OLDEST:
        return Resumed(given=True, after=None)
    try:
        position = parse_position(named)
    except ValueError as error:
        raise _refused(str(error)) from error
    if position.epoch < restored:
        position = position._replace(partition=partition)
    if position.partition != partition and position.partition < there_are:
        raise _refused(f"{named} is a position in another partition")
    return Resumed(given=True, after=position)


def places_named(
    request: Request[Any, Any, Any], after: str | None, partitions: Sequence[int], *, there_are: int
) -> dict[int, Position | None] | None:
    """The place in several partitions that the client named; None: it named none.

    Raises:
        BadRequest: it is no place in these partitions.
    """
    named = sole_header(request, b"last-event-id") or after
    if not named:
        return None
    try:
        return read_places(named, partitions, there_are=there_are)
    except ValueError as error:
        raise _refused(str(error)) from error


def _refused(message: str) -> BadRequest:
    return BadRequest(message, Flaw("?after", message))

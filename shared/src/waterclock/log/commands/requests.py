"""How runs come into being: by decision of a scheduler, or by command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from waterclock.log.client import Log
from waterclock.log.clock import TOLERANCE_MS
from waterclock.log.commands.bodies import REPLACING, Body
from waterclock.log.commands.idempotency import AnswerGiven, Command, KeyReused, Replayed
from waterclock.log.connection.errors import ClockAhead, StaleTerm, UnknownQueue
from waterclock.log.connection.scripts import Script, Told, always
from waterclock.model.definition import Overlap
from waterclock.model.events import RequestedState
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import RunStatus
from waterclock.model.positions import Position, at_entry

ITEMS_IN_A_CALL = 200
"""Of `decide`: keeps a call under 5 ms. A unit with more goes alone."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A run to be requested. `body` is its RunRequested, as its worker will receive it."""

    run_id: RunId
    job_id: JobId | None = None
    queue: str
    overlap: Overlap
    ready_at: int = 0  # ms; 0: at once
    body: Body
    otherwise: Body | None = None  # FireSkipped or FireCoalesced, if the overlap policy says so; None: refuse
    replacing: tuple[Body, Body] | None = None  # for `cancel_other`; filled in here


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """Instants that fire nothing: a FireSkipped or FireCoalesced settled beforehand."""

    body: Body


Item = Request | Quiet


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """All that a job owes between two marks (ms), in order; appended whole, if version and mark are still these."""

    job_id: JobId
    version: int
    mark: int
    through: int
    items: tuple[Item, ...]


UnitResult = Literal["done", "raced", "future"]


class Met(NamedTuple):
    """An item that did not become a run, for it met an unfinished one: the places of unit and item, and that run."""

    unit: int
    item: int
    fate: Literal["blocked", "folded"]
    other: RunId


class Decided(NamedTuple):
    """`now`: the partition's clock, ms; a result for each unit: `future`, if `through` lies beyond that clock."""

    now: int
    results: list[UnitResult]
    met: list[Met]


class Requested(NamedTuple):
    """`state` is the run's present one, also when the call repeats an earlier one."""

    position: Position
    run_id: RunId
    state: RequestedState | RunStatus | Literal["ended"]


class Blocked(NamedTuple):
    """The job may not overlap; nothing was requested."""

    run_id: RunId


class NoJob(NamedTuple):
    pass


class StaleJob(NamedTuple):
    """The job has another version than the caller saw; nothing was requested."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A request by command. `version`: the job must have it, if given; so a caller may go by what it remembers."""

    command: Command
    request: Request
    version: int | None = None


Granted = Requested | Blocked | Replayed | KeyReused | NoJob | StaleJob


class _Decide(msgspec.Struct, frozen=True, kw_only=True):
    term: int
    expected_now: int
    tolerance: int
    units: Sequence[Unit]


class _DecideReply(Told, frozen=True, kw_only=True):
    status: Literal["done", "stale", "ahead"]
    now: int
    results: list[UnitResult] = msgspec.field(default_factory=list[UnitResult])
    met: Sequence[tuple[int, int, Literal["blocked", "folded"], str]] = ()  # places from 1


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    wishes: Sequence[Wish]


class _RequestResult(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "blocked", "nojob", "stale", "replayed", "reused"]
    entry: str = ""
    state: RequestedState | RunStatus | Literal["ended"] = "queued"
    run_id: str = ""
    answer: AnswerGiven | None = None


class _RequestReply(Told, frozen=True, kw_only=True):
    results: list[_RequestResult]


_DECIDE = Script("decide", _DecideReply, acknowledges=lambda reply: reply.status == "done")
_REQUEST = Script("request", _RequestReply, acknowledges=always)


async def decide(log: Log, partition: int, units: Sequence[Unit], *, term: int, expected_now: int) -> Decided:
    """Append decisions and move marks, each unit whole or not at all. Many units go in several calls.

    `expected_now`: the caller's expectation of the partition's clock, ms.

    Raises:
        StaleTerm: another scheduler leads the partition since.
        ClockAhead: the store's clock is far ahead of what was expected: nothing may be decided by it.
        UnknownQueue: a unit names a queue that does not exist.
    """
    await check_queues(log, units)
    results: list[UnitResult] = []
    met: list[Met] = []
    now = expected_now
    for some in _calls(units):
        payload = _Decide(term=term, expected_now=expected_now, tolerance=TOLERANCE_MS, units=with_replacing(some))
        reply = await log.call(_DECIDE, partition, payload)
        if reply.status == "stale":
            raise StaleTerm(partition, term)
        if reply.status == "ahead":
            raise ClockAhead(reply.now, expected_now)
        now = reply.now
        before = len(results) - 1
        met += [Met(before + unit, item - 1, fate, RunId(other)) for unit, item, fate, other in reply.met]
        results += reply.results
    return Decided(now, results, met)


async def request(log: Log, request: Request, *, command: Command, version: int | None = None) -> Granted:
    """Request one run. Repeated with the same command (ours: with the same run id), it is answered again.

    Raises:
        UnknownQueue: no such queue.
    """
    await check_queue(log, request.queue)
    partition = log.partition_of(request.run_id)
    [granted] = await request_all(log, partition, [Wish(command=command, request=request, version=version)])
    return granted


async def request_all(log: Log, partition: int, wishes: Sequence[Wish]) -> list[Granted]:
    """Request many runs of one partition, in one call; what becomes of one is nothing to the others.

    The caller has checked their queues, and keeps the call short.
    """
    payload = _Request(wishes=[_with_replacing_of(wish) for wish in wishes])
    reply = await log.call(_REQUEST, partition, payload)
    return [_granted(partition, wish, result) for wish, result in zip(wishes, reply.results, strict=True)]


def _granted(partition: int, wish: Wish, result: _RequestResult) -> Granted:
    match result.status:
        case "done":
            return Requested(at_entry(partition, result.entry), wish.request.run_id, result.state)
        case "blocked":
            return Blocked(RunId(result.run_id))
        case "nojob":
            return NoJob()
        case "stale":
            return StaleJob()
        case "replayed":
            assert result.answer is not None
            return Replayed(result.answer.at(partition))
        case "reused":
            return KeyReused()


async def check_queues(log: Log, units: Iterable[Unit]) -> None:
    """
    Raises:
        UnknownQueue: an item of a unit names a queue that does not exist.
    """
    names = {item.queue for unit in units for item in unit.items if isinstance(item, Request)}
    for name in names:
        await check_queue(log, name)


async def check_queue(log: Log, name: str) -> None:
    """
    Raises:
        UnknownQueue: no such queue.
    """
    if any(queue.name == name for queue in log.queues):
        return
    await log.refresh()  # it may have been added since we connected
    if not any(queue.name == name for queue in log.queues):
        raise UnknownQueue(name)


def with_replacing(units: Iterable[Unit]) -> list[Unit]:
    """The units, with what `cancel_other` needs beside its requests."""
    return [_with_replacing_in(unit) for unit in units]


def _with_replacing_in(unit: Unit) -> Unit:
    if not any(isinstance(item, Request) and item.overlap == "cancel_other" for item in unit.items):
        return unit
    items = tuple(_with_replacing(item) if isinstance(item, Request) else item for item in unit.items)
    return msgspec.structs.replace(unit, items=items)


def _with_replacing_of(wish: Wish) -> Wish:
    request = _with_replacing(wish.request)
    return wish if request is wish.request else msgspec.structs.replace(wish, request=request)


def _with_replacing(request: Request) -> Request:
    return msgspec.structs.replace(request, replacing=REPLACING) if request.overlap == "cancel_other" else request


def _calls(units: Sequence[Unit]) -> Iterator[list[Unit]]:
    some: list[Unit] = []
    size = 0
    for unit in units:
        weight = max(1, len(unit.items))
        if some and size + weight > ITEMS_IN_A_CALL:
            yield some
            some, size = [], 0
        some.append(unit)
        size += weight
    if some:
        yield some

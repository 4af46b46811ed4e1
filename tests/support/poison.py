"""Entries that nobody can read, past all checks: of every type of event, in every way that we could think of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec
from redis.asyncio import Redis

from tests.support.repository import GOLDEN
from waterclock.log.client import Log
from waterclock.log.tail import tail_of
from waterclock.model.positions import Position

EVENTS = GOLDEN / "events"
_KEPT = frozenset({"type", "runId", "jobId"})


def samples() -> dict[str, dict[str, Any]]:
    """A body of each type of event that there is."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(EVENTS.glob("*.json")):
        document = msgspec.json.decode(path.read_bytes())["document"]
        found[document["type"]] = {name: value for name, value in document.items() if name not in {"id", "at"}}
    return found


def _each(body: Mapping[str, Any], change: Callable[[Any], Any]) -> bytes:
    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: changed(one) for name, one in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [changed(one) for one in cast("list[Any]", value)]
        return change(value)

    return msgspec.json.encode({name: value if name in _KEPT else changed(value) for name, value in body.items()})


def _numbers(value: Any) -> Any:
    return 10**30 if isinstance(value, int) and not isinstance(value, bool) else value


def _texts(value: Any) -> Any:
    return "x\0" * 3_000 if isinstance(value, str) else value


def _other(value: Any) -> Any:
    return [] if isinstance(value, str) else "text"


WAYS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "numbers that no column holds": lambda body: _each(body, _numbers),
    "texts that no column or index holds": lambda body: _each(body, _texts),
    "another shape": lambda body: _each(body, _other),
    "names that are none": lambda body: msgspec.json.encode(body | {"runId": 7, "jobId": ["x"], "queue": {}}),
    "ids too long": lambda body: msgspec.json.encode(body | {"runId": "r" * 9_000, "jobId": "j" * 9_000}),
    "a moment that never was": lambda body: _each(body, lambda one: "2027-02-29T00:00:00.000Z" if _at(one) else one),
    "no JSON from some place on": lambda body: msgspec.json.encode(body)[:-1] + b',"result":{not json}',
    "cut off": lambda body: msgspec.json.encode(body)[: len(msgspec.json.encode(body)) // 2],
    "no text": lambda body: msgspec.json.encode(body)[:-1] + b',"other":"\xff\xfe"}',
    "half of a surrogate": lambda body: msgspec.json.encode(body)[:-1] + b',"result":"\\ud800"}',
    "a number too large": lambda body: msgspec.json.encode(body)[:-1] + b',"result":1e400}',
    "deep": lambda body: msgspec.json.encode(body)[:-1] + b',"result":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    "deep and open": lambda body: msgspec.json.encode(body)[:-1] + b',"result":' + b'[{"a":' * 2_000 + b"}",
    "lines": lambda body: b"\n" + msgspec.json.encode(body)[:-1] + b',\r\n\n"result":\n\n7,"attempt":\n"x"}',
}


def _at(value: Any) -> bool:
    return isinstance(value, str) and value.endswith("Z") and value.startswith("20")


def poison(at: int, one_in: int) -> Iterator[Mapping[bytes, bytes]]:
    """Of each type, in each way or, in turn, in one of so many; appended at a moment, ms."""
    for number, body in enumerate(samples().values()):
        for way, spoil in enumerate(WAYS.values()):
            if (number + way) % one_in == 0:
                yield {b"b": spoil(body), b"t": b"%d" % at}
    yield from FIELDS


FIELDS: tuple[Mapping[bytes, bytes], ...] = (
    {b"b": b"", b"t": b"1"},
    {b"b": b"no JSON \xff\x00", b"t": b"soon"},
    {b"t": b"99999999999999999999"},
    {b"b": b'{"type":"run.started"}', b"x": b'"runId":"a","attempt":{', b"t": b"-5"},
    {b"b": b'{"type":"a\\nb\\u0000c"}', b"t": b"1800000000000"},
    {b"b": b"[" * 100_000, b"t": b"1800000000000"},
)
"""What is wrong beside the body, or instead of it; each follows the entry before it."""


async def plant(
    log: Log, redis_url: str, entries: Iterable[Mapping[bytes, bytes]], partition: int = 0
) -> list[Position]:
    """Put entries at the end of a stream that is open, past all scripts, where the next one will follow them."""
    place = await tail_of(log, partition)
    assert place is not None
    events, meta = (log.keys.partition(partition, name) for name in ("events", "meta"))
    places: list[Position] = []
    async with Redis.from_url(redis_url) as client, client.pipeline() as calls:  # pyright: ignore[reportUnknownMemberType]
        for fields in entries:
            given: dict[Any, Any] = {b"p": place.entry.encode(), **fields}
            place = place._replace(seq=place.seq + 1)
            calls.xadd(events, given, id=place.entry)
            places.append(place)
        calls.hset(meta, "seq", str(place.seq))
        await calls.execute()
    return places

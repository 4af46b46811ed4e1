"""What a partition's keys hold, told so that two partitions that mean the same are equal."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from msgspec.structs import replace

from waterclock.log.client import Log
from waterclock.log.commands.attempts import SUSPECT_FROM
from waterclock.log.records import End, Record, end_of, record_of

_answer = msgspec.msgpack.Decoder(tuple[str, Any])


class Held(msgspec.Struct, frozen=True, kw_only=True):
    jobs: dict[str, tuple[int, str, dict[str, Any]]]  # version, barred through, definition
    marks: dict[str, int]
    successes: dict[str, int]
    runs: dict[str, Record]
    specs: dict[str, dict[str, Any]]
    active: set[str]
    waiting: list[str]  # in their order
    due: dict[str, list[str]]  # by queue; delayed ones are not among them
    ended: dict[str, End]
    answers: dict[str, tuple[str, dict[str, Any]]]
    paused: dict[str, str]


async def held(log: Log, partition: int = 0) -> Held:
    async def hash_of(name: str) -> dict[str, bytes]:
        key = log.keys.partition(partition, name)
        flat = cast("list[bytes]", await log.execute(key, "HGETALL", key))
        return {field.decode(): value for field, value in zip(flat[::2], flat[1::2], strict=True)}

    async def members(name: str) -> list[str]:
        key = log.keys.partition(partition, name)
        return [one.decode() for one in cast("list[bytes]", await log.execute(key, "ZRANGE", key, 0, -1))]

    remembered = await hash_of("ended1") | await hash_of("ended0")
    keys = await hash_of("commands1") | await hash_of("commands0")
    own = {name: packed for name, packed in remembered.items() if name.startswith("!")}
    return Held(
        jobs={job: _job(stored) for job, stored in (await hash_of("jobs")).items()},
        marks={job: int(mark) for job, mark in (await hash_of("marks")).items()},
        successes={job: int(at) for job, at in (await hash_of("successes")).items()},
        runs={run: told(record_of(packed)) for run, packed in (await hash_of("runs")).items()},
        specs={run: msgspec.json.decode(body) for run, body in (await hash_of("specs")).items()},
        active=set(await members("active")),
        waiting=await members("waiting"),
        due={queue.name: await _due(log, partition, queue.name) for queue in log.queues},
        ended={run: end_of(packed) for run, packed in remembered.items() if run not in own},
        answers={name: _told_answer(packed) for name, packed in (own | keys).items()},
        paused={
            field.removeprefix("paused:"): entry.decode()
            for field, entry in (await hash_of("meta")).items()
            if field.startswith("paused:")
        },
    )


def told(record: Record) -> Record:
    """A record without what may differ: whether it is due already, and which session and claim it has."""
    placed = record.state in {"queued", "delayed"}
    return replace(
        record,
        state="queued" if placed else record.state,
        place="again" if record.place == "again" and record.losses < SUSPECT_FROM else "",
        entry="",
        aside="",
        session="",
        claim=0,
        steps=0,
    )


def _job(stored: bytes) -> tuple[int, str, dict[str, Any]]:
    version, barred, told = stored.split(b" ", 2)
    return int(version), barred.decode(), msgspec.json.decode(told)["definition"]


def _told_answer(packed: bytes) -> tuple[str, dict[str, Any]]:
    """An answer with what it leaves out."""
    fingerprint, given = _answer.decode(packed)
    return fingerprint, {"entry": "", "version": 0, "at_once": False, "run_id": None} | dict(given or {})


async def _due(log: Log, partition: int, queue: str) -> list[str]:
    found: list[str] = []
    for stream in ("suspect", "again", "due"):
        key = log.keys.partition(partition, f"{stream}:{queue}")
        rows = cast("list[Any]", await log.execute(key, "XRANGE", key, "-", "+"))
        found += [fields[1].decode() for _, fields in rows]
    return found

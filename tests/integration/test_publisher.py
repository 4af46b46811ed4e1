"""Events for other services: at least once, in the order of each partition, whatever ends or is away meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.integration.notifier.test_notifier import HERE, created, run, until
from tests.integration.stage import Stage, append, staged, waterclock
from tests.support.servers import OwnValkey
from waterclock.model.events import TAGS
from waterclock.model.positions import Position, parse_position
from waterclock.store import publishing
from waterclock.store.notices import origin
from waterclock.store.notices.origin import Origin
from waterclock_api.publisher import follow
from waterclock_api.publisher.follow import Wanted
from waterclock_api.publisher.service import Publisher
from waterclock_api.publisher.target import Target
from waterclock_api.publisher_main import types_of

STREAM = "orders-of-others"
EXAMPLES = Path(__file__).parents[2] / "examples/subscribers"
ALL = Wanted(types_of(["job", "run", "fire"]))
WITHIN = 20.0  # s
BEGINS = ("run.requested", "run.started")


@asynccontextmanager
async def publishing_to(
    url: str, stage: Stage, wanted: Wanted = ALL, *, stream: str = STREAM, length: int = 1_000, here: Origin = HERE
) -> AsyncGenerator[Publisher]:
    target, stop = Target(url, stream, length), asyncio.Event()
    work = Publisher(stage.log, stage.pool, target, wanted, here=here, source="https://scheduler.example")
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(work.run(stop))
        try:
            await until(lambda: work.places.get(0) is not None, within=WITHIN, what="that it publishes")
            yield work
        finally:
            stop.set()
            await target.close()


async def published(url: str, stream: str = STREAM) -> list[dict[str, Any]]:
    untyped: Any = Redis
    async with untyped.from_url(url) as client:
        entries = await client.xrange(stream)
    return [json.loads(fields[b"__data__"]) for _, fields in entries]


async def has(url: str, count: int, stream: str = STREAM) -> None:
    async def there() -> bool:
        return len({one["id"] for one in await published(url, stream)}) == count

    await until(there, within=WITHIN, what=f"{count} events")


def types(events: list[dict[str, Any]]) -> list[str]:
    return [one["type"].removeprefix("waterclock.") for one in events]


@pytest.fixture
async def stage(redis_url: str, key_prefix: str, migrated_postgres_url: str) -> AsyncGenerator[Stage]:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as made, made.projecting():
        await append(made, [created()])
        await made.projected()
        yield made


@pytest.fixture
async def other(own_valkey: OwnValkey) -> str:
    return (await own_valkey()).url


async def test_events_are_cloud_events_in_their_order_from_the_present_on(stage: Stage, other: str) -> None:
    async with publishing_to(other, stage):
        await append(stage, run(1, fails=True))
        await append(stage, run(2, fails=False))
        await has(other, 6)
    events = await published(other)
    assert types(events) == [*BEGINS, "run.failed", *BEGINS, "run.succeeded"]
    failed = events[2]
    assert {name: failed[name] for name in failed if name not in ("data", "time", "id")} == {
        "specversion": "1.0",
        "source": "https://scheduler.example",
        "type": "waterclock.run.failed",
        "subject": "runs/run-1",
        "datacontenttype": "application/json",
        "partitionkey": "job-a",
        "jobid": "job-a",
        "jobgroup": "DEFAULT",
        "jobname": "nightly",
        "runid": "run-1",
    }
    assert failed["data"]["error"]["type"] == "KeyError"
    assert (failed["id"], failed["time"]) == (failed["data"]["id"], failed["data"]["at"])
    assert all(parse_position(one["id"]) < parse_position(later["id"]) for one, later in pairwise(events))


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Wanted(types_of(["run.failed"])), ["run.failed"]),
        (Wanted(types_of(["run"]), ("DEFAULT",)), ["run.requested", "run.started", "run.failed"]),
        (Wanted(types_of(["run"]), ("reports",)), []),
    ],
)
async def test_types_and_groups_are_chosen(stage: Stage, other: str, wanted: Wanted, told: Collection[str]) -> None:
    async with publishing_to(other, stage, wanted) as work:
        await append(stage, run(1, fails=True))
        end = await stage.projected()
        await until(lambda: work.places[0] == end, within=WITHIN, what="that all is published")
    assert types(await published(other)) == list(told)


async def test_who_ends_between_publishing_and_noting_it_publishes_again_and_leaves_nothing_out(
    stage: Stage, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance, refused = publishing.advance, asyncio.Event()

    async def refuses(*_: Any) -> None:
        refused.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(publishing, "advance", refuses)
    async with publishing_to(other, stage):
        await append(stage, run(1, fails=True))
        async with asyncio.timeout(WITHIN):
            await refused.wait()
    monkeypatch.setattr(publishing, "advance", advance)
    async with publishing_to(other, stage):
        await append(stage, run(2, fails=True))
        await has(other, 6)
    ids = [one["id"] for one in await published(other)]
    again = len(ids) - 6
    assert 1 <= again <= 3
    assert ids[again:] == sorted(set(ids), key=parse_position)


async def test_what_cannot_be_published_waits(stage: Stage, own_valkey: OwnValkey) -> None:
    server = await own_valkey()
    async with publishing_to(server.url, stage) as work:
        await append(stage, run(1, fails=True))
        await has(server.url, 3)
        await server.kill()
        await append(stage, run(2, fails=True))
        end = await stage.projected()
        assert work.places.get(0) != end
        await server.start()
        await until(lambda: work.places.get(0) == end, within=WITHIN, what="that all is published")
    assert {"run-2"} <= {one["runid"] for one in await published(server.url)}


async def test_the_stream_is_bounded(stage: Stage, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "AT_ONCE", 7)  # in several rounds
    async with publishing_to(other, stage, length=10) as work:
        for number in range(1, 151):
            await append(stage, run(number, fails=False))
        end = await stage.projected()
        await until(lambda: work.places[0] == end, within=WITHIN, what="that all is published")
    left = await published(other)
    assert 10 <= len(left) < 450  # a node of the stream is kept whole
    assert left[-1]["runid"] == "run-150"


async def test_a_copy_of_the_database_publishes_nothing(stage: Stage, other: str) -> None:
    async with stage.pool.connection() as connection:
        assert await origin.sends(connection, HERE)
    copy = Origin("https://staging.example", "redis.staging:6379", "wc")
    async with publishing_to(other, stage, here=copy) as work:
        await append(stage, run(1, fails=True))
        await stage.projected()
        await until(lambda: work.is_muted is True, within=WITHIN, what="that it is muted")
        assert await published(other) == []
        async with stage.pool.connection() as connection:
            await origin.move(connection, copy, discard=False)
        await has(other, 3)


async def test_a_partition_that_is_new_is_published_from_its_first_event(stage: Stage) -> None:
    async with stage.pool.connection() as connection:
        first = await follow.begin(connection, 0, 1)
        assert first > Position(0, 0, 0)
        assert await follow.begin(connection, 1, 2) == Position(1, 0, 0)
        assert await follow.begin(connection, 0, 2) == first


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"PUBLISH_STREAM": "{wc:0}:events"}, "WATERCLOCK_PUBLISH_STREAM"),
        ({"PUBLISH_STREAM": "wc:mine"}, "WATERCLOCK_PUBLISH_STREAM"),
        ({"PUBLISH_URL": "http://example"}, "WATERCLOCK_PUBLISH_URL"),
        ({"PUBLISH_TYPES": "run.faild"}, "WATERCLOCK_PUBLISH_TYPES: no event is a 'run.faild'"),
        ({"PUBLISH_LENGTH": "0"}, "WATERCLOCK_PUBLISH_LENGTH"),
    ],
)
async def test_a_wrong_setting_ends_the_start(setting: dict[str, str], said: str) -> None:
    settings = {"POSTGRES_URL": "postgresql://127.0.0.1:1/none", "PUBLISH_URL": "redis://127.0.0.1:1/0"} | setting
    code, out, told = await waterclock("publisher", **settings)
    assert (code, out) == (2, "")
    assert said in told


def test_types_are_named_by_themselves_or_by_what_stands_before_their_dot() -> None:
    assert types_of(["fire"]) == ("archive.lost", "fire.skipped", "fire.coalesced")
    assert types_of(["run.died", "run.died"]) == ("archive.lost", "run.died")
    assert set(types_of([tag.partition(".")[0] for tag in TAGS])) == set(TAGS)


@pytest.mark.parametrize("example", ["with_redis", "with_faststream"])
async def test_the_subscribers_of_the_examples_hear_all_events(stage: Stage, other: str, example: str) -> None:
    async with publishing_to(other, stage, stream="waterclock-events"):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(EXAMPLES / f"{example}.py")),
            env=os.environ | {"REDIS_URL": other},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await until(lambda: is_read(other), within=WITHIN, what="a consumer group")
            await append(stage, run(1, fails=True))
            await append(stage, run(2, fails=False))
            heard: list[list[str]] = []
            assert process.stdout is not None
            async with asyncio.timeout(WITHIN):
                while len(heard) < 6:
                    line = (await process.stdout.readline()).decode()
                    assert line, "it has ended"
                    heard += [line.split()[:2]] if line.startswith("waterclock.") else []
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()
    told = [*BEGINS, "run.failed", *BEGINS, "run.succeeded"]
    assert heard == [[f"waterclock.{one}", "nightly"] for one in told]


async def is_read(url: str) -> bool:
    untyped: Any = Redis
    async with untyped.from_url(url) as client:
        return bool(await client.exists("waterclock-events")) and bool(await client.xinfo_groups("waterclock-events"))

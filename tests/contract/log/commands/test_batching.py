"""Requests that come at the same time go together, and each is answered for itself."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from redis.exceptions import ConnectionError as ConnectionLost

from tests.contract.log.build import QUEUES, create, events_of, open_all, run_of, tags_of, wish
from tests.support.memory.connection import memory_log, wall_us
from tests.support.memory.store import Store
from waterclock.log.client import Log
from waterclock.log.commands.batching import MOST, RequestBatches
from waterclock.log.commands.idempotency import Command, KeyReused, Replayed
from waterclock.log.commands.requests import (
    Blocked,
    Granted,
    NoJob,
    Requested,
    StaleJob,
    Wish,
    request_all,
)
from waterclock.log.connection.errors import LogUnavailable
from waterclock.log.recovery.opening import prepare
from waterclock.model.ids import created_job
from waterclock.model.positions import Position

LARGE = " " * 600_000


def asked(number: int, *, command: Command | None = None, version: int | None = None, **what: Any) -> Wish:
    return Wish(command=command or Command(id=f"ask {number}"), request=wish(number, **what), version=version)


def place(granted: Granted) -> Position:
    assert isinstance(granted, Requested), granted
    return granted.position


async def test_each_wish_of_a_call_is_answered_for_itself(log: Log) -> None:
    await create(log)
    key, reused = (Command(id="key", fingerprint=text, client=True) for text in ("one", "other"))
    answers = await request_all(
        log,
        0,
        [
            asked(1, command=key, version=1),
            asked(1, command=key, version=1),
            asked(2, command=reused),
            asked(3, overlap="skip", refuses=True),
            asked(4, version=2),
            asked(5, job_id=created_job("of nobody")),
            asked(6),
            asked(6),
        ],
    )
    first, again, *others = answers
    assert isinstance(again, Replayed)
    assert (again.answer.position, again.answer.run_id) == (place(first), run_of(1))
    *refused, sixth, sixth_again = others
    assert refused == [KeyReused(), Blocked(run_of(1)), StaleJob(), NoJob()]
    assert sixth == sixth_again
    assert await tags_since_created(log) == ["run.requested", "run.requested"]


async def test_a_wish_meets_the_runs_of_those_before_it(log: Log) -> None:
    await create(log)
    answers = await request_all(log, 0, [asked(number, overlap="cancel_other") for number in (1, 2, 3)])
    assert all(isinstance(answer, Requested) for answer in answers)
    assert await tags_since_created(log) == [*("run.requested", "run.cancelled") * 2, "run.requested"]


async def test_what_comes_when_the_process_stops_is_refused_each_time(log: Log) -> None:
    await create(log)
    async with asyncio.TaskGroup() as tasks:
        batches = RequestBatches(log, tasks)
    for number in (1, 2):
        with pytest.raises(LogUnavailable, match="stopping"):
            await batches.request(wish(number), command=Command(id=f"ask {number}"))
    assert await tags_since_created(log) == []


async def test_what_comes_at_once_goes_in_one_call(log: Log) -> None:
    await create(log)
    wake = log.keys.partition(0, "wake")
    rung = await log.execute(wake, "XLEN", wake)
    async with asyncio.TaskGroup() as tasks:
        gathering = RequestBatches(log, tasks)
        answers = [tasks.create_task(ask(gathering, number)) for number in range(50)]
    places = [place(answer.result()) for answer in answers]
    assert places == sorted(set(places))
    assert await log.execute(wake, "XLEN", wake) == rung + 1  # a call rings once


async def test_what_comes_while_a_call_is_under_way_goes_with_the_next() -> None:
    async with held() as (log, gate), asyncio.TaskGroup() as tasks:
        gathering = RequestBatches(log, tasks)
        first = tasks.create_task(ask(gathering, 0))
        await gate.reached.wait()
        others = [tasks.create_task(ask(gathering, number)) for number in range(1, MOST + 11)]
        await settle()
        gone = others.pop(3)
        gone.cancel()
        await settle()
        assert not any(task.done() for task in (first, *others))
        gate.opened.set()
        places = [place(await task) for task in (first, *others)]
        assert places == sorted(set(places))
        assert gate.calls == 3  # the first alone, then as many as may go together, then the rest
        assert run_of(4) in [getattr(event, "run_id", None) for event in await events_of(log)]  # though nobody waits


async def test_large_requests_go_alone() -> None:
    async with held() as (log, gate), asyncio.TaskGroup() as tasks:
        gate.opened.set()
        gathering = RequestBatches(log, tasks)
        answers = [tasks.create_task(ask(gathering, number, padded=True)) for number in range(3)]
        assert len({place(await answer) for answer in answers}) == 3
        assert gate.calls == 3


async def test_a_call_without_an_answer_is_told_to_all_who_wait_and_the_next_is_sent() -> None:
    async with held() as (log, gate), asyncio.TaskGroup() as tasks:
        gathering = RequestBatches(log, tasks)
        first = tasks.create_task(told(gathering, 0))
        await gate.reached.wait()
        second = tasks.create_task(told(gathering, 1))
        await settle()
        gate.cut = True
        gate.opened.set()
        assert [await first, await second] == ["no answer", "no answer"]
        gate.cut = False
        assert isinstance(await ask(gathering, 0), Requested)
        assert gate.calls == 3  # the greeting of the connection in place of the lost one is a script, too


class Gate:
    """Holds calls of scripts back until it is opened; while it is cut, they are lost."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        self.opened.set()
        self.calls = 0
        self.cut = False

    async def pass_through(self, execute: Callable[[], Any]) -> Any:
        self.calls += 1
        self.reached.set()
        await self.opened.wait()
        if self.cut:
            raise ConnectionLost("cut")
        return execute()


@asynccontextmanager
async def held() -> AsyncGenerator[tuple[Log, Gate]]:
    """A log in memory with a job, whose gate is shut now and has let nothing through."""
    gate = Gate()
    log = await memory_log(Store(wall_us), fault=gate.pass_through)
    try:
        await prepare(log, partitions=1, queues=QUEUES)
        await log.refresh()
        await open_all(log, epoch=1)
        await create(log)
        await request_all(log, 0, [])  # the server knows the script from now on
        gate.calls = 0
        gate.reached.clear()
        gate.opened.clear()
        yield log, gate
    finally:
        await log.close()


async def ask(gathering: RequestBatches, number: int, *, padded: bool = False) -> Granted:
    wanted = wish(number)
    if padded:
        wanted = msgspec.structs.replace(wanted, body=f"{wanted.body[:-1]}{LARGE}}}")
    return await gathering.request(wanted, command=Command(id=f"ask {number}"))


async def tags_since_created(log: Log) -> list[str]:
    tags = await tags_of(log)
    return tags[tags.index("job.created") + 1 :]


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def told(gathering: RequestBatches, number: int) -> str:
    try:
        await ask(gathering, number)
    except LogUnavailable:
        return "no answer"
    return "an answer"

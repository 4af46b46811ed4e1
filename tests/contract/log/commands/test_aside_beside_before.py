"""Runs that lie aside, and the scripts of the release before: those know of no such place, and lose nothing there."""

from typing import Any, cast

import pytest
import pytest_asyncio

from tests.contract.log.build import CANCELLED, DIED, LOST, QUEUES, STARTED, create, ending, finish
from tests.contract.log.commands.test_aside import BACKUP, REPORT, members, names, session, wishes
from tests.contract.log.recovery.test_repair import halt, repair_all
from tests.support.previous import unannounced
from waterclock.kit.clock import SystemClock
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.aside import executors_by_session, return_aside
from waterclock.log.commands.attempts import QueueCredit
from waterclock.log.commands.bodies import body_of, part
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.runs import EndedRun, find_run
from waterclock.log.liveness.sessions import sessions
from waterclock.log.liveness.sweep import Sweeper
from waterclock.log.recovery import repair
from waterclock.model.events import RunCancelled, RunCancelRequested, RunDied
from waterclock.model.ids import RunId

OLD = "of-the-release-before"


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)


async def join_as_before(log: Log) -> None:
    assert (await log.call(unannounced("join"), 0, {"session": OLD, "body": None}))["status"] == "done"


async def claim_as_before(log: Log, number: int, slots: int = 10) -> list[Any]:
    asked = {
        "partition": 0,
        "session": OLD,
        "number": number,
        "slots": slots,
        "suspects": 1,
        "queues": [QueueCredit(name=queue.name, weight=queue.weight) for queue in QUEUES],
        "strict": False,
        "body": STARTED,
        "body_cancelled": CANCELLED,
        "body_died": part(RunDied, reason="storeLost"),
    }
    reply: Any = await log.call(unannounced("claim"), 0, asked)
    return [grant[0] for grant in reply["grants"]]


async def sweep_as_before(log: Log, session: str) -> None:
    bodies = {"body_left": None, "body_lost": LOST, "body_died": DIED, "body_cancelled": CANCELLED}
    asked = {"session": session, "number": 0, "limit": 100, **bodies}
    assert (await log.call(unannounced("sweep"), 0, asked))["status"] == "emptied"


async def a_second_later(log: Log) -> None:
    """For so long a claim goes by what was seen of the sessions; set that back."""
    meta = log.keys.partition(0, "meta")
    await log.execute(meta, "HSET", meta, "announcing", "0 1")


async def until_it_looks_again(log: Log, reports: Any) -> None:
    await a_second_later(log)
    await reports.claim()


def sweeper_of_a_scheduler(log: Log) -> Sweeper:
    return Sweeper(log, 0, SystemClock(), lease=8, returns_aside=True)


async def test_a_worker_of_the_release_before_gets_what_lay_aside_before_it_came(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    asked = await wishes(log, BACKUP, BACKUP, REPORT)
    [grant] = (await reports.claim()).grants
    await finish(log, ending(grant))
    await join_as_before(log)
    assert await claim_as_before(log, 1) == []
    await a_second_later(log)

    claimed = await reports.claim(0)

    assert claimed.grants == []
    assert await members(log) == []
    assert await claim_as_before(log, 2) == asked[:2]


async def test_it_may_cancel_one_and_a_later_claim_drops_what_it_left(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    gone, other = await wishes(log, BACKUP, BACKUP)
    await reports.claim()
    reply: Any = await log.call(
        unannounced("cancel"),
        0,
        {
            "run_id": gone,
            "command": Command(id="stop"),
            "body_requested": body_of(RunCancelRequested(run_id=RunId(gone))),
            "body_cancelled": body_of(RunCancelled(run_id=RunId(gone))),
        },
    )
    assert reply["at_once"]
    assert isinstance(await find_run(log, gone), EndedRun)
    await reports.claim()
    assert [one.rpartition("\1")[2] for one in await members(log)] == [other]
    backups = await session(log, "backups", BACKUP)
    assert names(await backups.claim()) == [other]


async def test_what_it_leaves_aside_when_it_sweeps_the_last_is_found_by_the_next_or_put_back(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    asked = await wishes(log, BACKUP, BACKUP)
    await reports.claim()
    await join_as_before(log)
    await sweep_as_before(log, "reports")
    assert await sessions(log, 0) == {OLD: 0}
    assert await claim_as_before(log, 1) == []
    assert await return_aside(log, 0) == 2
    assert await claim_as_before(log, 2) == asked


async def test_whom_it_swept_is_forgotten_at_the_next_look(log: Log) -> None:
    reports, _ = await session(log, "reports", REPORT), await session(log, "ghost", BACKUP)
    await sweep_as_before(log, "ghost")
    await until_it_looks_again(log, reports)
    meta, key = log.keys.partition(0, "meta"), log.keys.partition(0, "announced")
    assert len(await log.execute(key, "ZRANGE", key, 0, -1)) == 1
    assert await executors_by_session(log, 0) == {"reports": {REPORT}}
    assert (await log.execute(meta, "HGET", meta, "announcing")).endswith(b" 1")


async def test_a_repair_of_it_leaves_members_that_count_for_nothing(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = await session(log, "reports", REPORT)
    asked = await wishes(log, BACKUP, BACKUP)
    await reports.claim()
    monkeypatch.setattr(repair, "_FORK", unannounced("fork", repair._Forked))  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(repair, "_REPAIR", unannounced("repair", repair._Put))  # pyright: ignore[reportPrivateUsage]
    await halt(log)
    await repair_all(log, 2)
    assert len(await members(log)) == 2
    backups = await session(log, "backups", BACKUP)

    claimed = await backups.claim()

    assert names(claimed) == asked
    assert await members(log) == []
    assert await executors_by_session(log, 0) == {"backups": {BACKUP}}
    assert {grant.attempt for grant in claimed.grants} == {1}


async def test_one_of_the_release_before_is_seen_also_where_the_clock_was_set_back(log: Log) -> None:
    """The partition's clock stands still then, until that of its server has caught up."""
    meta = log.keys.partition(0, "meta")
    await log.execute(meta, "HSET", meta, "clock", await now(log, 0) + 3_600_000)
    reports = await session(log, "reports", REPORT)
    await reports.claim()
    await join_as_before(log)
    [run_id] = await wishes(log, BACKUP)
    seconds, micros = cast("list[bytes]", await log.execute(meta, "TIME"))
    a_look_ago = int(seconds) * 1000 + int(micros) // 1000 - 1_001
    at, _ = cast("bytes", await log.execute(meta, "HGET", meta, "announcing")).split()
    assert int(at) <= a_look_ago + 60_000, "it is told by the server's clock"
    await log.execute(meta, "HSET", meta, "announcing", f"{a_look_ago} 1")
    assert names(await reports.claim()) == [run_id]


async def test_it_gets_what_lies_aside_while_newer_workers_are_full(log: Log) -> None:
    """Their claims are what returns it, and they claim nothing then; a scheduler's sweeper does it in their place."""
    reports = await session(log, "reports", REPORT)
    asked = await wishes(log, *[BACKUP] * 400)
    while (await reports.claim()).more:
        pass
    assert len(await members(log)) == 400
    await join_as_before(log)
    await until_it_looks_again(log, reports)  # it returns a part, takes what it has slots for, and is full
    assert len(await members(log)) == 250

    await sweeper_of_a_scheduler(log).look()

    assert await members(log) == []
    assert await claim_as_before(log, 1, slots=400) == asked[10:]
    await sweeper_of_a_scheduler(log).look()
    assert await sessions(log, 0) == {OLD: 0, "reports": 0}


async def test_a_sweeper_sees_one_that_came_after_the_last_claim_within_a_second(log: Log) -> None:
    reports, sweeper = await session(log, "reports", REPORT), sweeper_of_a_scheduler(log)
    asked = await wishes(log, BACKUP)
    await reports.claim()
    await join_as_before(log)
    await sweeper.look()
    assert len(await members(log)) == 1, "a claim would go by the same look, and set it aside again"
    await a_second_later(log)
    await sweeper.look()
    assert await members(log) == []
    assert names(await reports.claim(0)) == []
    assert await members(log) == [], "what was seen is seen by claims, too"
    assert await claim_as_before(log, 1) == asked


async def test_a_sweeper_leaves_aside_what_only_newer_workers_could_take(log: Log) -> None:
    reports, sweeper = await session(log, "reports", REPORT), sweeper_of_a_scheduler(log)
    await wishes(log, BACKUP)
    await reports.claim()
    for _ in range(2):
        await sweeper.look()
        await a_second_later(log)
    assert len(await members(log)) == 1
    await join_as_before(log)
    await sweep_as_before(log, OLD)
    await a_second_later(log)
    await sweeper.look()
    assert len(await members(log)) == 1


async def test_a_sweeper_returns_nothing_once_the_one_of_the_release_before_is_replaced(log: Log) -> None:
    """One that joins and says what it can run, between its look and its call: the call looks itself."""
    reports = await session(log, "reports", REPORT)
    await wishes(log, BACKUP)
    await reports.claim()
    await join_as_before(log)
    await a_second_later(log)
    await sweep_as_before(log, OLD)
    await session(log, "replaced", REPORT)
    assert await return_aside(log, 0, beside=True) == 0
    assert len(await members(log)) == 1


async def test_a_sweeper_looks_for_nobody_where_nothing_lies_aside(log: Log) -> None:
    await session(log, "reports", REPORT)
    await join_as_before(log)
    await sweeper_of_a_scheduler(log).look()
    meta = log.keys.partition(0, "meta")
    assert await log.execute(meta, "HGET", meta, "announcing") == b""


async def test_the_sweeper_of_a_worker_leaves_it_to_schedulers(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    await wishes(log, BACKUP)
    await reports.claim()
    await join_as_before(log)
    await a_second_later(log)
    await Sweeper(log, 0, SystemClock(), lease=8).look()
    assert len(await members(log)) == 1

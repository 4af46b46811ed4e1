"""Runs that lie aside, and the scripts of the release before: those know of no such place, and lose nothing there."""

from typing import Any, cast

import pytest
import pytest_asyncio

from tests.contract.log.build import CANCELLED, DIED, LOST, QUEUES, STARTED, create, ending, finish
from tests.contract.log.commands.test_aside import BACKUP, REPORT, members, names, session, wishes
from tests.contract.log.recovery.test_repair import halt, repair_all
from tests.support.previous import previous
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.aside import executors_by_session, return_aside
from waterclock.log.commands.attempts import QueueCredit
from waterclock.log.commands.bodies import body_of, part
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.runs import EndedRun, find_run
from waterclock.log.liveness.sessions import sessions
from waterclock.log.recovery import repair
from waterclock.model.events import RunCancelled, RunCancelRequested, RunDied
from waterclock.model.ids import RunId

OLD = "of-the-release-before"


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)


async def join_as_before(log: Log) -> None:
    assert (await log.call(previous("join"), 0, {"session": OLD, "body": None}))["status"] == "done"


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
    reply: Any = await log.call(previous("claim"), 0, asked)
    return [grant[0] for grant in reply["grants"]]


async def sweep_as_before(log: Log, session: str) -> None:
    bodies = {"body_left": None, "body_lost": LOST, "body_died": DIED, "body_cancelled": CANCELLED}
    asked = {"session": session, "number": 0, "limit": 100, **bodies}
    assert (await log.call(previous("sweep"), 0, asked))["status"] == "emptied"


async def until_it_looks_again(log: Log, reports: Any) -> None:
    """A claim goes by what it saw of the sessions for a second; set that back."""
    meta = log.keys.partition(0, "meta")
    await log.execute(meta, "HSET", meta, "announcing", "0 1")
    await reports.claim()


async def test_a_worker_of_the_release_before_gets_what_lay_aside_before_it_came(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    asked = await wishes(log, BACKUP, BACKUP, REPORT)
    [grant] = (await reports.claim()).grants
    await finish(log, ending(grant))
    await join_as_before(log)
    assert await claim_as_before(log, 1) == []
    meta = log.keys.partition(0, "meta")
    await log.execute(meta, "HSET", meta, "announcing", "0 1")  # that look is a second old

    claimed = await reports.claim(0)

    assert claimed.grants == []
    assert await members(log) == []
    assert await claim_as_before(log, 2) == asked[:2]


async def test_it_may_cancel_one_and_a_later_claim_drops_what_it_left(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    gone, other = await wishes(log, BACKUP, BACKUP)
    await reports.claim()
    reply: Any = await log.call(
        previous("cancel"),
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
    monkeypatch.setattr(repair, "_FORK", previous("fork", repair._Forked))  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(repair, "_REPAIR", previous("repair", repair._Put))  # pyright: ignore[reportPrivateUsage]
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

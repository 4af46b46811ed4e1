"""What lies aside goes out in the order in which it came, however uneven its groups are and whatever of it ends."""

import pytest_asyncio

from tests.contract.log.build import ask, change, create, wish
from tests.contract.log.commands.test_aside import BACKUP, REPORT, members, names, session, wishes
from waterclock.log.client import Log
from waterclock.model.ids import RunId


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)


async def test_younger_runs_of_an_executor_wait_until_all_that_lie_aside_are_taken(log: Log) -> None:
    none = await session(log, "none")
    older = await wishes(log, *[BACKUP] * 100)
    [report] = await wishes(log, REPORT, first=200)
    while (await none.claim()).more:
        pass
    await wishes(log, *[BACKUP] * 40, first=300)

    got = names(await (await session(log, "both", BACKUP, REPORT)).claim(100))

    assert [run for run in got if run != report] == older[:99]


async def test_younger_runs_of_an_executor_wait_though_of_what_lies_aside_some_were_barred(log: Log) -> None:
    none = await session(log, "none")
    await wishes(log, *[BACKUP] * 20)
    kept = [wish(0, job_id=None, run_id=RunId(f"a-{number:02}"), target=BACKUP) for number in range(20)]
    await ask(log, *kept)
    while (await none.claim()).more:
        pass
    await change(log, kind="disable", status="1")
    younger = [wish(0, job_id=None, run_id=RunId(f"b-{number:02}"), target=BACKUP) for number in range(20)]
    await ask(log, *younger)

    got = names(await (await session(log, "backups", BACKUP)).claim(20))

    assert got == [one.run_id for one in kept]


async def test_runs_of_other_queues_start_while_runs_that_a_session_lacks_are_sorted(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    await wishes(log, *[BACKUP] * 500, queue="critical")
    await wishes(log, *[REPORT] * 10, first=600, queue="low")
    first = await reports.claim(1)
    assert len(first.grants) == 1


async def test_a_queue_whose_runs_are_sorted_gains_no_more_credit_than_a_claim_grants(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    await wishes(log, *[BACKUP] * 1200, queue="critical")
    await wishes(log, *[REPORT] * 800, first=3000, queue="low")
    for _ in range(7):
        claimed = await reports.claim(100)
        assert len(claimed.grants) == 100
        assert max(map(abs, claimed.credits)) <= 110


async def test_an_idle_session_soon_ends_what_was_barred_among_many(log: Log) -> None:
    """Each idle claim comes a second after the one before: a job is blocked until its barred run is met."""
    none = await session(log, "none")
    kept = [wish(0, job_id=None, run_id=RunId(f"a-{number:04}"), target="a") for number in range(2000)]
    await ask(log, *kept)
    await wishes(log, "z")
    while (await none.claim()).more:
        pass
    await change(log, kind="disable", status="1")
    claims = 0
    while len(await members(log)) > 2000:
        await none.claim()
        claims += 1
    assert claims <= 41

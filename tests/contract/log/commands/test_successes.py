"""When a job last succeeded, as its next attempts are told."""

import pytest_asyncio
from msgspec.structs import replace

from tests.contract.log.build import J, ask, change, create, ending, entries_of, finish, grab, run_of, wish
from tests.support.held import held
from waterclock.log.client import Log
from waterclock.log.commands.attempts import Grant
from waterclock.log.liveness.sessions import join
from waterclock.model.events import RunRequested
from waterclock.model.ids import RunId


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)
    await join(log, "w", body=None)


async def granted(log: Log, number: int) -> Grant:
    """One run more, granted."""
    await ask(log, wish(number))
    [grant] = (await grab(log, number, session="w")).grants
    return grant


async def requested_at(log: Log, number: int) -> int:
    [at] = [
        entry.at
        for entry in await entries_of(log)
        if isinstance(entry.event, RunRequested) and entry.event.run_id == run_of(number)
    ]
    return at


async def test_a_job_that_never_succeeded_has_none(log: Log) -> None:
    assert (await granted(log, 1)).previous_success == 0
    await finish(log, ending(await granted(log, 2), status="failed"))
    assert (await granted(log, 3)).previous_success == 0


async def test_a_success_stands_for_the_runs_instant(log: Log) -> None:
    await finish(log, replace(ending(await granted(log, 1)), nominal_at=1_700_000_000_000))
    assert (await granted(log, 2)).previous_success == 1_700_000_000_000


async def test_one_without_an_instant_stands_for_the_moment_of_its_request(log: Log) -> None:
    await finish(log, ending(await granted(log, 1)))
    assert (await granted(log, 2)).previous_success == await requested_at(log, 1)


async def test_an_earlier_instant_that_succeeds_later_takes_nothing_back(log: Log) -> None:
    early, late = await granted(log, 1), await granted(log, 2)
    await finish(log, replace(ending(late), nominal_at=2_000))
    await finish(log, replace(ending(early), nominal_at=1_000))
    assert (await granted(log, 3)).previous_success == 2_000


async def test_of_successes_told_in_one_call_the_latest_counts(log: Log) -> None:
    one, other = await granted(log, 1), await granted(log, 2)
    await finish(log, replace(ending(one), nominal_at=2_000), replace(ending(other), nominal_at=1_000))
    assert (await granted(log, 3)).previous_success == 2_000


async def test_each_job_has_its_own_and_a_run_without_a_job_none(log: Log) -> None:
    await finish(log, replace(ending(await granted(log, 1)), nominal_at=2_000))
    await ask(log, wish(0, job_id=None, run_id=RunId("free-1")), wish(2))
    grants = (await grab(log, 2, session="w")).grants
    assert {grant.run_id: grant.previous_success for grant in grants} == {"free-1": 0, run_of(2): 2_000}


async def test_a_deleted_job_leaves_nothing_behind(log: Log) -> None:
    await finish(log, replace(ending(await granted(log, 1)), nominal_at=2_000))
    running = await granted(log, 2)
    assert (await held(log)).successes == {J: 2_000}
    await change(log, kind="delete")
    assert (await held(log)).successes == {}
    assert await finish(log, replace(ending(running), nominal_at=3_000)) == ["done"]
    assert (await held(log)).successes == {}

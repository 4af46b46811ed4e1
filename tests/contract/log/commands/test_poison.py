"""Runs that may be what kills their workers stand apart; what nobody can read stands in nobody's way."""

import pytest_asyncio

from tests.contract.log.build import J, ask, create, ending, entries_of, events_of, finish, grab, mop, run_of, wish
from waterclock.log.client import Log
from waterclock.log.commands.attempts import SUSPECT_FROM, Grant
from waterclock.log.commands.queues import depths
from waterclock.log.commands.runs import EndedRun, find_run
from waterclock.log.liveness.sessions import join, renew
from waterclock.model.events import RunDied


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)
    await join(log, "w", body=None)


async def lost_often(log: Log, *numbers: int) -> None:
    """Runs that were lost just often enough to be suspected."""
    await ask(log, *map(wish, numbers))
    for start in range(SUSPECT_FROM):
        session = f"start-{numbers[0]}-{start}"
        await join(log, session, body=None)
        claimed = 0
        for number in range(1, len(numbers) + 1):
            claimed += len((await grab(log, number, session=session)).grants)
        assert claimed == len(numbers)
        await mop(log, 0, session=session)


def names(grants: list[Grant]) -> list[str]:
    return [grant.run_id for grant in grants]


async def test_of_runs_that_were_lost_often_one_is_granted_and_first(log: Log) -> None:
    await lost_often(log, 1, 2)
    await ask(log, wish(3), wish(4))

    first = await grab(log, 1, session="w")

    assert names(first.grants) == [run_of(1), run_of(3), run_of(4)]
    assert [grant.losses for grant in first.grants] == [SUSPECT_FROM, 0, 0]


async def test_who_holds_one_is_given_the_others_and_not_called_again_for_it(log: Log) -> None:
    await lost_often(log, 1, 2)
    await ask(log, wish(3))

    claimed = await grab(log, 1, session="w", suspects=0)

    assert names(claimed.grants) == [run_of(3)]
    assert not claimed.more
    assert (await depths(log, 0)).queues["default"].queued == 2
    assert names((await grab(log, 2, session="w")).grants) == [run_of(1)]


async def test_one_that_is_given_back_or_tried_again_still_stands_apart(log: Log) -> None:
    await lost_often(log, 1, 2)
    for number in (1, 2):
        [grant] = (await grab(log, number, session="w")).grants
        await finish(log, ending(grant, back=number == 1, status=None))
    assert names((await grab(log, 3, session="w", suspects=0)).grants) == []
    assert names((await grab(log, 4, session="w")).grants) == [run_of(1)]
    assert names((await grab(log, 5, session="w")).grants) == [run_of(2)]


async def test_a_run_whose_request_is_gone_ends_and_others_start(log: Log) -> None:
    await ask(log, wish(1, overlap="buffer_all"), wish(2))
    specs = log.keys.partition(0, "specs")
    await log.execute(specs, "HDEL", specs, run_of(1))

    assert names((await grab(log, 1, session="w")).grants) == [run_of(2)]

    died = [event for event in await events_of(log) if isinstance(event, RunDied)]
    assert [(one.run_id, one.job_id, one.reason, one.attempt) for one in died] == [(run_of(1), J, "storeLost", 0)]
    ended = await find_run(log, run_of(1))
    assert isinstance(ended, EndedRun)
    assert ended.status == "died"


async def test_a_repeated_claim_leaves_out_a_run_whose_request_is_gone(log: Log) -> None:
    await ask(log, wish(1), wish(2))
    assert len((await grab(log, 1, session="w")).grants) == 2
    specs = log.keys.partition(0, "specs")
    await log.execute(specs, "HDEL", specs, run_of(1))
    assert names((await grab(log, 1, session="w")).grants) == [run_of(2)]
    assert len((await renew(log, 0, "w", 1)).held) == 2


async def test_entries_that_name_no_run_are_dropped(log: Log) -> None:
    due = log.keys.due(0, "default")
    await log.execute(due, "XADD", due, "*", "nonsense", "\x00")
    await ask(log, wish(1))
    assert names((await grab(log, 1, session="w")).grants) == [run_of(1)]
    assert len(await entries_of(log)) == 4  # began, created, requested, started

"""What a claim looks up among runs that lie aside is bounded, however many executors and queues there are.

A session with very many executors seeks them in turn then: none of them waits long, and it does not sleep on any.
"""

import re
from typing import cast

import pytest
import pytest_asyncio

from tests.contract.log.build import QUEUES, create, wish
from tests.contract.log.commands.test_aside import Session, members, names, session
from tests.support.narrowed import narrow_claims
from waterclock.log.client import Log
from waterclock.log.commands.attempts import Claimed
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.requests import Wish, request_all
from waterclock.model.ids import RunId

LOOK_UPS_MOST = 1_000
TAKEN_MOST = 300  # groups that a claim takes from, each counted and read once more
OWN = [f"own-{number:04}" for number in range(1_000)]
OTHERS = [f"of-others-{number:04}" for number in range(600)]


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow_claims(monkeypatch)


async def request_each(log: Log, targets: list[str], *queues: str) -> list[RunId]:
    """A run of each executor in each queue, in this order; a run's id tells them."""
    asked = [(f"run-{place}-{queue}", queue, target) for place, target in enumerate(targets) for queue in queues]
    return await request_named(log, *asked)


async def request_named(log: Log, *asked: tuple[str, str, str]) -> list[RunId]:
    """Runs by id, queue and executor."""
    for first in range(0, len(asked), 100):
        wishes = [
            Wish(
                command=Command(id=f"ask {name}"),
                request=wish(0, job_id=None, run_id=RunId(name), queue=queue, target=target),
            )
            for name, queue, target in asked[first : first + 100]
        ]
        await request_all(log, 0, wishes)
    return [RunId(name) for name, _, _ in asked]


async def set_all_aside(none: Session) -> None:
    while (await none.claim(1)).more:
        pass


async def look_ups(log: Log) -> int:
    """How often the server was asked for a part of a sorted set, or how large it is."""
    key = log.keys.partition(0, "meta")
    told = cast("bytes", await log.execute(key, "INFO", "commandstats")).decode()
    calls = re.findall(r"^cmdstat_(?:zrangebylex|zlexcount):calls=(\d+)", told, re.MULTILINE)
    return sum(map(int, calls))


async def claims_until_idle(one: Session, slots: int = 100) -> list[Claimed]:
    claims: list[Claimed] = []
    while not claims or claims[-1].more:
        claims.append(await one.claim(slots))
    return claims


async def test_a_claim_looks_up_no_more_than_so_much_over_all_queues(log: Log) -> None:
    none = await session(log, "none")
    queues = [queue.name for queue in QUEUES]
    await request_each(log, OTHERS, *queues)
    own = [
        *await request_named(log, *((f"last-{queue}", queue, OWN[-1]) for queue in queues)),
        *await request_named(log, *((f"first-{queue}", queue, OWN[0]) for queue in queues)),
    ]
    await set_all_aside(none)
    all_of_them = await session(log, "all", *OWN)

    got: list[str] = []
    claims, more = 0, True
    while more:
        before = await look_ups(log)
        claimed = await all_of_them.claim(100)
        assert await look_ups(log) - before <= LOOK_UPS_MOST + 2 * TAKEN_MOST
        got += names(claimed)
        claims, more = claims + 1, claimed.more

    assert set(got) == {*own}
    assert claims <= 2 * (len(OWN) * len(QUEUES) // LOOK_UPS_MOST + 2)
    assert len(await members(log)) == len(OTHERS) * len(QUEUES)


async def test_a_claim_takes_from_a_bounded_number_of_groups_and_from_all_in_turn(log: Log) -> None:
    none = await session(log, "none")
    queues = [queue.name for queue in QUEUES]
    asked = await request_each(log, OWN[:350], *queues)
    await set_all_aside(none)
    all_of_them = await session(log, "all", *OWN)

    got: list[str] = []
    claims, more = 0, True
    while more:
        before = await look_ups(log)
        claimed = await all_of_them.claim(50)
        assert await look_ups(log) - before <= LOOK_UPS_MOST + 3 * TAKEN_MOST
        got += names(claimed)
        claims, more = claims + 1, claimed.more

    assert set(got) == {*asked}
    assert claims <= 2 * (len(asked) // 50)


@pytest.mark.usefixtures("narrow")
async def test_none_waits_for_long_though_others_never_end(log: Log) -> None:
    none = await session(log, "none")
    has = [f"e{number}" for number in range(8)]
    one = await session(log, "one", *has)
    await request_each(log, [f"of-others-{number}" for number in range(6)], "default")
    [last] = await request_named(log, ("last", "default", has[-1]))
    got: list[str] = []
    for turn in range(3 * len(has)):
        await request_named(log, *((f"{turn}-{name}-{n}", "default", name) for name in has[:-1] for n in range(3)))
        await set_all_aside(none)
        got += names(await one.claim(2))
    assert last in got


@pytest.mark.usefixtures("narrow")
async def test_what_was_not_sought_is_not_overtaken_by_younger_runs_of_its_executor(log: Log) -> None:
    none = await session(log, "none")
    has = [f"e{number}" for number in range(9)]
    await request_each(log, [f"of-others-{number}" for number in range(9)], "default")
    older = await request_named(log, *((f"older-{number}", "default", has[-1]) for number in range(5)))
    await set_all_aside(none)
    younger = await request_named(log, *((f"younger-{number}", "default", has[-1]) for number in range(5)))
    one = await session(log, "one", *has)

    got = [name for slots in (3, 4, 5) for name in names(await one.claim(slots))]

    assert got == [*older, *younger][: len(got)]
    got += [name for claimed in await claims_until_idle(one) for name in names(claimed)]
    assert got == [*older, *younger]


@pytest.mark.usefixtures("narrow")
async def test_what_is_set_aside_behind_a_session_that_seeks_is_found_before_it_sleeps(log: Log) -> None:
    none = await session(log, "none")
    has = [f"e{number}" for number in range(9)]
    await request_each(log, [f"of-others-{number}" for number in range(9)], "default")
    await set_all_aside(none)
    one = await session(log, "one", *has)
    claimed = await one.claim()
    claimed = await one.claim()
    assert (claimed.grants, claimed.more) == ([], True)

    [first] = await request_named(log, ("first", "default", has[0]))
    await set_all_aside(none)

    assert [name for claimed in await claims_until_idle(one) for name in names(claimed)] == [first]


@pytest.mark.usefixtures("narrow")
async def test_what_was_due_when_a_session_began_to_seek_and_was_set_aside_since_is_found(log: Log) -> None:
    none = await session(log, "none")
    has = [f"e{number}" for number in range(9)]
    await request_each(log, [f"of-others-{number}" for number in range(9)], "default")
    await set_all_aside(none)
    asked = await request_named(log, *((f"due-{number}", "default", has[0]) for number in range(3)))
    one = await session(log, "one", *has)
    got = names(await one.claim(1))
    assert len(got) == 1

    await set_all_aside(none)

    got += [name for claimed in await claims_until_idle(one) for name in names(claimed)]
    assert set(got) == {*asked}


@pytest.mark.usefixtures("narrow")
async def test_a_session_that_found_nothing_is_not_called_again(log: Log) -> None:
    none = await session(log, "none")
    has = [f"e{number}" for number in range(9)]
    await request_each(log, [f"of-others-{number}" for number in range(9)], *(queue.name for queue in QUEUES))
    await set_all_aside(none)
    one = await session(log, "one", *has)
    assert len(await claims_until_idle(one)) <= len(has) + 1
    assert one.sought == ""


@pytest.mark.usefixtures("narrow")
async def test_a_repeated_claim_seeks_on_where_it_did(log: Log) -> None:
    none = await session(log, "none")
    has = [f"e{number}" for number in range(9)]
    await request_each(log, [f"of-others-{number}" for number in range(9)], "default")
    await set_all_aside(none)
    [run_id] = await request_named(log, ("last", "default", has[-1]))
    one = await session(log, "one", *has)
    asked_at = one.sought
    assert names(await one.claim(1)) == [run_id]
    one.claims, one.sought = one.claims - 1, asked_at
    again = await one.claim(1)
    assert (names(again), again.more, one.sought) == ([run_id], True, asked_at)

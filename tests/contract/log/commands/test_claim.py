"""Claims: oldest first, by weight, once each, and only what may start."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
import pytest_asyncio

from tests.contract.log.build import (
    CANCELLED,
    QUEUES,
    STARTED,
    WORKER,
    J,
    ask,
    change,
    create,
    ending,
    entries_of,
    events_of,
    finish,
    grab,
    run_of,
    tags_of,
    wish,
)
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.attempts import Grant, QueueCredit, claim, wait_wake
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.queues import set_paused
from waterclock.log.commands.runs import EndedRun, find_run
from waterclock.log.connection.errors import NoSession
from waterclock.log.liveness.sessions import join
from waterclock.model.events import QueuePaused, QueueResumed, RunCancelled, RunStarted
from waterclock.model.ids import RunId

FENCES = 2**40


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)
    await join(log, WORKER, body=None)


def names(grants: Sequence[Grant]) -> list[str]:
    return [grant.run_id for grant in grants]


async def fill(log: Log, queue: str, numbers: range) -> None:
    """Runs without a job."""
    for number in numbers:
        await ask(log, wish(0, job_id=None, run_id=RunId(f"{queue}-{number}"), queue=queue))


async def test_a_grant_says_all_that_a_worker_needs(log: Log) -> None:
    await ask(log, wish(1))
    claimed = await grab(log, 1)
    [grant] = claimed.grants
    assert (grant.run_id, grant.job_id, grant.attempt) == (run_of(1), J, 1)
    assert (grant.failures, grant.losses, grant.cancelled, grant.serial) == (0, 0, False, False)
    assert grant.fence == FENCES + 1
    assert grant.body == wish(1).body
    [requested] = [entry for entry in await entries_of(log) if entry.event.__class__.__name__ == "RunRequested"]
    assert grant.position == requested.position.entry
    started = (await events_of(log))[-1]
    assert isinstance(started, RunStarted)
    assert (started.run_id, started.job_id, started.worker) == (run_of(1), J, WORKER)
    assert (started.attempt, started.fence, started.cause) == (1, grant.fence, str(requested.position))
    assert not claimed.more
    assert claimed.next_at is None


async def test_a_run_without_a_job_has_none(log: Log) -> None:
    await fill(log, "default", range(1))
    [grant] = (await grab(log, 1)).grants
    assert grant.job_id is None
    started = (await events_of(log))[-1]
    assert isinstance(started, RunStarted)
    assert started.job_id is None


async def test_a_claim_takes_no_more_than_its_slots_oldest_first(log: Log) -> None:
    await ask(log, *(wish(n) for n in range(1, 6)))
    first = await grab(log, 1, slots=2)
    assert names(first.grants) == [run_of(1), run_of(2)]
    assert first.more
    rest = await grab(log, 2)
    assert names(rest.grants) == [run_of(3), run_of(4), run_of(5)]
    assert not rest.more


async def test_a_repeated_claim_is_answered_again(log: Log) -> None:
    await ask(log, *(wish(n) for n in range(1, 5)))
    first = await grab(log, 1, slots=2)
    again = await grab(log, 1, slots=2)
    assert all(grant.waited >= 0 for grant in first.grants)
    assert again.grants == [msgspec.structs.replace(grant, waited=-1) for grant in first.grants]
    await finish(log, ending(first.grants[0], status="failed"))
    assert (await grab(log, 1, slots=2)).grants == again.grants[1:]
    assert names((await grab(log, 2)).grants) == [run_of(3), run_of(4)]


async def test_fences_grow_from_claim_to_claim(log: Log) -> None:
    await ask(log, wish(1), wish(2), wish(3))
    fences = [grant.fence for number in (1, 2) for grant in (await grab(log, number, slots=2)).grants]
    assert fences == [FENCES + 1, FENCES + 2, FENCES + 3]


async def test_what_was_given_back_comes_first(log: Log) -> None:
    await ask(log, wish(1), wish(2))
    [grant] = (await grab(log, 1, slots=1)).grants
    await finish(log, ending(grant, back=True))
    assert names((await grab(log, 2)).grants) == [run_of(1), run_of(2)]


async def test_starts_are_shared_by_weight(log: Log) -> None:
    for queue in QUEUES:
        await fill(log, queue.name, range(400))
    credit: list[float] = [0, 0, 0]
    counts: Counter[str] = Counter()
    slots = (1, 3, 7, 10, 4)
    for number in range(100):
        claimed = await grab(log, number + 1, slots=slots[number % 5], credit=credit)
        credit = claimed.credits
        counts.update(grant.run_id.partition("-")[0] for grant in claimed.grants)
        if counts["critical"] > 380:
            break
    total = sum(counts.values())
    for queue in QUEUES:
        assert abs(100 * counts[queue.name] / total - 10 * queue.weight) < 2, counts


async def test_an_empty_queues_share_goes_to_the_others_by_weight(log: Log) -> None:
    await fill(log, "critical", range(100))
    await fill(log, "low", range(100))
    counts: Counter[str] = Counter()
    credit: list[float] = [0, 0, 0]
    for number in range(7):
        claimed = await grab(log, number + 1, slots=10, credit=credit)
        credit = claimed.credits
        counts.update(grant.run_id.partition("-")[0] for grant in claimed.grants)
    assert counts == {"critical": 60, "low": 10}


async def test_strict_order_empties_the_first_queue_first(log: Log) -> None:
    await fill(log, "critical", range(3))
    await fill(log, "low", range(3))
    claimed = await grab(log, 1, slots=5, strict=True)
    assert names(claimed.grants) == ["critical-0", "critical-1", "critical-2", "low-0", "low-1"]


async def test_a_worker_claims_only_from_its_queues(log: Log) -> None:
    await fill(log, "critical", range(3))
    await fill(log, "low", range(3))
    claimed = await claim(
        log,
        0,
        session=WORKER,
        number=1,
        slots=10,
        queues=[QueueCredit(name="low", weight=1), QueueCredit(name="unheard", weight=1)],
        strict=False,
        body=STARTED,
        body_cancelled=CANCELLED,
    )
    assert names(claimed.grants) == ["low-0", "low-1", "low-2"]


async def test_a_paused_queue_is_not_claimed_until_it_is_resumed(log: Log) -> None:
    await fill(log, "low", range(1))
    await set_paused(log, command=Command(id="p"), event=QueuePaused(queue="low"))
    claimed = await grab(log, 1)
    assert claimed.grants == []
    assert not claimed.more
    reader = log.reader()
    await set_paused(log, command=Command(id="r"), event=QueueResumed(queue="low"))
    assert (await wait_wake(reader, {0: claimed.wake}, 1)).partitions == {0}
    assert names((await grab(log, 2)).grants) == ["low-0"]
    await reader.close()


async def test_pausing_twice_is_one_event(log: Log) -> None:
    event = QueuePaused(queue="low")
    first = await set_paused(log, command=Command(id="p"), event=event)
    await set_paused(log, command=Command(id="p"), event=event)
    await set_paused(log, command=Command(id="another"), event=event)
    assert (await tags_of(log)).count("queue.paused") == 1
    assert first is not None


@pytest.mark.parametrize(("kind", "reason"), [("disable", "jobDisabled"), ("delete", "jobDeleted")])
async def test_a_run_queued_before_a_disable_or_delete_does_not_start(log: Log, kind: str, reason: str) -> None:
    await ask(log, wish(1))
    await change(log, kind=kind, status="1")
    assert (await grab(log, 1)).grants == []
    event = (await events_of(log))[-1]
    assert isinstance(event, RunCancelled)
    assert (event.run_id, event.job_id, event.reason, event.attempt) == (run_of(1), J, reason, 0)
    ended = await find_run(log, run_of(1))
    assert isinstance(ended, EndedRun)
    assert ended.status == "cancelled"


async def test_enabling_again_does_not_revive_but_a_later_trigger_runs(log: Log) -> None:
    await ask(log, wish(1))
    await change(log, kind="disable", status="1")
    await ask(log, wish(2))
    await change(log, kind="edit", status="0")
    assert names((await grab(log, 1)).grants) == [run_of(2)]


async def test_a_barred_run_frees_its_job(log: Log) -> None:
    await ask(log, wish(1, overlap="buffer_all"))
    await change(log, kind="disable", status="1")
    await ask(log, wish(2, overlap="buffer_all"))
    assert names((await grab(log, 1)).grants) == [run_of(2)]


async def test_an_entry_that_its_run_does_not_name_is_dropped(log: Log) -> None:
    await ask(log, wish(1))
    due = log.keys.due(0, "default")
    await log.execute(due, "XADD", due, "*", "r", run_of(1))
    await log.execute(due, "XADD", due, "*", "r", "unheard-of")
    assert names((await grab(log, 1)).grants) == [run_of(1)]
    assert await log.execute(due, "XLEN", due) == 0


async def test_a_session_that_never_joined_claims_nothing(log: Log) -> None:
    await ask(log, wish(1))
    with pytest.raises(NoSession):
        await grab(log, 1, session="stranger")
    assert len((await grab(log, 1)).grants) == 1


async def test_an_empty_claim_tells_when_to_come_again(log: Log) -> None:
    soon = await now(log, 0) + 60_000
    await ask(log, wish(1, ready_at=soon))
    assert (await grab(log, 1)).next_at == soon


async def test_a_new_run_wakes_who_waits_since_its_claim(log: Log) -> None:
    reader = log.reader()
    claimed = await grab(log, 1)
    asleep = await wait_wake(reader, {0: claimed.wake}, 0.01)
    assert asleep.partitions == frozenset()
    await ask(log, wish(1))
    woken = await wait_wake(reader, asleep.last, 1)
    assert woken.partitions == {0}
    assert (await wait_wake(reader, woken.last, 0.01)).partitions == frozenset()
    await reader.close()


async def test_a_new_head_of_the_delayed_wakes_and_a_later_one_does_not(log: Log) -> None:
    reader = log.reader()
    start = await now(log, 0)
    claimed = await grab(log, 1)
    await ask(log, wish(1, ready_at=start + 60_000))
    woken = await wait_wake(reader, {0: claimed.wake}, 1)
    assert woken.partitions == {0}
    await ask(log, wish(2, ready_at=start + 90_000))
    assert (await wait_wake(reader, woken.last, 0.01)).partitions == frozenset()
    await reader.close()

"""Delayed runs become due on time, whoever looks and however often."""

import pytest
import pytest_asyncio

from tests.contract.log.build import CANCELLED, WORKER, ask, change, create, events_of, grab, past, run_of, wish
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.attempts import Promoted, promote, wait_wake
from waterclock.log.liveness.sessions import join
from waterclock.model.events import RunCancelled

SOON = 200  # ms: longer than it takes to ask for five runs on a machine that others keep busy


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)
    await join(log, WORKER, body=None)


async def test_what_is_ready_becomes_due_in_the_order_of_its_time(log: Log) -> None:
    start = await now(log, 0)
    await ask(log, wish(1, ready_at=start + SOON + 1), wish(2, ready_at=start + SOON), wish(3, ready_at=start + 60_000))
    reader = log.reader()
    claimed = await grab(log, 1)
    assert claimed.next_at == start + SOON
    await past(log, start + SOON + 1)
    assert await promote(log, 0, body_cancelled=CANCELLED) == Promoted(2, start + 60_000)
    assert (await wait_wake(reader, {0: claimed.wake}, 1)).partitions == {0}
    assert [grant.run_id for grant in (await grab(log, 2)).grants] == [run_of(2), run_of(1)]
    assert await promote(log, 0, body_cancelled=CANCELLED) == Promoted(0, start + 60_000)
    await reader.close()


async def test_more_than_fit_one_call_are_due_in_several(log: Log) -> None:
    start = await now(log, 0)
    await ask(log, *(wish(n, ready_at=start + SOON) for n in range(5)))
    await past(log, start + SOON)
    moved = [(await promote(log, 0, body_cancelled=CANCELLED, limit=2)) for _ in range(3)]
    assert moved == [Promoted(2, start + SOON), Promoted(2, start + SOON), Promoted(1, None)]


@pytest.mark.parametrize(("kind", "reason"), [("disable", "jobDisabled"), ("delete", "jobDeleted")])
async def test_a_barred_run_ends_instead(log: Log, kind: str, reason: str) -> None:
    start = await now(log, 0)
    await ask(log, wish(1, ready_at=start + SOON))
    await change(log, kind=kind, status="1")
    await past(log, start + SOON)
    assert await promote(log, 0, body_cancelled=CANCELLED) == Promoted(1, None)
    ended = (await events_of(log))[-1]
    assert isinstance(ended, RunCancelled)
    assert (ended.run_id, ended.reason) == (run_of(1), reason)

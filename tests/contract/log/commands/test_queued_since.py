"""Since when runs stand in their queues, wherever the log keeps them."""

from tests.contract.log.build import J, ask, create, grab, run_of, wish
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.aside import announced, count_aside
from waterclock.log.commands.runs import queued_since
from waterclock.log.liveness.sessions import join


async def test_it_is_told_of_what_is_queued_and_of_nothing_else(log: Log) -> None:
    await create(log, concurrent="0")
    began = await now(log, 0)
    await join(log, "own", body=None, executors=announced(("own",)))
    due, aside, taken = run_of(1), run_of(2), run_of(3)
    await ask(log, wish(2, target="of others"), wish(3, target="own"))
    [grant] = (await grab(log, 1, session="own")).grants
    assert grant.run_id == taken
    at = await now(log, 0)
    await ask(log, wish(1), wish(4, ready_at=at + 60_000), wish(5, ready_at=at + 3_600_000))
    ready, later = run_of(4), run_of(5)
    everything = (due, aside, taken, ready, later, "unknown", *(f"{J}-{number}" for number in range(1_000)))

    found = await queued_since(log, 0, everything, now=at + 60_000)

    assert set(found) == {due, aside, ready}
    [group] = (await count_aside(log, 0)).groups
    assert began <= found[aside] == group.since <= found[due]
    assert found[ready] == at + 60_000
    assert await queued_since(log, 0, [ready], now=at) == {}


async def test_a_record_that_nobody_can_read_is_passed_over(log: Log) -> None:
    await create(log, concurrent="0")
    await ask(log, wish(1), wish(2))
    key = log.keys.partition(0, "runs")
    await log.execute(key, "HSET", key, run_of(1), b"\x01no record")
    assert set(await queued_since(log, 0, [run_of(1), run_of(2)], now=await now(log, 0))) == {run_of(2)}

"""Leadership: one at a time, in terms that only grow."""

from tests.contract.log.build import events_of, past, tags_of
from waterclock.log.client import Log
from waterclock.log.commands.bodies import part
from waterclock.log.liveness.leadership import Lead, acquire, release, watch
from waterclock.model.events import LeadershipTaken


async def run_for(log: Log, scheduler: str, ttl_ms: int = 60_000, next_at: int | None = None) -> Lead:
    body = part(LeadershipTaken, scheduler=scheduler)
    return await acquire(log, 0, scheduler=scheduler, ttl_ms=ttl_ms, body=body, next_at=next_at)


async def test_the_first_takes_it_and_keeps_it(log: Log) -> None:
    first = await run_for(log, "one")
    again = await run_for(log, "one")
    assert (first.term, first.mine, again.term, again.mine) == (1, True, 1, True)
    assert again.until - again.now == 60_000
    taken = (await events_of(log))[-1]
    assert isinstance(taken, LeadershipTaken)
    assert (taken.scheduler, taken.term) == ("one", 1)
    assert (await tags_of(log)).count("leadership.taken") == 1


async def test_another_must_wait(log: Log) -> None:
    first = await run_for(log, "one")
    other = await run_for(log, "two")
    assert (other.mine, other.term, other.until) == (False, 1, first.until)


async def test_another_takes_it_when_the_term_has_run_out(log: Log) -> None:
    first = await run_for(log, "one", ttl_ms=20)
    await past(log, first.until)
    other = await run_for(log, "two")
    assert (other.mine, other.term) == (True, 2)
    assert not (await run_for(log, "one")).mine


async def test_a_term_from_before_the_clock_was_set_back_is_over(log: Log) -> None:
    first = await run_for(log, "one", ttl_ms=20_000)
    meta = log.keys.partition(0, "meta")
    assert (await watch(log, 0)).until > (await watch(log, 0)).now
    await log.execute(meta, "HSET", meta, "leader_until", first.until + 3_600_000)
    assert (await watch(log, 0)).until == 0
    other = await run_for(log, "two", ttl_ms=20_000)
    assert (other.mine, other.term, other.until - other.now) == (True, 2, 20_000)


async def test_who_comes_back_after_the_end_begins_a_new_term(log: Log) -> None:
    first = await run_for(log, "one", ttl_ms=20)
    await past(log, first.until)
    assert (await run_for(log, "one")).term == 2


async def test_who_resigns_need_not_be_waited_for(log: Log) -> None:
    first = await run_for(log, "one")
    await release(log, 0, scheduler="one", term=first.term)
    assert (await run_for(log, "two")).mine


async def test_a_late_resignation_takes_nothing_from_the_next(log: Log) -> None:
    first = await run_for(log, "one")
    await release(log, 0, scheduler="one", term=first.term)
    await run_for(log, "two")
    await release(log, 0, scheduler="one", term=first.term)
    await release(log, 0, scheduler="two", term=1)
    assert (await run_for(log, "two")).term == 2


async def test_whoever_watches_sees_who_leads_and_how_far_it_has_come(log: Log) -> None:
    before = await watch(log, 0)
    assert (before.leader, before.until, before.next_at) == ("", 0, None)

    await run_for(log, "one")
    led = await run_for(log, "one", next_at=123)
    seen = await watch(log, 0)
    assert (seen.leader, seen.until, seen.next_at) == ("one", led.until, 123)
    assert seen.now >= led.now


async def test_what_a_leader_does_not_know_stands_as_it_was_said_last(log: Log) -> None:
    await run_for(log, "one")
    await run_for(log, "one", next_at=123)
    await run_for(log, "one")
    assert (await watch(log, 0)).next_at == 123
    await run_for(log, "one", next_at=0)
    assert (await watch(log, 0)).next_at == 0


async def test_one_that_does_not_lead_says_nothing_of_what_is_due(log: Log) -> None:
    await run_for(log, "one")
    await run_for(log, "two", next_at=123)
    assert (await watch(log, 0)).next_at is None

"""What waits for which executor, as it is read from the streams, from what is late and from what lies aside."""

from __future__ import annotations

import pytest

from tests.contract.log.build import ask, create, grab, wish
from tests.support.hurrying import Hurrying
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.aside import announced
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.queues import set_paused
from waterclock.log.liveness import waiting
from waterclock.log.liveness.sessions import join, leave
from waterclock.log.liveness.waiting import (
    FRESH_FOR,
    HEAD,
    Demand,
    Waiting,
    WaitingRuns,
    demand_of,
    head_in,
    lacked_in,
    waiting_in,
)
from waterclock.model.events import QueuePaused, QueueResumed

ODD = 'say "hi" \\ a:b Übung ⏰'


def counts(found: Waiting) -> dict[tuple[str, str], tuple[int, int]]:
    return {group: (one.queued, one.aside) for group, one in found.groups.items()}


async def test_what_stands_in_streams_is_counted_by_queue_and_executor(log: Log) -> None:
    await create(log)
    before = await now(log, 0)
    await ask(log, *(wish(number, target="a") for number in (1, 2)), wish(3, target=ODD), wish(4, queue="low"))
    await set_paused(log, command=Command(id="p"), event=QueuePaused(queue="critical"))

    found = await waiting_in(log, 0)

    assert counts(found) == {("default", "a"): (2, 0), ("default", ODD): (1, 0), ("low", "demo.noop"): (1, 0)}
    assert all(before <= group.since <= found.now for group in found.groups.values())
    assert (found.beyond, found.paused, found.executors) == (frozenset(), {"critical"}, frozenset())


async def test_a_run_whose_time_has_come_is_counted_where_nobody_has_moved_it(log: Log) -> None:
    before = await now(log, 0)
    late, later = before + 50, before + 600_000
    await ask(log, wish(1, job_id=None, target="a", ready_at=late, queue="low"))
    await ask(log, wish(2, job_id=None, target="a", ready_at=later))
    while await now(log, 0) <= late:
        continue

    found = await waiting_in(log, 0)

    assert counts(found) == {("low", "a"): (1, 0)}
    assert late <= found.groups["low", "a"].since <= found.now


async def test_what_lies_aside_is_counted_apart_and_what_sessions_have_is_told(log: Log) -> None:
    await create(log)
    await join(log, "s", body=None, executors=announced(["b", ODD]))
    await ask(log, wish(1, target="a"), wish(2, target="a"), wish(3, target=ODD))
    await grab(log, 1, session="s")
    await ask(log, wish(4, target="a"), wish(5, target="b"))

    found = await waiting_in(log, 0)

    assert counts(found) == {("default", "a"): (1, 2), ("default", "b"): (1, 0)}
    assert 0 < found.groups["default", "a"].aside_since <= found.groups["default", "a"].since
    assert found.executors == {"b", ODD}
    assert (found.is_lacked("a"), found.is_lacked("b")) == (True, False)

    await join(log, "old", body=None)  # of the release before: it may be granted anything
    assert (await waiting_in(log, 0)).executors is None
    assert not (await waiting_in(log, 0)).is_lacked("a")
    for session in ("s", "old"):
        await leave(log, session, body=None)
    assert (await waiting_in(log, 0)).is_lacked("b")


async def test_beyond_what_is_looked_at_each_executor_counts_at_least_one(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "ENTRIES_MOST", 1)
    monkeypatch.setattr(waiting, "_PAGE", 20)
    monkeypatch.setattr(waiting, "_PAGE_FIRST", 7)
    await ask(log, *(wish(number, job_id=None, target="a") for number in range(20)))
    assert (await waiting_in(log, 0)).beyond == frozenset()
    await ask(log, wish(20, job_id=None, target="b"), wish(21, job_id=None, target="b", queue="low"))

    found = await waiting_in(log, 0)

    assert counts(found) == {("default", "a"): (20, 0), ("low", "b"): (1, 0)}
    assert found.beyond == {"default"}
    wanted = [frozenset({name}) for name in ("a", "b", "c")]
    assert [demand_of([found], queue, wanted).waiting for queue in ("critical", "default", "low")] == [0, 22, 1]


async def test_large_requests_are_read_in_smaller_pages_and_to_a_bound(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_PAGE_BYTES", 1)
    await ask(log, *(wish(number, job_id=None) for number in range(150)))
    assert counts(await waiting_in(log, 0)) == {("default", "demo.noop"): (150, 0)}
    monkeypatch.setattr(waiting, "_BYTES_MOST", 1)
    found = await waiting_in(log, 0)
    assert (counts(found), found.beyond) == ({("default", "demo.noop"): (100, 0)}, {"default"})


async def test_of_a_head_what_lies_aside_is_counted_whole_and_each_queue_to_a_bound(log: Log) -> None:
    await create(log)
    await join(log, "s", body=None, executors=announced(["b"]))
    await ask(log, *(wish(number, target="a") for number in range(400)))
    number = 0
    while (await grab(log, number := number + 1, session="s")).more:
        pass
    await ask(log, *(wish(number, target="c") for number in range(500, 501 + HEAD)), wish(999, target="d", queue="low"))

    found = await head_in(log, 0)

    assert counts(found) == {("default", "a"): (0, 400), ("default", "c"): (HEAD, 0), ("low", "d"): (1, 0)}
    assert (found.beyond, found.executors) == ({"default"}, {"b"})


async def test_of_a_head_no_queue_is_read_where_a_session_may_be_granted_anything(log: Log) -> None:
    await create(log)
    await join(log, "s", body=None, executors=announced(["b"]))
    await ask(log, wish(1, target="a"))
    await grab(log, 1, session="s")
    await ask(log, wish(2, target="a"))
    await join(log, "old", body=None)  # of the release before

    found = await head_in(log, 0)

    assert counts(found) == {("default", "a"): (0, 1)}
    assert (found.beyond, found.executors) == (frozenset(), None)


async def test_a_partition_is_read_at_most_once_in_some_seconds(log: Log) -> None:
    clock = Hurrying()
    runs = WaitingRuns(log, clock)
    first = await runs.of(0)
    await ask(log, wish(1, job_id=None))
    assert await runs.of(0) is first
    assert counts(head := await runs.head_of(0)) == {("default", "demo.noop"): (1, 0)}
    assert await runs.head_of(0) is head
    clock.ahead = FRESH_FOR
    assert counts(await runs.of(0)) == {("default", "demo.noop"): (1, 0)}


def test_demand_adds_up_partitions_and_names_and_takes_the_longest_wait() -> None:
    group = waiting.Group
    one = Waiting(
        100, {("q", "a"): group(2, 90, 1, 40), ("q", "b"): group(1, 10, 0, 0)}, frozenset(), frozenset(), None
    )
    other = Waiting(1_000, {("q", "a.old"): group(0, 0, 3, 980), ("x", "a"): group(9, 1, 0, 0)}, *one[2:])
    names = frozenset({"a", "a.old"})

    assert demand_of([one, other], "q", [names]) == Demand(6, 4, 60)
    assert demand_of([one, other], "q", [names, names, frozenset({"b"})]) == Demand(7, 4, 90)
    assert demand_of([one, other], "q", [frozenset({"c"})]) == Demand(0, 0, None)


async def test_what_lies_aside_is_lacked_where_no_live_session_has_it_and_all_say_what_they_have(log: Log) -> None:
    await create(log)
    await join(log, "a", body=None, executors=announced(["a"]))
    await ask(log, *(wish(number, target="b") for number in (1, 2)), wish(3, target=ODD))
    assert await lacked_in(log, 0) == {}  # no session has met them yet
    await grab(log, 1, slots=5, session="a")
    assert await lacked_in(log, 0) == {"b": 2, ODD: 1}

    await join(log, "b", body=None, executors=announced(["b"]))
    assert await lacked_in(log, 0) == {ODD: 1}
    await set_paused(log, command=Command(id="p"), event=QueuePaused(queue="default"))
    assert await lacked_in(log, 0) == {}
    await set_paused(log, command=Command(id="r"), event=QueueResumed(queue="default"))
    assert await lacked_in(log, 0) == {ODD: 1}

    await join(log, "old", body=None)
    assert await lacked_in(log, 0) == {}

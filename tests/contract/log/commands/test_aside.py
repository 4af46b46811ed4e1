"""A run goes only to a session that has its executor, and waits aside for one, whatever else happens to it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import pytest
import pytest_asyncio

from tests.contract.log.build import (
    CANCELLED,
    QUEUES,
    ask,
    change,
    create,
    ending,
    entries_of,
    events_of,
    finish,
    grab,
    mop,
    past,
    run_of,
    tags_of,
    wish,
)
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.aside import (
    announced,
    count_aside,
    executors_by_session,
    names_in,
    return_aside,
    waits_for,
)
from waterclock.log.commands.attempts import Claimed, promote, wait_wake
from waterclock.log.commands.bodies import body_of
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.queues import Depth, depths, set_paused
from waterclock.log.commands.runs import EndedRun, LiveRun, cancel, find_run
from waterclock.log.connection.errors import NoSession
from waterclock.log.liveness.sessions import join, leave, sessions
from waterclock.log.records import Record, record_of
from waterclock.model.events import QueuePaused, QueueResumed, RunCancelled, RunCancelRequested, RunDied
from waterclock.model.ids import RunId

BACKUP, REPORT = "db.backup", "report"
ODD: tuple[str, ...] = ('say "hi"', "a:b", "back\\slash", "Übung ⏰", "a", "ab", "a\tb", "{wc:0}")


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)


class Session:
    """One that says what it can run; None: one of a release that does not."""

    def __init__(self, log: Log, name: str, executors: Sequence[str] | None) -> None:
        self.log = log
        self.name = name
        self.says = None if executors is None else announced(executors)
        self.claims = 0
        self.looked = 0
        self.sought = ""
        self.credit: list[float] = [0, 0, 0]

    async def join(self) -> "Session":
        await join(self.log, self.name, body=None, executors=self.says)
        return self

    async def claim(self, slots: int = 10, **how: Any) -> Claimed:
        self.claims += 1
        claimed = await grab(
            self.log,
            self.claims,
            slots=slots,
            session=self.name,
            looked=self.looked,
            sought=self.sought,
            credit=self.credit,
            **how,
        )
        self.looked, self.sought, self.credit = claimed.looked, claimed.sought, claimed.credits
        return claimed

    async def leave(self) -> None:
        await leave(self.log, self.name, body=None)


async def session(log: Log, name: str, *executors: str) -> Session:
    return await Session(log, name, executors).join()


async def old(log: Log, name: str = "old") -> Session:
    return await Session(log, name, None).join()


def names(claimed: Claimed) -> list[str]:
    return [grant.run_id for grant in claimed.grants]


async def members(log: Log) -> list[str]:
    key = log.keys.partition(0, "aside")
    return [one.decode() for one in cast("list[bytes]", await log.execute(key, "ZRANGE", key, 0, -1))]


async def record_in(log: Log, run_id: str) -> Record:
    key = log.keys.partition(0, "runs")
    return record_of(cast("bytes", await log.execute(key, "HGET", key, run_id)))


async def wishes(log: Log, *targets: str, first: int = 1, **how: Any) -> list[RunId]:
    """Request runs of these executors, in this order."""
    asked = [wish(first + place, target=target, **how) for place, target in enumerate(targets)]
    await ask(log, *asked)
    return [one.run_id for one in asked]


async def stop(log: Log, run_id: str) -> object:
    return await cancel(
        log,
        run_id,
        command=Command(id=f"stop {run_id}"),
        body_requested=body_of(RunCancelRequested(run_id=RunId(run_id))),
        body_cancelled=body_of(RunCancelled(run_id=RunId(run_id))),
    )


async def test_a_run_goes_only_to_a_session_that_has_its_executor(log: Log) -> None:
    reports, backups = await session(log, "reports", REPORT), await session(log, "backups", BACKUP)
    first, second, third, fourth = await wishes(log, BACKUP, REPORT, BACKUP, REPORT)

    got = await reports.claim()
    assert names(got) == [second, fourth]
    assert not got.more
    assert len(await members(log)) == 2
    assert names(await backups.claim()) == [first, third]
    assert await members(log) == []
    assert (await tags_of(log)).count("run.started") == 4


async def test_what_lies_aside_goes_before_younger_runs_of_its_queue_in_the_order_it_came(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    older = await wishes(log, BACKUP, "db.restore", BACKUP, "db.restore")
    await reports.claim()
    younger = await wishes(log, BACKUP, "db.restore", first=10)

    backups = await session(log, "backups", BACKUP, "db.restore")

    assert names(await backups.claim(3)) == older[:3]
    assert names(await backups.claim(3)) == [older[3], *younger]


async def test_a_session_with_no_executor_is_granted_nothing_and_one_that_does_not_say_anything(log: Log) -> None:
    none = await session(log, "none")
    asked = await wishes(log, BACKUP, REPORT)
    assert names(await none.claim()) == []
    everything = await old(log)
    assert names(await everything.claim()) == asked


async def test_an_alias_counts_as_a_name(log: Log) -> None:
    aliased = await session(log, "aliased", BACKUP, "db:backup")
    asked = await wishes(log, "db:backup", BACKUP)
    assert names(await aliased.claim()) == asked


@pytest.mark.parametrize("name", ODD)
async def test_executors_are_told_apart_whatever_their_names_hold(log: Log, name: str) -> None:
    others = await session(log, "others", *(one for one in ODD if one != name))
    own = await session(log, "own", name)
    asked = dict(zip(ODD, await wishes(log, *ODD), strict=True))

    assert set(names(await others.claim())) == set(asked.values()) - {asked[name]}
    assert [(one.queue, one.executor, one.runs) for one in (await count_aside(log, 0)).groups] == [("default", name, 1)]
    assert names(await own.claim()) == [asked[name]]


async def test_a_name_in_other_members_of_a_request_is_not_the_executor(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    told = '"invokeTarget":"db.backup"'
    one = wish(1, target=REPORT, command_id=told)
    await ask(log, one)
    assert names(await reports.claim()) == [one.run_id]


def test_what_a_session_says_is_read_as_it_was_meant() -> None:
    assert names_in(announced(ODD)) == set(ODD)
    assert names_in(announced([])) == frozenset()


async def test_it_is_told_who_can_run_what_and_what_lies_aside_since_when(log: Log) -> None:
    began = await now(log, 0)
    reports, _ = await session(log, "reports", REPORT, *ODD), await old(log, "another")
    assert await executors_by_session(log, 0) == {"reports": {REPORT, *ODD}, "another": None}
    await leave(log, "another", body=None)
    assert list(await executors_by_session(log, 0)) == ["reports"]

    await wishes(log, BACKUP, BACKUP)
    await wishes(log, BACKUP, "db.restore", first=3, queue="low")
    await reports.claim()

    told = await count_aside(log, 0)
    counts = [(one.queue, one.executor, one.runs) for one in told.groups]
    assert counts == [("default", BACKUP, 2), ("low", BACKUP, 1), ("low", "db.restore", 1)]
    assert all(began <= one.since <= told.now for one in told.groups)
    found = (await depths(log, 0)).queues
    assert found == {
        "critical": Depth(0, 0, ""),
        "default": Depth(0, 0, "", aside=2),
        "low": Depth(0, 0, "", aside=2),
    }


async def test_many_groups_are_told_page_by_page(log: Log) -> None:
    none = await session(log, "none")
    targets = [f"executor-{number:03}" for number in range(260)]
    await wishes(log, *targets)
    while (await none.claim()).more:
        pass
    told = await count_aside(log, 0)
    assert ([one.executor for one in told.groups], told.more) == (targets, False)
    part = await count_aside(log, 0, most=10)
    assert (part.groups, part.more) == (told.groups[: len(part.groups)], True)


async def test_one_of_many_executors_finds_its_run_among_those_of_many_others(log: Log) -> None:
    none = await session(log, "none")
    targets = [f"executor-{number:03}" for number in range(150)]
    asked = await wishes(log, *targets)
    while (await none.claim()).more:
        pass
    last = await session(log, "last", targets[-1], "something else")
    assert names(await last.claim()) == [asked[-1]]


async def test_how_long_a_run_waited_counts_from_when_it_was_queued(log: Log) -> None:
    began = await now(log, 0)
    none, backups = await session(log, "none"), await session(log, "backups", BACKUP)
    await wishes(log, BACKUP)
    asked_at = await now(log, 0)
    await none.claim()
    while await now(log, 0) < asked_at + 20:
        pass
    [grant] = (await backups.claim()).grants
    assert 20 <= grant.waited <= await now(log, 0) - began


async def test_at_most_so_many_are_set_aside_in_a_claim_and_each_once(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    await wishes(log, *[BACKUP] * 350, REPORT)
    got = [await reports.claim(1) for _ in range(3)]
    assert [(len(one.grants), one.more) for one in got] == [(0, True), (0, True), (1, False)]
    assert len(await members(log)) == 350


async def test_an_idle_session_is_not_called_again_for_what_it_cannot_run(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    reader = log.reader()
    await wishes(log, *[BACKUP] * 20)
    claimed = await reports.claim()
    assert (claimed.grants, claimed.more) == ([], False)
    asleep = await wait_wake(reader, {0: claimed.wake}, 0.01)
    assert asleep.partitions == frozenset()
    await reader.close()


async def test_a_session_claims_no_more_than_its_slots_past_runs_of_others(log: Log) -> None:
    reports, backups = await session(log, "reports", REPORT), await session(log, "backups", BACKUP)
    asked = await wishes(log, *[BACKUP, REPORT] * 10)
    first = await reports.claim(3)
    assert names(first) == [asked[1], asked[3], asked[5]]
    assert first.more
    assert names(await backups.claim(20)) == asked[::2]
    assert names(await reports.claim(20)) == asked[7::2]


async def test_what_was_set_aside_costs_its_queue_no_share(log: Log) -> None:
    """The credits are those of queues in which the runs of others had never been."""

    async def shares(prefix: str, foreign: str) -> list[str]:
        one = await session(log, f"{prefix}-session", REPORT)
        for queue in QUEUES:
            for number in range(40):
                for target in ([foreign] * 3 if queue.name == "critical" and foreign else []) + [REPORT]:
                    name = RunId(f"{prefix}-{queue.name}-{number}-{target}-{len(asked)}")
                    asked.append(wish(0, job_id=None, run_id=name, queue=queue.name, target=target))
        await ask(log, *asked)
        asked.clear()
        found: list[str] = []
        for slots in (1, 3, 7, 10, 4, 5):
            claimed = await one.claim(slots)
            found += [name.split("-")[1] for name in names(claimed)]
            assert abs(sum(claimed.credits)) < 1e-6
        while (await one.claim(100)).more:
            pass
        return found

    asked: list[Any] = []
    plain = await shares("plain", "")
    beside = await shares("beside", BACKUP)
    assert Counter(beside) == Counter(plain)


async def test_strict_order_looks_past_runs_of_others(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    await wishes(log, *[BACKUP] * 5, queue="critical")
    asked = await wishes(log, REPORT, REPORT, first=10, queue="critical")
    low = await wishes(log, REPORT, first=20, queue="low")
    assert names(await reports.claim(3, strict=True)) == [*asked, *low]


async def test_a_paused_queue_is_neither_sorted_nor_served(log: Log) -> None:
    reports, backups = await session(log, "reports", REPORT), await session(log, "backups", BACKUP)
    [aside] = await wishes(log, BACKUP, queue="low")
    await reports.claim()
    await set_paused(log, command=Command(id="p"), event=QueuePaused(queue="low"))
    [due] = await wishes(log, BACKUP, first=2, queue="low")
    for one in (reports, backups):
        claimed = await one.claim()
        assert (claimed.grants, claimed.more) == ([], False)
    assert len(await members(log)) == 1
    await set_paused(log, command=Command(id="r"), event=QueueResumed(queue="low"))
    assert names(await backups.claim()) == [aside, due]


async def test_a_run_that_lies_aside_is_a_queued_one(log: Log) -> None:
    none = await session(log, "none")
    [run_id] = await wishes(log, BACKUP)
    events = len(await entries_of(log))
    await none.claim()
    assert len(await entries_of(log)) == events
    found = await find_run(log, run_id)
    assert isinstance(found, LiveRun)
    assert (found.record.state, found.record.place, found.record.entry) == ("queued", "", "")
    assert [found.record.aside] == await members(log)
    [group] = (await count_aside(log, 0)).groups
    assert waits_for(found.record) == (BACKUP, group.since)


async def test_a_run_that_lies_aside_is_cancelled_at_once(log: Log) -> None:
    none = await session(log, "none")
    [run_id] = await wishes(log, BACKUP)
    await none.claim()
    await stop(log, run_id)
    assert await members(log) == []
    ended = await find_run(log, run_id)
    assert isinstance(ended, EndedRun)
    assert ended.status == "cancelled"


async def test_overlap_knows_it(log: Log) -> None:
    none, backups = await session(log, "none"), await session(log, "backups", BACKUP)
    [first] = await wishes(log, BACKUP, overlap="buffer_all")
    await none.claim()
    [second] = await wishes(log, BACKUP, first=2, overlap="buffer_all")
    assert (await record_in(log, second)).state == "waiting"
    [grant] = (await backups.claim()).grants
    assert grant.run_id == first
    await finish(log, ending(grant))
    assert names(await backups.claim()) == [second]


async def test_a_later_run_that_cancels_others_cancels_it(log: Log) -> None:
    none = await session(log, "none")
    [first] = await wishes(log, BACKUP, overlap="cancel_other")
    await none.claim()
    [second] = await wishes(log, BACKUP, first=2, overlap="cancel_other", folds=True)
    assert await members(log) == []
    assert isinstance(await find_run(log, first), EndedRun)
    assert (await record_in(log, second)).state == "queued"


@pytest.mark.parametrize(("kind", "reason"), [("disable", "jobDisabled"), ("delete", "jobDeleted")])
async def test_a_run_whose_job_was_disabled_or_deleted_ends_though_nobody_has_its_executor(
    log: Log, kind: str, reason: str
) -> None:
    none = await session(log, "none")
    [run_id] = await wishes(log, BACKUP)
    await none.claim()
    await change(log, kind=kind, status="1")
    await none.claim()
    event = (await events_of(log))[-1]
    assert isinstance(event, RunCancelled)
    assert (event.run_id, event.reason, event.attempt) == (run_id, reason, 0)
    assert await members(log) == []


async def test_a_barred_run_does_not_start_where_its_executor_is(log: Log) -> None:
    none, backups = await session(log, "none"), await session(log, "backups", BACKUP)
    await wishes(log, BACKUP)
    await none.claim()
    await change(log, kind="disable", status="1")
    assert (await backups.claim()).grants == []
    assert isinstance((await events_of(log))[-1], RunCancelled)


async def test_all_that_lie_aside_are_looked_at_in_turn(log: Log) -> None:
    none = await session(log, "none")
    kept = [wish(0, job_id=None, run_id=RunId(f"a-{number:02}"), target="a") for number in range(45)]
    await ask(log, *kept)
    await wishes(log, "z")
    await none.claim()
    await change(log, kind="disable", status="1")
    for _ in range(5):
        await none.claim()
    assert len(await members(log)) == 45


async def test_one_whose_request_is_gone_dies_and_one_whose_record_nobody_can_read_too(log: Log) -> None:
    none = await session(log, "none")
    gone, unreadable, lasting = await wishes(log, BACKUP, BACKUP, BACKUP)
    await none.claim()
    specs, runs = log.keys.partition(0, "specs"), log.keys.partition(0, "runs")
    await log.execute(specs, "HDEL", specs, gone)
    await log.execute(runs, "HSET", runs, unreadable, b"\xc1")
    await none.claim()
    died = {event.run_id for event in await events_of(log) if isinstance(event, RunDied)}
    assert died == {gone, unreadable}
    assert [one.rpartition("\1")[2] for one in await members(log)] == [lasting]


async def test_who_is_suspect_stays_so_and_one_is_granted_at_a_time(log: Log) -> None:
    none = await session(log, "none")
    asked = await wishes(log, BACKUP, BACKUP, BACKUP)
    for start in range(2):
        dying = await session(log, f"dying-{start}", BACKUP)
        for _ in range(2):
            await dying.claim(2)
        await mop(log, 0, session=dying.name)
        if start == 0:
            for grant in (await (third := await session(log, "third", BACKUP)).claim(1, suspects=0)).grants:
                await finish(log, ending(grant, back=True))
            await third.leave()
    while (await none.claim()).more:
        pass
    lost = {run_id: (await record_in(log, run_id)).losses for run_id in asked}
    suspects = [run_id for run_id in asked if lost[run_id] >= 2]
    assert suspects
    backups = await session(log, "backups", BACKUP)
    held = await backups.claim(suspects=0)
    assert set(names(held)) == set(asked) - set(suspects)
    assert not held.more
    assert names(await backups.claim(10, suspects=1)) == suspects[:1]


async def test_a_run_that_is_given_back_tried_again_or_promoted_goes_to_who_has_its_executor(log: Log) -> None:
    reports, backups = await session(log, "reports", REPORT), await session(log, "backups", BACKUP)
    asked = await wishes(log, BACKUP, BACKUP)
    one, other = (await backups.claim()).grants
    ready_at = await now(log, 0) + 20
    [late] = await wishes(log, BACKUP, first=3, ready_at=ready_at)
    await finish(log, ending(one, back=True), ending(other, status=None, ready_at=ready_at))
    await past(log, ready_at)
    await promote(log, 0, body_cancelled=CANCELLED)
    assert (await reports.claim()).grants == []
    assert len(await members(log)) == 3
    again = (await backups.claim()).grants
    assert {grant.run_id for grant in again} == {*asked, late}
    assert again[0].run_id == asked[0], "what was given back comes first"


async def test_runs_of_a_dead_session_are_sorted_as_well(log: Log) -> None:
    reports, dying = await session(log, "reports", REPORT), await session(log, "dying", BACKUP)
    [run_id] = await wishes(log, BACKUP)
    await dying.claim()
    await mop(log, 0, session="dying")
    assert (await reports.claim()).grants == []
    [grant] = (await (await session(log, "backups", BACKUP)).claim()).grants
    assert (grant.run_id, grant.attempt, grant.losses) == (run_id, 2, 1)


async def test_they_stay_when_the_last_that_has_their_executor_leaves(log: Log) -> None:
    reports, backups = await session(log, "reports", REPORT), await session(log, "backups", BACKUP)
    await wishes(log, BACKUP)
    await reports.claim()
    await backups.leave()
    assert len(await members(log)) == 1


@pytest.mark.parametrize("count", [3, 600])
async def test_they_go_back_in_order_when_the_last_that_would_find_them_leaves(log: Log, count: int) -> None:
    reports = await session(log, "reports", REPORT)
    asked = await wishes(log, *[BACKUP] * count)
    while (await reports.claim()).more:
        pass
    assert len(await members(log)) == count
    await reports.leave()
    assert await members(log) == []
    assert await sessions(log, 0) == {}
    assert (await depths(log, 0)).queues["default"].queued == count
    everything = await old(log)
    got = [name for _ in range(count // 100 + 1) for name in names(await everything.claim(100))]
    assert got == asked


async def test_they_go_back_when_the_last_that_would_find_them_is_swept(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    asked = await wishes(log, *[BACKUP] * 300, REPORT)
    while (await reports.claim()).more:
        pass
    everything = await old(log)
    states = [(await mop(log, 0, session="reports")).state for _ in range(2)]
    assert states == ["more", "emptied"]
    assert await members(log) == []
    got = [name for _ in range(4) for name in names(await everything.claim(100))]
    assert set(got) == set(asked)


async def test_beside_a_session_that_does_not_say_what_it_can_run_claims_are_as_they_were(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    asked = await wishes(log, *[BACKUP] * 300, REPORT)
    while (await reports.claim()).more:
        pass
    everything = await old(log)
    claimed = await reports.claim(1)
    assert (names(claimed), claimed.more) == ([asked[0]], True)
    assert len(await members(log)) == 150
    assert names(await everything.claim(10)) == asked[1:11]
    await everything.leave()
    while (await reports.claim(1)).more:
        pass
    assert {asked[-1]} & {run for run in asked if (await record_in(log, run)).session == "reports"} == {asked[-1]}


async def test_whom_another_release_swept_no_longer_counts(log: Log) -> None:
    reports, ghost = await session(log, "reports", REPORT), await session(log, "ghost", BACKUP)
    del ghost
    key = log.keys.partition(0, "sessions")
    await log.execute(key, "HDEL", key, "ghost")  # as sweeps of the release before do
    asked = await wishes(log, BACKUP)
    await old(log)
    assert names(await reports.claim()) == asked


async def test_runs_that_are_left_aside_are_put_back_by_hand(log: Log) -> None:
    reports = await session(log, "reports", REPORT)
    asked = await wishes(log, *[BACKUP] * 300)
    while (await reports.claim()).more:
        pass
    assert await return_aside(log, 0) == 300
    assert await return_aside(log, 0) == 0
    assert (await depths(log, 0)).queues["default"].queued == 300
    backups = await session(log, "backups", BACKUP)
    assert names(await backups.claim(300)) == asked


async def test_a_repeated_claim_is_answered_again_from_what_it_took(log: Log) -> None:
    none, backups = await session(log, "none"), await session(log, "backups", BACKUP)
    await wishes(log, BACKUP, BACKUP, BACKUP)
    await none.claim()
    first = await backups.claim(2)
    backups.claims -= 1
    assert [(one.run_id, one.fence) for one in (await backups.claim(2)).grants] == [
        (one.run_id, one.fence) for one in first.grants
    ]
    assert len((await backups.claim(2)).grants) == 1


async def test_a_session_that_was_not_opened_claims_nothing(log: Log) -> None:
    with pytest.raises(NoSession):
        await Session(log, "stranger", [REPORT]).claim()


async def test_a_member_that_its_run_does_not_name_is_dropped(log: Log) -> None:
    backups, none = await session(log, "backups", BACKUP), await session(log, "none")
    [run_id, _] = await wishes(log, BACKUP, REPORT)
    await none.claim()
    key = log.keys.partition(0, "aside")
    for run in (run_id, run_of(99)):
        await log.execute(key, "ZADD", key, 0, f"default\1{BACKUP}\1" + "2" + "0" * 25 + f"\1{run}")
    assert names(await backups.claim()) == [run_id]
    assert [one.split("\1")[1] for one in await members(log)] == [REPORT]


async def test_what_was_given_back_comes_before_what_is_due_also_beyond_runs_of_others(log: Log) -> None:
    reports, backups = await session(log, "reports", REPORT), await session(log, "backups", BACKUP)
    first = await wishes(log, BACKUP, BACKUP, REPORT, BACKUP)
    held = {grant.run_id: grant for grant in [*(await backups.claim()).grants, *(await reports.claim()).grants]}
    for run_id in first:
        await finish(log, ending(held[run_id], back=True))
    await wishes(log, BACKUP, first=5)
    given_back = [run_id for run_id in first if run_id != first[2]]
    assert names(await backups.claim(3)) == given_back


async def test_all_that_lies_aside_for_a_session_comes_before_what_is_due(log: Log) -> None:
    """Of one executor there is more than its share of what a claim looks up at once."""
    names_of = [f"e{number}" for number in range(30)]
    nothing, all_of_them = await session(log, "nothing"), await session(log, "all", *names_of)
    asked = await wishes(log, *["e0"] * 20, *names_of[1:])
    await nothing.claim(100)
    assert len(await members(log)) == len(asked)
    late = await wishes(log, *["e0"] * 10, first=len(asked) + 1)
    granted = names(await all_of_them.claim(len(asked) + 1))
    assert set(granted) == {*asked, late[0]}
    assert [run_id for run_id in granted if run_id in asked[:20]] == asked[:20]

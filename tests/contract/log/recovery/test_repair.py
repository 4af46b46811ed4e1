"""Putting a partition back: events tell what it holds, nothing changes before the fork, and one repair counts."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from tests.contract.log.build import (
    QUEUES,
    J,
    ask,
    change,
    create,
    decided,
    ending,
    entries_of,
    finish,
    grab,
    past,
    run_of,
    wish,
)
from tests.contract.log.test_laws import JOBS, Play, check_parts_agree
from tests.support.held import held, told
from waterclock.log.client import Log, LogSettings
from waterclock.log.commands.aside import announced, count_aside, executors_by_session
from waterclock.log.commands.bodies import body_of, part
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import load_job
from waterclock.log.commands.names import NameTaken, reserve_name
from waterclock.log.commands.queues import set_paused
from waterclock.log.commands.requests import Unit, request
from waterclock.log.commands.runs import cancel
from waterclock.log.connection.errors import Halted, StaleRepair, StaleTerm, TailMoved
from waterclock.log.gates import gate_of, gate_of_names
from waterclock.log.liveness.leadership import acquire
from waterclock.log.liveness.sessions import join
from waterclock.log.records import End
from waterclock.log.recovery.opening import initialise, open_partition
from waterclock.log.recovery.repair import Repair, record_for, return_attempts
from waterclock.log.tail import entries_from
from waterclock.model.events import (
    AnyJobEvent,
    LeadershipTaken,
    LogForked,
    QueuePaused,
    QueueResumed,
    ResultRefused,
    RunCancelled,
    RunCancelRequested,
    RunLost,
    RunRequested,
    RunSucceeded,
    StoredEvent,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.positions import Position
from waterclock.model.readmodels.repair import (
    Ended,
    KnownJob,
    Standing,
    Unfinished,
    answered,
    ended,
    evolve,
    lined_up,
    paused,
    waiting_from,
)
from waterclock.model.timestamps import stamp
from waterclock.wire.envelope import Entry, UnknownEvent, request_body


class TellingPlay(Play):
    """As `Play`; and edits that let the runs of a job overlap, and clients whose keys and names stand in the events."""

    alike = True

    async def deed(self) -> None:
        await (
            self.chance.choice((self.loosen, self.pause, self.trigger)) if self.chance.random() < 0.1 else super().deed
        )()

    async def loosen(self) -> None:
        await change(self.log, self.chance.choice(list(JOBS)), kind="edit", releases=True)

    async def pause(self) -> None:
        kind = self.chance.choice((QueuePaused, QueueResumed))
        client = self.chance.random() < 0.5
        command = Command(id=f"pause {self.chance.random()}", fingerprint='"é' if client else "", client=client)
        event = kind(queue=self.chance.choice(QUEUES).name, command_id=command.id)
        await set_paused(self.log, command=command, event=event)

    async def trigger(self) -> None:
        self.requested += 1
        job_id = self.chance.choice(list(JOBS))
        one = wish(self.requested, job_id=job_id, overlap=JOBS[job_id], command_id=f"key {self.requested}")
        await request(self.log, one, command=Command(id=f"key {self.requested}", fingerprint="f", client=True))

    async def cancel(self) -> None:
        if not self.runs:
            return
        run_id = self.chance.choice(self.runs)
        command = Command(id=f"stop {run_id} {self.chance.random()}", client=self.chance.random() < 0.5)
        told: dict[str, Any] = {"run_id": run_id, "command_id": command.id}
        bodies = {
            "body_requested": body_of(RunCancelRequested(**told)),
            "body_cancelled": body_of(RunCancelled(**told)),
        }
        await cancel(self.log, run_id, command=command, **bodies)


def timed(entries: Iterable[Entry]) -> list[tuple[Position, StoredEvent, int]]:
    return [(entry.position, entry.event, entry.at) for entry in entries if not isinstance(entry.event, UnknownEvent)]


def events(entries: Iterable[Entry]) -> list[tuple[Position, StoredEvent]]:
    return [(position, event) for position, event, _ in timed(entries)]


def successes(entries: Iterable[Entry], jobs: Iterable[str]) -> dict[str, int]:
    """Of these jobs: the latest request of a run that succeeded; none of them answers an instant."""
    requested: dict[str, int] = {}
    found: dict[str, int] = {}
    for _, event, at in timed(entries):
        if isinstance(event, RunRequested):
            requested[event.run_id] = at
        elif isinstance(event, RunSucceeded) and event.job_id is not None and event.job_id in jobs:
            found[event.job_id] = max(found.get(event.job_id, 0), requested[event.run_id])
    return found


def bodies_of(entries: Iterable[Entry]) -> dict[str, bytes]:
    return {e.event.run_id: request_body(e.document) for e in entries if isinstance(e.event, RunRequested)}


def unfinished(entries: Iterable[Entry]) -> dict[str, Unfinished]:
    """The runs that these events leave unfinished, in the order of their requests."""
    runs: dict[str, Unfinished | None] = {}
    released: dict[str, Position] = {}
    for position, event, at in timed(entries):
        run_id: str | None = getattr(event, "run_id", None)
        if run_id is not None:
            runs[run_id] = evolve(runs.get(run_id), position, event, at=at)
        if isinstance(event, AnyJobEvent) and event.releases:
            released[event.job_id] = position
    left = {run_id: run for run_id, run in runs.items() if run is not None}
    lines = waiting_from(
        Standing(run.job_id, run.requested, run.state == "waiting", released.get(run.job_id))
        for run in left.values()
        if run.job_id is not None
    )
    return {run_id: lined_up(run, lines) for run_id, run in left.items()}


@pytest.mark.parametrize("seed", range(3))
async def test_what_a_partition_holds_follows_from_its_events(log: Log, seed: int) -> None:
    play = TellingPlay(log, seed)
    await play.begin()
    for _ in range(300):
        await play.deed()

    entries, found = await entries_of(log), await held(log)

    left = unfinished(entries)
    assert {run_id: told(record_for(run)) for run_id, run in left.items()} == found.runs
    bodies = bodies_of(entries)
    assert found.specs == {run_id: msgspec.json.decode(bodies[run_id]) for run_id in left}
    ends = {one.run_id: one for position, event in events(entries) if (one := ended(position, event))}
    assert found.ended == {run_id: end_told(one) for run_id, one in ends.items()}
    given = told_answers(events(entries))
    assert {name: found.answers[name] for name in given} == given
    asked_again = found.answers.keys() - given.keys()  # which is no event
    assert all("stop" in name or "pause" in name for name in asked_again)
    assert found.successes == successes(entries, found.jobs)
    assert found.paused == {queue: position.entry for queue, position in paused(events(entries)).items()}


def end_told(one: Ended) -> End:
    return End(status=one.status, settled=one.settled, entry=one.position.entry)


def told_answers(found: Iterable[tuple[Position, StoredEvent]]) -> dict[str, tuple[str, dict[str, Any]]]:
    given: dict[str, tuple[str, dict[str, Any]]] = {}
    for position, event in found:
        one = answered(position, event)
        if one is None:
            continue
        name = f"!{one.command_id}" if one.fingerprint is None else one.command_id
        entry = "" if isinstance(event, ResultRefused) else one.position.entry
        answer = {"entry": entry, "version": one.version, "at_once": one.at_once, "run_id": one.run_id}
        given[name] = (one.fingerprint or "", answer)
    return given


async def halt(log: Log, partition: int = 0) -> None:
    """As after a restart: the partition names another process."""
    meta = log.keys.partition(partition, "meta")
    await log.execute(meta, "HSET", meta, "run_id", "another process")


async def lived_in(log: Log) -> None:
    """A partition with runs in every state."""
    await create(log)
    await join(log, "w", body=None)
    await ask(log, wish(9))
    await finish(log, ending((await grab(log, 1, session="w")).grants[0]))
    await ask(log, *(wish(number, overlap="buffer_all") for number in range(3)), wish(5, ready_at=2_000_000_000_000))
    [first] = (await grab(log, 2, session="w")).grants
    await finish(log, ending(first, back=True))
    await grab(log, 3, session="w")


async def repair_all(log: Log, epoch: int) -> Position:
    """Put everything back from the stream's own events, and open the partition."""
    entries = await entries_of(log)
    stored = await load_job(log, J)
    assert stored is not None
    job = KnownJob(
        job_id=J,
        version=stored.version,
        definition=stored.definition,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        mark=stored.mark,
        barred_through=None,
        last_success=successes(entries, [J]).get(J, 0),
    )
    bodies = bodies_of(entries)
    runs = unfinished(entries)
    repair = await Repair.begin(log, 0, epoch=epoch)
    await repair.jobs([job])
    await repair.runs([(run, bodies[run_id].decode()) for run_id, run in runs.items()])
    end = entries[-1].position
    return await repair.fork(forked(repair), archived=end, tail=end.entry, paused={})


def forked(repair: Repair) -> LogForked:
    return LogForked(epoch=repair.epoch, server=repair.server, lost=0, repaired=repair.put)


async def test_a_repaired_partition_holds_what_it_held_and_begins_anew_in_its_epoch(log: Log) -> None:
    await lived_in(log)
    before, end = await held(log), (await entries_of(log))[-1].position
    await halt(log)

    place = await repair_all(log, 3)

    after = await held(log)
    assert (after.jobs, after.marks, after.runs, after.specs) == (before.jobs, before.marks, before.runs, before.specs)
    assert after.successes == before.successes != {}
    assert (after.active, after.waiting, after.due) == (before.active, before.waiting, before.due)
    assert place == Position(0, 3, 1)
    (entry,) = await entries_from(log, 0, place, count=9)
    assert (entry.prev, entry.event) == (
        end.entry,
        LogForked(epoch=3, server=(await gate_of(log, 0)).run_id, lost=0, repaired=5),
    )
    assert (await gate_of(log, 0))[:3] == (True, True, 3)
    assert isinstance(await reserve_name(log, "DEFAULT", "report", JobId("another"), "c"), NameTaken)


async def test_what_ran_when_the_log_was_lost_is_queued_again_for_free(log: Log) -> None:
    await lived_in(log)
    [running] = [run_id for run_id, record in (await held(log)).runs.items() if record.state == "running"]
    before = (await held(log)).runs[running]
    await halt(log)
    await repair_all(log, 3)

    assert await return_attempts(log, 0) == 1
    assert await return_attempts(log, 0) == 0

    after = (await held(log)).runs[running]
    assert (after.state, after.place, after.failures, after.losses) == ("queued", "again", 0, 0)
    last = (await entries_from(log, 0, Position(0, 3, 1), count=9))[-1].event
    assert last == RunLost(run_id=RunId(running), job_id=J, reason="storeLost", attempt=2, fence=before.fence)
    await join(log, "v", body=None)
    [again] = (await grab(log, 1, session="v")).grants
    assert (again.run_id, again.attempt, again.losses) == (running, 3, 0)
    assert again.fence > before.fence
    await check_parts_agree(log)


async def test_nothing_changes_before_the_fork(log: Log) -> None:
    await lived_in(log)
    await halt(log)
    before = await held(log)

    repair = await Repair.begin(log, 0, epoch=3)
    await repair.jobs([])
    await repair.runs([])

    assert await held(log) == before
    assert not (await gate_of(log, 0)).opened
    await open_partition(log, 0, epoch=4, expect_tail=None)  # had it lost nothing after all
    assert await held(log) == before


async def test_a_repair_is_void_once_another_has_begun(log: Log) -> None:
    await lived_in(log)
    await halt(log)
    end = (await entries_of(log))[-1].position
    first = await Repair.begin(log, 0, epoch=3)
    await Repair.begin(log, 0, epoch=4)

    with pytest.raises(StaleRepair):
        await first.remember([Ended(run_id=RunId("r"), status="failed", settled=1, position=end)], [])
    with pytest.raises(StaleRepair):
        await first.fork(forked(first), archived=end, tail=end.entry, paused={})
    with pytest.raises(StaleRepair):
        await Repair.begin(log, 0, epoch=3)
    await repair_all(log, 5)
    with pytest.raises(StaleRepair):
        await Repair.begin(log, 0, epoch=6)


async def test_a_stream_that_moved_since_it_was_compared_is_not_replaced(log: Log) -> None:
    await lived_in(log)
    await halt(log)
    repair = await Repair.begin(log, 0, epoch=3)

    with pytest.raises(TailMoved):
        await repair.fork(forked(repair), archived=Position(0, 1, 1), tail="1-1", paused={})


async def test_a_leader_of_an_earlier_epoch_is_stale_after_a_repair(log: Log) -> None:
    await create(log)
    first = await acquire(log, 0, scheduler="one", ttl_ms=60_000, body=part(LeadershipTaken, scheduler="one"))
    await halt(log)
    await repair_all(log, 3)

    second = await acquire(log, 0, scheduler="two", ttl_ms=60_000, body=part(LeadershipTaken, scheduler="two"))

    assert second.mine
    job = await load_job(log, J)
    assert job is not None
    unit = Unit(job_id=J, version=1, mark=job.mark, through=await past(log, job.mark), items=())
    with pytest.raises(StaleTerm):
        await decided(log, unit, term=first.term)
    assert (await decided(log, unit, term=second.term)).results == ["done"]


async def test_names_wait_for_the_last_partition_to_be_open(any_redis_url: str, key_prefix: str) -> None:
    settings = LogSettings(url=any_redis_url, prefix=key_prefix)
    await initialise(settings, partitions=2, queues=QUEUES)
    log = await Log.connect(settings, role="test")
    await open_partition(log, 0, epoch=1, expect_tail=None)
    with pytest.raises(Halted):
        await reserve_name(log, "g", "n", J, "c")
    await open_partition(log, 1, epoch=1, expect_tail=None)
    assert (await gate_of_names(log)).opened
    await log.close()


async def test_names_of_which_nothing_is_left_are_put_back_from_the_definitions(log: Log) -> None:
    await create(log)
    await log.execute(log.keys.names, "DEL", log.keys.names, log.keys.names_meta)

    await open_partition(log, 0, epoch=2, expect_tail=None)

    assert isinstance(await reserve_name(log, "DEFAULT", "report", JobId("another"), "c"), NameTaken)


async def test_a_log_that_lost_everything_is_halted_for_those_who_knew_it(log: Log) -> None:
    await create(log)
    names = ("meta", "jobs", "marks", "events")
    await log.execute(log.keys.partition(0, "meta"), "DEL", *(log.keys.partition(0, name) for name in names))

    with pytest.raises(Halted):
        await ask(log, wish(1))
    with pytest.raises(Halted):
        await load_job(log, J)
    with pytest.raises(Halted):
        await log.refresh()


async def test_runs_that_lay_aside_are_in_their_queues_after_a_repair(log: Log) -> None:
    await create(log)
    nothing = announced(())
    await join(log, "w", body=None, executors=nothing)
    await ask(log, wish(1), wish(2, queue="low"))
    assert (await grab(log, 1, session="w")).grants == []
    before = await held(log)
    assert before.due == {"critical": [], "default": [], "low": []}
    await halt(log)

    await repair_all(log, epoch=2)

    after = await held(log)
    assert after.runs == before.runs
    assert after.due == {"critical": [], "default": [run_of(1)], "low": [run_of(2)]}
    assert (await count_aside(log, 0)).groups == []
    assert await executors_by_session(log, 0) == {}
    await join(log, "v", body=None, executors=announced(("demo.noop",)))
    claimed = await grab(log, 1, session="v")
    assert {grant.run_id for grant in claimed.grants} == {run_of(1), run_of(2)}


async def test_a_run_that_was_handed_back_for_a_while_is_put_back_for_the_rest_of_it(log: Log) -> None:
    await create(log)
    await join(log, "w", body=None)
    await ask(log, wish(1))
    [grant] = (await grab(log, 1, session="w")).grants
    ready_at = 2_000_000_000_000
    lost = RunLost(
        run_id=grant.run_id, job_id=J, reason="handedBack", attempt=1, fence=grant.fence, ready_at=stamp(ready_at)
    )
    back = msgspec.structs.replace(ending(grant, back=True), give_back=False, ready_at=ready_at, body=body_of(lost))
    assert await finish(log, back) == ["done"]
    before = await held(log)
    assert (before.runs[grant.run_id].failures, before.runs[grant.run_id].ready_at) == (0, ready_at)
    await halt(log)

    await repair_all(log, epoch=2)

    assert (await held(log)).runs == before.runs

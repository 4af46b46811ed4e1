"""A backfill: many runs by one command, whole, once, and none beside another where they may not overlap."""

import pytest
import pytest_asyncio

from tests.contract.log.build import J, change, create, decided, ending, entries_of, events_of, finish, grab, past, wish
from waterclock.log.client import Log
from waterclock.log.commands.backfill import Backfilled, backfill, requested_by
from waterclock.log.commands.idempotency import Command, KeyReused, Replayed
from waterclock.log.commands.jobs import load_job
from waterclock.log.commands.requests import Blocked, NoJob, Request, StaleJob, Unit
from waterclock.log.commands.runs import EndedRun, find_run
from waterclock.log.liveness.sessions import join
from waterclock.log.tail import delete_entries
from waterclock.model.definition import Overlap
from waterclock.model.events import RunRequested
from waterclock.model.positions import Position
from waterclock.wire.envelope import Entry

KEY = Command(id="k1", fingerprint="f1", client=True)


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)
    await join(log, "worker-1", body=None)


def runs(count: int, *, overlap: Overlap = "buffer_all", command: Command = KEY) -> list[Request]:
    return [wish(n, overlap=overlap, refuses=True, command_id=command.id) for n in range(1, count + 1)]


async def fill(
    log: Log, count: int, *, overlap: Overlap = "buffer_all", command: Command = KEY, version: int = 1
) -> Backfilled | Blocked | Replayed | KeyReused | NoJob | StaleJob:
    wished = runs(count, overlap=overlap, command=command)
    return await backfill(log, J, wished, command=command, version=version)


class Cold:
    """An archive of these entries."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries_kept = entries

    async def entries(self, partition: int, after: Position | None, before: Position) -> list[Entry]:  # noqa: ARG002
        return [
            entry
            for entry in self.entries_kept
            if (after is None or after < entry.position) and entry.position < before
        ]


async def test_runs_that_may_not_overlap_wait_for_one_another_in_their_order(log: Log) -> None:
    done = await fill(log, 3)
    assert isinstance(done, Backfilled)
    assert done.states == ["queued", "waiting", "waiting"]
    for number in (1, 2, 3):
        [grant] = (await grab(log, number)).grants
        assert grant.run_id == wish(number).run_id
        await finish(log, ending(grant))


async def test_runs_that_may_overlap_are_due_at_once(log: Log) -> None:
    done = await fill(log, 3, overlap="allow")
    assert isinstance(done, Backfilled)
    assert done.states == ["queued"] * 3
    assert len((await grab(log, 1)).grants) == 3


@pytest.mark.parametrize("command", [KEY, Command(id="ours")])
async def test_a_repeated_backfill_requests_nothing_more(log: Log, command: Command) -> None:
    done = await fill(log, 3, command=command)
    assert isinstance(done, Backfilled)
    before = await entries_of(log)
    again = await fill(log, 3, command=command)
    assert isinstance(again, Replayed)
    assert again.answer.position == done.position == before[-1].position
    assert await entries_of(log) == before


async def test_a_key_that_asked_for_something_else_is_refused(log: Log) -> None:
    await fill(log, 3)
    other = Command(id="k1", fingerprint="f2", client=True)
    assert isinstance(await fill(log, 3, command=other), KeyReused)


async def test_a_job_that_changed_or_went_is_not_backfilled(log: Log) -> None:
    assert isinstance(await fill(log, 2, version=2), StaleJob)
    await change(log, kind="delete")
    assert isinstance(await fill(log, 2), NoJob)
    assert not [event for event in await events_of(log) if isinstance(event, RunRequested)]


async def test_as_many_are_requested_as_may_wait(log: Log) -> None:
    job = await load_job(log, J)
    assert job is not None
    items = tuple(wish(n + 5000, overlap="buffer_all") for n in range(999))
    through = await past(log, job.mark)
    unit = Unit(job_id=J, version=1, mark=job.mark, through=through, items=items)
    assert (await decided(log, unit)).results == ["done"]

    done = await fill(log, 5)
    assert isinstance(done, Backfilled)
    assert done.states == ["waiting", "waiting"]
    command = Command(id="next")
    assert isinstance(await backfill(log, J, runs(9)[5:], command=command, version=1), Blocked)
    # what was refused may be asked again, by the same command
    [grant] = (await grab(log, 1)).grants
    await finish(log, ending(grant))
    done = await backfill(log, J, runs(9)[5:], command=command, version=1)
    assert isinstance(done, Backfilled)
    assert done.states == ["waiting"]


async def test_a_run_of_a_backfill_that_has_ended_is_not_requested_again(log: Log) -> None:
    await fill(log, 1)
    [grant] = (await grab(log, 1)).grants
    await finish(log, ending(grant))
    done = await fill(log, 2, command=Command(id="another"))
    assert isinstance(done, Backfilled)
    assert done.states == ["ended", "queued"]
    assert isinstance(await find_run(log, wish(1).run_id), EndedRun)


async def test_what_a_backfill_requested_is_read_back_also_when_it_was_trimmed(log: Log) -> None:
    await fill(log, 2, command=Command(id="before"))
    wished = runs(8)[5:]
    done = await backfill(log, J, wished, command=KEY, version=1)
    assert isinstance(done, Backfilled)
    await fill(log, 3, overlap="allow", command=Command(id="after"))
    whole = await entries_of(log)
    wanted = [one.run_id for one in wished]

    for gone in (0, len(whole) - 4, len(whole)):
        await delete_entries(log, 0, [entry.position.entry for entry in whole[:gone]])
        told = await requested_by(log, KEY.id, done.position, archive=Cold(whole))
        assert [event.run_id for event in told] == wanted


async def test_a_thousand_runs_are_one_call(log: Log) -> None:
    done = await fill(log, 1000, overlap="allow")
    assert isinstance(done, Backfilled)
    assert len(done.states) == 1000
    told = await requested_by(log, KEY.id, done.position, archive=Cold([]))
    assert [event.run_id for event in told] == [one.run_id for one in runs(1000)]

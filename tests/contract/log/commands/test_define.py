"""Changing a job: at the version and mark that the caller saw, all or nothing, once."""

from typing import Any

import pytest

from tests.contract.log.build import (
    J,
    ask,
    change,
    create,
    events_of,
    grab,
    job_of,
    run_of,
    skipped,
    tags_of,
    wish,
)
from tests.support.leaps import leapt
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.idempotency import Command, KeyReused, Replayed
from waterclock.log.commands.jobs import (
    Appended,
    Raced,
    StoredJob,
    define,
    load_job,
    load_jobs,
    scan_jobs,
)
from waterclock.log.commands.names import AlreadyDone, Burnt, burn_command
from waterclock.log.commands.requests import Quiet, Unit
from waterclock.log.commands.runs import LiveRun, find_run
from waterclock.log.connection.errors import ClockAhead, UnknownQueue
from waterclock.log.liveness.sessions import join
from waterclock.model.events import JobChanged, LogsCleared
from waterclock.model.ids import created_job
from waterclock.model.positions import Position

OTHER = created_job("another")


async def edit(
    log: Log, *, version: int, mark: int | None, through: int | None, units: tuple[Unit, ...] = ()
) -> object:
    job = job_of(version=version + 1, remark="edited")
    return await define(
        log,
        J,
        command=Command(id=f"edit at {version} {through}"),
        expected_version=version,
        expected_mark=mark,
        through=through,
        units=units,
        event=JobChanged(job_id=J, version=version + 1, definition=job.definition),
        job=job,
    )


async def test_a_created_job_is_stored_with_its_mark(log: Log) -> None:
    done = await create(log, cron_expression="@daily")
    assert isinstance(done, Appended)
    stored = await load_job(log, J)
    assert stored is not None
    assert stored.definition.cron_expression == "@daily"
    assert (stored.version, stored.barred_through, stored.mark) == (1, "0-0", done.mark)
    assert 0 <= await now(log, 0) - done.mark < 5000
    assert await tags_of(log) == ["epoch.began", "job.created"]


async def test_the_same_command_changes_nothing_the_second_time(log: Log) -> None:
    first = await create(log, command=Command(id="a key", fingerprint="f", client=True))
    second = await create(log, command=Command(id="a key", fingerprint="f", client=True))
    assert isinstance(first, Appended)
    assert isinstance(second, Replayed)
    assert second.answer.position == first.position
    assert second.answer.version == 1
    assert len(await events_of(log)) == 2


async def test_a_command_of_our_own_is_repeated_safely_too(log: Log) -> None:
    first = await create(log)
    second = await create(log)
    assert isinstance(first, Appended)
    assert isinstance(second, Replayed)
    assert second.answer.position == first.position


async def test_a_key_used_for_something_else_is_refused(log: Log) -> None:
    await create(log, command=Command(id="a key", fingerprint="f", client=True))
    again = await create(log, OTHER, command=Command(id="a key", fingerprint="g", client=True))
    assert isinstance(again, KeyReused)
    assert await load_job(log, OTHER) is None


async def test_an_edit_at_another_version_loses(log: Log) -> None:
    done = await create(log)
    assert isinstance(done, Appended)
    assert await edit(log, version=7, mark=None, through=None) == Raced(1, done.mark)
    assert len(await events_of(log)) == 2


async def test_an_edit_at_another_mark_loses(log: Log) -> None:
    done = await create(log)
    assert isinstance(done, Appended)
    assert await edit(log, version=1, mark=done.mark - 1, through=None) == Raced(1, done.mark)


async def test_a_mark_beyond_the_clock_is_refused(log: Log) -> None:
    done = await create(log)
    assert isinstance(done, Appended)
    later = await now(log, 0) + 60_000
    assert await edit(log, version=1, mark=done.mark, through=later) == Raced(1, done.mark)


async def test_a_mark_that_lies_beyond_a_clock_that_was_turned_back_stays_and_bars_no_edit(log: Log) -> None:
    await create(log)
    beyond = await now(log, 0) + 60_000
    async with leapt(log, ahead_ms=120_000):
        done = await edit(log, version=1, mark=None, through=beyond)
    assert isinstance(done, Appended)
    key = log.keys.partition(0, "meta")
    await log.execute(key, "HSET", key, "clock", 0)  # as `reconcile --clock` does

    assert await edit(log, version=2, mark=beyond, through=beyond + 1) == Raced(2, beyond)
    edited = await edit(log, version=2, mark=beyond, through=beyond)
    assert isinstance(edited, Appended)
    assert edited.mark == beyond


async def test_a_mark_never_goes_back(log: Log) -> None:
    done = await create(log)
    assert isinstance(done, Appended)
    assert await edit(log, version=1, mark=None, through=done.mark - 1) == Raced(1, done.mark)


async def test_a_store_far_ahead_of_the_caller_decides_nothing(log: Log) -> None:
    job = job_of()
    reading = await now(log, 0)
    with pytest.raises(ClockAhead) as refusal:
        await define(
            log,
            J,
            command=Command(id="c"),
            expected_version=0,
            expected_mark=None,
            through=reading,
            units=(),
            event=JobChanged(job_id=J, version=1, definition=job.definition),
            job=job,
            expected_now=reading - 2500,
        )
    assert refusal.value.now >= reading
    assert await load_job(log, J) is None


async def test_what_is_owed_is_appended_before_the_change(log: Log) -> None:
    done = await create(log)
    assert isinstance(done, Appended)
    through = await now(log, 0)
    unit = Unit(job_id=J, version=1, mark=done.mark, through=through, items=(Quiet(body=skipped(J)), wish(1)))
    changed = await edit(log, version=1, mark=done.mark, through=through, units=(unit,))
    assert changed == Appended(Position(0, 1, 5), through)
    assert (await tags_of(log))[2:] == ["fire.skipped", "run.requested", "job.changed"]
    assert isinstance(await find_run(log, run_of(1)), LiveRun)


async def test_an_unknown_queue_is_refused_before_anything_happens(log: Log) -> None:
    await create(log)
    unit = Unit(job_id=J, version=1, mark=0, through=0, items=(wish(1, queue="nowhere"),))
    with pytest.raises(UnknownQueue):
        await edit(log, version=1, mark=None, through=None, units=(unit,))


async def test_a_disable_bars_what_was_requested_before_it(log: Log) -> None:
    await create(log)
    await ask(log, wish(1))
    disabled = await change(log, kind="disable", status="1")
    stored = await load_job(log, J)
    assert stored is not None
    assert stored.barred_through == disabled.position.entry
    await change(log, kind="edit", status="0")
    again = await load_job(log, J)
    assert again is not None
    assert again.barred_through == disabled.position.entry


async def test_a_deleted_job_is_gone_with_its_mark(log: Log) -> None:
    await create(log)
    await change(log, kind="delete")
    assert await load_job(log, J) is None
    again = await create(log, command=Command(id="create it again"))
    assert isinstance(again, Appended)


async def test_clearing_logs_leaves_the_job_as_it_was(log: Log) -> None:
    await create(log)
    stored = await load_job(log, J)
    assert stored is not None
    cleared = await define(
        log,
        J,
        command=Command(id="clear"),
        expected_version=1,
        expected_mark=None,
        through=None,
        units=(),
        event=LogsCleared(job_id=J),
        job=stored,
    )
    assert isinstance(cleared, Appended)
    assert await load_job(log, J) == stored
    assert (await tags_of(log))[-1] == "logs.cleared"


async def test_an_edit_to_overlapping_runs_lets_the_waiting_go(log: Log) -> None:
    await create(log)
    await join(log, "w", body=None)
    await ask(log, *(wish(n, overlap="buffer_all") for n in (1, 2, 3)))
    assert len((await grab(log, 1, session="w")).grants) == 1
    await change(log, kind="edit", concurrent="0", releases=True)
    assert [grant.run_id for grant in (await grab(log, 2, session="w")).grants] == [run_of(2), run_of(3)]


async def test_a_change_rings_for_schedulers(log: Log) -> None:
    rings = log.keys.partition(0, "changes")
    assert await log.execute(rings, "XLEN", rings) == 0
    await create(log)
    await create(log, OTHER)
    found: Any = await log.execute(rings, "XRANGE", rings, "-", "+")
    assert [fields for _, fields in found] == [[b"job", J.encode()], [b"job", OTHER.encode()]]


async def test_jobs_are_read_many_at_once_and_all(log: Log) -> None:
    await create(log)
    await create(log, OTHER, status="1")
    loaded = await load_jobs(log, [OTHER, created_job("none"), J])
    jobs = [job for job in loaded if isinstance(job, StoredJob)]
    assert [job.job_id for job in jobs] == [OTHER, J]
    assert loaded[1] is None
    scanned = [job async for some in scan_jobs(log, 0) for job in some]
    assert sorted(scanned, key=repr) == sorted(jobs, key=repr)


async def test_a_burnt_command_is_never_executed(log: Log) -> None:
    assert await burn_command(log, J, f"create {J}") == Burnt()
    assert await burn_command(log, J, f"create {J}") == Burnt()
    late = await create(log)
    assert isinstance(late, Replayed)
    assert late.answer.burnt
    assert await load_job(log, J) is None


async def test_a_command_that_was_executed_is_not_burnt(log: Log) -> None:
    done = await create(log)
    assert isinstance(done, Appended)
    found = await burn_command(log, J, f"create {J}")
    assert isinstance(found, AlreadyDone)
    assert found.answer.position == done.position


async def test_the_partitions_clock_is_its_own_and_only_grows(log: Log) -> None:
    meta = log.keys.partition(0, "meta")
    ahead = await now(log, 0) + 3_600_000
    await log.execute(meta, "HSET", meta, "clock", ahead)
    assert await now(log, 0) == ahead
    done = await create(log)
    assert isinstance(done, Appended)
    assert done.mark == ahead

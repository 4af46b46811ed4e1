"""What becomes of a job's instants: policy × state × lateness × edit, one row each.

The job names each tenth minute and is decided through 11:55, that day. A row says when it is looked at, by
whom, and what is recorded: runs by their instant, ranges as first-last.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import pytest

from waterclock.model.definition import Definition
from waterclock.model.events import FireCoalesced, FireSkipped, RunRequested
from waterclock.model.ids import created_job, due_run
from waterclock.model.instants.fires import jitter_ms, owed
from waterclock.model.instants.misfire import policy_of, settle, settle_edit
from waterclock.model.instants.timetable import bounds_of, schedule_of
from waterclock.model.job import Delete, Job, JobCommand, Replace, SetStatus, decide, must_settle
from waterclock.model.timestamps import Stamp, millis, stamp

J = created_job("the job of the table")
JOB = Definition(job_name="a", invoke_target="demo.noop", cron_expression="*/10 * * * *", concurrent="0")
HOURLY = {"cron_expression": "0 * * * *"}


def at(clock: str) -> int:
    return int(datetime.fromisoformat(f"2026-05-05T{clock}").replace(tzinfo=UTC).timestamp() * 1000)


def on(clock: str) -> Stamp:
    return stamp(at(clock))


class Row(NamedTuple):
    says: str
    now: str
    recorded: str
    job: Mapping[str, Any] = MappingProxyType({})
    edit: JobCommand | dict[str, Any] | None = None  # None: a scheduler looks; a dict: these fields are changed


EVERY = {"misfire_policy": "1"}
ONCE = {"misfire_policy": "2"}
NOTHING = {"misfire_policy": "3"}
OFF = SetStatus(status="1")
ON = SetStatus(status="0")

ROWS = [
    Row("nothing is due yet", "11:59:59.999", ""),
    Row("on time", "12:00", "12:00"),
    Row("late, but less than the threshold", "12:00:59.999", "12:00"),
    Row("late by the threshold, policy 3", "12:01", "misfire 12:00-12:00 x1", NOTHING),
    Row("late by the threshold, policy 1", "12:01", "catchup 12:00 ready 12:01:00", EVERY),
    Row("late by the threshold, policy 2", "12:01", "catchup 12:00 ready 12:01:00", ONCE),
    Row("another threshold", "12:01", "12:00", {"misfire_threshold": 61}),
    Row("no threshold: on time is late", "12:00", "misfire 12:00-12:00 x1", {"misfire_threshold": 0}),
    Row("late and on time, policy 3", "12:10", "misfire 12:00-12:00 x1, 12:10", NOTHING),
    Row("late and on time, policy 1", "12:10", "catchup 12:00 ready 12:10:00, 12:10", EVERY),
    Row("late and on time, policy 2: the late are folded among themselves", "12:20",
        "fold 12:00-12:00 x1 into 12:10, catchup 12:10 ready 12:20:00 with 1, 12:20", ONCE),
    Row("an outage, policy 3", "12:25", "misfire 12:00-12:20 x3", NOTHING),
    Row("an outage, policy 2", "12:25", "fold 12:00-12:10 x2 into 12:20, catchup 12:20 ready 12:25:00 with 2", ONCE),
    Row("an outage, policy 1: paced, oldest first", "12:25",
        "catchup 12:00 ready 12:25:00, catchup 12:10 ready 12:25:05, catchup 12:20 ready 12:25:10",
        EVERY | {"catchup_pace": 5}),
    Row("an outage longer than the window", "12:25",
        "window 12:00-12:00 x1, catchup 12:10 ready 12:25:00, catchup 12:20 ready 12:25:00",
        EVERY | {"catchup_window": 900, "catchup_pace": 0}),
    Row("an instant as old as the window is in it", "12:25:00", "window 12:00-12:10 x2, catchup 12:20 ready 12:25:00",
        EVERY | {"catchup_window": 300}),
    Row("more late than the limit: the newest", "12:25", "overflow 12:00-12:10 x2, catchup 12:20 ready 12:25:00",
        EVERY | {"catchup_limit": 1}),
    Row("a limit of none", "12:25", "overflow 12:00-12:20 x3", EVERY | {"catchup_limit": 0}),
    Row("window and limit: the limit is what cuts", "12:35",
        "overflow 12:00-12:20 x3, catchup 12:30 ready 12:35:00",
        EVERY | {"catchup_window": 1500, "catchup_limit": 1}),
    Row("the mark is ahead of the clock", "11:50", ""),
    Row("a disabled job owes nothing", "12:25", "", {"status": "1"}),
    Row("on demand only", "12:25", "", {"cron_expression": None}),
    Row("startAt is an instant of its own", "12:10:30", "12:10", {"start_at": on("12:10")}),
    Row("startAt in the past changes nothing", "12:00", "12:00", {"start_at": on("01:00")}),
    Row("startAt to come", "12:25", "", {"start_at": on("13:00")}),
    Row("startAt cuts an outage", "12:25", "misfire 12:20-12:20 x1", NOTHING | {"start_at": on("12:15")}),
    Row("endAt is an instant of its own", "12:10:30", "misfire 12:00-12:00 x1, 12:10", {"end_at": on("12:10")}),
    Row("endAt is over", "12:25", "", {"end_at": on("11:59")}),
    Row("endAt cuts an outage", "12:25", "fold 12:00-12:00 x1 into 12:10, catchup 12:10 ready 12:25:00 with 1",
        ONCE | {"end_at": on("12:15")}),
    Row("startAt after endAt", "12:25", "", {"start_at": on("12:20"), "end_at": on("12:10")}),
    Row("an edit fires what is on time", "12:00:30", "12:00", edit=HOURLY),
    Row("an edit catches nothing up, policy 1", "12:25", "edited 12:00-12:20 x3", EVERY, edit=HOURLY),
    Row("an edit folds nothing, policy 2", "12:25", "edited 12:00-12:20 x3", ONCE, edit=HOURLY),
    Row("an edit of late and on time", "12:10:30", "edited 12:00-12:00 x1, 12:10", EVERY, edit=HOURLY),
    Row("an edit goes by the old threshold", "12:02", "12:00", {"misfire_threshold": 600},
        edit={"misfire_threshold": 1}),
    Row("an edit goes by the old endAt", "12:10:30", "edited 12:00-12:00 x1", {"end_at": on("12:05")},
        edit={"end_at": None}),
    Row("an edit of the zone settles", "12:25", "edited 12:00-12:20 x3", edit={"timezone": "Europe/Berlin"}),
    Row("an edit of the policy settles", "12:25", "edited 12:00-12:20 x3", edit=EVERY),
    Row("an edit of the queue settles", "12:25", "edited 12:00-12:20 x3", edit={"queue": "low"}),
    Row("an edit of jitter settles", "12:00:30", "12:00", edit={"jitter": 5}),
    Row("an edit of a remark leaves what is owed owed", "12:25", "", EVERY, edit={"remark": "b"}),
    Row("an edit of the target leaves what is owed owed", "12:25", "", EVERY, edit={"invoke_target": "b"}),
    Row("an edit that changes nothing", "12:25", "", EVERY, edit={}),
    Row("an edit of a disabled job", "12:25", "", EVERY | {"status": "1"}, edit=HOURLY),
    Row("an edit of a job on demand", "12:25", "", {"cron_expression": None}, edit=HOURLY),
    Row("an edit that disables fires nothing", "12:00:30", "disabled 12:00-12:00 x1", edit=HOURLY | {"status": "1"}),
    Row("to disable fires nothing, though on time", "12:00:30", "disabled 12:00-12:00 x1", edit=OFF),
    Row("to disable after an outage", "12:25", "disabled 12:00-12:20 x3", EVERY, edit=OFF),
    Row("to disable before anything is due", "11:59", "", edit=OFF),
    Row("to disable again", "12:25", "", {"status": "1"}, edit=OFF),
    Row("to enable catches nothing up", "12:25", "", EVERY | {"status": "1"}, edit=ON),
    Row("to delete fires nothing", "12:00:30", "deleted 12:00-12:00 x1", edit=Delete()),
    Row("to delete after an outage", "12:25", "deleted 12:00-12:20 x3", ONCE, edit=Delete()),
    Row("to delete a disabled job", "12:25", "", {"status": "1"}, edit=Delete()),
]  # fmt: skip


def clock(moment: Stamp | None) -> str:
    assert moment is not None
    return moment[11:16]


def told(event: RunRequested | FireSkipped | FireCoalesced) -> str:
    match event:
        case RunRequested(trigger="catchup", ready_at=ready):
            with_others = f" with {event.folded}" if event.folded else ""
            return f"catchup {clock(event.nominal_at)} ready {ready[11:19] if ready else 'now'}{with_others}"
        case RunRequested():
            return clock(event.nominal_at)
        case FireSkipped():
            return f"{event.reason} {clock(event.first)}-{clock(event.last)} x{event.count}"
        case FireCoalesced():
            into = next(
                clock(stamp(one)) for one in range(at("11:00"), at("14:00"), 60_000) if due_run(J, one) == event.into
            )
            return f"fold {clock(event.first)}-{clock(event.last)} x{event.count} into {into}"


def recorded(row: Row) -> list[RunRequested | FireSkipped | FireCoalesced]:
    """What is appended before a change, or when a scheduler looks."""
    definition = msgspec.structs.replace(JOB, **row.job)
    job = Job(job_id=J, version=1, definition=definition)
    schedule = schedule_of(J, definition)
    start_at, end_at = bounds_of(definition)
    mark, now, policy = at("11:55"), at(row.now), policy_of(definition)
    if schedule is None:
        return []
    if row.edit is None:
        if not definition.enabled:
            return []
        settled = settle(schedule, mark=mark, now=now, policy=policy, start_at=start_at, end_at=end_at)
    else:
        command = row.edit
        if isinstance(command, dict):
            command = Replace(definition=msgspec.structs.replace(definition, **command))
        reason = must_settle(job, decide(job, command, job_id=J))
        if reason is None:
            return []
        settled = settle_edit(
            schedule, mark=mark, now=now, policy=policy, reason=reason, start_at=start_at, end_at=end_at
        )
    return [one.event for one in owed(job, settled, mark=mark)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_a_case_is_decided_as_the_table_says(row: Row) -> None:
    events = recorded(row)

    assert (
        ", ".join(told(event).replace("ready now", f"ready {stamp(at(row.now))[11:19]}") for event in events)
        == row.recorded
    )
    for before, after in zip([on("11:55"), *(event.through for event in events)], events, strict=False):
        assert after.after == before, "the chain is broken"
    assert not events or events[-1].through == on(row.now)


def test_jitter_delays_the_run_and_not_the_instant() -> None:
    row = Row("", "12:00", "12:00", {"jitter": 30})

    [event] = recorded(row)

    assert isinstance(event, RunRequested)
    assert event.nominal_at == on("12:00")
    delay = jitter_ms(event.run_id, 30)
    assert 0 < delay < 30_000
    assert event.ready_at == stamp(at("12:00") + delay)


def test_jitter_is_the_same_whenever_it_is_asked() -> None:
    delays = [jitter_ms(due_run(J, at("12:00") + n * 60_000), 30) for n in range(500)]

    assert delays == [jitter_ms(due_run(J, at("12:00") + n * 60_000), 30) for n in range(500)]
    assert all(0 <= delay < 30_000 for delay in delays)
    assert 13_000 < sum(delays) / len(delays) < 17_000
    assert millis(on("12:00")) == at("12:00")

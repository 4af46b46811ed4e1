from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.support.previous import previous_sources
from waterclock.model.definition import Definition
from waterclock.model.errors import NotFound, VersionMismatch
from waterclock.model.events import (
    AnyJobEvent,
    EditReason,
    JobChanged,
    JobCreated,
    JobDeleted,
    JobDisabled,
    JobEnabled,
    LogsCleared,
)
from waterclock.model.ids import JobId
from waterclock.model.job import (
    ClearLogs,
    Create,
    Delete,
    Job,
    JobCommand,
    Replace,
    SetStatus,
    decide,
    evolve,
    must_settle,
)
from waterclock.model.positions import Position
from waterclock.wire.envelope import encode_body, read_document

J = JobId("0123456789abcdef")
NIGHTLY = Definition(job_name="nightly", invoke_target="demo.noop", cron_expression="0 2 * * *")
CREATED = JobCreated(job_id=J, version=1, definition=NIGHTLY)
DISABLED = JobDisabled(job_id=J, version=2)
DELETED = JobDeleted(job_id=J, version=2)


def given(*events: AnyJobEvent) -> Job | None:
    job: Job | None = None
    for event in events:
        job = evolve(job, event)
    return job


def after(job: Job | None, command: JobCommand) -> Job | None:
    for event in decide(job, command, job_id=J):
        job = evolve(job, event)
    return job


def test_a_job_is_created_at_version_one() -> None:
    assert decide(None, Create(job_id=J, definition=NIGHTLY), job_id=J) == (CREATED,)


def test_a_change_raises_the_version() -> None:
    changed = msgspec.structs.replace(NIGHTLY, remark="slow")

    assert decide(given(CREATED), Replace(definition=changed), job_id=J) == (
        JobChanged(job_id=J, version=2, definition=changed),
    )


def test_the_reason_of_a_change_and_of_a_deletion_is_kept() -> None:
    changed = msgspec.structs.replace(NIGHTLY, remark="slow")

    assert decide(given(CREATED), Replace(definition=changed, reason="INC-4711"), job_id=J) == (
        JobChanged(job_id=J, version=2, definition=changed, reason="INC-4711"),
    )
    assert decide(given(CREATED), Delete(reason="moved"), job_id=J) == (
        JobDeleted(job_id=J, version=2, reason="moved"),
    )


def test_the_release_before_reads_a_change_with_a_reason(tmp_path: Path) -> None:
    event = JobChanged(job_id=J, version=2, definition=NIGHTLY, reason="INC-4711")
    body = encode_body(event)
    document = b'{"id":"0-1-2","at":"2026-11-23T06:00:01.000Z",' + body[1:]
    assert read_document(Position(0, 1, 2), "1-1", 1, document).event == event
    code = (
        "import sys, waterclock; from waterclock.wire.envelope import read_document\n"
        "from waterclock.model.positions import Position\n"
        "found = read_document(Position(0, 1, 2), '1-1', 1, sys.stdin.buffer.read())\n"
        "print(waterclock.__path__[0], type(found.event).__name__, found.event.version, found.document.decode())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(previous_sources(tmp_path))},
        input=document, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    place, *told = ended.stdout.decode().split(maxsplit=3)
    assert place.startswith(str(tmp_path))
    assert told == ["JobChanged", "2", document.decode() + "\n"]


def test_a_change_decided_on_another_version_is_refused() -> None:
    with pytest.raises(VersionMismatch) as refusal:
        decide(given(CREATED, DISABLED), Replace(definition=NIGHTLY, version=1), job_id=J)

    assert (refusal.value.current, refusal.value.shown) == (2, 1)


@pytest.mark.parametrize("command", [Replace(definition=NIGHTLY), SetStatus(status="0"), Delete(), ClearLogs()])
def test_a_deleted_job_is_not_found(command: JobCommand) -> None:
    with pytest.raises(NotFound):
        decide(given(CREATED, DELETED), command, job_id=J)


@pytest.mark.parametrize(
    "command",
    [
        Create(job_id=J, definition=NIGHTLY),
        Replace(definition=msgspec.structs.replace(NIGHTLY, queue="low")),
        SetStatus(status="1", reason="holiday"),
    ],
)
def test_the_same_command_twice_yields_nothing_the_second_time(command: JobCommand) -> None:
    once = after(None if isinstance(command, Create) else given(CREATED), command)

    assert decide(once, command, job_id=J) == ()


def test_a_job_disabled_and_enabled_keeps_its_definition() -> None:
    job = given(CREATED, DISABLED, JobEnabled(job_id=J, version=3))

    assert job == Job(job_id=J, version=3, definition=NIGHTLY)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (DISABLED, "disabled"),
        (DELETED, "deleted"),
        (LogsCleared(job_id=J), None),
        (JobChanged(job_id=J, version=2, definition=msgspec.structs.replace(NIGHTLY, remark="x")), None),
        (JobChanged(job_id=J, version=2, definition=msgspec.structs.replace(NIGHTLY, timeout=5)), None),
        (JobChanged(job_id=J, version=2, definition=msgspec.structs.replace(NIGHTLY, queue="low")), "edited"),
        (JobChanged(job_id=J, version=2, definition=msgspec.structs.replace(NIGHTLY, timezone="Asia/Tokyo")), "edited"),
        (JobChanged(job_id=J, version=2, definition=msgspec.structs.replace(NIGHTLY, status="1")), "disabled"),
    ],
)
def test_what_is_owed_is_settled_before_a_change_that_would_alter_it(
    event: AnyJobEvent, reason: EditReason | None
) -> None:
    job = given(CREATED)
    assert job is not None

    assert must_settle(job, (event,)) == reason


def test_a_disabled_job_owes_nothing() -> None:
    job = given(CREATED, DISABLED)
    assert job is not None

    assert must_settle(job, (JobEnabled(job_id=J, version=3),)) is None
    assert must_settle(job, (DELETED,)) is None

"""Jobs as an earlier release put them into the log: past all that this one checks."""

from __future__ import annotations

from waterclock.kit.randomness import token
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import Appended, Defined, StoredJob, define
from waterclock.log.commands.names import reserve_name
from waterclock.model.definition import Definition
from waterclock.model.events import JobCreated
from waterclock.model.ids import JobId, created_job
from waterclock.model.timestamps import stamp


async def put_in(log: Log, definition: Definition) -> JobId:
    """A job whose name is reserved by itself alone."""
    command = Command(id=token())
    job_id = created_job(command.id)
    await reserve_name(log, definition.job_group, definition.job_name, job_id, command.id)
    done = await create_job(log, job_id, definition, command)
    assert isinstance(done, Appended), done
    return job_id


async def create_job(log: Log, job_id: JobId, definition: Definition, command: Command) -> Defined:
    """A job's first event, decided through now; its name is not reserved."""
    through = await now(log, log.partition_of(job_id))
    at = stamp(through)
    return await define(
        log,
        job_id,
        command=command,
        expected_version=0,
        expected_mark=None,
        through=through,
        units=(),
        event=JobCreated(job_id=job_id, version=1, definition=definition, after=at, through=at, command_id=command.id),
        job=StoredJob(job_id=job_id, version=1, definition=definition, created_at=at, updated_at=at),
    )

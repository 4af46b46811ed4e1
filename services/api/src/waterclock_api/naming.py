"""Names of jobs, unique in their group: taken before the job bears them.

A reservation counts only while its job bears the name. Any other is void: what a refused command left, or a crash. Who
meets one burns the command that made it, so that it cannot be executed any more, looks again, and takes the name.
"""

from __future__ import annotations

from waterclock.log.client import Log
from waterclock.log.commands import Command
from waterclock.log.jobs import load_job
from waterclock.log.names import Reserved, burn_command, replace_name, reserve_name
from waterclock.model.definition import Definition
from waterclock.model.errors import NameTaken, TryLater
from waterclock.model.ids import JobId

_ROUNDS = 5  # others may take the name between two looks


async def take_name(log: Log, definition: Definition, job_id: JobId, command: Command) -> None:
    """Reserve the definition's name for a job that is about to bear it.

    Raises:
        NameTaken: another job bears it.
        TryLater: it changes hands too often.
    """
    group, name = definition.job_group, definition.job_name
    for _ in range(_ROUNDS):
        taken = await reserve_name(log, group, name, job_id, command.id)
        if isinstance(taken, Reserved):
            return
        if await _bears(log, taken.job_id, group, name):
            raise NameTaken(group, name)
        for client in (False, True):  # whose command it was cannot be told
            await burn_command(log, taken.job_id, taken.command_id, client=client)
        if await _bears(log, taken.job_id, group, name):
            raise NameTaken(group, name)
        if isinstance(await replace_name(log, group, name, job_id, command.id, seen=taken), Reserved):
            return
    raise TryLater("The name is being taken and given back by others.")


async def _bears(log: Log, job_id: JobId, group: str, name: str) -> bool:
    job = await load_job(log, job_id)
    return job is not None and (job.definition.job_group, job.definition.job_name) == (group, name)

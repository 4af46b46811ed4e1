"""Names of jobs, unique in their group: taken before the job bears them.

A reservation counts only while its job bears the name, or one that is one with it (`model.names`). Any other is void:
what a refused command left, or a crash. Who meets one burns the command that made it, so that it cannot be executed any
more, looks again, and takes the name.

Releases before this one reserved a name by itself alone, whatever it holds: `OddNames` knows those that are more than
what they have in common with others, so that nobody takes a name beside them that looks the same.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import load_job
from waterclock.log.commands.names import (
    Reserved,
    burn_command,
    holder,
    odd_names,
    release_name,
    replace_name,
    reserve_name,
    spellings,
)
from waterclock.log.connection.errors import AccessLost, NotPermitted
from waterclock.model.definition import Definition
from waterclock.model.errors import NameTaken, TryLater
from waterclock.model.ids import JobId
from waterclock.model.names import common

_ROUNDS = 5  # others may take the name between two looks
_LOOK_AGAIN = 600.0  # s; while releases are replaced the one before may still reserve odd names
_log = logging.getLogger(__name__)
_Spelt = tuple[str, str]


class OddNames:
    """Names that were reserved by themselves alone, by what they have in common with others."""

    def __init__(self) -> None:
        self._found: Mapping[_Spelt, Collection[_Spelt]] = {}
        self._looked_at: float | None = None

    async def like(self, log: Log, clock: Clock, shared: _Spelt) -> Collection[_Spelt]:
        now = clock.monotonic()
        if self._looked_at is None or now - self._looked_at > _LOOK_AGAIN:
            try:
                self._found = await odd_names(log)
            except (NotPermitted, AccessLost) as error:
                _log.warning("look-alike names not checked", extra={"reason": str(error)})
            self._looked_at = now
        return self._found.get(shared, ())


async def take_name(
    log: Log, clock: Clock, odd: OddNames, definition: Definition, job_id: JobId, command: Command
) -> None:
    """Reserve the definition's name for a job that is about to bear it.

    Raises:
        NameTaken: another job bears it, or one that is one with it.
        TryLater: it changes hands too often.
    """
    spelt = spellings(definition.job_group, definition.job_name)
    for one in spelt:
        await _take(log, one, definition, job_id, command)
    for other in await odd.like(log, clock, spelt[0]):
        taken = await holder(log, *other)
        if taken is not None and taken.job_id != job_id:
            await _refuse_if_borne(log, taken.job_id, definition)


async def free_name(log: Log, before: Definition, after: Definition | None, job_id: JobId) -> None:
    """Free what a job had reserved before, but for what it goes on to bear."""
    kept = () if after is None else spellings(after.job_group, after.job_name)
    for one in spellings(before.job_group, before.job_name):
        if one not in kept:
            await release_name(log, *one, job_id)


async def _take(log: Log, spelt: _Spelt, definition: Definition, job_id: JobId, command: Command) -> None:
    for _ in range(_ROUNDS):
        taken = await reserve_name(log, *spelt, job_id, command.id)
        if isinstance(taken, Reserved):
            return
        await _refuse_if_borne(log, taken.job_id, definition)
        for client in (False, True):  # whose command it was cannot be told
            await burn_command(log, taken.job_id, taken.command_id, client=client)
        await _refuse_if_borne(log, taken.job_id, definition)
        if isinstance(await replace_name(log, *spelt, job_id, command.id, seen=taken), Reserved):
            return
    raise TryLater("Other requests are taking and releasing the name.")


async def _refuse_if_borne(log: Log, job_id: JobId, definition: Definition) -> None:
    """
    Raises:
        NameTaken: that job bears the definition's name, or one that is one with it.
    """
    job = await load_job(log, job_id)
    if job is None:
        return
    group, name = job.definition.job_group, job.definition.job_name
    wanted = definition.job_group, definition.job_name
    if (common(group), common(name)) == (common(wanted[0]), common(wanted[1])):
        raise NameTaken(*wanted, by=None if (group, name) == wanted else (group, name))

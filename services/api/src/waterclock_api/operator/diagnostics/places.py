"""What `waterclock doctor` says of stored jobs: which of them workers would stop, by what these announced."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import NamedTuple

import msgspec

from waterclock.model.definition import Definition
from waterclock.model.errors import Flaw
from waterclock.model.events import ExecutorSpec
from waterclock.model.parameters.authority import HTTP, held_by
from waterclock.model.places import PLACED
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.readmodels.shadow_tables import home
from waterclock_api.operator.diagnostics.checks import Finding, ok, problem, warning
from waterclock_api.validation.announced_places import Target, restoring, told
from waterclock_api.validation.executors import announced_by_workers, executors_of_workers

CHECK = "places"
MOST = 1000  # jobs that are named
_PAGE = 500
_PACKAGE = "waterclock_api"


class _Found(NamedTuple):
    name: str
    definition: Definition


async def of_jobs(connection: Connection) -> AsyncGenerator[Finding]:
    """Each job that a worker would stop, and each that goes on only because it is stored, with what mends it."""
    specs = {name: one for one in await executors_of_workers(connection) for name in (one.key, *one.aliases)}
    announced = await announced_by_workers(connection) if await _is_migrated(connection) else ()
    looked, named, more = 0, 0, 0
    async for one in _jobs(connection, specs):
        looked += 1
        definition = one.definition
        target = Target(name=definition.invoke_target, spec=specs.get(definition.invoke_target), queue=definition.queue)
        found = list(told(announced, target, definition.invoke_params))
        role = restoring(announced, target, definition.invoke_params)
        if role is not None:
            found.append((role, any(stops for _, stops in found)))  # told beside whatever else is
        if found and named == MOST:
            more += 1
        elif found:
            named += 1
            yield _finding(one, found)
    if more:
        yield warning(CHECK, f"{more} more jobs have findings", "fix those that are named, and run doctor again")
    if not named:
        yield ok(CHECK, f"{looked} job(s) use places or send secrets, all as the workers' announcements allow")


async def _is_migrated(connection: Connection) -> bool:
    """Whether there is a place to keep what workers announce: an operator may ask before there is."""
    wanted = {"schema": await home(connection), "table": "workers"}
    cursor = await connection.execute(statement("columns"), wanted)
    return "reach" in {row[0] for row in await cursor.fetchall()}


def _finding(job: _Found, found: list[tuple[Flaw, bool]]) -> Finding:
    stops = any(stopped for _, stopped in found)
    parts = [(flaw.pointer, *flaw.message.partition(": ")) for flaw, stopped in found if stopped or not stops]
    said = "; ".join(f"/invokeParams{pointer} {what}" for pointer, what, *_ in parts)
    do = "; ".join(dict.fromkeys(mends for *_, mends in parts if mends)) or "name a place that a worker has"
    if stops:
        return problem(CHECK, f"a run of the job {job.name} would be refused: {said}", do)
    return warning(CHECK, f"the job {job.name}: {said}", do)


async def _jobs(connection: Connection, specs: Mapping[str, ExecutorSpec]) -> AsyncIterator[_Found]:
    held = {name for name, spec in specs.items() if held_by(name, spec) in {"places", "references"}}
    wanted = {"targets": sorted(held | PLACED | {HTTP}), "after": "", "limit": _PAGE}
    while True:
        cursor = await connection.execute(statement("jobs_of_executors", _PACKAGE), wanted)
        rows = await cursor.fetchall()
        for job_id, group, name, definition in rows:
            yield _Found(f"{group}/{name} ({job_id})", msgspec.convert(definition, Definition))
        if len(rows) < _PAGE:
            return
        wanted["after"] = rows[-1][0]

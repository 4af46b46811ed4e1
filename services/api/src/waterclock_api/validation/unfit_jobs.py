"""Stored jobs that a schema does not fit any more, and the checks that found them, in Postgres.

An entry holds while its job names the same executor and has the same parameters: readers compare, so that an edit is
seen at once. Whoever checks moves a check on from where it stood, in the transaction that writes what was found: of
two who do the same only one gets on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from waterclock.model.errors import Flaw
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

NAMED = 1_000  # jobs in a page
_PACKAGE = "waterclock_api"


class Checked(NamedTuple):
    """How far the jobs of an executor are checked by a schema; `before`: how many did not fit the one before."""

    executor: str
    digest: str
    reached: str
    looked: int
    unfit: int
    untold: int
    before: int
    has_ended: bool


class StoredParams(NamedTuple):
    """A stored job with what it hands to its executor, as JSON."""

    job_id: str
    version: int
    target: str
    digest: str
    text: str


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    job_id: str
    executor: str
    target: str
    version: int
    params_digest: str
    flaws: tuple[dict[str, str], ...]


class UnfitJob(NamedTuple):
    job_id: str
    group: str
    name: str
    enabled: bool
    executor: str
    flaws: Sequence[Mapping[str, str]]

    @property
    def named(self) -> str:
        return f"{self.group}/{self.name} ({self.job_id})"


class Ended(NamedTuple):
    looked: int
    unfit: int
    untold: int
    before: int


def misfit(job: StoredParams, executor: str, flaws: Sequence[Flaw]) -> Misfit:
    return Misfit(
        job_id=job.job_id,
        executor=executor,
        target=job.target,
        version=job.version,
        params_digest=job.digest,
        flaws=tuple({"pointer": flaw.pointer, "message": flaw.message} for flaw in flaws),
    )


async def take(connection: Connection) -> bool:
    """Be the one who checks, until the session ends; False: another is."""
    row = await (await connection.execute(statement("take_schema_checks", _PACKAGE))).fetchone()
    return row is not None and row[0]


async def checks(connection: Connection) -> dict[str, Checked]:
    cursor = await connection.execute(statement("schema_checks", _PACKAGE))
    return {row[0]: Checked(*row) for row in await cursor.fetchall()}


async def begin(connection: Connection, executor: str, digest: str) -> None:
    await connection.execute(statement("begin_schema_check", _PACKAGE), {"executor": executor, "digest": digest})


async def jobs_to_check(connection: Connection, targets: Collection[str], after: str, limit: int) -> list[StoredParams]:
    wanted = {"targets": sorted(targets), "after": after, "limit": limit}
    cursor = await connection.execute(statement("jobs_to_check", _PACKAGE), wanted)
    return [StoredParams(*row) for row in await cursor.fetchall()]


async def advance(
    connection: Connection,
    of: Checked,
    through: str,
    *,
    looked_at: Sequence[str],
    found: Sequence[Misfit],
    untold: int,
    ended_for: Collection[str] | None = None,
) -> Ended | None:
    """Write what was found of some jobs, the last of which is `through`; None: another was there first.

    `ended_for`: these were the last jobs of the executor, which has these names.
    """
    wanted = {
        "executor": of.executor,
        "digest": of.digest,
        "after": of.reached,
        "through": through,
        "looked": len(looked_at),
        "unfit": len(found),
        "untold": untold,
        "has_ended": ended_for is not None,
    }
    async with connection.transaction():
        row = await (await connection.execute(statement("advance_schema_check", _PACKAGE), wanted)).fetchone()
        if row is None:
            return None
        await _put(connection, looked_at, found)
        if ended_for is not None:
            others = {"executor": of.executor, "targets": sorted(ended_for)}
            await connection.execute(statement("forget_other_targets", _PACKAGE), others)
    return Ended(*row)


async def changed(connection: Connection, limit: int) -> tuple[list[StoredParams], list[str]]:
    """Some of the unfit jobs that have changed since, as they are; and the ids of those that are gone."""
    cursor = await connection.execute(statement("changed_unfit", _PACKAGE), {"limit": limit})
    rows = await cursor.fetchall()
    return [StoredParams(*row) for row in rows if row[4] is not None], [row[0] for row in rows if row[4] is None]


async def replace(connection: Connection, looked_at: Sequence[str], found: Sequence[Misfit]) -> None:
    """Have of some jobs these as unfit, and no others."""
    async with connection.transaction():
        await _put(connection, looked_at, found)


async def forget_others(connection: Connection) -> None:
    """Forget checks of executors that are no longer known."""
    await connection.execute(statement("forget_schema_checks", _PACKAGE))


async def counted(connection: Connection, limit: int) -> dict[str, int]:
    """Enabled jobs that do not fit, by executor, of those that have the most."""
    return dict(await (await connection.execute(statement("count_unfit", _PACKAGE), {"limit": limit})).fetchall())


async def page_of(
    connection: Connection, executor: str | None = None, *, after: str = "", limit: int = NAMED
) -> list[UnfitJob]:
    wanted = {"executor": executor, "after": after, "limit": limit}
    cursor = await connection.execute(statement("unfit_jobs", _PACKAGE), wanted)
    return [
        UnfitJob(job_id, group, name, status == "0", key, flaws)
        for job_id, group, name, status, key, flaws in await cursor.fetchall()
    ]


async def _put(connection: Connection, looked_at: Sequence[str], found: Sequence[Misfit]) -> None:
    unfit = {one.job_id for one in found}
    if fits := [job_id for job_id in looked_at if job_id not in unfit]:
        await connection.execute(statement("forget_unfit", _PACKAGE), {"job_ids": fits})
    if found:
        rows: dict[str, Any] = {"rows": msgspec.json.encode(found).decode()}
        await connection.execute(statement("write_unfit", _PACKAGE), rows)

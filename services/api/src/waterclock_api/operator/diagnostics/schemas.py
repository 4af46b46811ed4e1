"""What `waterclock doctor` says of stored jobs whose parameters do not fit what workers announced since."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.readmodels.shadow_tables import home
from waterclock_api.operator.diagnostics.checks import Finding, ok, problem, warning
from waterclock_api.validation import unfit_jobs
from waterclock_api.validation.unfit_jobs import UnfitJob

CHECK = "schemas"
MOST = 1000  # jobs that are named
_FLAWS = 5  # of a job


async def of_jobs(connection: Connection) -> AsyncGenerator[Finding]:
    """Each enabled job whose runs fail for its parameters, with what mends it; those that are disabled are counted."""
    if not await _is_migrated(connection):
        return
    named, more, disabled, after = 0, 0, 0, ""
    while page := await unfit_jobs.page_of(connection, after=after):
        after = page[-1].job_id
        for one in sorted(page, key=lambda one: one.named):
            if not one.enabled:
                disabled += 1
            elif named == MOST:
                more += 1
            else:
                named += 1
                yield _finding(one)
    if more:
        yield warning(
            CHECK, f"{more} more jobs have invalid parameters", "fix those that are named, and run doctor again"
        )
    yield ok(CHECK, await _checked(connection, fits=not named, disabled=disabled))


async def _checked(connection: Connection, *, fits: bool, disabled: int) -> str:
    """How much was looked at, and by which schemas it cannot be told."""
    checks = (await unfit_jobs.checks(connection)).values()
    said = f"{sum(one.looked for one in checks)} job(s) were checked against the schemas that workers announced last"
    parts = [said + (", and all are valid" if fits and not disabled else "")]
    if disabled:
        parts.append(f"{disabled} disabled job(s) are invalid, too: see their `notes`")
    if untold := [f"{one.untold} of {one.executor}" for one in checks if one.untold]:
        parts.append(f"some parameters only a worker can check, at each run: {', '.join(untold)}")
    if going := [one.executor for one in checks if not one.has_ended]:
        parts.append(f"the check is still running for {', '.join(going)}")
    return "; ".join(parts)


async def _is_migrated(connection: Connection) -> bool:
    wanted = {"schema": await home(connection), "table": "unfit_jobs"}
    return bool(await (await connection.execute(statement("columns"), wanted)).fetchall())


def _finding(job: UnfitJob) -> Finding:
    told = [f"{flaw['pointer']} {flaw['message']}" for flaw in job.flaws[:_FLAWS]]
    more = f", and {len(job.flaws) - _FLAWS} more" if len(job.flaws) > _FLAWS else ""
    said = (
        f"runs of the job {job.named} fail, because {job.executor} takes other parameters now: {'; '.join(told)}{more}"
    )
    do = f"correct its invokeParams, or start workers whose {job.executor} takes them"
    return problem(CHECK, said, do)

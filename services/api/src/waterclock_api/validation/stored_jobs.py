"""Stored jobs beside the schemas that workers announce: each schema that is new is tried on them once.

    executors, as announced ── the same at two looks ──► a check of its jobs, a page at a time ──► unfit jobs
    unfit jobs that were changed ─────────────────────────────────────────────────────────────► looked at again

Of an executor counts what the last worker announced, as where a job is written. During a rollout both schemas may come
in turn: what is not the same at two looks waits. Who checks is one process, as long as it holds a lock; where it
stopped the next goes on. It computes in a thread, for half of the time at most.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import psycopg

from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.model.events import ExecutorSpec
from waterclock.store.connection.pool import Connection, Pool, connect_anew
from waterclock.store.connection.statements import statement
from waterclock_api.http.flaw_limits import bounded
from waterclock_api.limits.thread_turns import in_thread
from waterclock_api.validation import unfit_jobs
from waterclock_api.validation.check_budget import CheckBudget
from waterclock_api.validation.executors import by_name, executors_of_workers
from waterclock_api.validation.unfit_jobs import Checked, Ended, Misfit, StoredParams
from waterclock_api.validation.values import AT_ONCE, BESIDE, stored_flaws

LOOK_EVERY = (
    3.0  # s; longer than an API takes to hear of a schema, so that jobs are written by it when they are checked
)
PAGE = 200  # jobs
PAGES = 10  # of an executor, before the others have their turn
PAGE_SECONDS = 0.5  # of computing, in one page
SLOW_MOST = 50
"""Jobs that could not be told, most often for the time they take; after so many the others of the executor get less."""
SILENCE = 60.0  # s, after which Postgres ends the session of one who checks, and stands still
FLAWS_KEPT = 20  # of a job
LOGGED = 20  # jobs named in a line
EXECUTORS_MOST = 50  # told by the metric
_RULES = 1
"""Raised when the same schema and parameters give another answer than before: all is checked again."""

_log = logging.getLogger(__name__)


class _Known(NamedTuple):
    """What was announced of an executor, by all names that are its own."""

    spec: ExecutorSpec
    targets: frozenset[str]
    digest: str


class _Page(NamedTuple):
    looked_at: list[str]
    found: list[Misfit]
    untold: int
    seconds: float


class StoredJobs:
    def __init__(self, pool: Pool, *, every: float = LOOK_EVERY) -> None:
        self._pool = pool
        self._every = every
        self._outage = Outage(_log, "stored jobs not checked", "stored jobs checked again")
        self._times: dict[str, Any] | None = None  # when each executor was announced last
        self._names: dict[str, _Known] = {}
        self._settled: dict[str, _Known] = {}  # those that were the same at the look before

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with await connect_anew(self._pool, work="schema checks") as connection:
                    await connection.execute(statement("end_when_silent"), {"ms": int(SILENCE * 1000)})
                    await self._keep(connection)
            except psycopg.Error as error:
                self._outage.failed(error)
            except Exception as error:  # noqa: BLE001 - a fault of ours ends no projector: it goes on without us
                self._outage.failed(f"{type(error).__name__}: {error}", level=logging.ERROR)
            finally:
                catalog.UNFIT_JOBS.replace({})
            await asyncio.sleep(self._every)

    async def _keep(self, connection: Connection) -> None:
        while not await unfit_jobs.take(connection):
            self._outage.over()
            await asyncio.sleep(self._every)
        while True:
            more = await self.look(connection)
            self._outage.over()
            if not more:
                await asyncio.sleep(self._every)

    async def look(self, connection: Connection) -> bool:
        """Check what there is to check, a bounded part of it; whether more is left."""
        await self._read(connection)
        checked = await unfit_jobs.checks(connection)
        more = False
        for key, known in self._settled.items():
            of = checked.get(key)
            if of is None or of.digest != known.digest:
                await unfit_jobs.begin(connection, key, known.digest)
                of = Checked(key, known.digest, "", 0, 0, 0, 0, has_ended=False)
            if not of.has_ended:
                more = await self._check(connection, known, of) or more
        if checked.keys() - {known.spec.key for known in self._names.values()}:
            await unfit_jobs.forget_others(connection)
        more = await self._look_again(connection) or more
        told = await unfit_jobs.counted(connection, EXECUTORS_MOST)
        catalog.UNFIT_JOBS.replace({(key,): count for key, count in told.items()})
        return more

    async def _read(self, connection: Connection) -> None:
        """What is announced now, and what of it was announced at the look before."""
        rows = await (await connection.execute(statement("executor_times", "waterclock_api"))).fetchall()
        before = {known.spec.key: known for known in self._names.values()}
        if dict(rows) != self._times:
            specs = await executors_of_workers(connection)
            self._names = await in_thread(_known, specs, before)
            self._times = dict(rows)
        now = {known.spec.key: known for known in self._names.values()}
        self._settled = {key: known for key, known in now.items() if before.get(key) is known}

    async def _check(self, connection: Connection, known: _Known, of: Checked) -> bool:
        """Some pages of an executor's jobs; whether there are more."""
        for _ in range(PAGES):
            jobs = await unfit_jobs.jobs_to_check(connection, known.targets, of.reached, PAGE)
            units = BESIDE if of.untold < SLOW_MOST else AT_ONCE
            page = await in_thread(_looked, jobs, dict.fromkeys(known.targets, known), units)
            is_last = len(jobs) < PAGE and len(page.looked_at) == len(jobs)
            through = page.looked_at[-1] if page.looked_at else of.reached
            stands = await unfit_jobs.advance(
                connection,
                of,
                through,
                looked_at=page.looked_at,
                found=page.found,
                untold=page.untold,
                ended_for=known.targets if is_last else None,
            )
            if stands is None:  # another checks, too, or begins anew
                return False
            if is_last:
                await _tell(connection, of, stands)
                return False
            of = of._replace(reached=through, looked=stands.looked, untold=stands.untold)
            await asyncio.sleep(page.seconds)
        return True

    async def _look_again(self, connection: Connection) -> bool:
        """Look at jobs that were found, and have changed; whether there are more."""
        jobs, gone = await unfit_jobs.changed(connection, PAGE)
        if not jobs and not gone:
            return False
        page = await in_thread(_looked, jobs, self._names, BESIDE)
        await unfit_jobs.replace(connection, [*page.looked_at, *gone], page.found)
        await asyncio.sleep(page.seconds)
        return len(jobs) + len(gone) == PAGE or len(page.looked_at) < len(jobs)


def _known(specs: Sequence[ExecutorSpec], before: Mapping[str, _Known]) -> dict[str, _Known]:
    """Executors by their names; those that are as they were are the same objects."""
    names = by_name(specs)
    found: dict[str, _Known] = {}
    for spec in specs:
        targets = frozenset(name for name, owner in names.items() if owner is spec)
        told = msgspec.json.encode([_RULES, spec.params_schema, sorted(targets)], order="deterministic")
        known = _Known(spec, targets, hashlib.sha256(told).hexdigest())
        was = before.get(spec.key)
        found |= dict.fromkeys(targets, was if was is not None and was.digest == known.digest else known)
    return found


def _looked(jobs: Sequence[StoredParams], names: Mapping[str, _Known], units: int) -> _Page:
    """Check as many jobs as there is time for, the first in any case."""
    began_at = time.monotonic()
    looked_at: list[str] = []
    found: list[Misfit] = []
    untold = 0
    failed: tuple[StoredParams, Exception] | None = None
    for job in jobs:
        if looked_at and time.monotonic() - began_at > PAGE_SECONDS:
            break
        looked_at.append(job.job_id)
        known = names.get(job.target)
        if known is None:
            continue
        budget = CheckBudget(units)
        try:
            flaws = bounded(stored_flaws(known.spec, msgspec.json.decode(job.text), budget, at="invokeParams"))
        except Exception as error:  # noqa: BLE001 - others' schema and parameters hold up nothing: a worker checks again
            failed = failed or (job, error)
            flaws, budget.in_part = (), True
        untold += budget.in_part
        if flaws:
            found.append(unfit_jobs.misfit(job, known.spec.key, flaws[:FLAWS_KEPT]))
    if failed is not None:  # without the text of the error: it may hold parameters
        about = {"job": failed[0].job_id, "invokeTarget": failed[0].target, "error": type(failed[1]).__name__}
        _log.error("stored job not checked", extra=about)
    return _Page(looked_at, found, untold, time.monotonic() - began_at)


async def _tell(connection: Connection, of: Checked, ended: Ended) -> None:
    """The one line of a schema that is checked; none where all fits, and did."""
    about = {"executor": of.executor, "schema": of.digest[:12], "looked_at": ended.looked}
    if ended.unfit:
        named = await unfit_jobs.page_of(connection, of.executor, limit=LOGGED)
        told = sorted(
            f"{one.named}: {', '.join(dict.fromkeys(flaw['pointer'] for flaw in one.flaws))}" for one in named
        )
        _log.warning("stored jobs invalid", extra=about | {"count": ended.unfit, "jobs": told})
    elif ended.before:
        _log.info("stored jobs valid again", extra=about | {"before": ended.before})

"""Stored jobs whose parameters an executor's own check refuses: looked for once, before the worker joins.

Only executors with a `check` are looked at, and only so many jobs for so long: a start does not wait for millions. A
check is an author's code: it runs in a thread, and what it raises beside a refusal is told in the log alone.
"""

from __future__ import annotations

import asyncio
import logging

from waterclock.log.client import Log
from waterclock.log.commands.jobs import StoredJob, scan_jobs
from waterclock.log.connection.errors import LogError
from waterclock.model.stored_parameters import LONGEST, MOST, UnfitParams, params_digest
from waterclock_worker.registry import Registry
from waterclock_worker.reporting.bounds import cleaned
from waterclock_worker.reporting.outcome import BadParams, params_for

WITHIN = 5.0  # s
JOBS_MOST = 20_000

log = logging.getLogger(__name__)


async def unfit_jobs(store: Log, registry: Registry) -> tuple[UnfitParams, ...]:
    """What the checks of this worker's executors refuse of the jobs there are, at most `MOST`."""
    if all(one.check is None for one in registry.executors):
        return ()
    found: dict[tuple[str, str], UnfitParams] = {}
    looked = 0
    try:
        async with asyncio.timeout(WITHIN):
            for partition in range(store.partitions):
                async for batch in scan_jobs(store, partition):
                    jobs = [one for one in batch if isinstance(one, StoredJob)]
                    looked += len(jobs)
                    for one in await asyncio.to_thread(_unfit_of, jobs, registry):
                        found.setdefault((one.executor, one.params), one)
                    if len(found) >= MOST or looked >= JOBS_MOST:
                        log.warning("not all stored jobs checked", extra={"looked_at": looked})
                        return tuple(found.values())[:MOST]
    except TimeoutError:
        log.warning("not all stored jobs checked", extra={"looked_at": looked, "seconds": WITHIN})
    except LogError as error:
        log.warning("stored jobs not checked", extra={"error": str(error)})
    return tuple(found.values())


def _unfit_of(jobs: list[StoredJob], registry: Registry) -> list[UnfitParams]:
    found: list[UnfitParams] = []
    for job in jobs:
        definition = job.definition
        executor = registry.find(definition.invoke_target)
        if executor is None or executor.check is None:
            continue
        try:
            params_for(executor, definition.invoke_params)
        except BadParams as error:
            message = cleaned(str(error), LONGEST)
            log.warning("stored job invalid", extra={"job": job.job_id, "error": message})
            unfit = UnfitParams(executor=executor.key, params=params_digest(definition.invoke_params), message=message)
            found.append(unfit)
        except BaseException as error:  # noqa: BLE001 - an author's code: the run will tell of it
            told = f"{type(error).__name__}: {error}"
            log.warning("stored job check failed", extra={"job": job.job_id, "error": cleaned(told, LONGEST)})
    return found

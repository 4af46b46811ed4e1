"""Settings and connections → the application; the only place that wires it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from waterclock.kit.clock import Clock, SystemClock
from waterclock.kit.telemetry.catalog import exposed
from waterclock.log.client import Log
from waterclock.log.commands.batching import RequestBatches
from waterclock.log.liveness.store_clock import StoreClocks
from waterclock.log.liveness.waiting import WaitingRuns
from waterclock.log.recovery.losses import Losses
from waterclock.model.positions import Position
from waterclock.store.archive import ArchiveReader
from waterclock.store.connection.lanes import lanes_of
from waterclock.store.connection.pool import Pool
from waterclock.store.readmodels.wait_for_position import Projected
from waterclock_api.access.api_keys import ApiKeyCache
from waterclock_api.access.csrf import CsrfProtection
from waterclock_api.access.guard import ACCESS, Access, Limits, admit
from waterclock_api.access.proxies import Networks
from waterclock_api.access.token_settings import TokenSettings, tokens_of
from waterclock_api.commands.job_cache import JobCache
from waterclock_api.consistency.losses import Acknowledged, first_archived
from waterclock_api.consistency.reachability import Reachability
from waterclock_api.dependencies import PARTS, Dependencies
from waterclock_api.http.options import heads_of, options_of
from waterclock_api.http.problems import OUTAGES, to_response
from waterclock_api.limits.memory_budget import BUDGET, Budget
from waterclock_api.live.hub import STREAMS, STREAMS_PER_CLIENT, Hub
from waterclock_api.live.pulse.beat import Beat, Seen
from waterclock_api.routes.fleet import queues, workers
from waterclock_api.routes.jobs import backfill, jobs, jobs_index
from waterclock_api.routes.notices import mutes, notices, promises, rehearse
from waterclock_api.routes.runs import bulk_cancel, bulk_retry, logs, retry, runs, standalone_runs
from waterclock_api.routes.schedules import fires, ledger, preview, simulate, strips
from waterclock_api.routes.system import dropped, event_stream, events, health, me, pulse
from waterclock_api.routes.system.api_page import page_handlers
from waterclock_api.telemetry.metrics import Measured
from waterclock_api.telemetry.outages import Outages
from waterclock_api.telemetry.schedule_watch import keep_watch
from waterclock_api.validation.executors import Registry
from waterclock_api.validation.live_executors import LiveExecutors
from waterclock_api.validation.notes import JobNotes

Work = Callable[[], Coroutine[Any, Any, None]]

ROUTES = (
    *jobs.HANDLERS,
    *jobs_index.HANDLERS,
    *runs.HANDLERS,
    *logs.HANDLERS,
    *standalone_runs.HANDLERS,
    *retry.HANDLERS,
    *bulk_retry.HANDLERS,
    *bulk_cancel.HANDLERS,
    *dropped.HANDLERS,
    *events.HANDLERS,
    *me.HANDLERS,
    *event_stream.HANDLERS,
    *pulse.HANDLERS,
    *preview.HANDLERS,
    *simulate.HANDLERS,
    *backfill.HANDLERS,
    *ledger.HANDLERS,
    *strips.HANDLERS,
    *fires.HANDLERS,
    *notices.HANDLERS,
    *promises.HANDLERS,
    *rehearse.HANDLERS,
    *workers.HANDLERS,
    *queues.HANDLERS,
    *mutes.HANDLERS,
    *health.HANDLERS,
)


def application(parts: Dependencies) -> Litestar:
    """The routes over `parts`."""
    return Litestar(
        route_handlers=_handlers(),
        before_request=admit,  # which is for every route, and is cheaper than a guard: that takes a copy of its handler
        state=State(state_of(parts), deep_copy=False),
        exception_handlers={Exception: to_response},
        openapi_config=None,
        logging_config=None,
    )


def state_of(parts: Dependencies) -> dict[str, Any]:
    """What handlers find in the application that was asked."""
    return {PARTS: parts, ACCESS: parts.access, OUTAGES: parts.outages, BUDGET: parts.budget}


@cache
def _handlers() -> tuple[HTTPRouteHandler, ...]:
    """All that is answered; Litestar takes copies. To draw the document of the routes takes as long as all else."""
    told = (*ROUTES, *page_handlers(ROUTES))
    routes = (*told, *heads_of(told))
    return (*options_of(routes), *routes)  # in this order: else Litestar adds its own


@asynccontextmanager
async def assembled(
    log: Log,
    pool: Pool,
    *,
    clock: Clock | None = None,
    streams: int = STREAMS,
    streams_per_client: int = STREAMS_PER_CLIENT,
    tokens: TokenSettings | None = None,
    proxies: Networks = (),
    limits: Limits | None = None,
    csrf: CsrfProtection | None = None,
    closed: bool = False,
    budget: Budget | None = None,
    zone: str | None = None,
) -> AsyncGenerator[Dependencies]:
    """The parts of an application, alive while the context lasts. `log` and `pool` stay the caller's to close.

    `closed`: credentials are asked for even if nobody could show any. `zone`: of a job that names none.
    """
    clock, budget = clock or SystemClock(), budget or Budget()

    seen = Seen()

    def opened(place: Position) -> None:
        log.floors.seen(place.partition, place.epoch)
        seen.projected[place.partition] = place

    projected, lanes = Projected(pool, opened), lanes_of(pool)
    store_clocks, outages = StoreClocks(clock), Outages(clock)
    keyring = ApiKeyCache(lanes.own, clock)
    await keyring.begin()
    reaching = Reachability(log, lanes.own)
    await reaching.begin()
    registry = Registry(log, lanes.own, projected, clock)
    known = tokens_of(tokens or TokenSettings(), clock)
    access = Access(
        keyring, known, proxies, clock=clock, closed=closed, limits=limits or Limits(), csrf=csrf or CsrfProtection()
    )

    def look(answers: bool) -> None:
        outages.look(redis=answers, postgres=projected.listening.is_set())

    acknowledged = Acknowledged()
    losses = Losses(log, actor="api", following=first_archived(lanes.own), lost=partial(acknowledged.tell, log))
    works: dict[str, Work] = {
        "listen to projectors": projected.listen,
        "watch schedules": partial(keep_watch, log, store_clocks, look, seen.schedules),
        "keep the keys": keyring.keep,
        "note what is reached": reaching.keep,
        "keep the executors": registry.keep,
        "keep vigil over postgres": pool.keep_vigil,
        "tell losses": losses.keep,
        **({} if known is None else {"keep the issuer's keys": known.keep_keys}),
    }
    hub = Hub(
        log, ArchiveReader(lanes.streams), clock, most=streams, most_per_client=streams_per_client, held=budget.streams
    )
    beat = Beat(log, lanes.own, hub, clock, store_clocks, seen)
    works["keep the pulse"] = beat.keep
    async with _at_work(works) as tasks, hub:
        exposition = exposed("api")
        waiting = WaitingRuns(log, clock)
        Measured(log, lanes.own, lambda: hub.subscriptions, clock, waiting).told_by(exposition)
        yield Dependencies(
            log=log,
            gathering=RequestBatches(log, tasks, acknowledged.note),
            lanes=lanes,
            projected=projected,
            registry=registry,
            live=LiveExecutors(log, lanes.own, projected, clock),
            memory=JobCache(log),
            notes=JobNotes(registry),
            hub=hub,
            beat=beat,
            clock=clock,
            store_clocks=store_clocks,
            exposition=exposition,
            access=access,
            outages=outages,
            waiting=waiting,
            budget=budget,
            zone=zone,
        )


@asynccontextmanager
async def _at_work(works: Mapping[str, Work]) -> AsyncGenerator[asyncio.TaskGroup]:
    """A group in which works go on, by their names, until the context is left."""
    async with asyncio.TaskGroup() as tasks:
        going = [tasks.create_task(work(), name=name) for name, work in works.items()]
        try:
            yield tasks
        finally:
            for each in going:
                each.cancel()

"""Who acts in a history: schedulers that are right or wrong about leading, a client of the API, a worker."""

from __future__ import annotations

import asyncio
from random import Random  # noqa: TID251  a history is repeated from its seed
from typing import Any, cast

import msgspec

from tests.simulation.virtual import VirtualClock
from tests.simulation.workers import EXECUTORS
from waterclock.kit.cancellation import apart
from waterclock.log.client import Log
from waterclock.log.commands.bodies import part
from waterclock.log.commands.idempotency import Command
from waterclock.log.connection.errors import LogError
from waterclock.log.liveness import leadership
from waterclock.log.liveness.store_clock import StoreClocks
from waterclock.model.definition import Definition
from waterclock.model.errors import Refusal
from waterclock.model.events import LeadershipTaken
from waterclock.model.ids import JobId, created_job
from waterclock.model.job import Delete, Replace, SetStatus
from waterclock.model.timestamps import stamp
from waterclock_api.commands import edit_job
from waterclock_api.dependencies import Dependencies
from waterclock_api.http.caller import Caller, Patience
from waterclock_scheduler.decider import Decider
from waterclock_scheduler.leadership import Term
from waterclock_scheduler.scheduler import Scheduler

TTL_S = 60.0
_EXPRESSIONS = (
    "* * * * *",
    "*/5 * * * *",
    "30 2,3 * * *",
    "0 * * * *",
    "*/20 * * * * ?",
    "@every 45s",
    "H/10 * * * *",
    None,
)
_RARE = ("30 2,3 * * *", None)
_ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe")


async def lawful(name: str, log: Log, clock: VirtualClock) -> None:
    """A scheduler as it is: it competes, renews, decides."""
    await Scheduler(name, ttl_s=TTL_S, clock=clock).run(log, asyncio.Event())


async def usurper(name: str, log: Log, clock: VirtualClock) -> None:
    """A scheduler that holds the present term for its own, and for ever: so that two decide in one term."""
    clocks = StoreClocks(clock)
    while True:
        try:
            await apart(_usurp(name, log, clock, clocks), name=f"usurp as {name}")
        except* LogError:
            pass
        await asyncio.sleep(2.0)


async def _usurp(name: str, log: Log, clock: VirtualClock, clocks: StoreClocks) -> None:
    sent_at = clock.monotonic()
    lead = await leadership.acquire(
        log, 0, scheduler=name, ttl_ms=1000, body=part(LeadershipTaken, scheduler=name, actor="scheduler")
    )
    clocks.of(0).heard(lead.now)
    term = Term(0, lead.term, clock, clocks.of(0))
    term.extend(sent_at, msgspec.structs.replace(lead, mine=True, until=lead.now + 10**9))
    await Decider(log, term, clock=clock).run()


class Client:
    """Creates jobs and changes them, through the code of the API. `busy`: most of them have many runs."""

    def __init__(self, log: Log, clock: VirtualClock, chance: Random, *, busy: bool) -> None:
        self.job_ids: list[JobId] = []
        self._clock = clock
        self._chance = chance
        self._made = 0
        self._busy = busy
        nothing = cast("Any", None)
        self._parts = Dependencies(
            log=log,
            clock=clock,
            store_clocks=StoreClocks(clock),
            gathering=nothing,
            lanes=nothing,
            projected=nothing,
            registry=nothing,
            live=nothing,
            memory=nothing,
            notes=nothing,
            hub=nothing,
            beat=nothing,
            exposition=nothing,
            access=nothing,
            outages=nothing,
            waiting=nothing,
        )

    async def create(self) -> None:
        caller = self._caller()
        job_id = created_job(caller.command.id)
        self.job_ids.append(job_id)
        await self._try(lambda: edit_job.create(self._parts, caller, job_id, self._definition(job_id)))

    async def change(self) -> None:
        """Something about one of the jobs."""
        job_id = self._chance.choice(self.job_ids)
        caller = self._caller()
        match self._chance.choice(
            ("replace", "replace", "remark", "remark", "remark", "disable", "enable", "enable", "delete")
        ):
            case "replace":
                await self._try(
                    lambda: edit_job.edit(self._parts, caller, job_id, Replace(definition=self._definition(job_id)))
                )
            case "remark":
                await self._try(lambda: self._remark(caller, job_id))
            case "disable":
                await self._try(lambda: edit_job.edit(self._parts, caller, job_id, SetStatus(status="1")))
            case "enable":
                await self._try(lambda: edit_job.edit(self._parts, caller, job_id, SetStatus(status="0")))
            case _:
                await self._try(lambda: edit_job.edit(self._parts, caller, job_id, Delete()))

    async def _remark(self, caller: Caller, job_id: JobId) -> None:
        stored = await edit_job.load(self._parts, job_id)
        definition = msgspec.structs.replace(stored.definition, remark=f"at {self._clock.monotonic()}")
        await edit_job.edit(self._parts, caller, job_id, Replace(definition=definition))

    async def _try(self, deed: Any) -> None:
        """A client that gets no answer, or a refusal, goes on with something else."""
        try:
            await deed()
        except (LogError, Refusal):
            return

    def _caller(self) -> Caller:
        self._made += 1
        return Caller(
            actor="client",
            may_edit=True,
            command=Command(id=f"command-{self._made}"),
            traceparent=None,
            patience=Patience(0, None),
            versions=None,
        )

    def _definition(self, job_id: JobId) -> Definition:
        pick = self._chance.choice
        now = self._clock.now_ms()
        drawn = Definition(
            job_name=job_id,
            invoke_target=pick(EXECUTORS),
            cron_expression=pick(_EXPRESSIONS),
            timezone=pick(_ZONES),
            misfire_policy=pick(("1", "2", "3")),
            misfire_threshold=pick((1, 20, 60, 600)),
            catchup_window=pick((300, 3600, 86_400)),
            catchup_limit=pick((0, 3, 100)),
            catchup_pace=pick((0, 0.1, 7)),
            concurrent=pick(("0", "1")),
            overlap_policy=pick((None, None, "skip", "buffer_one", "buffer_all", "cancel_other")),
            jitter=pick((0, 0, 30)),
            start_at=pick((None, None, None, stamp(now + 300_000), stamp(now - 300_000))),
            end_at=pick((None, None, None, stamp(now + 1_200_000))),
            status=pick(("0", "0", "0", "0", "1")),
        )
        if not self._busy or drawn.cron_expression in _RARE:
            return drawn
        return msgspec.structs.replace(
            drawn, cron_expression="*/20 * * * * ?", misfire_policy="1", status="0", start_at=None, end_at=None
        )

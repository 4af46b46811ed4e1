"""A notifier beside the API, and runs that are due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from tests.contract.log import build
from tests.integration.api.rig import Rig
from tests.support import waiting
from waterclock.kit.clock import SystemClock
from waterclock.log.commands.bodies import body_of
from waterclock.model.events import RunRequested
from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.rule_file import RuleFlaw
from waterclock.model.timestamps import stamp
from waterclock.store.connection.pool import open_pool
from waterclock.store.notices.origin import Origin
from waterclock_api.notifier.delivery.channels import Channel
from waterclock_api.notifier.delivery.outcome import Delivered, Outcome
from waterclock_api.notifier.rules_source import RulesSource
from waterclock_api.notifier.service import Notifier

NO_RULES = 'channels: {ops: {webhook: "https://ops.example/hook", secret: "env:S"}}\nrules: []\n'
PATIENCE = 20.0  # s


async def unchecked(*_: object) -> Sequence[RuleFlaw]:
    return ()


async def nobody(_channel: Channel, _told: object) -> Outcome:
    return Delivered()


@asynccontextmanager
async def judging(api: Rig, folder: Path, rules: str = NO_RULES) -> AsyncGenerator[None]:
    """A notifier beside the API."""
    path = folder / "notices.yaml"
    path.write_text(rules)
    async with await open_pool(api.postgres_url, name="notifier") as pool:
        source = await RulesSource.begin(path, unchecked)
        here = Origin("", "redis.example:6379", api.log.keys.prefix)
        work = Notifier(api.log, pool, source, nobody, SystemClock(), here=here)
        stop = asyncio.Event()
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            tasks.create_task(work.run(stop, asyncio.Event()))

            async def judges() -> bool:
                return work.places.get(0) is not None

            try:
                await waiting.until(judges, within=PATIENCE, what="that it judges")
                yield
            finally:
                stop.set()


async def due(api: Rig, job_id: str, number: int, nominal: int) -> RunId:
    """A run of the schedule, requested now for a time that has passed."""
    wish = build.wish(number, job_id=JobId(job_id))
    event = RunRequested(
        run_id=wish.run_id,
        job_id=JobId(job_id),
        job_name="nightly",
        job_group="DEFAULT",
        trigger="schedule",
        nominal_at=stamp(nominal),
        invoke_target="demo.noop",
        queue="default",
    )
    await build.ask(api.log, msgspec.structs.replace(wish, body=body_of(event)))
    return wish.run_id

"""One failover: a stage, services on it, load on them; and what there is to be judged once all is quiet again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Generic, Literal, NamedTuple, TypeVar

from tests.support.evidence import Evidence, connected
from tests.support.failover import noted
from tests.support.failover.fleet import Fleet, at_work
from tests.support.failover.pressure import JOBS, Pressure
from tests.support.failover.stages import Stage
from tests.support.services import Place
from tests.support.waiting import until

S = TypeVar("S", bound=Stage)

WARM = 2.0  # s of load before anything happens
WELL = 30.0  # s until all that is asked is accepted again
QUIET = 90.0  # s until every run has ended
HEARD = 30.0  # s until readers have caught up
ALL_NEW = "level of all projectors"
"""Before it is sure that no projector of the release before is at work, no event tells of losses."""
PREFIX = "wc"
NOTES = "noted"


class Field(Generic[S]):
    """`took`: what was measured, s, by what it is called."""

    def __init__(self, stage: S, fleet: Fleet, load: Pressure, folder: Path) -> None:
        self.stage = stage
        self.fleet = fleet
        self.load = load
        self.notes = folder / NOTES
        self.took: dict[str, float] = {}
        self.faults: list[str] = []

    async def go_on(self, seconds: float) -> None:
        """Let all go on under load: what happens in that time is the point."""
        await asyncio.sleep(seconds)

    async def writable(self, what: str, *, within: float = WELL) -> None:
        """Return when a trigger of each job that was asked for after the call has been accepted."""
        began = time.monotonic()

        async def accepted() -> bool:
            return len(self.load.accepted_since(began)) == JOBS

        await until(accepted, within=within, what=f"all jobs can be triggered after {what}")
        self.took[what] = round(time.monotonic() - began, 1)
        self.fleet.tell(f"writable {self.took[what]} s after {what}")

    async def verb(self, name: str, *arguments: str) -> tuple[int, str]:
        """The exit code of an operator's verb, and the end of what it said."""
        return await self.fleet.place.ended(name, *arguments)


class Row(NamedTuple, Generic[S]):
    """`play` is what happens to the stage. `keeps`: nothing that was acknowledged is lost, and nothing is executed
    twice unsaid; else what is lost has to be told by an event of one of `tells`."""

    name: str
    what: str
    stage: Callable[[Path], AbstractAsyncContextManager[S]]
    play: Callable[[Field[S]], Awaitable[None]]
    keeps: bool = True
    tells: tuple[str, ...] = ()
    has_hole: bool = False  # the archive lacks what nobody has any more
    told: Mapping[str, str] = MappingProxyType({})  # settings
    surroundings: Mapping[str, str] = MappingProxyType({})  # what else the environment of services says


class Outcome(NamedTuple):
    """What there is at the end. `ended`: how often each run came to its end, by the executor's own notes."""

    field: Field[Stage]
    evidence: Evidence
    events: list[str]  # ids that `GET /events` tells
    ended: Mapping[str, int]


@asynccontextmanager
async def under_load(
    row: Row[S], stage: S, folder: Path
) -> AsyncGenerator[tuple[Field[S], Callable[[], Awaitable[Outcome]]]]:
    """Services on a stage, warm; and what to call when the row is over: it waits until all is quiet."""
    notes = folder / NOTES
    notes.touch()
    settings = {"PARTITIONS": str(stage.partitions), "LEASE": "4", "RATE_LIMIT_ADDRESS": "0", **row.told}
    place = Place(redis=stage.redis, postgres={"owner": stage.postgres}, prefix=PREFIX, told=settings)
    environment = {noted.FILE: str(notes), "WATERCLOCK_EXECUTORS": str(Path(noted.__file__)), **row.surroundings}
    async with at_work(place, folder / "output.log", environment) as fleet:
        load = Pressure(fleet.url)
        await load.begin()
        field = Field(stage, fleet, load, folder)
        asking = asyncio.create_task(load.go_on(), name="load")
        listening = asyncio.create_task(load.listen(), name="readers and probe")
        try:
            await field.writable("the start")
            if not row.keeps:
                await fleet.says(ALL_NEW)
            await field.go_on(WARM)

            async def over() -> Outcome:
                load.stop()
                await asking
                return await _settled(field, notes)

            yield field, over
        finally:
            for task in (asking, listening):
                task.cancel()
            await asyncio.wait([asking, listening])


def noted_runs(notes: Path, what: Literal["begin", "end"]) -> list[str]:
    """Runs whose executor noted that, each as often as it did."""
    lines = (line.split() for line in notes.read_text().splitlines())
    return [run_id for said, run_id, _, _ in lines if said == what]


async def _settled(field: Field[S], notes: Path) -> Outcome:
    await field.load.end_schedules()
    async with connected(field.stage.holding, field.stage.archive, prefix=PREFIX) as stores:
        await until(stores.settled, within=QUIET, what="every run has ended, and all is archived")
        evidence = await stores.gather()
    ids = {str(entry.position) for entry in evidence.entries}

    async def caught_up() -> bool:
        return all(ids <= {one["id"] for one in reader.heard} for reader in field.load.readers)

    with contextlib.suppress(AssertionError):  # what they have not heard is told one by one
        await until(caught_up, within=HEARD, what="readers have caught up")
    events = [str(one["id"]) for one in await field.load.all_events()]
    return Outcome(field, evidence, events, Counter(noted_runs(notes, "end")))  # pyright: ignore[reportArgumentType]  it only reads

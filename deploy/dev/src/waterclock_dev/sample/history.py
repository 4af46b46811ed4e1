"""The whole past of the sample, from a seed: events in their order, as the installation's log would have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

from waterclock.model.events import EpochBegan, ExecutorSpec, RunRequested, StoredEvent
from waterclock_dev.sample.catalog import JOBS, PAST_DAYS, Planned
from waterclock_dev.sample.chance import Chance
from waterclock_dev.sample.clockwork import DAY, HOUR, SECOND, Clockwork
from waterclock_dev.sample.desk import Desk
from waterclock_dev.sample.fleet import EPOCH, Fleet
from waterclock_dev.sample.plays import Mood, Play, perform
from waterclock_dev.sample.scripts import SCRIPTS
from waterclock_dev.sample.story import Story
from waterclock_dev.sample.workers import Worker
from waterclock_worker.registry import Registry, loaded

SEED = "water clock"
_WEEKEND = 0.75
"""There is less to do then."""
RECENT = 3 * DAY
"""For how long steps and lines of what runs often are told; of older runs nobody reads them, and there are many."""


class History(NamedTuple):
    """`workers`: those that are there at the end, with the runs that they hold, where nobody takes these over."""

    until: int  # ms
    events: Sequence[tuple[int, StoredEvent]]
    workers: Sequence[Worker]

    @property
    def counts(self) -> Counter[str]:
        """How many events there are of each type."""
        return Counter(str(event.__struct_config__.tag) for _, event in self.events)


EXECUTORS = "waterclock_dev.sample.executors"
"""The module of the sample's executors."""


def registry() -> Registry:
    """What the sample's workers can run: the built-in executors, those for trying things, and its own."""
    found = loaded(["waterclock_worker.executors.demo", EXECUTORS])
    return Registry([one for one in found if one.module.startswith("waterclock_")])


def history(
    until: int, *, lives_on: bool = False, seed: str = SEED, announced: Sequence[ExecutorSpec] | None = None
) -> History:
    """Ninety days up to `until`, ms. `lives_on`: real workers take over then."""
    begin = until - PAST_DAYS * DAY - 60 * SECOND
    clock = Clockwork(begin)
    clock.tell(EpochBegan(epoch=EPOCH, server="5a" * 20))
    cast = _Cast(seed, until)
    fleet = Fleet(
        clock,
        Chance(f"{seed} fleet"),
        cast.perform,
        registry().specs() if announced is None else announced,
        version("waterclock-worker"),
    )
    desk = Desk(clock, Chance(f"{seed} desk"), fleet, until)
    story = cast.story = Story(clock, desk, fleet, Chance(f"{seed} story"), until=until, lives_on=lives_on)
    story.begin()
    clock.run(until)
    return History(until, clock.events, [worker for worker in fleet.workers if worker.session])


class _Cast:
    """Who says how attempts go."""

    def __init__(self, seed: str, until: int) -> None:
        self._seed = seed
        self._until = until
        self._planned = {one.job_id: one for one in JOBS}
        self.story: Story | None = None

    def perform(self, request: RunRequested, attempt: int, at: int) -> Play:
        assert self.story is not None
        assert request.job_id is not None
        planned = self._planned[request.job_id]
        chance = Chance(f"{self._seed} {request.run_id} {attempt}")
        mood = self.story.mood(request, attempt, at) or _mood(planned, chance)
        age = (at - self._until) / (PAST_DAYS * DAY) + 1
        pace = (1 + planned.growth * age) * (_WEEKEND if (at // DAY + 3) % 7 >= 5 else 1)  # day 0 was a Thursday
        detailed = planned.seldom or at > self._until - RECENT - HOUR or mood in {"talkative", "endless"}
        return perform(SCRIPTS[request.invoke_target], request.params, chance, mood, pace=pace, detailed=detailed)


def _mood(planned: Planned, chance: Chance) -> Mood:
    drawn = chance.fraction()
    moods: tuple[tuple[Mood, float], ...] = (
        ("failing", planned.failing),
        ("slow", planned.slow),
        ("hanging", planned.hanging),
        ("crashing", planned.crashing),
        ("talkative", planned.talkative),
    )
    for mood, probability in moods:
        if drawn < probability:
            return mood
        drawn -= probability
    return "well"

"""How starts are shared among queues: 10 000 of them, by a claim script that is asked for any number at a time."""

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random  # noqa: TID251  a sequence that its seed repeats

import pytest

from tests.contract.log.build import CANCELLED, STARTED, WORKER, create, decided, open_all, past, wish
from waterclock.log.client import Log, LogSettings, Queue
from waterclock.log.commands.attempts import QueueCredit, claim
from waterclock.log.commands.jobs import load_job
from waterclock.log.commands.requests import Unit
from waterclock.log.liveness.sessions import join
from waterclock.log.recovery.opening import initialise
from waterclock.model.ids import JobId, created_job

DEFAULTS = {"critical": 6, "default": 3, "low": 1}
AT_ONCE = 1000  # requests in one call


class Shares:
    """A log whose queues are filled, and one claimant."""

    def __init__(self, log: Log, weights: dict[str, int]) -> None:
        self.log = log
        self._credits = [QueueCredit(name=name, weight=weight) for name, weight in weights.items()]
        self._number = 0

    async def fill(self, queue: str, count: int) -> None:
        job_id = created_job(f"the job of {queue}")
        await create(self.log, job_id)
        for start in range(0, count, AT_ONCE):
            await self._request(job_id, queue, range(start, min(start + AT_ONCE, count)))

    async def _request(self, job_id: JobId, queue: str, numbers: range) -> None:
        job = await load_job(self.log, job_id)
        assert job is not None
        items = tuple(wish(number, job_id=job_id, queue=queue) for number in numbers)
        through = await past(self.log, job.mark)
        unit = Unit(job_id=job_id, version=1, mark=job.mark, through=through, items=items)
        assert (await decided(self.log, unit)).results == ["done"]

    async def start(self, slots: int, *, strict: bool = False) -> list[str]:
        """The queues of the next starts."""
        self._number += 1
        claimed = await claim(
            self.log,
            0,
            session=WORKER,
            number=self._number,
            slots=slots,
            queues=self._credits,
            strict=strict,
            body=STARTED,
            body_cancelled=CANCELLED,
        )
        self._credits = [
            QueueCredit(name=queue.name, weight=queue.weight, credit=credit)
            for queue, credit in zip(self._credits, claimed.credits, strict=True)
        ]
        jobs = {created_job(f"the job of {queue.name}"): queue.name for queue in self._credits}
        return [jobs[grant.job_id] for grant in claimed.grants if grant.job_id is not None]

    async def starts(self, count: int, *, seed: int) -> Counter[str]:
        """So many starts, claimed in portions of chance."""
        chance, found = Random(seed), Counter[str]()
        while found.total() < count:
            found.update(await self.start(min(chance.randint(1, 60), count - found.total())))
        return found


@asynccontextmanager
async def shares(redis_url: str, prefix: str, weights: dict[str, int]) -> AsyncGenerator[Shares]:
    settings = LogSettings(url=redis_url, prefix=prefix)
    queues = [Queue(name=name, weight=weight) for name, weight in weights.items()]
    await initialise(settings, partitions=1, queues=queues)
    log = await Log.connect(settings, role="test")
    try:
        await open_all(log, epoch=1)
        await join(log, WORKER, body=None)
        yield Shares(log, weights)
    finally:
        await log.close()


def points(found: Counter[str], names: Sequence[str]) -> list[float]:
    return [100 * found[name] / found.total() for name in names]


@pytest.mark.parametrize(
    ("weights", "full"),
    [
        (DEFAULTS, ("critical", "default", "low")),
        (DEFAULTS, ("default", "low")),
        ({"gold": 7, "silver": 5, "tin": 2, "dust": 1}, ("gold", "silver", "tin", "dust")),
    ],
    ids=["all full", "critical empty", "own queues"],
)
async def test_of_10_000_starts_each_queue_has_its_share(
    redis_url: str, key_prefix: str, weights: dict[str, int], full: tuple[str, ...]
) -> None:
    total = sum(weights[name] for name in full)
    async with shares(redis_url, key_prefix, weights) as one:
        for name in full:
            await one.fill(name, 10_500 * weights[name] // total)
        found = await one.starts(10_000, seed=4)
        for name, share in zip(full, points(found, full), strict=True):
            assert abs(share - 100 * weights[name] / total) < 2, found
        assert set(found) == set(full)


async def test_the_lightest_queue_has_one_start_in_ten(redis_url: str, key_prefix: str) -> None:
    async with shares(redis_url, key_prefix, DEFAULTS) as one:
        for name in DEFAULTS:
            await one.fill(name, 200)
        order = [name for _ in range(200) for name in await one.start(1)]
        places = [place for place, name in enumerate(order) if name == "low"]
        assert len(places) == 20
        assert max(late - early for early, late in pairwise(places)) <= 10


async def test_in_strict_order_a_queue_waits_until_those_before_it_are_empty(redis_url: str, key_prefix: str) -> None:
    async with shares(redis_url, key_prefix, DEFAULTS) as one:
        for name in DEFAULTS:
            await one.fill(name, 30)
        order = [name for _ in range(13) for name in await one.start(7, strict=True)]
        assert order == ["critical"] * 30 + ["default"] * 30 + ["low"] * 30

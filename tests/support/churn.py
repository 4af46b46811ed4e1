"""Jobs of every second, some of which are edited, moved, disabled, deleted and created again, at random."""

import asyncio
from collections.abc import Mapping
from random import Random  # noqa: TID251  clients whose seed repeats what they ask
from typing import Any, Self

import httpx

from tests.support.load import EVERY_SECOND, Load
from waterclock.kit.randomness import token
from waterclock.model.ids import JobId, partition_of

JOB: dict[str, Any] = {"invokeTarget": "demo.noop", "cronExpression": EVERY_SECOND, "concurrent": "0"}
WORDS: dict[str, tuple[Any, ...]] = {
    "cronExpression": (EVERY_SECOND, EVERY_SECOND, "*/2 * * * * *", "*/7 * * * * *", "@every 3s"),
    "queue": ("critical", "default", "low"),
    "timezone": ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"),
    "misfirePolicy": ("1", "2", "3"),
    "misfireThreshold": (0, 1, 2, 60),
    "catchupLimit": (0, 3, 100),
    "remark": (None, "moved"),
}
"""What an edit chooses from; all but the remark settle what is owed."""


class Churn(Load):
    """`ticking` are jobs that nobody touches, one of each partition first."""

    def __init__(self, api_url: str, *, seed: int) -> None:
        super().__init__(api_url, seed=seed)
        self.ticking: list[str] = []
        self.gone: list[str] = []  # ids of jobs that were deleted
        self.changes = 0

    @classmethod
    async def start(cls, api_url: str, *, seed: int, ticking: int, changing: int, partitions: int) -> Self:
        churn = cls(api_url, seed=seed)
        async with churn._client() as client:
            missing = set(range(partitions))
            while missing or len(churn.ticking) < ticking:
                name = f"tick-{len(churn.ticking)}"
                job_id = await churn._create(client, name, JOB)
                partition = partition_of(JobId(job_id), partitions)
                churn.ticking.insert(0 if partition in missing else len(churn.ticking), name)
                missing.discard(partition)
            for number in range(changing):
                await churn._create(client, f"changed-{number}", JOB)
        return churn

    async def go_on(self) -> None:
        """Change jobs until `stop`; return when all that was asked is answered."""
        async with asyncio.TaskGroup() as clients:
            for number, name in enumerate(self.jobs.keys() - set(self.ticking)):
                clients.create_task(self._change(name, number), name=f"client of {name}")

    async def verdict(self, from_: str, to: str) -> dict[str, Any]:
        """What the API says of the ledger."""
        async with self._client() as client:
            return await self._insist(client, "GET", f"/ledger/verify?from={from_}&to={to}")

    async def _change(self, name: str, number: int) -> None:
        chance = Random(self._seed * 100 + number)
        definition = JOB
        async with self._client() as client:
            while not self._over.is_set():
                path = f"/jobs/{self.jobs[name]}"
                wish = chance.random()
                if wish < 0.25:
                    await self._insist(client, "PUT", f"{path}/status", {"status": "1"})
                    await self._pause(chance.uniform(0, 1.5))
                    await self._insist(client, "PUT", f"{path}/status", {"status": "0"})
                elif wish < 0.4:
                    await self._insist(client, "DELETE", path, fine=httpx.codes.NOT_FOUND)
                    self.gone.append(self.jobs.pop(name))
                    await self._create(client, name, definition)
                else:
                    definition = definition | {word: chance.choice(WORDS[word]) for word in chance.sample([*WORDS], 2)}
                    await self._insist(client, "PUT", path, {"jobName": name, **definition})
                self.changes += 1
                await self._pause(chance.uniform(0, 1))

    async def _create(self, client: httpx.AsyncClient, name: str, definition: Mapping[str, Any]) -> str:
        job = await self._insist(client, "POST", "/jobs", {"jobName": name, **definition}, key=token())
        self.jobs[name] = job["id"]
        return job["id"]

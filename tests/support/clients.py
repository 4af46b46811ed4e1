"""Clients of an installation under fire, who ask until they are answered."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import httpx

MONITOR = "/v1/monitor"


class Asking(ABC):
    """`surprises`: answers that should not be."""

    def __init__(self, url: str, *, patience: float) -> None:
        self.jobs: dict[str, str] = {}  # name → id
        self.surprises: list[str] = []
        self._url = url
        self._patience = patience  # s that a client waits for one answer
        self._over = asyncio.Event()

    def stop(self) -> None:
        self._over.set()

    async def end_schedules(self) -> None:
        """From now on no job names an instant; what was requested goes on to its end."""
        async with self._client() as client:
            for job_id in self.jobs.values():
                job = await self._insist(client, "GET", f"/jobs/{job_id}")
                await self._insist(client, "PUT", f"/jobs/{job_id}", {**job, "cronExpression": None})

    @abstractmethod
    async def _insist(
        self, client: httpx.AsyncClient, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask until the answer is a success."""

    async def _pause(self, seconds: float) -> None:
        """The pace of a client, cut short when all is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"{self._url}{MONITOR}", timeout=self._patience, trust_env=False)

"""What is asked meanwhile: clients that ask with one key until they are answered 202, readers, and a probe."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx
import msgspec

from tests.support.clients import MONITOR, Asking
from tests.support.listening import Listener
from waterclock.kit.randomness import token

OK, ACCEPTED, UNAVAILABLE = 200, 202, 503
CLIENTS = 4
PACE = 0.22  # s between the requests of a client: some 18 a second of all
JOBS = 6
ANSWER = 15.0  # s that a client waits
AGAIN = 0.1  # s
PATIENCE = 90.0  # s that it asks for one run
PROBE = 0.25  # s
EVERY_SECOND = {"cronExpression": "* * * * * *", "invokeTarget": "test.noted"}
SERIAL = {**EVERY_SECOND, "concurrent": "1", "invokeParams": {"seconds": 0.4}}


class Asked(NamedTuple):
    """One request: monotonic times, and the status of its answer; 0: there was none."""

    began: float
    ended: float
    job: str
    status: int


class Seen(NamedTuple):
    """One look at `/readyz`."""

    at: float
    status: int
    checks: dict[str, str]


class Reader(Listener):
    """Who hears all events from the first on. `gaps`: what the stream said of places that are no more."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url}{MONITOR}/events/stream", after="0")
        self.gaps: list[dict[str, Any]] = []

    def _take(self, fields: dict[str, str]) -> None:
        self._last = fields.get("id", self._last)
        if fields["event"] == "gap":
            self.gaps.append(msgspec.json.decode(fields["data"], type=dict[str, Any]))
        else:
            self.heard.append(msgspec.json.decode(fields["data"], type=dict[str, Any]))
        self._more.set()


class Pressure(Asking):
    """`answered`: runs by the key they were asked with, which is also the reason that they carry."""

    def __init__(self, url: str) -> None:
        super().__init__(url, patience=ANSWER)
        self.answered: dict[str, str] = {}
        self.asked: list[Asked] = []
        self.seen: list[Seen] = []
        self.readers = [Reader(url), Reader(url)]
        self._refused = ""  # the last answer that was none

    async def begin(self) -> None:
        """Create the jobs: some of each second, and one of them that never overlaps itself."""
        async with self._client() as client:
            for number in range(JOBS):
                await self._create(client, f"second-{number}", EVERY_SECOND)
            await self._create(client, "serial", SERIAL)

    async def go_on(self) -> None:
        """Ask until `stop`; return when all that was asked is answered. Readers and probe go on until cancelled."""
        async with asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                clients.create_task(self._ask(number), name=f"client {number}")

    async def listen(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._probe(), name="probe")
            for reader in self.readers:
                tasks.create_task(reader.listen(), name="reader")

    async def trigger(self, job: str, wish: Mapping[str, Any]) -> str:
        """One run more, as it is wished for; its id."""
        key = token()
        async with self._client() as client:
            answer = await self._insist(client, "POST", f"/jobs/{self.jobs[job]}/trigger", {"reason": key, **wish})
        self.answered[key] = answer["runId"]
        return answer["runId"]

    async def all_events(self) -> list[dict[str, Any]]:
        """What `GET /events` tells, all pages of it."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        async with self._client() as client:
            while True:
                answer = await client.get("/events", params={"limit": "200", **cursor})
                page = answer.raise_for_status().json()
                found += page["items"]
                if not (following := page.get("nextCursor")):
                    return found
                cursor = {"cursor": following}

    async def ledger(self) -> list[str]:
        """What the API finds wrong with the instants of all that time; asked again while it is too busy to tell."""
        deadline = time.monotonic() + PATIENCE
        async with self._client() as client:
            while True:
                answer = await client.get("/ledger/verify")
                if answer.status_code != UNAVAILABLE or time.monotonic() > deadline:
                    break
                await asyncio.sleep(PACE)
        return [] if answer.is_success and answer.json()["ok"] else [f"ledger verify: {answer.text[:1500]}"]

    def accepted_since(self, moment: float) -> set[str]:
        """Jobs whose trigger was asked for after that time, and answered 202."""
        return {one.job for one in self.asked if one.began >= moment and one.status == ACCEPTED}

    async def _ask(self, number: int) -> None:
        names = [f"second-{place}" for place in range(JOBS)]
        turn = number
        async with self._client() as client:
            while not self._over.is_set():
                turn += 1
                await self._trigger(client, names[turn % JOBS])
                await self._pause(PACE)

    async def _trigger(self, client: httpx.AsyncClient, job: str) -> None:
        key, path = token(), f"/jobs/{self.jobs[job]}/trigger"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = await self._once(client, "POST", path, {"reason": key}, job=job, key=key)
            if answer is not None:
                self.answered[key] = answer["runId"]
                return
            await asyncio.sleep(AGAIN)
        self.surprises.append(f"a trigger of {job} was not accepted in {PATIENCE:g} s")

    async def _probe(self) -> None:
        async with httpx.AsyncClient(timeout=ANSWER, trust_env=False) as client:
            while True:
                at = time.monotonic()
                try:
                    answer = await client.get(f"{self._url}/readyz")
                    self.seen.append(Seen(at, answer.status_code, answer.json().get("checks", {})))
                except httpx.TransportError:
                    self.seen.append(Seen(at, 0, {}))
                await asyncio.sleep(PROBE)

    async def _create(self, client: httpx.AsyncClient, name: str, members: dict[str, Any]) -> None:
        wanted = {"jobName": name, "concurrent": "0", **members}
        self.jobs[name] = (await self._insist(client, "POST", "/jobs", wanted))["id"]

    async def _insist(
        self, client: httpx.AsyncClient, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        key = token()
        deadline = time.monotonic() + PATIENCE
        while (given := await self._once(client, method, path, body, key=key)) is None:
            assert time.monotonic() < deadline, f"{method} {path} was refused for {PATIENCE:g} s: {self._refused}"
            await asyncio.sleep(AGAIN)
        return given

    async def _once(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        job: str = "",
        key: str,
    ) -> dict[str, Any] | None:
        began = time.monotonic()
        headers = {"Idempotency-Key": key} if method == "POST" else {}
        try:
            answer = await client.request(method, path, json=body, headers=headers)
        except httpx.TransportError:
            self.asked.append(Asked(began, time.monotonic(), job, 0))
            return None
        self.asked.append(Asked(began, time.monotonic(), job, answer.status_code))
        if answer.is_success:
            return answer.json() if answer.content else {}
        self._refused = answer.text
        told = answer.headers.get("content-type", "")
        if answer.status_code != UNAVAILABLE or "problem+json" not in told:
            self.surprises.append(f"{method} {path}: {answer.status_code} ({told}) {answer.text[:300]}")
        return None

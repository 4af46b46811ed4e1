"""Work for an installation under fire: jobs of every policy, and clients who ask until they are answered."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from random import Random  # noqa: TID251  clients whose seed repeats what they ask
from typing import Any, Self

import httpx

from tests.support.clients import MONITOR, Asking
from tests.support.listening import Listener
from waterclock.kit.randomness import token

ANSWER = 5.0  # s that a client waits; a write waits up to 2 s for its projection
PAUSE = 0.1  # s before it asks again
PATIENCE = 60.0  # s for jobs to be written
AWAY = {httpx.codes.SERVICE_UNAVAILABLE}
"""Answers that say "come again"; anything else that is no success is wrong."""

EVERY_SECOND, EVERY_TWO, EVERY_THREE = "* * * * * *", "*/2 * * * * *", "*/3 * * * * *"
LATE = {"misfireThreshold": 2}
JOBS: dict[str, dict[str, Any]] = {
    "tick": {"invokeTarget": "demo.noop", "cronExpression": EVERY_SECOND, "concurrent": "0"},
    "serial": {
        "invokeTarget": "demo.steps",
        "invokeParams": {"steps": 2, "lines": 3, "delay": 0.1},
        "cronExpression": EVERY_TWO,
        "misfirePolicy": "1",
        "catchupLimit": 3,
        **LATE,
    },
    "fold": {
        "invokeTarget": "demo.sleep",
        "invokeParams": {"seconds": 0.7},
        "cronExpression": EVERY_SECOND,
        "misfirePolicy": "2",
        **LATE,
    },
    "skip": {
        "invokeTarget": "demo.sleep",
        "invokeParams": {"seconds": 1.4},
        "cronExpression": EVERY_SECOND,
        "misfirePolicy": "3",
        **LATE,
    },
    "replace": {
        "invokeTarget": "demo.sleep",
        "invokeParams": {"seconds": 5},
        "cronExpression": EVERY_THREE,
        "overlapPolicy": "cancel_other",
    },
    "failing": {
        "invokeTarget": "demo.fail",
        "cronExpression": EVERY_TWO,
        "concurrent": "0",
        "retry": {"maxAttempts": 3, "backoff": "fixed", "initial": 0.3},
    },
    "flipped": {"invokeTarget": "demo.noop", "cronExpression": EVERY_SECOND},
    "by-hand": {
        "invokeTarget": "demo.steps",
        "invokeParams": {"steps": 1, "lines": 4, "delay": 0.05},
        "concurrent": "0",
    },
    "by-hand-serial": {
        "invokeTarget": "demo.sleep",
        "invokeParams": {"seconds": 0.1},
        "overlapPolicy": "buffer_all",
    },
    "long": {
        "invokeTarget": "demo.steps",
        "invokeParams": {"steps": 3, "lines": 5, "delay": 0.2},
        "concurrent": "0",
    },
}


class Load(Asking):
    """`answered` and `unsure` are triggers by their key, which is also the reason that their runs carry."""

    def __init__(self, api_url: str, *, seed: int) -> None:
        super().__init__(api_url, patience=ANSWER)
        self.answered: dict[str, str] = {}  # key → run
        self.unsure: set[str] = set()
        self.followed: dict[str, Listener] = {}  # run → who listened to its stream
        self.answers: Counter[int] = Counter()
        self._seed = seed

    @classmethod
    async def begin(cls, api_url: str, jobs: Mapping[str, Mapping[str, Any]] = JOBS, *, seed: int = 0) -> Self:
        """Create the jobs, by their names."""
        load = cls(api_url, seed=seed)
        async with load._client() as client:
            for name, members in jobs.items():
                job = await load._insist(client, "POST", "/jobs", {"jobName": name, **members}, key=token())
                load.jobs[name] = job["id"]
        return load

    def stream_of(self, name: str, *, hangs_up_after: int | None = None) -> Listener:
        """Somebody who listens to a job from its first event on."""
        url = f"{self._url}{MONITOR}/jobs/{self.jobs[name]}/logs/stream"
        return Listener(url, after="0", hangs_up_after=hangs_up_after)

    async def succeeded(self, run_id: str) -> bool:
        """Whether a run has, as reads see it."""
        async with self._client() as client:
            run = await self._once(client, "GET", f"/runs/{run_id}", None, key=None)
        return run is not None and run["status"] == "succeeded"

    async def trigger(self, name: str) -> str:
        """One run of a job; its id."""
        async with self._client() as client:
            return await self._trigger(client, name, {})

    async def go_on(self) -> None:
        """Ask for runs until `stop`; return when all that was asked is answered."""
        async with asyncio.TaskGroup() as clients:
            for number in range(6):
                clients.create_task(self._ask("by-hand", number, pause=0.4), name=f"client {number} of by-hand")
            clients.create_task(self._ask("by-hand-serial", 6, pause=0.6), name="client of by-hand-serial")
            clients.create_task(self._flip(), name="client of flipped")
            clients.create_task(self._follow(), name="client of long")

    async def _ask(self, name: str, number: int, *, pause: float) -> None:
        """Trigger now and then; sometimes twice with one key, at a later time, without waiting, or to cancel it."""
        chance = Random(self._seed * 100 + number)
        async with self._client() as client:
            while not self._over.is_set():
                wish = chance.random()
                if wish < 0.1:
                    await self._try_once(client, name)
                else:
                    more = {"delay": round(chance.uniform(0.2, 2), 2)} if wish < 0.3 else {}
                    run_id = await self._trigger(client, name, more, again=chance.random() < 0.3)
                    if wish > 0.9:
                        await self._cancel(client, run_id)
                await self._pause(chance.uniform(0, 2 * pause))

    async def _trigger(self, client: httpx.AsyncClient, name: str, more: Mapping[str, Any], again: bool = False) -> str:
        key, path = token(), f"/jobs/{self.jobs[name]}/trigger"
        wanted = {"reason": key, **more}
        given = await self._insist(client, "POST", path, wanted, key=key)
        if again:
            repeated = await self._insist(client, "POST", path, wanted, key=key)
            if repeated != given:
                self.surprises.append(f"trigger {key} was answered {given}, and then {repeated}")
        self.answered[key] = given["runId"]
        return given["runId"]

    async def _try_once(self, client: httpx.AsyncClient, name: str) -> None:
        """A client that goes away when the first answer is not what it wants."""
        key = token()
        self.unsure.add(key)
        given = await self._once(client, "POST", f"/jobs/{self.jobs[name]}/trigger", {"reason": key}, key=key)
        if given is not None:
            self.unsure.remove(key)
            self.answered[key] = given["runId"]

    async def _cancel(self, client: httpx.AsyncClient, run_id: str) -> None:
        """409 says that it has ended, which is as good."""
        await self._insist(client, "POST", f"/runs/{run_id}/cancel", {}, key=token(), fine=httpx.codes.CONFLICT)

    async def _follow(self) -> None:
        """One long run after the other, each listened to from its first event to its end."""
        async with self._client() as client:
            while not self._over.is_set():
                run_id = await self._trigger(client, "long", {})
                listener = self.followed[run_id] = Listener(f"{self._url}{MONITOR}/runs/{run_id}/logs/stream")
                async with asyncio.timeout(PATIENCE):
                    await listener.listen()

    async def _flip(self) -> None:
        """Disable and enable a job in turn."""
        chance = Random(self._seed)
        async with self._client() as client:
            while not self._over.is_set():
                for status in ("1", "0"):
                    await self._insist(client, "PUT", f"/jobs/{self.jobs['flipped']}/status", {"status": status})
                    await self._pause(chance.uniform(0.5, 2.5))

    async def _insist(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        fine: int = httpx.codes.OK,
    ) -> dict[str, Any]:
        """Ask until the answer is a success, or `fine`."""
        async with asyncio.timeout(PATIENCE):
            while (given := await self._once(client, method, path, body, key=key, fine=fine)) is None:  # noqa: ASYNC110
                await asyncio.sleep(PAUSE)
        return given

    async def _once(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        key: str | None,
        fine: int = httpx.codes.OK,
    ) -> dict[str, Any] | None:
        headers = {"Idempotency-Key": key} if key is not None else {}
        try:
            answer = await client.request(method, path, json=body, headers=headers)
        except httpx.TransportError:
            self.answers[0] += 1
            return None
        self.answers[answer.status_code] += 1
        if answer.is_success or answer.status_code == fine:
            return answer.json() if answer.content else {}
        if answer.status_code not in AWAY:
            self.surprises.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return None

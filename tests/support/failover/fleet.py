"""All services as processes: one that exits is started again, and its exit is remembered."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.support.services import Place
from tests.support.waiting import until
from waterclock_dev.servers.children import Child
from waterclock_dev.servers.prefix import Prefixed
from waterclock_dev.servers.supervise import together

NAMES = ("projector-1", "api-1", "scheduler-1", "scheduler-2", "worker-1", "worker-2")
READY = 90.0  # s
AGAIN = 0.5  # s after an exit
GRACE = 20.0  # s


class Fleet:
    """`exits`: which processes ended of themselves, how, and their last words."""

    def __init__(self, place: Place, said: Prefixed, environment: Callable[[str], Mapping[str, str]]) -> None:
        self.place = place
        self.exits: list[str] = []
        self.lines: list[str] = []  # of all
        self._said = said
        self._environment = environment
        self._children: dict[str, Child] = {}
        self._away: dict[str, asyncio.Event] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.place.port}"

    def child(self, name: str) -> Child:
        return self._children[name]

    def tell(self, text: str) -> None:
        """Say something among what the processes say."""
        self._said.write("field", text)

    async def start(self) -> None:
        for name in NAMES:
            self._start(name)
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:

            async def ready() -> bool:
                assert all(child.running for child in self._children.values()), self.last_words()
                try:
                    is_ready = (await client.get(f"{self.url}/readyz")).is_success
                except httpx.TransportError:
                    return False
                return is_ready and sum("ready" in line.split() for line in self.lines) >= len(NAMES)

            await until(ready, within=READY, what="all services are ready")

    async def says(self, words: str) -> None:
        """Return when one of them says so, or has."""

        async def said() -> bool:
            return any(words in line for line in self.lines)

        await until(said, within=READY, what=f"somebody says {words!r}")

    async def keep(self) -> None:
        """Start again what exits, until cancelled."""
        async with asyncio.TaskGroup() as keeping:
            for name in NAMES:
                keeping.create_task(self._keep(name), name=f"keep {name}")

    @asynccontextmanager
    async def without(self, name: str) -> AsyncGenerator[None]:
        """One of them is stopped, as an operator does, and started again at the end."""
        back = self._away[name] = asyncio.Event()
        try:
            await self._children[name].stop(grace=GRACE)
            yield
        finally:
            del self._away[name]
            back.set()

    async def stop(self) -> None:
        await together(*(child.stop(grace=GRACE) for child in self._children.values() if child.running))

    def last_words(self) -> str:
        return "\n".join(child.last_lines for child in self._children.values() if not child.running)

    def _start(self, name: str) -> None:
        verb = name.partition("-")[0]
        write = self._said.of(name)

        def hear(line: str) -> None:
            self.lines.append(f"{name} {line}")
            write(line)

        command = [sys.executable, "-m", "waterclock.cli", verb]
        self._children[name] = Child(command, name=name, env=self._environment(name), on_line=hear)

    async def _keep(self, name: str) -> None:
        while True:
            code = await self._children[name].exited()
            if (back := self._away.get(name)) is not None:
                await back.wait()
            else:
                self.exits.append(f"{name} exited with {code}: {self._children[name].last_lines[-600:]}")
                await asyncio.sleep(AGAIN)
            self._start(name)


@asynccontextmanager
async def at_work(place: Place, output: Path, environment: Mapping[str, str]) -> AsyncGenerator[Fleet]:
    """Two workers, two schedulers, an API and a projector on a log that is prepared here; stopped at the end."""

    def told(name: str) -> dict[str, str]:
        verb = name.partition("-")[0]
        more = {"WORKER_NAME": name} if verb == "worker" else {"SCHEDULER_NAME": name} if verb == "scheduler" else {}
        return place.environment(verb, **more) | dict(environment)

    with output.open("w") as file:
        said = Prefixed(file)
        code, lines = await place.ended("migrate")
        assert code == 0, lines
        fleet = Fleet(place, said, told)
        try:
            await fleet.start()
            keeping = asyncio.create_task(fleet.keep(), name="keep services")
            try:
                yield fleet
            finally:
                keeping.cancel()
                await asyncio.wait([keeping])
        finally:
            await fleet.stop()
            said.flush()

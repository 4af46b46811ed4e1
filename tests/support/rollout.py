"""Processes of two releases on the same stores: this one, and the one before, whose sources are kept as a fixture."""

import asyncio
import os
import signal
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from tests.support.entrance import Entrance
from tests.support.installation import clean_environment
from tests.support.previous import checked
from tests.support.repository import GOLDEN
from waterclock_dev.installation import DEMO_EXECUTORS
from waterclock_dev.servers.ports import LOOPBACK, free_port
from waterclock_dev.servers.prefix import Prefixed
from waterclock_dev.servers.supervise import together
from waterclock_dev.services import Service, run_once

PREVIOUS = GOLDEN / "previous.tar.gz"
EARLIER = Path(__file__).with_name("earlier.py")
READY, GONE = 60.0, 30.0  # s
DRAIN = 0.2  # s, less than many runs take: those are handed back

Release: TypeAlias = Literal["previous", "present"]
ORDER = {"projector": "projector", "api": "api", "scheduler": "scheduler", "worker-1": "worker", "worker-2": "worker"}
"""The parts in the order of an upgrade, each with its verb."""


class Rollout:
    """Each part is one process, of one release or the other."""

    def __init__(self, env: Mapping[str, str], sources: Path, entrance: Entrance, output: Prefixed) -> None:
        self._env = env
        self._sources = [sources / folder for folder in ("shared/src", *_services(sources))]
        self._entrance = entrance
        self._output = output
        self._running: dict[str, Service] = {}
        self._started = 0

    def is_apart(self) -> bool:
        """Whether the sources of the release before are those that it runs by."""
        tell = [sys.executable, "-c", "import waterclock_worker; print(waterclock_worker.__file__)"]
        said = subprocess.run(tell, env=self._of("previous"), capture_output=True, text=True, check=True, timeout=READY)
        return any(Path(said.stdout).is_relative_to(each) for each in self._sources)

    async def migrate(self, release: Release) -> None:
        said = self._output.of(f"{release} migrate")
        await run_once("migrate", env=self._of(release), on_line=said, deadline=READY)

    async def begin(self, release: Release) -> None:
        """All parts at once, on a migrated log."""
        await together(*(self._begin(part, release) for part in ORDER))

    async def replace(self, part: str, release: Release) -> None:
        """Start the other beside it; when that is ready, let it go by SIGTERM, and see that it ends well."""
        left = self._running[part]
        await self._begin(part, release)
        self._output.write("test", f"{part} is now of the {release} release")
        os.kill(left.pid, signal.SIGTERM)
        async with asyncio.timeout(GONE):
            assert await left.exited() == 0, f"{part} did not end well"

    def ended(self) -> list[str]:
        """The parts whose process has ended of itself."""
        return [part for part, service in self._running.items() if not service.running]

    async def stop(self) -> None:
        await together(*(service.stop() for service in self._running.values()))

    async def _begin(self, part: str, release: Release) -> None:
        self._started += 1
        name = f"{release}-{part}-{self._started}"
        port = free_port()
        own = {
            "WATERCLOCK_HOST": LOOPBACK,
            "WATERCLOCK_KEYLESS": "loopback",
            "WATERCLOCK_PORT": str(port),
            "WATERCLOCK_SCHEDULER_NAME": name,
            "WATERCLOCK_WORKER_NAME": name,
            "WATERCLOCK_DRAIN_TIMEOUT": f"{DRAIN:g}",
            "WATERCLOCK_EXECUTORS": f"{DEMO_EXECUTORS},{EARLIER}",
        }
        env = {**self._of(release), **own}
        service = Service(name, verb=ORDER[part], env=env, on_line=self._output.of(name), grace=GONE)
        await service.start()
        self._running[part] = service
        await service.ready(deadline=READY)
        if part == "api":
            self._entrance.leads_to = port

    def _of(self, release: Release) -> dict[str, str]:
        """What a process of a release is told; the path of one before comes before what is installed."""
        path = os.pathsep.join(map(str, self._sources))
        before = {"PYTHONPATH": path, "EARLIER_RESULTS": "1"}
        return {**self._env, "PYTHONUNBUFFERED": "1", **(before if release == "previous" else {})}


@asynccontextmanager
async def rolling(folder: Path, stores: Mapping[str, str], entrance: Entrance) -> AsyncGenerator[Rollout]:
    """Nothing runs yet; whatever does at the end is stopped. What all of them say is in `folder`, in output.log."""
    sources = folder / "previous"
    with tarfile.open(PREVIOUS) as archive:
        archive.extraction_filter = checked
        archive.extractall(sources)
    for package in (sources / "shared", *sources.glob("services/*")):
        _tell_metadata(package)
    with (folder / "output.log").open("w") as file:
        said = Prefixed(file)
        rollout = Rollout(clean_environment() | dict(stores), sources, entrance, said)
        assert rollout.is_apart(), "the release before is not what runs as such"
        try:
            yield rollout
        finally:
            await rollout.stop()
            said.flush()


def _services(sources: Path) -> list[str]:
    return [f"services/{each.name}/src" for each in sorted((sources / "services").iterdir())]


def _tell_metadata(package: Path) -> None:
    """Have the packages of a release found with its own verbs and executors, whatever is installed."""
    told = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    folder = package / "src" / f"{told['name'].replace('-', '_')}-{told['version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n")
    groups = told.get("entry-points", {})
    lines = [f"[{group}]\n" + "".join(f"{name} = {at}\n" for name, at in of.items()) for group, of in groups.items()]
    (folder / "entry_points.txt").write_text("\n".join(lines))

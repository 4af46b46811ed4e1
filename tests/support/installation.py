"""`waterclock dev` as a user starts it: a process of its own, found by its dev.json, talked to over HTTP."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import msgspec

from tests.support.servers import wait_for
from waterclock_dev.servers import external, record
from waterclock_dev.servers.children import Child
from waterclock_dev.servers.record import Record

READY = 60.0  # s
POLL = 0.02  # s
OURS = (sys.executable, "-P", "-m", "waterclock.cli")
"""The command of the environment that the tests run in."""
ENDED = {"succeeded", "failed", "timedOut", "cancelled", "died"}


class Installation:
    """A running `waterclock dev` and a client of its API."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        port: int = 0,
        surroundings: Mapping[str, str] = MappingProxyType({}),
        program: Sequence[str] = OURS,
    ) -> None:
        """It runs in `folder`, its data lies in `.waterclock/`; `surroundings`: what else its environment says."""
        self.folder = folder
        self.lines: list[str] = []
        self._ready = threading.Event()
        self.child = Child(
            [
                *("env", "-C", str(folder), *program, "dev"),
                *("--data-dir", str(folder / ".waterclock"), "--port", str(port), *arguments),
            ],
            name="dev",
            on_line=self._hear,
            env={**clean_environment(), **surroundings},
        )

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY
        while not self._ready.wait(POLL * 5):
            assert self.child.running, self.said
            assert time.monotonic() < deadline, self.said
        self.api = httpx.Client(base_url=f"{self.record.api}/v1/monitor", timeout=30, trust_env=False)

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    @property
    def record(self) -> Record:
        found = record.read(self.folder / ".waterclock")
        assert found is not None, "there is no dev.json"
        return found

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return answered(self.api.post(path, json=body or {}))

    def get(self, path: str) -> dict[str, Any]:
        return answered(self.api.get(path))

    def delete(self, path: str) -> None:
        assert self.api.delete(path).status_code == httpx.codes.NO_CONTENT

    def ended_run(self, run_id: str, *, timeout: float = 30.0) -> dict[str, Any]:
        """The run, once it has ended."""
        return self.until(lambda: _if_ended(self.get(f"/runs/{run_id}")), timeout=timeout)

    def until(self, look: Any, *, timeout: float = 30.0) -> Any:
        """What `look` finds, once it finds something."""
        deadline = time.monotonic() + timeout
        while not (found := look()):
            assert time.monotonic() < deadline, f"nothing found in {timeout:g} s\n{self.said[-4000:]}"
            time.sleep(POLL)
        return found

    def stream(self, path: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Id, name and document of each event of a stream, until it ends or the caller has enough."""
        with self.api.stream("GET", path) as answer:
            assert answer.status_code == httpx.codes.OK, answer.read()
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                elif "event" in fields:
                    yield fields.get("id", ""), fields["event"], msgspec.json.decode(fields.get("data") or "{}")
                    fields = {}

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ctrl-C, or another signal; its exit code."""
        if self._ready.is_set():
            self.api.close()
        return wait_for(self.child.stop(number, grace=30))

    def _hear(self, line: str) -> None:
        self.lines.append(line)
        if "Ctrl-C stops everything" in line:
            self._ready.set()


@contextlib.contextmanager
def running(
    folder: Path,
    *arguments: str,
    port: int = 0,
    surroundings: Mapping[str, str] = MappingProxyType({}),
    program: Sequence[str] = OURS,
) -> Generator[Installation]:
    """A ready installation; it is stopped at the end."""
    installation = Installation(folder, *arguments, port=port, surroundings=surroundings, program=program)
    try:
        installation.wait_ready()
        yield installation
    finally:
        installation.stop()


def clean_environment() -> dict[str, str]:
    """Ours, without what would name other servers or other settings."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in external.NAMES and not name.startswith("WATERCLOCK_")
    }


def answered(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json()


def is_alive(pid: int) -> bool:
    """Whether a process runs under this pid; one that has ended and waits to be noticed does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _if_ended(run: dict[str, Any]) -> dict[str, Any] | None:
    return run if run["status"] in ENDED else None

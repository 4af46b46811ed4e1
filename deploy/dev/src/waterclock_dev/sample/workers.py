"""Unfinished runs and the workers that hold them."""

from __future__ import annotations

from typing import Any

from waterclock.model.events import RunRequested
from waterclock.model.ids import JobId, RunId


class Run:
    """An unfinished run."""

    __slots__ = (
        "attempt", "cancelled", "failures", "fence", "losses", "request", "settled", "state", "worker",
    )  # fmt: skip

    def __init__(self, request: RunRequested) -> None:
        self.request = request
        self.state: str = request.state
        self.attempt = self.fence = self.failures = self.losses = self.settled = 0
        self.cancelled = False
        self.worker: Worker | None = None

    @property
    def who(self) -> dict[str, Any]:
        """What each event of its attempt names."""
        return {"run_id": self.run_id, "job_id": self.job_id, "attempt": self.attempt, "fence": self.fence}

    @property
    def run_id(self) -> RunId:
        return self.request.run_id

    @property
    def job_id(self) -> JobId | None:
        return self.request.job_id


class Worker:
    """One start of a worker process, or none at the time (`session` empty)."""

    __slots__ = ("draining", "name", "runs", "session", "slots")

    def __init__(self, name: str, slots: int) -> None:
        self.name = name
        self.slots = slots
        self.session = ""
        self.draining = False
        self.runs: dict[RunId, Run] = {}

    @property
    def free(self) -> int:
        return 0 if not self.session or self.draining else self.slots - len(self.runs)

"""The first act: a scheduled job and one started by hand, watched live; then the proof that no instant is missing."""

from contextlib import aclosing
from typing import Any

from waterclock.cli.options.moments import shown
from waterclock.client import AsyncClient, Event, endpoints
from waterclock.client.models import Job
from waterclock.model.outcomes import STATUS_OF_TAG
from waterclock_dev.demo.live import DemoFailed, run_by_hand
from waterclock_dev.demo.screen import Screen
from waterclock_dev.servers.supervise import together

SCHEDULE = "*/2 * * * * *"
FIRES = 3  # to be seen from their decision to their end
MOST = 1000  # instants told at once
TIDE: dict[str, Any] = {
    "jobName": "tide",
    "jobGroup": "demo",
    "invokeTarget": "demo.steps",
    "invokeParams": {"steps": 2, "lines": 2, "delay": 0.1},
    "cronExpression": SCHEDULE,
}
BY_HAND: dict[str, Any] = {
    "jobName": "by-hand",
    "jobGroup": "demo",
    "invokeTarget": "demo.steps",
    "invokeParams": {"steps": 1, "lines": 3, "delay": 0.1},
}


async def play(api: AsyncClient, screen: Screen) -> None:
    """
    Raises:
        DemoFailed: a run did not succeed, or an instant has no decision or more than one.
    """
    screen.title(f"A job on the schedule {SCHEDULE}, and one started by hand")
    tide = await api.send(endpoints.create_job(TIDE))
    by_hand = await api.send(endpoints.create_job(BY_HAND))
    screen.say(f"created demo/tide ({tide.id}) and demo/by-hand ({by_hand.id})")
    watched = _Watched()
    await together(_watch(api, tide.id, watched, screen), run_by_hand(api, by_hand, screen))
    screen.title("The audit of demo/tide")
    await _prove(api, tide, watched.last, screen)
    await api.send(endpoints.set_status(tide.id, "1"))


class _Watched:
    """What a job's stream has told of its runs."""

    def __init__(self) -> None:
        self.last = ""  # the latest instant that fired
        self._unfinished: set[str] = set()
        self._ended = 0

    def hear(self, event: Event) -> None:
        if event.kind == "run.requested":
            self.last = event.data["nominalAt"]
            self._unfinished.add(event.data["runId"])
        elif event.kind in STATUS_OF_TAG:
            self._unfinished.discard(event.data["runId"])
            self._ended += 1

    @property
    def enough(self) -> bool:
        return self._ended >= FIRES and not self._unfinished


async def _watch(api: AsyncClient, job_id: str, watched: _Watched, screen: Screen) -> None:
    async with aclosing(api.follow(endpoints.job_events(job_id, after="0"))) as events:
        async for event in events:
            screen.event("tide", event)
            watched.hear(event)
            if watched.enough:
                return
    raise DemoFailed("the job's stream ended")


async def _prove(api: AsyncClient, job: Job, last: str, screen: Screen) -> None:
    """Ask for the proof, and show what it rests on: each instant and what became of it."""
    proof = await api.send(endpoints.verify(jobs=job.id, from_=job.created_at, to=last))
    told = await api.send(endpoints.explain(job.id, from_=job.created_at, to=last, limit=MOST))
    rows: list[list[str]] = []
    for one in told.items:
        status, took = "", ""
        if one.run_id is not None:
            run = await api.wait(one.run_id)
            status, took = run.status, f"{run.duration_ms} ms"
        rows.append([shown(one.instant) or one.instant, one.fate, one.run_id or "", status, took])
        if one.fate == "fired" and status != "succeeded":
            raise DemoFailed(f"run {one.run_id} is {status}")
    screen.table(["scheduled time", "outcome", "run", "status", "took"], rows)
    decided = proof.fired + proof.skipped + proof.coalesced
    if not proof.ok or proof.pending or not decided == proof.instants == len(rows):
        raise DemoFailed(f"the audit found a fault: {proof}")
    if decided < FIRES:
        raise DemoFailed(f"only {decided} scheduled times have an outcome")
    screen.say(f"{proof.instants} scheduled times, {decided} outcomes: none is missing, none is double")

"""The first act: a scheduled job and one started by hand, watched live; then the proof that no instant is missing."""

from typing import Any

from waterclock_dev.client import Api
from waterclock_dev.demo.live import DemoFailed, run_by_hand
from waterclock_dev.demo.screen import ENDS, Screen
from waterclock_dev.servers.supervise import together

SCHEDULE = "*/2 * * * * *"
FIRES = 3  # to be seen from their decision to their end
MOST = "1000"  # instants told at once
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


async def play(api: Api, screen: Screen) -> None:
    """
    Raises:
        DemoFailed: a run did not succeed, or an instant has no decision or more than one.
    """
    screen.title(f"A job on the schedule {SCHEDULE}, and one started by hand")
    tide = await api.create_job(TIDE)
    by_hand = await api.create_job(BY_HAND)
    screen.say(f"created demo/tide ({tide['id']}) and demo/by-hand ({by_hand['id']})")
    watched = _Watched()
    await together(_watch(api, tide["id"], watched, screen), run_by_hand(api, by_hand, screen))
    screen.title("The ledger of demo/tide")
    await _prove(api, tide, watched.last, screen)
    await api.disable_job(tide["id"])


class _Watched:
    """What a job's stream has told of its runs."""

    def __init__(self) -> None:
        self.last = ""  # the latest instant that fired
        self._unfinished: set[str] = set()
        self._ended = 0

    def hear(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "run.requested":
            self.last = event["nominalAt"]
            self._unfinished.add(event["runId"])
        elif kind in ENDS:
            self._unfinished.discard(event["runId"])
            self._ended += 1

    @property
    def enough(self) -> bool:
        return self._ended >= FIRES and not self._unfinished


async def _watch(api: Api, job_id: str, watched: _Watched, screen: Screen) -> None:
    async for event in api.stream(f"/jobs/{job_id}/logs/stream?after=0"):
        screen.event("tide", event)
        watched.hear(event.type, event.data)
        if watched.enough:
            return
    raise DemoFailed("the job's stream ended")


async def _prove(api: Api, job: dict[str, Any], last: str, screen: Screen) -> None:
    """Ask for the proof, and show what it rests on: each instant and what became of it."""
    since = {"from": job["createdAt"], "to": last}
    proof = await api.get("/ledger/verify", jobId=job["id"], **since)
    told = (await api.get(f"/jobs/{job['id']}/explain", **since, limit=MOST))["items"]
    rows: list[list[str]] = []
    for one in told:
        run = await api.ended_run(one["runId"]) if one["runId"] is not None else {}
        took = f"{run['durationMs']} ms" if run.get("durationMs") is not None else ""
        rows.append([one["instant"], one["fate"], one["runId"] or "", run.get("status", ""), took])
        if one["fate"] == "fired" and run["status"] != "succeeded":
            raise DemoFailed(f"run {one['runId']} is {run['status']}")
    screen.table(["instant", "decision", "run", "status", "took"], rows)
    decided = proof["fired"] + proof["skipped"] + proof["coalesced"]
    if not proof["ok"] or proof["pending"] or not decided == proof["instants"] == len(rows):
        raise DemoFailed(f"the ledger does not add up: {proof}")
    if decided < FIRES:
        raise DemoFailed(f"only {decided} instants were decided")
    screen.say(f"{proof['instants']} instants, {decided} decisions: none is missing, none is double")

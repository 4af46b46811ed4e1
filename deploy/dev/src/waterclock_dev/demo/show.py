"""The demo's course: start everything, watch a scheduled and a manual job live, prove the ledger, clean up."""

import asyncio
import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from waterclock.model.cron import parse
from waterclock.model.outcomes import ENDED
from waterclock_dev import elsewhere
from waterclock_dev.client import Api, ApiRefused, StreamedEvent
from waterclock_dev.demo.ledger import Ledger, account, is_decision
from waterclock_dev.demo.screen import ENDS, Screen
from waterclock_dev.elsewhere import Elsewhere
from waterclock_dev.installation import Installation, Plan
from waterclock_dev.ports import free_port
from waterclock_dev.prefix import Prefixed
from waterclock_dev.servers import ServerError
from waterclock_dev.supervise import together, until

SCHEDULE = "*/2 * * * * *"
FIRES = 3  # to be seen from their decision to their end
PATIENCE = 60.0  # s for all that follows the start
POLL = 0.05  # s
LINES_SHOWN = 40  # of the logs, when it fails
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


class DemoFailed(Exception):
    """What was promised did not happen; the message says what."""


async def show(environment: Mapping[str, str], screen: Screen, stop: asyncio.Event) -> bool:
    """Run the demo on servers of its own, whatever the environment names; whether all went as promised."""
    ours = {name: value for name, value in environment.items() if name not in elsewhere.NAMES}
    logs = io.StringIO()
    with tempfile.TemporaryDirectory(prefix="waterclock-demo-", ignore_cleanup_errors=True) as folder:
        plan = Plan(data_dir=Path(folder), port=free_port())
        installation = Installation(plan, ours, Elsewhere(), Prefixed(logs))
        reason: str | None = "stopped before its end"
        try:
            await until(stop, _acts(installation, screen))
            reason = None if not stop.is_set() else reason
        except (ServerError, DemoFailed, ApiRefused) as error:
            reason = str(error)
        except httpx.TransportError as error:
            reason = f"the API went away: {error!r}"
        except TimeoutError:
            reason = f"not done within {PATIENCE:g} s"
        finally:
            screen.say("stopping everything")
            await installation.stop()
    if reason is None:
        screen.done("done: all processes are gone, and so are their data")
        return True
    screen.fail(f"the demo failed: {reason}")
    screen.title("The end of the logs")
    screen.say("\n" + "\n".join(logs.getvalue().splitlines()[-LINES_SHOWN:]))
    return False


async def _acts(installation: Installation, screen: Screen) -> None:
    screen.title("Waterclock: every instant is accounted for")
    screen.say("starting Valkey, Postgres, S3, then api, projector, scheduler, worker")
    await installation.start()
    screen.say(f"all ready; the API is at {installation.api_url}")
    async with asyncio.timeout(PATIENCE), Api(installation.api_url) as api:
        screen.title(f"A job on the schedule {SCHEDULE}, and one started by hand")
        tide = await api.create_job(TIDE)
        by_hand = await api.create_job(BY_HAND)
        screen.say(f"created demo/tide ({tide['id']}) and demo/by-hand ({by_hand['id']})")
        decisions: list[dict[str, Any]] = []
        await together(_watch_tide(api, tide["id"], decisions, screen), _by_hand(api, by_hand["id"], screen))
        screen.title("The ledger of demo/tide")
        await _prove(api, account(parse(SCHEDULE), decisions), screen)


async def _watch_tide(api: Api, job_id: str, decisions: list[dict[str, Any]], screen: Screen) -> None:
    """Show the job's stream, and collect its decisions, until enough of its runs have ended."""
    unfinished: set[str] = set()
    ended = 0
    async for event in api.stream(f"/jobs/{job_id}/logs/stream?after=0"):
        screen.event("tide", event)
        if is_decision(event.data):
            decisions.append(event.data)
            if event.type == "run.requested":
                unfinished.add(event.data["runId"])
        elif event.type in ENDS:
            unfinished.discard(event.data["runId"])
            ended += 1
        if ended >= FIRES and not unfinished:
            return
    raise DemoFailed("the job's stream ended")


async def _by_hand(api: Api, job_id: str, screen: Screen) -> None:
    run_id = await api.trigger(job_id)
    last: StreamedEvent | None = None
    async for event in api.stream(f"/runs/{run_id}/logs/stream"):
        screen.event("by-hand", event)
        last = event if event.type in ENDS else last
    if last is None or last.type != "run.succeeded":
        raise DemoFailed(f"the manual run {run_id} did not succeed")


async def _prove(api: Api, ledger: Ledger, screen: Screen) -> None:
    rows: list[list[str]] = []
    for entry in ledger.entries:
        run = await _ended_run(api, entry.run_id) if entry.run_id is not None else {}
        took = f"{run['durationMs']} ms" if run.get("durationMs") is not None else ""
        rows.append([entry.instant, entry.fate, entry.run_id or "", run.get("status", ""), took])
        if entry.fate == "fired" and run["status"] != "succeeded":
            raise DemoFailed(f"run {entry.run_id} is {run['status']}")
    screen.table(["instant", "decision", "run", "status", "took"], rows)
    if ledger.faults:
        raise DemoFailed("; ".join(ledger.faults))
    if len(rows) < FIRES:
        raise DemoFailed(f"only {len(rows)} instants were decided")
    screen.say(f"{len(rows)} instants, {len(rows)} decisions: none is missing, none is double")


async def _ended_run(api: Api, run_id: str) -> dict[str, Any]:
    """The run, as the read model shows it once it has heard of its end, which the stream told earlier."""
    while True:
        run = await api.get(f"/runs/{run_id}")
        if run["status"] in ENDED:
            return run
        await asyncio.sleep(POLL)

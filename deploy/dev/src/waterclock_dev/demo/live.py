"""A run that the demo starts, watched from its first event to its end."""

from contextlib import aclosing
from typing import Any

from waterclock.cli.render.events import because
from waterclock.client import AsyncClient, Event, endpoints
from waterclock.client.models import Job
from waterclock.model.outcomes import STATUS_OF_TAG
from waterclock_dev.demo.screen import Screen


class DemoFailed(Exception):
    """What was promised did not happen; the message says what."""


async def run_by_hand(api: AsyncClient, job: Job, screen: Screen) -> dict[str, Any]:
    """Trigger a job and show its run live; the event that it ended by.

    Raises:
        DemoFailed: it did not succeed.
    """
    run_id = (await api.send(endpoints.trigger_job(job.id))).run_id
    last: Event | None = None
    async with aclosing(api.follow(endpoints.run_events(run_id))) as events:
        async for event in events:
            screen.event(job.job_name, event)
            last = event if event.kind in STATUS_OF_TAG else last
    if last is None or last.kind != "run.succeeded":
        why = "" if last is None else because(last.data.get("error"), None)
        raise DemoFailed(f"the run {run_id} of {job.job_name} did not succeed{why}")
    return last.data

"""A run that the demo starts, watched from its first event to its end."""

from typing import Any

from waterclock_dev.client import Api, StreamedEvent
from waterclock_dev.demo.screen import ENDS, Screen


class DemoFailed(Exception):
    """What was promised did not happen; the message says what."""


async def run_by_hand(api: Api, job: dict[str, Any], screen: Screen) -> dict[str, Any]:
    """Trigger a job and show its run live; the event that it ended by.

    Raises:
        DemoFailed: it did not succeed.
    """
    run_id = await api.trigger(job["id"])
    last: StreamedEvent | None = None
    async for event in api.stream(f"/runs/{run_id}/logs/stream"):
        screen.event(job["jobName"], event)
        last = event if event.type in ENDS else last
    if last is None or last.type != "run.succeeded":
        raise DemoFailed(f"the run {run_id} of {job['jobName']} did not succeed{_why(last)}")
    return last.data


def _why(last: StreamedEvent | None) -> str:
    error = None if last is None else last.data.get("error")
    return "" if error is None else f": {error['type']}: {error['message']}"

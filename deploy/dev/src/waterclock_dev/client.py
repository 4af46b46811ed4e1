"""A client of the HTTP API, with what dev and the demo need of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

import httpx
import msgspec

from waterclock.model.outcomes import ENDED

POLL = 0.05  # s
ANSWER = 10.0  # s; a write waits up to 2 s for its projection
SILENCE = 60.0  # s; a stream has a heartbeat each 15 s


class ApiRefused(Exception):
    """The API answered with a problem document; the message says which and where."""


class StreamedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a stream: a stored one with its position, or `gap` or `end`."""

    id: str
    type: str
    data: dict[str, Any]


class Api:
    """Routes under /v1/monitor; jobs and runs are the documents the API gives."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=f"{url}/v1/monitor", timeout=ANSWER, trust_env=False)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def jobs(self) -> list[dict[str, Any]]:
        """The first page of them."""
        return (await self.get("/jobs"))["items"]

    async def create_job(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        return _document(await self._client.post("/jobs", json=definition))

    async def disable_job(self, job_id: str) -> None:
        _document(await self._client.put(f"/jobs/{job_id}/status", json={"status": "1"}))

    async def trigger(self, job_id: str) -> str:
        """Request a run; its id."""
        answer = _document(await self._client.post(f"/jobs/{job_id}/trigger", json={}))
        run_id: str = answer["runId"]
        return run_id

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        return _document(await self._client.get(path, params=query))

    async def ended_run(self, run_id: str) -> dict[str, Any]:
        """The run, as the read model shows it once it has heard of its end."""
        while True:
            run = await self.get(f"/runs/{run_id}")
            if run["status"] in ENDED:
                return run
            await asyncio.sleep(POLL)

    async def stream(self, path: str) -> AsyncIterator[StreamedEvent]:
        """Events as they happen; ends when the server ends the stream."""
        async with self._client.stream("GET", path, timeout=httpx.Timeout(ANSWER, read=SILENCE)) as answer:
            if not answer.is_success:
                await answer.aread()
            _check(answer)
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                elif "data" in fields or "event" in fields:
                    yield _event(fields)
                    fields = {}


def _event(fields: Mapping[str, str]) -> StreamedEvent:
    data = fields.get("data") or "{}"
    return StreamedEvent(
        id=fields.get("id", ""),
        type=fields.get("event", "message"),
        data=msgspec.json.decode(data, type=dict[str, Any]),
    )


def _document(answer: httpx.Response) -> dict[str, Any]:
    _check(answer)
    return msgspec.json.decode(answer.content, type=dict[str, Any])


def _check(answer: httpx.Response) -> None:
    if not answer.is_success:
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise ApiRefused(f"{asked} was answered {answer.status_code}: {answer.text}")

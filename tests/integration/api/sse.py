"""A client of event streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, NamedTuple

import httpx
import msgspec


class Event(NamedTuple):
    id: str | None
    kind: str
    data: dict[str, Any]


class Stream:
    """Events as they come; `headers` are those of the answer."""

    def __init__(self, response: httpx.Response, events: AsyncIterator[Event]) -> None:
        self.headers = response.headers
        self._events = events

    async def next(self) -> Event:
        async with asyncio.timeout(10):
            return await anext(self._events)

    async def until(self, kind: str) -> list[Event]:
        """The events up to the first of that kind, which is the last of them."""
        found = [await self.next()]
        while found[-1].kind != kind:
            found.append(await self.next())
        return found

    async def ended(self) -> bool:
        """Whether the stream ends with no further event."""
        async with asyncio.timeout(10):
            return await anext(self._events, None) is None


@asynccontextmanager
async def stream(
    url: str,
    *,
    after: str | None = None,
    last_event_id: str | None = None,
    headers: Mapping[str, str] | None = None,
    **client: Any,
) -> AsyncGenerator[Stream]:
    """`client`: what httpx shall know besides, as whom to trust."""
    headers = dict(headers or {}) | ({} if last_event_id is None else {"Last-Event-ID": last_event_id})
    if after is not None:
        url += f"{'&' if '?' in url else '?'}after={after}"
    async with (
        httpx.AsyncClient(timeout=20, **client) as http,
        http.stream("GET", url, headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        async with aclosing(_events(response)) as events:
            yield Stream(response, events)


async def _events(response: httpx.Response) -> AsyncGenerator[Event]:
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "event" in fields:
            yield Event(fields.get("id"), fields["event"], msgspec.json.decode(fields["data"]))
            fields = {}
        else:
            fields = {}


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


Until = Callable[[], bool]


async def eventually(holds: Until, *, within: float = 15) -> None:
    """Wait for something that gives no signal."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)

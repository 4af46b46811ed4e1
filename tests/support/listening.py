"""A browser with patience: reads a stream of events, and comes again with Last-Event-ID whenever it breaks off."""

import asyncio
import contextlib
import ssl
from bisect import bisect_left
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from operator import itemgetter
from typing import Any

import httpx
import msgspec

CONNECT, SILENCE = 5.0, 20.0  # s; a stream has a heartbeat each 15 s
AWAY = frozenset({503})
PAUSE = 0.1  # s before it comes again


class Listener:
    """`heard` are the documents of the events, in the order they came; `surprises` what no browser should meet."""

    def __init__(
        self,
        url: str,
        *,
        after: str | None = None,
        hangs_up_after: int | None = None,
        away: AbstractSet[int] = AWAY,
        tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`after`: where to begin, as in the query; None leaves it to the server. `hangs_up_after` so many events.

        `away`: statuses after which it comes again.
        """
        self.heard: list[dict[str, Any]] = []
        self.connections = 0
        self.surprises: list[str] = []
        self.ended = False
        self._url = url
        self._after = after
        self._most = hangs_up_after
        self._away = away
        self._tls = tls
        self._headers = dict(headers or {})
        self._last = ""
        self._more = asyncio.Event()

    async def listen(self) -> None:
        """Until the stream says `end`; a job's never does."""
        timeout = httpx.Timeout(CONNECT, read=SILENCE)
        while not self.ended:
            with contextlib.suppress(httpx.TransportError):
                async with httpx.AsyncClient(timeout=timeout, trust_env=False, verify=self._tls or True) as client:
                    await self._read(client)
            await asyncio.sleep(0 if self.ended else PAUSE)

    async def first(self, tag: str, *, since: str = "", within: float) -> dict[str, Any]:
        """The first event with this tag that happened at `since` or later.

        Raises:
            TimeoutError: none came in `within` seconds.
        """
        async with asyncio.timeout(within):
            while True:
                self._more.clear()
                fresh = bisect_left(self.heard, since, key=itemgetter("at"))
                for one in self.heard[fresh:]:
                    if one["type"] == tag:
                        return one
                await self._more.wait()

    async def _read(self, client: httpx.AsyncClient) -> None:
        headers = self._headers | ({"Last-Event-ID": self._last} if self._last else {})
        params = {"after": self._after} if self._after is not None else {}
        async with client.stream("GET", self._url, headers=headers, params=params) as answer:
            if not answer.is_success:
                if answer.status_code not in self._away:
                    self.surprises.append(f"{answer.status_code} {(await answer.aread()).decode()}")
                return
            self.connections += 1
            wanted = len(self.heard) + self._most if self._most is not None else None
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                    continue
                if "event" in fields:
                    self._take(fields)
                fields = {}
                if self.ended or len(self.heard) == wanted:
                    return

    def _take(self, fields: dict[str, str]) -> None:
        match fields["event"]:
            case "end":
                self.ended = True
            case "gap":
                self.surprises.append(f"a gap: {fields}")
            case _:
                document = msgspec.json.decode(fields["data"], type=dict[str, Any])
                if (document["id"], document["type"]) != (fields["id"], fields["event"]):
                    self.surprises.append(f"{fields} names another event than it holds")
                self._last = fields["id"]
                self.heard.append(document)
        self._more.set()

"""The two clients: what `exchange` and `sse` want done, done with httpx.

It is long: the same client twice, sync and async, beside each other to be compared.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

from waterclock.client import endpoints
from waterclock.client.environment import caller_settings
from waterclock.client.errors import Closed, Forbidden, Refused, Unauthenticated, Unreachable, refusal
from waterclock.client.exchange import (
    Pause,
    Request,
    Response,
    Talk,
    api_root,
    ask,
    condition,
    decode,
    following,
    named_by_id,
)
from waterclock.client.models import Condition, Page, Run
from waterclock.client.request import Body, Call, RunOptions, Stream, TriggerOptions
from waterclock.client.sse import SILENCE, Event, Follower
from waterclock.kit.addresses import uses_proxies
from waterclock.kit.ca_certificates import authorities
from waterclock.model.outcomes import ENDED

T = TypeVar("T")

TIMEOUT = 300.0  # s; the proof of a month takes its time
PATIENCE = 10.0  # s
FOLLOWING_PATIENCE = 60.0  # s


class Client:
    """Calls to a running API; `url` is its root (ValueError if it is no URL). It may be shared by threads.

    `key`: of the API, or a token. `timeout`: seconds of silence in one answer. `patience`: seconds that a call may be
    put off and repeated. `proxies`: whether those of the environment (`HTTPS_PROXY`, `NO_PROXY`) are used, which never
    are to this machine.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = TIMEOUT,
        patience: float = PATIENCE,
        proxies: bool = False,
    ) -> None:
        self.url = api_root(url)
        self._patience = patience
        self._http = httpx.Client(**_options(self.url, key, timeout, proxies=proxies))

    @classmethod
    def from_environment(cls, *, timeout: float = TIMEOUT, patience: float = PATIENCE, proxies: bool = False) -> Self:
        """A client of the API that `WATERCLOCK_API_URL` and `WATERCLOCK_API_KEY` name, or the files of `…_FILE`.

        Raises:
            SettingsError: one of them is wrong.
        """
        found = caller_settings()
        return cls(found.api_url, key=found.api_key, timeout=timeout, patience=patience, proxies=proxies)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """
        Raises:
            ApiError: it was refused, or no answer came.
        """
        return decode(self.fetch(call), call.kind)

    def trigger(self, job: str, params: Body | None = None, **options: Unpack[TriggerOptions]) -> str:
        """Request a run of a job, named by `group/name` or id; the id of the run.

        Raises:
            ApiError: it was refused, or no answer came.
        """
        return self.send(endpoints.triggered(job, params, **options)).run_id

    def enqueue(self, executor: str, params: Body | None = None, **options: Unpack[RunOptions]) -> str:
        """Request a run of an executor, without a job; the id of the run.

        Raises:
            ApiError: it was refused, or no answer came.
        """
        return self.send(endpoints.enqueued(executor, params, **options)).run_id

    def fetch(self, call: Call[Any]) -> bytes:
        """As `send`, the answer's bytes as they came."""
        return self._carry(ask(call, patience=self._patience))

    def condition(self) -> Condition:
        """What `GET /readyz` says: how the API does, and what it sees of the others.

        Raises:
            ApiError: it is not ready, or no answer came.
        """
        return self._carry(condition())

    def pages(self, call: Call[Page[T]]) -> Iterator[Page[T]]:
        """This page of a list, and all that follow."""
        while True:
            page = self.send(call)
            yield page
            if page.next_cursor is None:
                return
            call = following(call, page.next_cursor)

    def each(self, call: Call[Page[T]]) -> Iterator[T]:
        """Every item of a list, asked for page by page as they are taken."""
        for page in self.pages(call):
            yield from page.items

    def follow(self, stream: Stream, *, patience: float = FOLLOWING_PATIENCE) -> Iterator[Event]:
        """Events as they happen, each once and in order, across broken connections; a run's stream ends after `end`.

        Raises:
            Closed: after the event `closed`: the credential that opened it has ended meanwhile.
            ApiError: it was refused, or the API stays unreachable for `patience` seconds.
        """
        follower = Follower(self._named(stream), patience=patience)
        while True:
            error: Refused | Unreachable | None = None
            try:
                with self._opened(follower.request()) as chunks:
                    for chunk in chunks:
                        yield from follower.feed(chunk)
                        if follower.ended:
                            return
            except (Refused, Unreachable) as broken:
                error = broken
            time.sleep(follower.broken(error))

    def wait(self, run_id: str) -> Run:
        """The run, when it has ended.

        Raises:
            Closed: the credential has ended before.
            ApiError: as `follow`.
        """
        for _ in self.follow(endpoints.run_events(run_id)):
            continue
        with _still_let_in():
            return self._carry(_ended(run_id, self._patience))

    def _named(self, stream: Stream) -> Stream:
        return self._carry(_stream_by_id(stream, self._patience))

    def _carry(self, talk: Talk[T]) -> T:
        try:
            step = next(talk)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = talk.send(None)
                else:
                    step = talk.send(self._exchange(step))
        except StopIteration as stop:
            return stop.value

    def _exchange(self, request: Request) -> Response | Unreachable:
        try:
            got = self._http.request(
                request.method, self.url + request.target, headers=dict(request.headers), content=request.content
            )
        except httpx.RequestError as error:
            return _unreachable(self.url, error)
        return Response(status=got.status_code, headers=got.headers, body=got.content)

    @contextmanager
    def _opened(self, request: Request) -> Generator[Iterator[bytes]]:
        try:
            with self._http.stream(
                request.method, self.url + request.target, headers=dict(request.headers), timeout=_STREAMING
            ) as got:
                if got.status_code != 200:
                    raise refusal(got.status_code, got.headers, got.read())
                yield got.iter_raw()
        except httpx.RequestError as error:
            raise _unreachable(self.url, error) from None


class AsyncClient:
    """As `Client`, for asyncio."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = TIMEOUT,
        patience: float = PATIENCE,
        proxies: bool = False,
    ) -> None:
        self.url = api_root(url)
        self._patience = patience
        self._http = httpx.AsyncClient(**_options(self.url, key, timeout, proxies=proxies))

    @classmethod
    def from_environment(cls, *, timeout: float = TIMEOUT, patience: float = PATIENCE, proxies: bool = False) -> Self:
        """As `Client.from_environment`."""
        found = caller_settings()
        return cls(found.api_url, key=found.api_key, timeout=timeout, patience=patience, proxies=proxies)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """As `Client.send`."""
        return decode(await self.fetch(call), call.kind)

    async def trigger(self, job: str, params: Body | None = None, **options: Unpack[TriggerOptions]) -> str:
        """As `Client.trigger`."""
        return (await self.send(endpoints.triggered(job, params, **options))).run_id

    async def enqueue(self, executor: str, params: Body | None = None, **options: Unpack[RunOptions]) -> str:
        """As `Client.enqueue`."""
        return (await self.send(endpoints.enqueued(executor, params, **options))).run_id

    async def fetch(self, call: Call[Any]) -> bytes:
        """As `Client.fetch`."""
        return await self._carry(ask(call, patience=self._patience))

    async def condition(self) -> Condition:
        """As `Client.condition`."""
        return await self._carry(condition())

    async def pages(self, call: Call[Page[T]]) -> AsyncIterator[Page[T]]:
        """As `Client.pages`."""
        while True:
            page = await self.send(call)
            yield page
            if page.next_cursor is None:
                return
            call = following(call, page.next_cursor)

    async def each(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        """As `Client.each`."""
        async for page in self.pages(call):
            for item in page.items:
                yield item

    async def follow(self, stream: Stream, *, patience: float = FOLLOWING_PATIENCE) -> AsyncGenerator[Event]:
        """As `Client.follow`. Who stops before the end closes it, with `contextlib.aclosing`."""
        follower = Follower(await self._carry(_stream_by_id(stream, self._patience)), patience=patience)
        while True:
            error: Refused | Unreachable | None = None
            try:
                async with self._opened(follower.request()) as chunks:
                    async for chunk in chunks:
                        for event in follower.feed(chunk):
                            yield event
                        if follower.ended:
                            return
            except (Refused, Unreachable) as broken:
                error = broken
            await asyncio.sleep(follower.broken(error))

    async def wait(self, run_id: str) -> Run:
        """As `Client.wait`."""
        async for _ in self.follow(endpoints.run_events(run_id)):
            continue
        with _still_let_in():
            return await self._carry(_ended(run_id, self._patience))

    async def _carry(self, talk: Talk[T]) -> T:
        try:
            step = next(talk)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = talk.send(None)
                else:
                    step = talk.send(await self._exchange(step))
        except StopIteration as stop:
            return stop.value

    async def _exchange(self, request: Request) -> Response | Unreachable:
        try:
            got = await self._http.request(
                request.method, self.url + request.target, headers=dict(request.headers), content=request.content
            )
        except httpx.RequestError as error:
            return _unreachable(self.url, error)
        return Response(status=got.status_code, headers=got.headers, body=got.content)

    @asynccontextmanager
    async def _opened(self, request: Request) -> AsyncGenerator[AsyncIterator[bytes]]:
        try:
            async with self._http.stream(
                request.method, self.url + request.target, headers=dict(request.headers), timeout=_STREAMING
            ) as got:
                if got.status_code != 200:
                    raise refusal(got.status_code, got.headers, await got.aread())
                yield got.aiter_raw()
        except httpx.RequestError as error:
            raise _unreachable(self.url, error) from None


_LATE = 0.05  # s
_STREAMING = httpx.Timeout(SILENCE, connect=10.0)


def _options(url: str, key: str | None, timeout: float, *, proxies: bool) -> dict[str, Any]:
    """No certificates are read where none are needed: that takes 20 ms."""
    return {
        "trust_env": proxies and uses_proxies(url),
        "verify": _authorities(url) if url.startswith("https:") else False,
        "timeout": httpx.Timeout(timeout, connect=min(timeout, 10.0)),
        "headers": {} if key is None else {"Authorization": f"Bearer {key}"},
    }


def _authorities(url: str) -> ssl.SSLContext | bool:
    try:
        return authorities()
    except OSError as error:
        raise Unreachable(url, str(error.strerror), sent=False) from error


def _unreachable(url: str, error: httpx.RequestError) -> Unreachable:
    unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol)
    return Unreachable(url, str(error) or type(error).__name__, sent=not unsent)


@contextmanager
def _still_let_in() -> Generator[None]:
    """Who was told of a run's events and may not read it now has lost its credential, and was not refused the run."""
    try:
        yield
    except (Unauthenticated, Forbidden) as error:
        raise Closed(str(error)) from error


def _stream_by_id(stream: Stream, patience: float) -> Talk[Stream]:
    asked = Call(path=stream.path, query=stream.query, kind=type(None))
    call = yield from named_by_id(asked, patience=patience)
    return Stream(subject=stream.subject, path=call.path, query=call.query, after=stream.after)


def _ended(run_id: str, patience: float) -> Talk[Run]:
    """A run whose end was told; the read models may show it a moment later."""
    waited = 0.0
    while True:
        run = decode((yield from ask(endpoints.get_run(run_id), patience=patience)), Run)
        if run.status in ENDED or waited >= patience:
            return run
        yield Pause(_LATE)
        waited += _LATE

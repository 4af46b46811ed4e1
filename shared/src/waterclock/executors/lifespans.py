"""Values by lifespan: a client, a pool, a model that a worker opens on first use and every later run uses again.

    @lifespan
    async def shop() -> AsyncIterator[ShopClient]:
        async with ShopClient(SHOP_URL) as client:
            yield client

    @executor("shop.sync")
    async def sync(ctx: RunContext) -> None:
        client = await ctx.use(shop)

An `async def` lifespan belongs to the event loop that opened it, a plain `def` one to the threads of its worker. A task
of its own enters and leaves the former, so that no attempt's end, timeout or cancel reaches into it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from contextvars import Context
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast, overload

T = TypeVar("T")

OPENING_MOST = 60.0  # s
LEAVING_MOST = 5.0  # s, each

log = logging.getLogger(__name__)

unwatched: Callable[[], AbstractContextManager[object]] = nullcontext
around: Callable[[], AbstractContextManager[object]] = unwatched
"""What surrounds the opening and the leaving of each: a worker keeps what these set in its process."""


class AsyncLifespan(Generic[T]):
    """What an `async def` function yields, between what it does before and after."""

    def __init__(self, function: Callable[[], AsyncIterator[T]]) -> None:
        self.name = function.__qualname__
        self.open = asynccontextmanager(cast("Callable[[], AsyncGenerator[T]]", function))


class PlainLifespan(Generic[T]):
    """The same of a plain `def`: opened in a thread, used by many."""

    def __init__(self, function: Callable[[], Iterator[T]]) -> None:
        self.name = function.__qualname__
        self.open = contextmanager(cast("Callable[[], Generator[T]]", function))


AnyLifespan = AsyncLifespan[Any] | PlainLifespan[Any]


@overload
def lifespan(function: Callable[[], AsyncIterator[T]]) -> AsyncLifespan[T]: ...
@overload
def lifespan(function: Callable[[], Iterator[T]]) -> PlainLifespan[T]: ...
def lifespan(function: Callable[[], Any]) -> AnyLifespan:
    """Declare a generator function without parameters that yields a value once, for `ctx.use`.

    Raises:
        TypeError: it is no such function.
    """
    if inspect.isasyncgenfunction(function) and not inspect.signature(function).parameters:
        return AsyncLifespan(function)
    if inspect.isgeneratorfunction(function) and not inspect.signature(function).parameters:
        return PlainLifespan(cast("Callable[[], Iterator[Any]]", function))
    raise TypeError(f"lifespan {function.__qualname__}: it must be a function without parameters that yields once")


class LoopValues:
    """The values that one event loop has opened; used on it alone. `given` stand in for what would be opened."""

    def __init__(self, given: Mapping[AnyLifespan, Any] | None = None) -> None:
        self._given = given or {}
        self._kept: dict[AnyLifespan, _Kept] = {}  # in the order they were opened

    def use(self, one: AnyLifespan) -> Awaitable[Any]:
        """
        Raises:
            TypeError: it is a plain one, whose opening would block the loop.
        """
        if not isinstance(one, AsyncLifespan):
            raise TypeError(f"lifespan {one.name}: an `async def` executor needs an `async def` lifespan")
        return self._used(one)

    async def close(self) -> None:
        """Leave what is open, the last first; each has a few seconds."""
        for kept in reversed(self._kept.values()):
            await kept.leave()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _used(self, one: AsyncLifespan[Any]) -> Any:
        if one in self._given:
            return self._given[one]
        kept = self._kept.get(one)
        if kept is None or kept.is_over:
            self._kept.pop(one, None)
            kept = self._kept[one] = _Kept(one)
        return await kept.value()


class _Kept:
    """One that is open or about to be, in a task of its own and outside the context of whoever asked first."""

    def __init__(self, lifespan: AsyncLifespan[Any]) -> None:
        self._lifespan = lifespan
        self._ready = asyncio.Event()  # open, or failed to
        self._leaving = asyncio.Event()
        self._value: Any = None
        self._failure: BaseException | None = None
        self._trace: TracebackType | None = None
        self._task = asyncio.create_task(self._keep(), name=f"lifespan {lifespan.name}", context=Context())

    @property
    def is_over(self) -> bool:
        """It failed to open, or ended by itself: who needs it opens another."""
        return self._failure is not None

    async def value(self) -> Any:
        await self._ready.wait()
        if self._failure is not None:
            raise self._failure.with_traceback(self._trace)  # as it was: others raise it too
        return self._value

    async def leave(self) -> None:
        self._leaving.set()
        if not self._ready.is_set():
            self._task.cancel()
        if (await asyncio.wait([self._task], timeout=LEAVING_MOST))[1]:
            log.warning("lifespan not closed in time", extra={"lifespan": self._lifespan.name})
            self._task.cancel()

    async def _keep(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                self._value = await self._opened(stack)
                self._ready.set()
                await self._leaving.wait()
                with around():
                    await stack.aclose()
        except BaseException as error:  # noqa: BLE001 - the edge of foreign code: it must not end the loop
            self._end(error)
        self._ready.set()

    async def _opened(self, stack: AsyncExitStack) -> Any:
        timeout = asyncio.timeout(OPENING_MOST)
        try:
            async with timeout:
                with around():
                    return await stack.enter_async_context(self._lifespan.open())
        except TimeoutError as error:
            if timeout.expired():
                raise TimeoutError(f"lifespan {self._lifespan.name} was not open after {OPENING_MOST:g} s") from error
            raise

    def _end(self, error: BaseException) -> None:
        if not isinstance(error, Exception):  # it would end more than the attempt that needs the value
            error = _ended(self._lifespan.name, error)
        self._failure, self._trace = error, error.__traceback__
        if self._ready.is_set():
            log.error("lifespan failed", extra={"lifespan": self._lifespan.name}, exc_info=error)


class ThreadValues:
    """The values that the threads of one worker have opened; each is used by many at once."""

    def __init__(self, given: Mapping[AnyLifespan, Any] | None = None) -> None:
        self._given = given or {}
        self._kept: dict[AnyLifespan, _Held] = {}
        self._opened: list[_Held] = []  # in their order
        self._lock = threading.Lock()

    def use(self, one: AnyLifespan) -> Any:
        """
        Raises:
            TypeError: it is an `async def` one, which belongs to an event loop.
        """
        if not isinstance(one, PlainLifespan):
            raise TypeError(f"lifespan {one.name}: a plain `def` executor needs a plain `def` lifespan")
        if one in self._given:
            return self._given[one]
        with self._lock:
            held = self._kept.setdefault(one, _Held(one, self._opened.append))
        return held.value()

    def close(self) -> None:
        """Leave what is open, the last first."""
        while self._opened:
            self._opened.pop().leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Held:
    def __init__(self, lifespan: PlainLifespan[Any], opened: Callable[[_Held], None]) -> None:
        self._lifespan = lifespan
        self._tell = opened
        self._opening = threading.Lock()
        self._manager: AbstractContextManager[Any] | None = None
        self._value: Any = None

    def value(self) -> Any:
        """Whoever asks first opens it, the others wait; where that fails, the next tries again."""
        with self._opening:
            if self._manager is None:
                manager = self._lifespan.open()
                try:
                    with around():
                        self._value = Context().run(manager.__enter__)
                except (KeyboardInterrupt, SystemExit) as error:
                    raise _ended(self._lifespan.name, error) from error
                self._manager = manager
                self._tell(self)
            return self._value

    def leave(self) -> None:
        assert self._manager is not None
        try:
            with around():
                Context().run(self._manager.__exit__, None, None, None)
        except BaseException:  # the edge of foreign code: the others are left all the same
            log.exception("lifespan failed", extra={"lifespan": self._lifespan.name})


def _ended(name: str, error: BaseException) -> RuntimeError:
    ended = RuntimeError(f"lifespan {name} ended with {type(error).__name__}")
    ended.__cause__ = error
    return ended

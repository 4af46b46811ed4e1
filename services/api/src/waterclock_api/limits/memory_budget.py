"""Memory that callers make this process hold, counted in bytes where it is held, and bounded.

    bodies    of requests, from the first byte until the answer is given
    answers   pages of lists, from the reading of rows until the client has taken the answer
    streams   pages of history, and live events that wait for their readers

Each kind has a third of the whole, and one caller at most half of a kind. What is counted may go beyond it by what is
read at once: whoever comes then waits, or is refused.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from waterclock.model.errors import Refusal

if TYPE_CHECKING:  # the verbs of operators read settings, and need no web framework for it
    from litestar.types import Scope

BUDGET = "budget"
"""Its name in the application's state."""
HELD_BYTES = 192 << 20
_READERS = 4
PATIENCE = 5.0  # s that a request waits for room


class Crowded(Refusal):
    """The process holds as much for callers as it may."""


class _Waiting(NamedTuple):
    size: int
    who: str
    granted: asyncio.Future[None]


class Account:
    """What is held of one kind. Who holds nothing gets something in any case, be it larger than there is room."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.each = most // 2
        self.held = 0
        self.peak = 0
        self._of: Counter[str] = Counter()
        self._waiting: deque[_Waiting] = deque()

    @property
    def full(self) -> bool:
        return self.held >= self.most

    def hold(self, who: str) -> Hold:
        return Hold(self, who)

    def is_over(self, who: str) -> bool:
        """Whether more is held than may be, by all or by one."""
        return self.held > self.most or self._of[who] > self.each

    def add(self, size: int, who: str = "") -> None:
        """Count what is there already; less than nothing takes it off again."""
        self.held += size
        self.peak = max(self.peak, self.held)
        if who:
            self._of[who] += size
            if not self._of[who]:
                del self._of[who]
        if size < 0 and self._waiting:
            self._grant()

    async def wait(self, size: int, who: str, patience: float) -> None:
        """Count it as soon as there is room.

        Raises:
            Crowded: there was none for `patience` s.
        """
        if not self._waiting and self._fits(size, who):
            self.add(size, who)
            return
        waiting = _Waiting(size, who, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._grant()
        try:
            async with asyncio.timeout(patience):
                await waiting.granted
        except BaseException as error:
            if waiting.granted.done() and not waiting.granted.cancelled():
                self.add(-size, who)
            else:
                self._waiting.remove(waiting)
            if isinstance(error, TimeoutError):
                raise Crowded(
                    "The process has reached its memory limit for requests and responses (WATERCLOCK_HELD_BYTES)."
                ) from error
            raise

    def _fits(self, size: int, who: str) -> bool:
        return self._fits_all(size) and (self._of[who] + size <= self.each or not self._of[who])

    def _fits_all(self, size: int) -> bool:
        return self.held + size <= self.most or not self.held

    def _grant(self) -> None:
        """In order, but whoever waits for room of their own keeps nobody waiting."""
        for waiting in tuple(self._waiting):
            if not self._fits_all(waiting.size):
                return
            if self._fits(waiting.size, waiting.who):
                self._waiting.remove(waiting)
                self.add(waiting.size, waiting.who)
                waiting.granted.set_result(None)


class Hold:
    """What one request or stream holds; nothing any more once it is left."""

    __slots__ = ("_account", "_who", "size")

    def __init__(self, account: Account, who: str) -> None:
        self._account = account
        self._who = who
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.resize(0)

    async def wait(self, size: int, patience: float = PATIENCE) -> None:
        """Hold so much more, as soon as there is room.

        Raises:
            Crowded: there was none for `patience` s.
        """
        await self._account.wait(size, self._who, patience)
        self.size += size

    def resize(self, size: int) -> None:
        """Hold so much in all, whether there is room or not: it is there."""
        if size != self.size:
            before, self.size = self.size, size
            self._account.add(size - before, self._who)

    @property
    def is_over(self) -> bool:
        """Whether more is held than may be, and this is not all of it."""
        return self._account.is_over(self._who) and self._account.held > self.size

    def check(self) -> None:
        """
        Raises:
            Crowded: more is held than may be.
        """
        if self.is_over:
            raise Crowded(
                "The process has reached its memory limit for requests and responses (WATERCLOCK_HELD_BYTES)."
            )


_HOLDS = "waterclock_holds"


def keep(scope: Scope, hold: Hold) -> Hold:
    """Let the hold last until the request is over."""
    scope["state"].setdefault(_HOLDS, []).append(hold)
    return hold


def release(state: dict[str, Any]) -> None:
    """The request is over."""
    for hold in state.pop(_HOLDS, ()):
        hold.resize(0)


class Budget:
    """`reading`: who reads what cannot be asked for by bytes; there are few at once."""

    def __init__(self, most: int = HELD_BYTES) -> None:
        self.reading = asyncio.Semaphore(_READERS)
        self.bodies = Account(most // 3)
        self.answers = Account(most // 3)
        self.streams = Account(most // 3)

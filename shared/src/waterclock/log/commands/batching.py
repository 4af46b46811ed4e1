"""Requests for runs that come at the same time, gathered: one call for many costs each a fraction of its own.

A partition has one call under way at most. What comes meanwhile goes with the next one; a request that comes alone is
sent at once. Each is answered when its own call is, so an answer says no less than that of a call of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from waterclock.log.client import Log
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.requests import (
    Granted,
    Request,
    Requested,
    Wish,
    check_queue,
    request_all,
)
from waterclock.log.connection.errors import LogUnavailable

MOST, MOST_LETTERS = 100, 1 << 20
"""Of wishes, and of their bodies together, in a call: it stays under 5 ms. One that is larger goes alone."""


class _Asked(NamedTuple):
    wish: Wish
    granted: asyncio.Future[Granted]


class RequestBatches:
    """The requests of one process; what comes when `tasks` have ended is refused."""

    def __init__(
        self, log: Log, tasks: asyncio.TaskGroup, requested: Callable[[Requested], None] | None = None
    ) -> None:
        """`requested` is called with each that becomes a run, as its caller is answered."""
        self._log = log
        self._tasks = tasks
        self._requested = requested
        self._waiting: dict[int, list[_Asked]] = {}  # by partition; a list is there while a task sends what it holds

    async def request(self, request: Request, *, command: Command, version: int | None = None) -> Granted:
        """As `requests.request`.

        Raises:
            UnknownQueue: no such queue.
            LogUnavailable: no answer, or the process is stopping.
        """
        await check_queue(self._log, request.queue)
        partition = self._log.partition_of(request.run_id)
        wish = Wish(command=command, request=request, version=version)
        asked = _Asked(wish, asyncio.get_running_loop().create_future())
        if partition in self._waiting:
            self._waiting[partition].append(asked)
        else:
            self._waiting[partition] = [asked]
            self._begin(partition)
        return await asked.granted

    def _begin(self, partition: int) -> None:
        sending = self._send(partition)
        try:
            self._tasks.create_task(sending, name=f"request runs in {partition}")
        except RuntimeError as error:  # the group has ended
            sending.close()
            del self._waiting[partition]
            raise LogUnavailable("This process is stopping.") from error

    async def _send(self, partition: int) -> None:
        """Until nothing waits."""
        waiting = self._waiting[partition]  # also those that are under way
        try:
            while waiting:
                some = _portion(waiting)
                try:
                    granted = await request_all(self._log, partition, [asked.wish for asked in some])
                except LogUnavailable as error:
                    some = waiting[:]  # who came meanwhile has waited, too, and decides whether to go on
                    _refuse(some, error)
                except Exception as error:  # noqa: BLE001  for those who asked
                    _refuse(some, error)
                else:
                    self._grant(some, granted)
                del waiting[: len(some)]
        finally:
            del self._waiting[partition]
            for asked in waiting:  # the process ends
                asked.granted.cancel()

    def _grant(self, some: list[_Asked], granted: list[Granted]) -> None:
        for asked, one in zip(some, granted, strict=True):
            if asked.granted.done():  # its caller has gone
                continue
            asked.granted.set_result(one)
            if self._requested is not None and isinstance(one, Requested):
                self._requested(one)


def _portion(waiting: list[_Asked]) -> list[_Asked]:
    """The first of them, as many as may go in one call."""
    letters = 0
    for count, asked in enumerate(waiting[:MOST]):
        letters += len(asked.wish.request.body)
        if count and letters > MOST_LETTERS:
            return waiting[:count]
    return waiting[:MOST]


def _refuse(some: list[_Asked], error: Exception) -> None:
    for asked in some:
        if not asked.granted.done():
            asked.granted.set_exception(error)

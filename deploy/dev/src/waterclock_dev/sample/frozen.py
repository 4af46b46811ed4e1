"""`python -m waterclock_dev.sample.frozen UNTIL api`: a service for which it is always the same moment, given in ms.

What it tells of the time (what is due, how old something is, when a worker was heard) is as at that moment. Its
commands, its durations and its comparison of the clocks of servers go by real ones.

It comes before the service: what is put in place here is what that imports.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands import queues
from waterclock.log.commands.queues import Depths
from waterclock.log.liveness import sessions, waiting
from waterclock.log.liveness.sessions import SessionList, SessionState
from waterclock.log.liveness.store_clock import StoreClocks
from waterclock.log.liveness.waiting import Waiting


def main(until: int, words: list[str]) -> None:
    def now_of_store(self: StoreClocks, partition: int) -> int:
        del self, partition
        return until

    StoreClocks.now_ms = now_of_store
    sessions.list_sessions = _heard(sessions.list_sessions, until)
    queues.depths = _held(queues.depths, until)
    waiting.waiting_in = _waited(waiting.waiting_in, until)
    waiting.head_in = _waited(waiting.head_in, until)
    sys.argv = ["waterclock", *words]
    runpy.run_module("waterclock.cli", run_name="__main__")


_HEARD_AGO = 1_000
_Heard = Callable[[Log, int, Sequence[str]], Awaitable[SessionList]]
_Held = Callable[[Log, int], Awaitable[Depths]]
_Waited = Callable[[Log, int], Awaitable[Waiting]]


def _heard(real: _Heard, until: int) -> _Heard:
    async def list_sessions(log: Log, partition: int, sessions: Sequence[str]) -> SessionList:
        found = await real(log, partition, sessions)
        return SessionList(until, [one and _as_of(one, until, found.now - one.heard_at) for one in found.sessions])

    return list_sessions


def _as_of(state: SessionState, until: int, age: int) -> SessionState:
    """`age`: ms since it was heard, of which only tens of seconds count: a picture is the same whenever it is taken."""
    heard_at = until - _HEARD_AGO - age // 10_000 * 10_000
    return SessionState(renewal=state.renewal, heard_at=heard_at, running=state.running)


def _held(real: _Held, until: int) -> _Held:
    async def depths(log: Log, partition: int) -> Depths:
        return msgspec.structs.replace(await real(log, partition), now=until)

    return depths


def _waited(real: _Waited, until: int) -> _Waited:
    async def look(log: Log, partition: int) -> Waiting:
        return (await real(log, partition))._replace(now=until)

    return look


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])

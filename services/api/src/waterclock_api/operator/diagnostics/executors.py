"""What `waterclock doctor` says of runs that wait for an executor, where no live worker has it or would find them."""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator, Mapping
from typing import NamedTuple

from waterclock.log.client import Log
from waterclock.log.commands.aside import executors_by_session
from waterclock.log.connection.errors import Halted, LogRefuses
from waterclock.log.liveness.waiting import waiting_in
from waterclock.model.timestamps import stamp
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock_api.operator.diagnostics.checks import Finding, ok, warning

CHECK = "executors"
NAMED = 20
_MEND = (
    "start a worker that has it and serves the queue, and they start at once; or cancel them "
    "(`waterclock run cancel --status queued --search {} --dry-run`, then without --dry-run), and change "
    "or disable the jobs that name it"
)
_PUT_BACK = (
    "a scheduler of this release returns them to their queues; without one, run `waterclock reconcile --aside --apply`"
)


class _Lacked(NamedTuple):
    runs: int
    since: int  # ms
    queues: frozenset[str]
    more: bool  # may wait, beyond what was looked at

    def with_(self, other: _Lacked) -> _Lacked:
        since, queues = min(self.since, other.since), self.queues | other.queues
        return _Lacked(self.runs + other.runs, since, queues, self.more or other.more)


async def of_executors(log: Log, connection: Connection | None) -> AsyncGenerator[Finding]:
    """Each executor that runs wait for and nobody has in their queue; and what lies aside where nobody looks for it.

    Without Postgres it is not known which queues workers take from: any, then.
    """
    lacked: dict[str, _Lacked] = {}
    hidden = 0
    for partition in range(log.partitions):
        try:
            found = await waiting_in(log, partition)
            sessions = await executors_by_session(log, partition)
        except (Halted, LogRefuses):  # which other checks tell
            continue
        served = {} if connection is None else await _queues_of(connection, sessions)
        if sessions and not any(executors is not None for executors in sessions.values()):
            hidden += sum(group.aside for group in found.groups.values())  # beside others, their claims put them back
        for (queue, executor), group in found.groups.items():
            if not _is_had(executor, queue, sessions, served):
                since = min(each for each in (group.since, group.aside_since) if each)
                here = _Lacked(group.queued + group.aside, since, frozenset({queue}), queue in found.beyond)
                lacked[executor] = here.with_(lacked[executor]) if executor in lacked else here
    if hidden:
        text = f"{hidden} runs were set aside, and all live workers are of an earlier release, which does not find them"
        yield warning(CHECK, text, _PUT_BACK)
    by_most = sorted(lacked.items(), key=lambda each: (-each[1].runs, each[0]))
    for executor, one in by_most[:NAMED]:
        yield warning(CHECK, _told(executor, one), _MEND.format(shlex.quote(executor)))
    if len(by_most) > NAMED:
        runs = sum(one.runs for _, one in by_most[NAMED:])
        said = f"{runs} runs wait for {len(by_most) - NAMED} more executors that no live worker has"
        yield warning(CHECK, said, _MEND.format("EXECUTOR"))
    if not lacked and not hidden:
        yield ok(CHECK, "no run waits for an executor that no live worker has")


def _is_had(
    executor: str,
    queue: str,
    sessions: Mapping[str, frozenset[str] | None],
    served: Mapping[str, frozenset[str]],
) -> bool:
    """Whether a live session may be granted such a run: one that does not say what it can run may be granted any."""
    return any(
        executors is None or (executor in executors and queue in served.get(session, {queue}))
        for session, executors in sessions.items()
    )


async def _queues_of(connection: Connection, sessions: Mapping[str, object]) -> dict[str, frozenset[str]]:
    asked = statement("session_queues", "waterclock_api")
    rows = await (await connection.execute(asked, {"sessions": list(sessions)})).fetchall()
    return {session: frozenset(queues) for session, queues, _ in rows}


def _told(executor: str, one: _Lacked) -> str:
    runs = f"{'at least ' if one.more else ''}{one.runs} run{'s wait' if one.runs > 1 else ' waits'}"
    where = ", ".join(sorted(one.queues))
    return f"{runs} for {executor!r} since {stamp(one.since)}, and no live worker of queue {where} has it"

"""What the log tells of itself: queues, sessions, and when a command first came."""

from __future__ import annotations

from tests.contract.log.build import ask, ending, finish, grab, wish
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.first_seen import Noted, first_heard
from waterclock.log.commands.idempotency import Command, KeyReused
from waterclock.log.commands.queues import depths, follow, set_paused
from waterclock.log.liveness.sessions import join, leave, list_sessions, renew
from waterclock.model.events import QueuePaused


async def test_depths_tell_what_could_start_and_since_when(log: Log) -> None:
    before = await now(log, 0)
    await ask(log, *(wish(number, job_id=None, queue="low") for number in (1, 2)))
    await ask(log, wish(3, job_id=None, ready_at=before + 1), wish(4, job_id=None, ready_at=before + 600_000))
    while await now(log, 0) <= before + 1:
        continue
    await set_paused(log, command=Command(id="p"), event=QueuePaused(queue="critical"))

    found = await depths(log, 0)

    assert {name: depth.queued for name, depth in found.queues.items()} == {"critical": 0, "default": 1, "low": 2}
    assert before + 1 <= found.queues["default"].since <= found.now
    assert before <= found.queues["low"].since <= found.now
    assert [name for name, depth in found.queues.items() if depth.paused] == ["critical"]
    assert found.queues["critical"].since == 0
    assert await follow(log, 0, actor="scheduler") == []


async def test_a_muster_tells_of_the_living_and_of_the_gone(log: Log) -> None:
    for session in ("a", "b"):
        await join(log, session, body=None)
    await ask(log, *(wish(number, job_id=None) for number in range(3)))
    grants = (await grab(log, 1, session="a", slots=2)).grants
    await renew(log, 0, "b", 7)
    await leave(log, "a", body=None)  # which holds two runs: a sweeper empties it

    told = await list_sessions(log, 0, ["a", "b", "never"])

    a, b, never = told.sessions
    assert a is not None
    assert (a.renewal, a.running) == (-1, 2)
    assert b is not None
    assert (b.renewal, b.running, 0 < b.heard_at <= told.now) == (7, 0, True)
    assert never is None
    await finish(log, *(ending(grant) for grant in grants))
    assert (await list_sessions(log, 0, ["a"])).sessions[0] == a.__class__(-1, a.heard_at, 0)


async def test_a_command_is_noted_once(log: Log) -> None:
    command = Command(id="k", fingerprint="f", client=True)
    first = await first_heard(log, command)
    assert isinstance(first, Noted)
    assert not first.again
    while await now(log, 0) <= first.at:
        continue
    assert await first_heard(log, command) == Noted(first.at, again=True)
    assert await first_heard(log, Command(id="k", fingerprint="other", client=True)) == KeyReused()

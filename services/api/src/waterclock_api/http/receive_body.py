"""Receiving a body: bounded in bytes and in time, and counted while it is held."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from litestar import Request

from waterclock_api.access.principal import caller_id
from waterclock_api.http.headers import header
from waterclock_api.http.problems import BadRequest, SlowBody, TooLarge
from waterclock_api.limits.memory_budget import BUDGET, Budget, Hold, keep

BODY_LIMIT = 1 << 20  # bytes
SMALL = 16 << 10  # bytes of a body that need not be counted
BODY_WITHIN = 20.0  # s
_PASSING, _PASSING_WITHIN = 2 << 20, 1.0  # bytes and s of a body that is too large


async def received_body(request: Request[Any, Any, Any]) -> tuple[bytes, Hold | None]:
    """The body, and what is held for it until the request is over: nothing for a small one.

    Raises:
        TooLarge: more than the limit.
        SlowBody, Crowded: it did not come in time, or there is no room for it.
    """
    task = asyncio.current_task()
    assert task is not None
    late = False

    def give_up() -> None:
        nonlocal late
        late = True
        task.cancel()

    # as asyncio.timeout would, which costs more than twice as much, for each request
    timer = asyncio.get_running_loop().call_later(BODY_WITHIN, give_up)
    try:
        return await _received(request)
    except asyncio.CancelledError:
        if late and not task.uncancel():
            raise SlowBody(f"The body was not complete within {BODY_WITHIN:g} s.") from None
        raise
    finally:
        timer.cancel()


async def _received(request: Request[Any, Any, Any]) -> tuple[bytes, Hold | None]:
    parts: list[bytes] = []
    size, more = 0, True
    hold: Hold | None = None
    while more:
        message = await request.receive()
        if message["type"] != "http.request":  # the client has gone: nobody hears the answer
            raise BadRequest("The body is incomplete.")
        parts.append(message["body"])
        size += len(message["body"])
        more = message["more_body"]
        if size > BODY_LIMIT or (more and len(parts) == 1 and _announced(request) > BODY_LIMIT):
            if more:
                await _let_pass(request)
            raise TooLarge(f"The body is larger than {BODY_LIMIT} bytes.")
        if size > SMALL:
            hold = hold or _hold(request)
            hold.resize(size)
            hold.check()
    return parts[0] if len(parts) == 1 else b"".join(parts), hold


async def _let_pass(request: Request[Any, Any, Any]) -> None:
    """Take what is under way of a body that is too large: a client that is cut while it sends never hears why."""
    size, more = 0, True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PASSING_WITHIN):
            while more and size < _PASSING:
                message = await request.receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)


def _hold(request: Request[Any, Any, Any]) -> Hold:
    budget: Budget = request.app.state[BUDGET]
    return keep(request.scope, budget.bodies.hold(caller_id(request.scope)))


def _announced(request: Request[Any, Any, Any]) -> int:
    """How long the body is said to be; the server has checked that it is a number, and one."""
    return int(header(request, b"content-length") or 0)

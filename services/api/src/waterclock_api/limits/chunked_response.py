"""Answers in pieces, so that a client that does not read makes nobody hold all of its answer.

The server takes what it is given at once, copies it, and holds it until the client has it, however long that takes;
only of an answer in pieces it takes no more than four, and some that it has begun to write.
"""

from __future__ import annotations

import asyncio
from typing import Any

PIECE = 32 << 10  # bytes
TAKEN_WITHIN = 30.0  # s, that a client may take for one piece

STUCK = "waterclock_stuck"
"""In a scope: its client takes nothing, and its connection is to be closed."""


async def send_in_pieces(scope: Any, send: Any, message: Any) -> None:
    """Send the body of one message as several.

    Raises:
        CancelledError: the client does not take it; as if it had left.
    """
    body = message["body"]
    try:
        for start in range(0, len(body), PIECE):
            more = message["more_body"] or start + PIECE < len(body)
            async with asyncio.timeout(TAKEN_WITHIN):
                await send({"type": message["type"], "body": body[start : start + PIECE], "more_body": more})
    except TimeoutError:
        scope[STUCK] = True
        raise asyncio.CancelledError from None

"""A replica's word: that it has what was acknowledged, before it is acknowledged.

WAIT holds for what its connection wrote before it. A call that is answered again may have written nothing, so that
something is written first (`lua/touch.lua`).
"""

from __future__ import annotations

from typing import Literal, cast

import msgspec
from redis.exceptions import NoScriptError, ResponseError

from waterclock.log.connection.connections import Line, pack
from waterclock.log.connection.errors import LogUnavailable, LogUnfit, NotPermitted, NotReplicated
from waterclock.log.connection.scripts import Script
from waterclock.log.topology.primaries import Nodes


class _Done(msgspec.Struct, frozen=True):
    status: Literal["done"]


TOUCH = Script("touch", _Done)


async def heard(line: Line, touch: bytes, wanted: int, *, within: float) -> int:
    """How many replicas have what the partition was told: asked until there are so many, at most `within` s.

    `touch`: the call of the script.
    """
    wait = pack("WAIT", wanted, int(within * 1000))
    replies = await line.ask_all(touch, wait)
    if isinstance(replies[0], NoScriptError):
        await line.ask(pack("SCRIPT", "LOAD", TOUCH.source.text))
        replies = await line.ask_all(touch, wait)
    line.checked(replies[0], touch)
    return cast("int", line.checked(replies[1], wait))


def too_few(found: int, wanted: int) -> LogUnavailable:
    said = f"{found} of {wanted} replicas (WATERCLOCK_LOG_REPLICAS) have it"
    return NotReplicated(f"The write may be done, but is not confirmed by replicas yet: {said}.")


async def check_waits(nodes: Nodes) -> None:
    """
    Raises:
        LogUnfit: a server refuses WAIT.
    """
    for node in nodes.all():
        try:
            async with node.writer.line() as line:
                await line.ask(pack("WAIT", 0, 1))
        except (ResponseError, NotPermitted) as error:
            where = f"{node.target.address.host}:{node.target.address.port}"
            raise LogUnfit(f"WATERCLOCK_LOG_REPLICAS: {where} refuses WAIT: {error}") from error

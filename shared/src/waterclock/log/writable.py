"""Whether a server of the log takes writes now, found out without one."""

from __future__ import annotations

from typing import Literal

import msgspec

from waterclock.log.client import Log
from waterclock.log.scripts import Script


class _Done(msgspec.Struct, frozen=True):
    status: Literal["done"]


_ABLE = Script("able", _Done)


async def check_writable(log: Log) -> None:
    """Ask each server to execute a script that may write, and does not.

    Raises:
        LogRefuses: one takes no writes: its disk, its replicas, or it is a replica itself.
        LogFull: one takes nothing new.
        LogUnavailable: no answer.
    """
    for partitions in log.groups:
        await log.call(_ABLE, partitions[0], {})

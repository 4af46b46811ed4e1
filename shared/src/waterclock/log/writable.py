"""Whether a server of the log takes writes now, found out without one."""

from __future__ import annotations

from typing import Literal

import msgspec

from waterclock.log.client import Log
from waterclock.log.connection.scripts import Script


class _Done(msgspec.Struct, frozen=True):
    status: Literal["done"]


_CHECK = Script("check_writable", _Done)


async def check_writable(log: Log) -> None:
    """Ask each server to execute a script that may write, and does not.

    Raises:
        LogRefuses: one takes no writes: its disk, its replicas, or it is a replica itself.
        LogFull: one takes nothing new.
        LogUnavailable: no answer.
    """
    for partitions in log.groups:
        await check_server(log, partitions[0])
    if log.nodes.clustered:  # names may be on a server of their own
        await log.call_names(_CHECK, {})


async def check_server(log: Log, partition: int) -> None:
    """As `check_writable`, of the server that holds a partition."""
    await log.call(_CHECK, partition, {})

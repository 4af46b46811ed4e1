"""What `waterclock doctor` says of the replicas of the log's servers: whether a failover to one can be safe."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import cast

from waterclock.log.client import Log
from waterclock.log.connection.connections import facts, pack
from waterclock.log.server_checks import setting_of
from waterclock_api.operator.diagnostics.checks import Finding, ok, warning

CHECK = "replicas"
LAG_MOST = 5  # s
_WRITE, _LAG = "min-replicas-to-write", "min-replicas-max-lag"
_WHY = "a primary that is replaced while it is disconnected accepts writes, which are lost when it returns"


def excluding(replicas: int) -> int:
    """How many replicas a primary has to hear from, so that one which hears from a minority of them takes no writes.

    With one replica that is 1. With two it is 2: a primary that still has one of them would go on beside the other.
    """
    return replicas // 2 + 1


async def of_replicas(log: Log, wanted: int) -> AsyncGenerator[Finding]:
    """Of each server. `wanted`: replicas that are to have what is acknowledged (`WATERCLOCK_LOG_REPLICAS`)."""
    for node in log.nodes.all():
        async with node.writer.line() as line:
            told = facts(cast("bytes", await line.ask(pack("INFO", "replication"))))
        if told.get("role") != "master":
            continue
        where = f"{node.target.address.host}:{node.target.address.port}"
        connected = int(told.get("connected_slaves", 0))
        for found in _of_word(where, connected, wanted):
            yield found
        if connected == 0:
            yield ok(CHECK, f"{where} has none")
        else:
            least, lag = await setting_of(node, _WRITE), await setting_of(node, _LAG)
            yield _of_settings(where, connected, least, lag)


def _of_word(where: str, connected: int, wanted: int) -> Iterator[Finding]:
    if wanted > connected:
        said = f"{where} has {connected} replica(s), and WATERCLOCK_LOG_REPLICAS requires {wanted} to confirm"
        yield warning(CHECK, said, "connect a replica: until then no write is acknowledged")
    elif 0 < wanted < connected:
        said = f"{wanted} of {connected} replicas of {where} must confirm a write: another one may be promoted"
        yield warning(CHECK, said, f"set WATERCLOCK_LOG_REPLICAS to {connected}, if each of them may be promoted")


def _of_settings(where: str, connected: int, least: str, lag: str) -> Finding:
    if not (least.isdecimal() and lag.isdecimal()):
        return ok(
            CHECK,
            f"{where} has {connected}, and does not report {_WRITE}: check your provider's documentation on split "
            "brain",
        )
    wanted = excluding(connected)
    if int(least) < wanted:
        said = f"{where} has {connected}, and {_WRITE} is {least}: {_WHY}"
        return warning(CHECK, said, f"set {_WRITE} to {wanted}, and {_LAG} to {LAG_MOST} or less")
    if int(lag) > LAG_MOST:
        said = f"{where} accepts writes for {lag} s after it last heard from its replicas ({_LAG}): {_WHY}"
        return warning(CHECK, said, f"set {_LAG} to {LAG_MOST} or less")
    return ok(CHECK, f"{where} has {connected}, and accepts writes only while {least} of them are connected")

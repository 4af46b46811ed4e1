"""Whether a server may hold the log: looked at once, at start. And how durable it is, by its own word."""

from __future__ import annotations

from typing import Literal, cast

from redis.exceptions import ResponseError

from waterclock.log.connection.connections import Server, facts, pack
from waterclock.log.connection.errors import LogUnavailable, LogUnfit, NotPermitted
from waterclock.log.topology.node import Node
from waterclock.log.topology.primaries import Nodes

Durability = Literal["none", "everysec", "always"]
"""What survives a crash of the server: nothing for sure; all but the last second or two; every answered write."""

REDIS_FROM, VALKEY_FROM = (7, 0), (7, 2)


async def check(nodes: Nodes) -> None:
    """Check every node; of a cluster those that answer.

    Raises:
        LogUnfit: one must not be used; the message names what to change.
    """
    for node in nodes.all():
        try:
            async with node.writer.line() as line:
                _check_version(line.server)
                told = facts(cast("bytes", await line.ask(pack("INFO", "memory"))))
        except LogUnavailable:
            if not nodes.clustered:
                raise
            continue
        policy = told.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            raise LogUnfit(f"maxmemory-policy is {policy}, which loses events: set it to noeviction.")


async def durability_of(nodes: Nodes) -> Durability:
    """How durable the weakest node is: "none" also where it does not tell, as many hosts forbid CONFIG."""
    found = {await _durability(node) for node in nodes.all()}
    return "none" if "none" in found else "everysec" if "everysec" in found else "always"


async def _durability(node: Node) -> Durability:
    if await setting_of(node, "appendonly") != "yes":
        return "none"
    match await setting_of(node, "appendfsync"):
        case "always":
            return "always"
        case "everysec":
            return "everysec"
        case _:
            return "none"


async def setting_of(node: Node, name: str) -> str:
    """A setting of the server; empty where it does not tell."""
    try:
        async with node.writer.line() as line:
            found = cast("list[bytes]", await line.ask(pack("CONFIG", "GET", name)))
    except (ResponseError, NotPermitted):
        return ""
    return found[1].decode() if found else ""


def _check_version(server: Server) -> None:
    name, wanted = ("Valkey", VALKEY_FROM) if server.valkey else ("Redis", REDIS_FROM)
    if server.version < wanted:
        raise LogUnfit(f"{name} {_dotted(server.version)} is too old: {_dotted(wanted)} or newer.")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))

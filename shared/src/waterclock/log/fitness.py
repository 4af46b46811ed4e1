"""Whether a server may hold the log: looked at once, at start."""

from __future__ import annotations

from typing import Literal, cast

from redis.exceptions import ResponseError

from waterclock.log.errors import LogUnfit
from waterclock.log.lines import Server, pack
from waterclock.log.nodes import Node, Nodes

Durability = Literal["none", "everysec", "always"]
"""What survives a crash of the server: nothing for sure; all but the last second or two; every answered write."""

REDIS_FROM, VALKEY_FROM = (7, 0), (7, 2)


async def check(nodes: Nodes) -> Durability:
    """Check every node, and say how durable the weakest is.

    Raises:
        LogUnfit: one must not be used; the message names what to change.
    """
    found: set[Durability] = set()
    for node in nodes.all():
        async with node.writer.line() as line:
            _check_version(line.server)
        policy = await _setting(node, "maxmemory-policy")
        if policy not in {"noeviction", ""}:
            raise LogUnfit(f"maxmemory-policy is {policy}, which loses events: set it to noeviction.")
        found.add(await _durability(node))
    return "none" if "none" in found else "everysec" if "everysec" in found else "always"


async def _durability(node: Node) -> Durability:
    if await _setting(node, "appendonly") != "yes":
        return "none"
    match await _setting(node, "appendfsync"):
        case "always":
            return "always"
        case "everysec":
            return "everysec"
        case _:
            return "none"


async def _setting(node: Node, name: str) -> str:
    """A setting of the server; empty where it does not tell (some hosts forbid CONFIG)."""
    try:
        async with node.writer.line() as line:
            found = cast("list[bytes]", await line.ask(pack("CONFIG", "GET", name)))
    except ResponseError:
        return ""
    return found[1].decode() if found else ""


def _check_version(server: Server) -> None:
    name, wanted = ("Valkey", VALKEY_FROM) if server.valkey else ("Redis", REDIS_FROM)
    if server.version < wanted:
        raise LogUnfit(f"{name} {_dotted(server.version)} is too old: {_dotted(wanted)} or newer.")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))

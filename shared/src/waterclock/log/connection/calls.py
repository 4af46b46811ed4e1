"""How a script is called: as bytes, of which most are the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from redis.exceptions import NoScriptError

from waterclock.log.connection.connections import Line, pack, pack_word
from waterclock.log.connection.scripts import Script, Source

Route: TypeAlias = tuple[bytes, bytes]
"""What a call begins with, up to the number of its keys; and the keys."""

_BESIDE_KEYS = 6  # words of a call: EVALSHA, the script, the number of keys; process, payload, floor


def route(source: Source, keys: Sequence[str]) -> Route:
    head = b"*%d\r\n" % (_BESIDE_KEYS + len(keys)) + b"".join(map(pack_word, (b"EVALSHA", source.sha, len(keys))))
    return head, b"".join(map(pack_word, keys))


def packed(way: Route, *, server: str, blob: bytes, floor: bytes) -> bytes:
    """A call. `server`: the process that the connection reached, as the gate names it; the rest are packed words."""
    head, keys = way
    return b"".join((head, keys, pack_word(server), blob, floor))


async def send(line: Line, script: Script[Any], way: Route, *, server: str, blob: bytes, floor: bytes) -> bytes:
    """Call a script, which the server is given where it has not got it; with what `packed` takes."""
    command = packed(way, server=server, blob=blob, floor=floor)
    try:
        return await line.ask(command)
    except NoScriptError:
        await line.ask(pack("SCRIPT", "LOAD", script.source.text))
    return await line.ask(command)

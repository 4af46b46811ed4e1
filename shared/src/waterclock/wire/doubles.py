"""Members that an object of a JSON text has twice. Decoders keep the last of them and say nothing.

RFC 8259 leaves open what such a text means. Here it means nothing: whoever wrote it, or changed it on the way, said two
things.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias, cast

import msgspec

Path: TypeAlias = "tuple[str | int, ...]"


def may_have_doubles(text: bytes, found: Any) -> bool:
    """Whether a look is worth its time; False for sure where no member is doubled. `found`: what `text` was read as.

    Each member has a colon, and strings may have more: where there are as many as members were read, none was dropped.
    A member that was dropped took the quotes around its name along, too. What is written anew has all others, also
    those in strings, in one form or the other; what only looks like one (an escaped backslash before `u0022`) makes us
    look in vain.
    """
    colons = text.count(b":")
    if colons < 2:
        return False
    if type(found) is dict:  # most bodies are as flat as that, and this is a third of what the other takes
        members = cast("dict[str, Any]", found)
        colons -= len(members)
        for value in members.values() if colons else ():
            if type(value) is dict:
                colons -= len(cast("dict[str, Any]", value))
        if not colons:
            return False
    return text.count(b'"') + text.count(b"\\u0022") != msgspec.json.encode(found).count(b'"')


def doubles(text: bytes) -> Iterator[Path]:
    """Where each of them stands, once. `text` was read without an error, and is not deep."""
    found: Any = json.loads(text.decode(), object_pairs_hook=_Members, parse_int=str, parse_float=str)
    waiting: list[tuple[Path, Any]] = [((), found)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _Members):
            seen: dict[str, int] = {}
            for name, inner in value:
                seen[name] = seen.get(name, 0) + 1
                if isinstance(inner, list):
                    waiting.append(((*path, name), cast("Any", inner)))
            yield from ((*path, name) for name, times in seen.items() if times > 1)
        elif isinstance(value, list):
            waiting.extend(((*path, place), inner) for place, inner in enumerate(cast("list[Any]", value)))


class _Members(list[tuple[str, Any]]):
    """An object, as its members stand in the text."""

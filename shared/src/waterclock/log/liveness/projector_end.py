"""Why the last projector ended that was not told to: kept in the log, for who asks why none runs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import msgspec

from waterclock.kit.redaction import own
from waterclock.kit.text.escaping import cut
from waterclock.log.client import Log
from waterclock.log.clock import server_time
from waterclock.log.connection.errors import LogError
from waterclock.model.timestamps import stamp

_FIELD = "projector_end"
_LONGEST = 300  # bytes


class End(msgspec.Struct, frozen=True, kw_only=True):
    """`at`: RFC 3339, by the log's clock."""

    at: str
    error: str


@asynccontextmanager
async def telling(log: Log) -> AsyncGenerator[None]:
    """Note the error with which the work in the context ends; an end without one takes back what was noted before."""
    try:
        yield
    except Exception as error:
        with contextlib.suppress(LogError):  # it may be the very thing that ended us
            await _note(log, error)
        raise
    key = log.keys.partition(0, "meta")
    with contextlib.suppress(LogError):
        await log.execute(key, "HDEL", key, _FIELD)


async def last_end(log: Log) -> End | None:
    """
    Raises:
        LogUnavailable: no answer.
    """
    key = log.keys.partition(0, "meta")
    found = await log.execute(key, "HGET", key, _FIELD)
    return None if found is None else msgspec.json.decode(found, type=End)


async def _note(log: Log, error: Exception) -> None:
    key = log.keys.partition(0, "meta")
    first = _first(error)
    text = own().known(" ".join(str(first).split()))
    said = cut(f"{type(first).__name__}: {text}" if text else type(first).__name__, _LONGEST)
    end = End(at=stamp(await server_time(log, key)), error=said)
    await log.execute(key, "HSET", key, _FIELD, msgspec.json.encode(end))


def _first(error: Exception) -> Exception:
    if not isinstance(error, ExceptionGroup):
        return error
    return _first(cast("ExceptionGroup[Exception]", error).exceptions[0])

"""Opaque cursors: the sort key of the last item of a page."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar, cast

import msgspec

from waterclock.model.errors import Flaw
from waterclock_api.http.problems import BadRequest

T = TypeVar("T")

_BEYOND = 1 << 53
_SEPARATOR = "-"  # ids of runs have one after the job's, and those of jobs none


def cursor_of(*key: str | int | tuple[int, ...]) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(key)).decode().rstrip("=")


def read_runs_cursor(text: str | None) -> tuple[int, str] | None:
    """As `read_cursor`, for a list of runs: one of a list of jobs would give a page as if nothing were there.

    Raises:
        BadRequest: not one of theirs.
    """
    key = read_cursor(text, tuple[int, str])
    if key is not None and _SEPARATOR not in key[1]:
        raise _not_ours()
    return key


def read_jobs_cursor(text: str | None) -> tuple[int, str] | None:
    """As `read_runs_cursor`, for a list of jobs."""
    key = read_cursor(text, tuple[int, str])
    if key is not None and _SEPARATOR in key[1]:
        raise _not_ours()
    return key


def read_cursor(text: str | None, kind: type[T]) -> T | None:
    """The sort key, a tuple of `kind`; None for no cursor.

    Raises:
        BadRequest: not one of ours.
    """
    if text is None:
        return None
    try:
        key = msgspec.msgpack.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=kind)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise _not_ours() from error
    if not _is_of_ours(key):
        raise _not_ours()
    return key


def _not_ours() -> BadRequest:
    flaw = Flaw("?cursor", "is not a cursor of this list: use `nextCursor` of the previous page")
    return BadRequest(f"{flaw.pointer} {flaw.message}", flaw)


def _is_of_ours(key: object) -> bool:
    """Whether Postgres has such numbers and texts, and no clock is beyond them."""
    match key:
        case tuple():
            return all(map(_is_of_ours, cast("tuple[object, ...]", key)))
        case int():
            return abs(key) < _BEYOND
        case str():
            return "\0" not in key
        case _:
            return True

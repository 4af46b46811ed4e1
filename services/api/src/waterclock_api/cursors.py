"""Opaque cursors: the sort key of the last item of a page."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from waterclock.model.errors import Flaw
from waterclock_api.problems import BadRequest

T = TypeVar("T")


def cursor_of(*key: str | int | tuple[int, ...]) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(key)).decode().rstrip("=")


def read_cursor(text: str | None, kind: type[T]) -> T | None:
    """The sort key, a tuple of `kind`; None for no cursor.

    Raises:
        BadRequest: not one of ours.
    """
    if text is None:
        return None
    try:
        return msgspec.msgpack.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=kind)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        flaw = Flaw("?cursor", "is no cursor of ours")
        raise BadRequest(f"{flaw.pointer} {flaw.message}", flaw) from error

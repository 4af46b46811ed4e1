"""Text and errors as they are stored: bounded, and such that every store can hold them."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from waterclock.model.outcomes import Error

LINE_MOST = 16 * 1024  # characters
NAME_MOST = 200
TRACEBACK_MOST = 8 * 1024


def cleaned(text: str, most: int) -> str:
    """Text that every store can hold: no NUL, no half of a surrogate pair, at most `most` characters and a mark."""
    if len(text) > most:
        text = f"{text[:most]} … [cut, {len(text)} characters]"
    if not text.isascii():
        text = text.encode(errors="replace").decode()
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def error_of(error: BaseException, *, skip: int, conceal: Callable[[str], str] = str) -> Error:
    """An exception as it is stored, without its first `skip` frames, ours; of a long traceback the end is kept.

    It never raises: exceptions are others' code, and one that cannot say what it is has ended an attempt all the same.
    """
    frames = error.__traceback__
    for _ in range(skip):
        frames = frames.tb_next if frames is not None and frames.tb_next is not None else frames
    lines = conceal(_said(lambda: "".join(traceback.format_exception(type(error), error, frames))))
    if len(lines) > TRACEBACK_MOST:
        lines = f"[cut] …{lines[-TRACEBACK_MOST:]}"
    return Error(
        type=cleaned(type(error).__name__, NAME_MOST),
        message=cleaned(conceal(_said(lambda: str(error))), LINE_MOST),
        traceback=cleaned(lines, LINE_MOST),
    )


def bounded(error: Error) -> Error:
    """An error that was told by a process of its own, such that it can be stored."""
    lines = error.traceback
    return Error(
        type=cleaned(error.type, NAME_MOST),
        message=cleaned(error.message, LINE_MOST),
        traceback=None if lines is None else cleaned(lines, LINE_MOST),
    )


def _said(word: Callable[[], str]) -> str:
    try:
        return word()
    except BaseException as failure:  # noqa: BLE001 - whatever it is, the attempt ended with the first
        return f"[it cannot be written: {type(failure).__name__}]"

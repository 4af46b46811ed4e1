"""Text and errors as they are stored: bounded, and such that every store can hold them."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from os.path import commonprefix
from types import TracebackType

from waterclock.model.outcomes import Error
from waterclock_worker.reporting.line_buffer import LINE_HELD

LINE_MOST = 16 * 1024  # characters
NAME_MOST = 200
UNWRITTEN = "[it cannot be written]"
TRACEBACK_MOST = 8 * 1024
_APART = 16 * 1024  # characters; more than a secret has


def line_of(text: str, conceal: Callable[[str], str], length: int | None = None, *, most: int = LINE_MOST) -> str:
    """A line as it is stored, without secrets. `length`: of the whole, where `text` is its beginning."""
    length = len(text) if length is None else length
    if length <= LINE_HELD:
        return cleaned(conceal(text), most)
    # A part of a secret at the cut would not be found. Cut earlier, the text has one elsewhere: both agree before it.
    longer, shorter = conceal(text[:LINE_HELD]), conceal(text[: LINE_HELD - _APART])
    return cleaned(commonprefix([longer, shorter]), most, length)  # noqa: RUF071 - characters are meant


def exact(text: str) -> str:
    """The text alone of what may be of a subclass."""
    return text if type(text) is str else str.__str__(text)


def cleaned(text: str, most: int, length: int | None = None) -> str:
    """Text that every store can hold: no NUL, no half of a surrogate pair, at most `most` characters and a mark.

    `length`: of the whole, where `text` is its beginning. Of a subclass of `str` it is the text alone, whatever that
    says of itself.
    """
    text = exact(text)
    if len(text) > most or length is not None:
        text = f"{text[:most]} … [cut, {length or len(text)} characters]"
    if not text.isascii():
        text = text.encode(errors="replace").decode()
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def error_of(error: BaseException, *, skip: int, conceal: Callable[[str], str] = str) -> Error:
    """An exception as it is stored, without its first `skip` frames, ours; of a long traceback the end is kept.

    It never raises: exceptions are others' code, and one that cannot say what it is has ended an attempt all the same.
    """
    frames = _frames_of(error)
    for _ in range(skip):
        frames = frames.tb_next if frames is not None and frames.tb_next is not None else frames
    lines = conceal(_said(lambda: "".join(traceback.format_exception(type(error), error, frames))))
    if len(lines) > TRACEBACK_MOST:
        lines = f"[cut] …{lines[-TRACEBACK_MOST:]}"
    return Error(
        type=type_of(error),
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


def type_of(error: BaseException) -> str:
    """The name of its class, whatever that says of itself."""
    return cleaned(type.__dict__["__name__"].__get__(type(error)), NAME_MOST)


def _frames_of(error: BaseException) -> TracebackType | None:
    return BaseException.__dict__["__traceback__"].__get__(error)


def _said(word: Callable[[], str]) -> str:
    try:
        return str.__str__(word())
    except BaseException as failure:  # noqa: BLE001 - whatever it is, the attempt ended with the first
        return f"[it cannot be written: {type(failure).__name__}]"

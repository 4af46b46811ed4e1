"""What a child process and its worker say to each other: one JSON line each.

The worker writes one `Task` to the standard input of the guard and keeps it open: its end says that all of it is to
die, by the worker's will or because the worker is gone. The child writes to a pipe of its own; its standard output and
error are lines of the run's log.
"""

from __future__ import annotations

from typing import Any

import msgspec

from waterclock.model.events import Level, StepStatus
from waterclock.model.outcomes import AttemptOutcome, Error


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is to execute: the executor `key` of `module`."""

    path: list[str]  # sys.path of the worker
    module: str
    file: str | None  # where that is, for a module that was not found by its name
    key: str
    run_id: str
    attempt: int
    fence: int
    params: dict[str, Any]
    nominal_ms: int | None
    previous_ms: int | None
    traceparent: str | None
    tracestate: str | None
    instance: str | None  # of the worker, by which its spans and the child's are known
    deadline_ms: int | None


class Began(msgspec.Struct, frozen=True, kw_only=True, tag="began"):
    name: str


class Said(msgspec.Struct, frozen=True, kw_only=True, tag="said"):
    step: int | None
    level: Level
    text: str


class Progressed(msgspec.Struct, frozen=True, kw_only=True, tag="progressed"):
    step: int
    done: float
    total: float | None


class Redacted(msgspec.Struct, frozen=True, kw_only=True, tag="concealed"):
    """What the worker is to take out of lines that the child prints; the child does so with its own words."""

    secret: str


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag="finished"):
    step: int
    status: StepStatus
    error: Error | None


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """The last word: how the function ended. It counts only if the child then exits with 0."""

    kind: AttemptOutcome
    result: msgspec.Raw
    error: Error | None
    final: bool
    after: float | None


Word = Began | Said | Progressed | Redacted | Finished | Ended

WORD_MOST = 1024 * 1024
"""Bytes of one word: an error with every character escaped takes a third of it."""
SECRET_MOST = 64 * 1024
"""Characters of a secret that are told: the beginning of one that is longer."""

encode = msgspec.json.Encoder().encode
decode_task = msgspec.json.Decoder(Task).decode
_decode_word = msgspec.json.Decoder(Word).decode


class NoWord(Exception):
    """What stands in the pipe is none: the executor has written to a descriptor that is not its own."""


def decode_word(line: bytes) -> Word:
    """
    Raises:
        NoWord: whatever else it is.
    """
    try:
        return _decode_word(line)
    except (ValueError, RecursionError) as error:  # it is nested as deeply as anybody likes
        raise NoWord(str(error)) from error

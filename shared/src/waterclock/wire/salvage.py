"""What can still be told of an event that nobody can read: its tag, and whose it is.

The outermost members of a JSON text, looked through without recursion as far as it is one. The first of a name counts:
ours stand before what others have put in.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from waterclock.model.ids import ID_PATTERN

_LOOKED_AT = 4096  # bytes: names stand at the beginning
_ATTEMPT_MOST = 2**31 - 1
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{\]}]', re.DOTALL)
_VALUE = re.compile(rb'\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9]{1,20}(?![0-9.eE]))', re.DOTALL)
_WANTED = frozenset({b'"type"', b'"runId"', b'"jobId"', b'"attempt"'})


class Told(NamedTuple):
    """None: it does not say, or nothing that could be one."""

    tag: str | None = None
    run_id: str | None = None
    job_id: str | None = None
    attempt: int | None = None


def told_by(*texts: bytes) -> Told:
    """What these texts, each an object or the beginning of one, tell together."""
    found: dict[bytes, object] = {}
    for text in texts:
        for name, value in _members(text[:_LOOKED_AT]).items():
            found.setdefault(name, value)
    tag, attempt = found.get(b'"type"'), found.get(b'"attempt"')
    return Told(
        tag=tag if isinstance(tag, str) else None,
        run_id=_id(found.get(b'"runId"')),
        job_id=_id(found.get(b'"jobId"')),
        attempt=attempt if isinstance(attempt, int) and 0 <= attempt <= _ATTEMPT_MOST else None,
    )


def _members(text: bytes) -> dict[bytes, object]:
    found: dict[bytes, object] = {}
    depth = 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in b"[{":
            depth += 1
        elif sign in b"]}":
            depth -= 1
            if depth <= 0:
                break
        elif depth == 1 and sign in _WANTED and sign not in found:
            value = _VALUE.match(text, token.end())
            if value is not None:
                found[sign] = _read(value[1])
    return found


def _read(value: bytes) -> object:
    try:
        return msgspec.json.decode(value)
    except ValueError:  # no text
        return None


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and ID_PATTERN.fullmatch(value) else None

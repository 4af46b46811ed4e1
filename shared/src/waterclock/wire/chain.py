"""The chain over the archive: what an entry and a block of entries are hashed to.

    leaf   the first 16 bytes of SHA-256 of an archived row: place, entry before, time, type, ids, document
    head   SHA-256 of the head of the block before, the block's place and its leaves

An archived document holds the digest of its log lines in their place: where those are deleted the chain does not break.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

LEAF = 16  # bytes

_encoder = msgspec.json.Encoder()


def leaf(
    epoch: int, seq: int, prev: str, at: int, kind: str, job_id: str | None, run_id: str | None, document: bytes
) -> bytes:
    """Of an archived entry; `at` in ms."""
    told = f"{epoch}-{seq} {prev} {at} {kind} {job_id or ''} {run_id or ''} ".encode()
    return hashlib.sha256(told + document).digest()[:LEAF]


def place(partition: int, first: tuple[int, int], last: tuple[int, int]) -> str:
    """Of a block, as its head covers it."""
    return f"{partition}-{first[0]}-{first[1]} {last[0]}-{last[1]} "


def head(before: bytes, of: str, leaves: bytes) -> bytes:
    return hashlib.sha256(before + of.encode() + leaves).digest()


def lines_digest(lines: Sequence[dict[str, str]]) -> str:
    """Of log lines as they are archived: each with `at`, `level` and `text`, in this order."""
    return hashlib.sha256(_encoder.encode(lines)).hexdigest()

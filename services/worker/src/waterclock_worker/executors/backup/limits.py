"""How long and how much: constants of a backup, as one value, so that a test may be impatient."""

from __future__ import annotations

import msgspec

MIB = 1024 * 1024
CHUNK = 256 * 1024  # bytes that wait in a pipe's reader, about


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Durations are seconds."""

    connect: float = 10
    read: float = 60  # for the first byte of an answer, and between two
    attempts: int = 4  # of one call, made by the SDK
    call: float = 300  # a whole call without a body to speak of, its attempts together
    stall: float = 120  # a body of which nothing moves; above what the SDK waits between two attempts
    silence: float = 900  # of pg_dump: reading the catalogue of very many tables takes minutes
    undo: float = 30  # to take back what a failed backup has left in the store
    grace: float = 1.5  # between SIGTERM and SIGKILL
    parts: int = 10_000  # of one multipart upload, S3's own limit
    concurrency: int = 3  # parts under way; one more is being filled
    page: int = 1000  # keys of one listing call

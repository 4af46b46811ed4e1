"""Ids: what they are made of, and which partition they lead to.

A run's id begins with its job's id, so a partition follows from either. An id of something that a command creates is
derived from the command's id, so a repeated command creates nothing new.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from functools import lru_cache
from typing import NewType

JobId = NewType("JobId", str)
RunId = NewType("RunId", str)
MuteId = NewType("MuteId", str)

ID_PATTERN = re.compile(r"[0-9a-z-]{1,64}")

_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = tuple(low + high for high in _DIGITS for low in _DIGITS)
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def digest(text: str, length: int) -> str:
    """Hash `text` to `length` digits of base 32 (five bits each), at most 51."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(0, 5 * length, 10)])[:length]


@lru_cache(maxsize=1024)  # many jobs are due at one instant
def _base36(number: int) -> str:
    digits: list[str] = []
    while number:
        number, rest = divmod(number, 36)
        digits.append(_BASE36[rest])
    return "".join(reversed(digits)) or "0"


def created_job(command_id: str) -> JobId:
    return JobId(digest(f"job {command_id}", 16))


def due_run(job_id: JobId, instant_ms: int) -> RunId:
    """The run of an instant: whoever decides it, however often, names the same run."""
    return RunId(f"{job_id}-{_base36(instant_ms)}")


def requested_run(job_id: JobId | None, command_id: str) -> RunId:
    """The run that a command requests: a trigger, a retry, or (without a job) a run of its own."""
    stem = job_id if job_id is not None else digest(f"stem {command_id}", 16)
    return RunId(f"{stem}-x{digest(f'run {command_id}', 12)}")


def was_requested(run_id: RunId) -> bool:
    """Whether it is the run of a trigger or a retry, and answers no instant."""
    suffix = run_id.rpartition("-")[2]
    return len(suffix) == 13 and suffix[0] == "x"


def retried_run(run_id: str, command_id: str) -> RunId:
    """The run that a command requests in place of an ended one, beside it: the same again for the same two."""
    stem, _, _ = run_id.partition("-")
    return RunId(f"{stem}-x{digest(f'retry {command_id} {run_id}', 12)}")


def backfilled_run(job_id: JobId, command_id: str, instant_ms: int) -> RunId:
    """The run that a backfill requests for an instant; one more, whatever was decided of the instant."""
    return RunId(f"{job_id}-b{digest(f'backfill {command_id} {instant_ms}', 12)}")


def created_mute(job_id: JobId | None, command_id: str) -> MuteId:
    """The mute that a command asks for: of a job, or (without one) of what no single partition holds."""
    suffix = f"m{digest(f'mute {command_id}', 12)}"
    return MuteId(suffix if job_id is None else f"{job_id}-{suffix}")


def partition_of_mute(mute_id: MuteId, partitions: int) -> int:
    """The partition that has the events of a mute: its job's, and 0 of one that is of no single job."""
    return partition_of(mute_id, partitions) if "-" in mute_id else 0


def partition_of(some_id: str, partitions: int) -> int:
    """The partition in which all about a job, and so about its runs, lives."""
    stem, _, _ = some_id.partition("-")
    return zlib.crc32(stem.encode()) % partitions

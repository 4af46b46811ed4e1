"""Whether the kernel has killed processes for want of memory: how a child's SIGKILL by nobody of ours may be explained.

A signal does not say who sent it. What the kernel tells is a count, of the worker's control group where there is one
(version 2, the rule in containers), else of the whole machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


class Killings(NamedTuple):
    """So many since the count began."""

    number: int
    where: str


def killings(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> Killings | None:
    """Those until now; None where the kernel does not say."""
    own = _own_group(proc)
    if own is not None:
        count = _counted(cgroups / own.lstrip("/") / "memory.events")
        if count is not None:
            return Killings(count, "in the worker's control group")
    count = _counted(proc / "vmstat")
    return None if count is None else Killings(count, "on the worker's machine")


def explained(before: Killings | None, after: Killings | None) -> str | None:
    """What happened between two readings, if it explains a SIGKILL."""
    if before is None or after is None or before.where != after.where or after.number <= before.number:
        return None
    return f"in the meantime the kernel killed {after.number - before.number} {after.where}: out of memory"


def _own_group(proc: Path) -> str | None:
    """The path of this process's group in the unified hierarchy."""
    lines = _lines(proc / "self" / "cgroup")
    return next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)


def _counted(path: Path) -> int | None:
    for line in _lines(path):
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return int(count)
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []

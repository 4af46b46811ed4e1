"""Processor time of processes, which says more than the clock where others work on the machine too."""

import os
from collections.abc import Mapping
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def spent(pid: int) -> float | None:
    """Seconds of a process, of its children and of theirs; None where the system does not tell."""
    try:
        own = _ticks(pid) / _TICK
        children = [int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in _children(task)]
    except OSError:
        return None
    return own + sum(spent(child) or 0.0 for child in children)


def each_spent(pids: Mapping[str, int]) -> dict[str, float]:
    """By name, of those the system tells of."""
    found = {name: spent(pid) for name, pid in pids.items()}
    return {name: seconds for name, seconds in found.items() if seconds is not None}


def _ticks(pid: int) -> int:
    """Of itself in user and system mode, and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text("utf-8").split()
    except OSError:
        return []

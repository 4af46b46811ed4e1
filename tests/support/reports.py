"""Reports of tests as xdist can send them: half of a surrogate pair has no bytes, and would end the whole run."""

from __future__ import annotations

from typing import Any, cast


def with_bytes(report: Any) -> Any:
    """A report as plain values, with an escape for each sign of its texts that has no bytes."""
    if isinstance(report, str):
        return report.encode("utf-8", "backslashreplace").decode()
    if isinstance(report, dict):
        members = cast("dict[Any, Any]", report)
        return {with_bytes(name): with_bytes(value) for name, value in members.items()}
    if isinstance(report, list | tuple):
        return [with_bytes(one) for one in cast("list[Any]", report)]
    return report

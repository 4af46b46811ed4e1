"""What the executors that come with the worker announce."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any, cast

from waterclock.executors.definition import declared
from waterclock.model.events import ExecutorSpec
from waterclock_worker.registry import GROUP, spec_of


def specs() -> tuple[ExecutorSpec, ...]:
    for point in entry_points(group=GROUP):
        point.load()
    return tuple(spec_of(one) for one in declared() if one.module.startswith("waterclock_worker."))


def patterns() -> set[str]:
    return {pattern for spec in specs() for pattern in _in(spec.params_schema)}


def _in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        if isinstance(members.get("pattern"), str):
            yield members["pattern"]
        for each in members.values():
            yield from _in(each)
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            yield from _in(each)

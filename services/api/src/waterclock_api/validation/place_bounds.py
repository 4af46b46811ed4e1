"""What lies outside the places and references that workers announced, refused where it is newly written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from waterclock.model.errors import Flaw, pointer_to
from waterclock_api.validation.announced_places import Target, outside
from waterclock_api.validation.executors import Registry


def check_places(
    registry: Registry,
    target: str,
    params: Mapping[str, Any],
    flaws: list[Flaw],
    *,
    queue: str,
    at: str,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Whether a worker takes them; what is as in `before`, what the job has by now, stays as it is."""
    if any(flaw.pointer.startswith(pointer_to(at)) for flaw in flaws):
        return
    whose = Target(name=target, spec=registry.kept(target), queue=queue)
    found = outside(registry.announced, whose, params, before=before)
    flaws.extend(Flaw(pointer_to(at) + flaw.pointer, flaw.message) for flaw in found)

"""A plan in lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from waterclock.cli.job_plan import DAYS, Change, FieldChange, Fires, Plan
from waterclock.cli.options.moments import shown
from waterclock.model.words import worded

SIGNS = {"create": "+", "change": "~", "delete": "-", "foreign": "!", "orphan": "?"}
COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "magenta", "?": "magenta"}


def told(plan: Plan) -> Iterator[str]:
    """Each change with its sign; a blank line and the sum at the end."""
    for change in plan.changes:
        yield from _told(change)
    if plan.changes:
        yield ""
    yield summed(plan)


def summed(plan: Plan) -> str:
    counts = [
        f"{len(plan.of('create'))} to create",
        f"{len(plan.of('change'))} to change",
        f"{len(plan.of('delete'))} to delete",
        f"{plan.same} unchanged",
    ]
    if foreign := len(plan.of("foreign")):
        counts.append(f"{foreign} of another owner (see --take-over)")
    if orphans := len(plan.of("orphan")):
        counts.append(f"{orphans} no longer in the file (see --prune)")
    if plan.zones_kept:
        counts.append(f"{plan.zones_kept} zone kept" if plan.zones_kept == 1 else f"{plan.zones_kept} zones kept")
    return ", ".join(counts)


def _told(change: Change) -> Iterator[str]:
    words = {
        "foreign": f"belongs to {change.owner}: unchanged",
        "orphan": "is no longer in the file: unchanged",
    }
    yield f"{SIGNS[change.action]} {change.name}  {words.get(change.action, change.action)}"
    for field in change.fields:
        if change.action == "create":
            yield f"    {field.pointer}  {_value(field, field.after)}"
        else:
            yield f"    {field.pointer}  {_value(field, field.before)} → {_value(field, field.after)}"
    if change.zone_kept is not None:
        yield f"    zone kept  {change.zone_kept}"
    if change.fires is not None and change.action != "foreign":
        yield f"    {_fires(change.fires)}"


def _fires(fires: Fires) -> str:
    parts = [
        _some(fires.appear, "added", fires.appearing),
        _some(fires.vanish, "removed", fires.vanishing),
    ]
    said = "; ".join(part for part in parts if part) or "none added, none removed"
    whole = f"scheduled times of the next {DAYS} days: {fires.before} now, {fires.after} after; {said}"
    if fires.compared != fires.through:
        whole += f" (compared through {shown(fires.compared)})"
    return whole + (" (an example: H and @every depend on the id)" if fires.example else "")


def _some(count: int, what: str, examples: tuple[str, ...]) -> str:
    if not count:
        return ""
    more = ", …" if count > len(examples) else ""
    return f"{count} {what}: {', '.join(shown(each) or each for each in examples)}{more}"


def _value(field: FieldChange, value: Any) -> str:
    said = worded(field.pointer.removeprefix("/"), value)
    return "-" if said is None else msgspec.json.encode(said).decode()

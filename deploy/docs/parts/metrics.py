"""The metrics, made from the catalog that declares them."""

from __future__ import annotations

from waterclock.kit.telemetry.catalog import ALL, UNMONITORED
from waterclock.kit.telemetry.metrics import AnyMetric

EVERY = frozenset({"api", "projector", "scheduler", "worker"})
GROUPS = ("Every service", "API", "Scheduler", "Worker", "Projector", "Jobs with the label `monitor`")


def text() -> str:
    found: dict[str, list[AnyMetric]] = {group: [] for group in GROUPS}
    for metric in ALL:
        found[_group(metric)].append(metric)
    return "\n".join(
        f"## {group}\n\n| Metric | Kind | Labels | Exposed by | Meaning |\n|---|---|---|---|---|\n"
        + "".join(map(_row, metrics))
        for group, metrics in found.items()
    )


def _group(metric: AnyMetric) -> str:
    if "job" in metric.labels or metric is UNMONITORED:
        return GROUPS[5]
    if metric.by == EVERY:
        return GROUPS[0]
    for service, group in (("api", 1), ("worker", 3), ("scheduler", 2)):
        if service in metric.by:
            return GROUPS[group]
    return GROUPS[4]


def _row(metric: AnyMetric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
    by = "all" if metric.by == EVERY else ", ".join(f"`{service}`" for service in sorted(metric.by))
    return f"| `{metric.name}` | {metric.kind} | {labels} | {by} | {metric.text.removesuffix('.')} |\n"

"""The metrics, made from the catalog that declares them."""

from __future__ import annotations

from waterclock.kit.telemetry.catalog import ALL, UNMONITORED
from waterclock.kit.telemetry.metrics import AnyMetric

EVERY = frozenset({"api", "projector", "scheduler", "worker", "notifier"})
GROUPS = ("Every service", "API", "Scheduler", "Worker", "Projector", "Notifier", "Jobs with the label `monitor`")


def text() -> str:
    found: dict[str, list[AnyMetric]] = {group: [] for group in GROUPS}
    for metric in ALL:
        found[_group(metric)].append(metric)
    return "\n".join(
        f"## {group}\n\n| Metric | Meaning |\n|---|---|\n" + "".join(_row(metric, group) for metric in metrics)
        for group, metrics in found.items()
    )


def _group(metric: AnyMetric) -> str:
    if "job" in metric.labels or metric is UNMONITORED:
        return GROUPS[6]
    if metric.by == EVERY:
        return GROUPS[0]
    for service, group in (("api", 1), ("worker", 3), ("scheduler", 2), ("notifier", 5)):
        if service in metric.by:
            return GROUPS[group]
    return GROUPS[4]


def _row(metric: AnyMetric, group: str) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    form = f"{metric.kind}{f', by {labels}' if labels else ''}"
    others = ", ".join(f"`{service}`" for service in sorted(metric.by) if not _is_of(group, service))
    also = f" Also exposed by {others}." if others else ""
    return f"| `{metric.name}`<br>{form} | {metric.text}{also} |\n"


def _is_of(group: str, service: str) -> bool:
    return group == GROUPS[0] or service == group.lower() or (group == GROUPS[6] and service == "projector")

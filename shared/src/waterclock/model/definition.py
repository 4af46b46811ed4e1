"""What a job is told to do: the part of it that its owner writes."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import Stamped

Status = Literal["0", "1"]
"""`0` enabled, `1` disabled: the original's words."""
MisfirePolicy = Literal["1", "2", "3"]
"""`1` execute every late instant, `2` execute once, `3` do nothing."""
Concurrent = Literal["0", "1"]
"""`0` runs of the job may overlap, `1` they may not."""
OverlapPolicy = Literal["skip", "buffer_one", "buffer_all", "cancel_other"]
Overlap = Literal["allow", "skip", "buffer_one", "buffer_all", "cancel_other"]
"""What becomes of a run that meets an unfinished one of its job."""

DEFAULT_TIMEOUT = 3600.0
"""Seconds an attempt may take where neither the job nor its executor says."""

_OVERLAP_OF_MISFIRE: dict[MisfirePolicy, OverlapPolicy] = {"1": "buffer_all", "2": "buffer_one", "3": "skip"}


class Definition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Durations are seconds."""

    job_name: str
    invoke_target: str
    job_group: str = "DEFAULT"
    invoke_params: dict[str, Any] = {}
    cron_expression: str | None = None
    status: Status = "0"
    misfire_policy: MisfirePolicy = "3"
    concurrent: Concurrent = "1"
    remark: str | None = None
    queue: str = "default"
    timezone: str = "UTC"
    cron_dialect: Literal["unix", "quartz"] | None = None
    dst_gap: Literal["shift", "skip"] = "shift"
    dst_fold: Literal["first", "both"] = "first"
    overlap_policy: OverlapPolicy | None = None
    misfire_threshold: float = 60
    catchup_window: float = 86400
    catchup_limit: int = 100
    catchup_pace: float = 0.1
    jitter: float = 0
    start_at: Stamped | None = None
    end_at: Stamped | None = None
    timeout: float | None = None
    retry: RetryPolicy = RetryPolicy()
    labels: dict[str, str] = {}

    @property
    def enabled(self) -> bool:
        return self.status == "0"

    @property
    def overlap(self) -> Overlap:
        """The overlap policy in force: its own, else the one that follows from the misfire policy."""
        if self.concurrent == "0":
            return "allow"
        return self.overlap_policy or _OVERLAP_OF_MISFIRE[self.misfire_policy]

    def schedules_like(self, other: Definition) -> bool:
        """Whether a change from one to the other leaves what is owed owed: same schedule, zone, queue and policies."""
        return all(getattr(self, name) == getattr(other, name) for name in _SETTLING)


_SETTLING = (
    "cron_expression",
    "timezone",
    "cron_dialect",
    "dst_gap",
    "dst_fold",
    "queue",
    "misfire_policy",
    "concurrent",
    "overlap_policy",
    "misfire_threshold",
    "catchup_window",
    "catchup_limit",
    "catchup_pace",
    "jitter",
    "start_at",
    "end_at",
)

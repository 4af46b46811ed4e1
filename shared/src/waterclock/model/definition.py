"""What a job is told to do: the part of it that its owner writes.

What the members mean is said here, once: the OpenAPI document, the schema of job files, the command line and the page
`docs/reference/job.md` show these sentences. The first of each can stand alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from waterclock.model.cron.parse import zone_in
from waterclock.model.promise import Promise
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


def _said(description: str, *examples: object) -> msgspec.Meta:
    return msgspec.Meta(description=description, examples=list(examples) or None)


class Definition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a job runs, and when. Durations are seconds."""

    job_name: Annotated[
        str,
        _said("Name of the job, unique within its group. 1 to 64 visible characters on one line.", "nightly"),
    ]
    invoke_target: Annotated[
        str,
        _said(
            "Executor that the job runs, by its name or an alias. A worker must have announced it, unless you allow "
            "unknown executors.",
            "report.daily",
        ),
    ]
    job_group: Annotated[
        str,
        _said(
            "Group of the job. Group and name together identify it: `group/name`. A group has no slash.",
            "reports",
        ),
    ] = "DEFAULT"
    invoke_params: Annotated[
        dict[str, Any],
        _said(
            "Parameters that the executor gets in each run. The JSON Schema that workers announce for the executor "
            "checks them; at most 64 KiB of JSON.",
            {"table": "orders"},
        ),
    ] = {}
    cron_expression: Annotated[
        str | None,
        _said("Schedule, as a cron expression. Without one the job runs on demand only.", "0 2 * * *"),
    ] = None
    status: Annotated[
        Status,
        _said(
            "Whether the schedule is active: `enabled` (code 0) or `disabled` (code 1). You can still trigger a "
            "disabled job."
        ),
    ] = "0"
    misfire_policy: Annotated[
        MisfirePolicy,
        _said(
            "What to do with scheduled times that are late by `misfireThreshold` or more. `skip` (code 3) runs none of "
            "them, `runOnce` (code 2) starts one run for all of them, `runAll` (code 1) starts one run for each. "
            "`waterclock job create` writes `runOnce` unless you name another."
        ),
    ] = "3"
    concurrent: Annotated[
        Concurrent,
        _said("Whether runs of the job may overlap: `allow` (code 0) or `forbid` (code 1)."),
    ] = "1"
    remark: Annotated[str | None, _said("Free text about the job, at most 1000 characters.", "Owner: team-data")] = None
    queue: Annotated[
        str,
        _said("Queue that runs of the job wait in. It must be one of the installation's queues.", "critical"),
    ] = "default"
    timezone: Annotated[
        str,
        _said(
            "IANA time zone of the schedule. A new job without one gets `WATERCLOCK_TIMEZONE` of the API, or UTC if "
            "that is not set.",
            "Europe/Berlin",
        ),
    ] = "UTC"
    cron_dialect: Annotated[
        Literal["unix", "quartz"] | None,
        _said(
            "How numbers in the day-of-week field are read: `unix` (Sunday is 0 or 7) or `quartz` (Sunday is 1). "
            "Without it, 5 fields are read as `unix`; 6 or 7 fields must name the day, as in `MON`.",
            "quartz",
        ),
    ] = None
    dst_gap: Annotated[
        Literal["shift", "skip"],
        _said(
            "What to do with a time of day that the local clock leaves out when it goes forward. `shift` runs at the "
            "first moment after the gap, `skip` does not run.",
            "skip",
        ),
    ] = "shift"
    dst_fold: Annotated[
        Literal["first", "both"],
        _said(
            "What to do with a time of day that the local clock shows twice when it goes back. `first` runs on the "
            "first pass only, `both` runs on each pass.",
            "both",
        ),
    ] = "first"
    overlap_policy: Annotated[
        OverlapPolicy | None,
        _said(
            "What to do with a run that meets an unfinished run of its job, where `concurrent` is `forbid`. `skip` "
            "drops it, `buffer_one` lets one run wait, `buffer_all` lets up to 1000 wait, `cancel_other` cancels the "
            "unfinished ones. By default it follows from `misfirePolicy`: `skip` gives `skip`, `runOnce` gives "
            "`buffer_one`, `runAll` gives `buffer_all`.",
            "buffer_one",
        ),
    ] = None
    misfire_threshold: Annotated[
        float,
        _said("Delay from which a scheduled time is late. Below it the run starts as usual. In seconds.", 300),
    ] = 60
    catchup_window: Annotated[
        float,
        _said("How far back `runAll` goes. It skips late scheduled times that are older. In seconds.", 3600),
    ] = 86400
    catchup_limit: Annotated[
        int,
        _said("How many late scheduled times `runAll` runs at most. It runs the newest and skips the others.", 10),
    ] = 100
    catchup_pace: Annotated[
        float,
        _said("Time between the starts of late runs, under `runAll` and in a backfill. In seconds.", 5),
    ] = 0.1
    jitter: Annotated[
        float,
        _said(
            "Upper limit of a random delay of each scheduled run. One scheduled time always gets the same delay. In "
            "seconds.",
            30,
        ),
    ] = 0
    start_at: Annotated[
        Stamped | None,
        _said("First moment at which the schedule counts, inclusive. RFC 3339.", "2026-07-01T00:00:00.000Z"),
    ] = None
    end_at: Annotated[
        Stamped | None,
        _said("Last moment at which the schedule counts, inclusive. RFC 3339.", "2026-12-31T23:59:59.000Z"),
    ] = None
    timeout: Annotated[
        float | None,
        _said(
            "Time limit of each attempt; 0 is no limit. By default that of the executor, or 1 hour if it has none. In "
            "seconds.",
            900,
        ),
    ] = None
    retry: Annotated[RetryPolicy, _said("How often and when a run is tried again.")] = RetryPolicy()
    labels: Annotated[
        dict[str, str],
        _said(
            "Names and values to find jobs and runs by. At most 32; a name has 1 to 64 of letters, digits and `-_./`, "
            "a value at most 256 characters.",
            {"team": "data"},
        ),
    ] = {}
    promise: Annotated[
        Promise | UnsetType | None,
        _said(
            "What its owner expects of the job: when runs start and end, how long they take, how often they succeed."
        ),
    ] = UNSET  # and not written; in answers None

    @property
    def enabled(self) -> bool:
        return self.status == "0"

    @property
    def overlap(self) -> Overlap:
        """The overlap policy in force: its own, else the one that follows from the misfire policy."""
        if self.concurrent == "0":
            return "allow"
        return self.overlap_policy or _OVERLAP_OF_MISFIRE[self.misfire_policy]

    @property
    def schedule_zone(self) -> str:
        """The zone of the schedule's times: that of the expression, where it names one."""
        return zone_in(self.cron_expression) or self.timezone

    def schedules_like(self, other: Definition) -> bool:
        """Whether a change from one to the other leaves what is owed owed: same schedule, zone, queue and policies."""
        return all(getattr(self, name) == getattr(other, name) for name in _SETTLING)


PARTS: Mapping[str, type[msgspec.Struct]] = {"retry": RetryPolicy, "promise": Promise}
"""Members that have members of their own."""

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

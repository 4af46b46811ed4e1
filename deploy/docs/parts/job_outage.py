"""One outage of all schedulers under each misfire policy, as `simulate` foretells it."""

from __future__ import annotations

from typing import NamedTuple, get_args

from waterclock.model.definition import Definition, MisfirePolicy
from waterclock.model.durations import moment_ms
from waterclock.model.ids import JobId
from waterclock.model.instants.simulate import Simulated, simulate
from waterclock.model.words import MISFIRE

AWAY, BACK = "2026-03-02T08:55:00Z", "2026-03-02T09:30:30Z"
EXPRESSION = "*/10 * * * *"


class _Job(NamedTuple):
    definition: Definition
    job_id: JobId = JobId("11vfgjg4rore22hm")
    version: int = 1


def text() -> str:
    rows = [
        f"| `{MISFIRE[policy]}` | {_runs(found)} | {_others(found)} |"
        for policy in reversed(get_args(MisfirePolicy))
        for found in [_foretold(policy)]
    ]
    return "\n".join(["| policy | runs for | other scheduled times |", "|---|---|---|", *rows])


def _foretold(policy: MisfirePolicy) -> Simulated:
    job = _Job(
        Definition(
            job_name="report",
            invoke_target="report.daily",
            cron_expression=EXPRESSION,
            misfire_policy=policy,
            concurrent="0",
        )
    )
    return simulate(job, from_ms=moment_ms(AWAY), to_ms=moment_ms(BACK))


def _runs(found: Simulated) -> str:
    return ", ".join(f"{run.nominal_at[11:16]}{' (late)' if run.trigger == 'catchup' else ''}" for run in found.runs)


def _others(found: Simulated) -> str:
    word = {"skipped": "skipped", "coalesced": "merged into the late run"}
    return "; ".join(f"{one.first[11:16]} to {one.last[11:16]} {word[one.fate]}" for one in found.unfired) or "none"

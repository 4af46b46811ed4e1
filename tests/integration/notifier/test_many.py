"""Very much at once, and very much before the first start: few messages, little memory, nothing of the past."""

from __future__ import annotations

import logging
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from tests.integration.notifier.receiver import LOOPBACK, http_receiver
from tests.integration.notifier.test_notifier import created, run, until, written
from tests.integration.notifier.test_process import heard, notifier
from tests.integration.stage import append, append_at_once, staged
from waterclock.kit.clock import SystemClock
from waterclock.model.definition import Definition
from waterclock.model.events import JobCreated, RunFailed, RunRequested, RunStarted, StoredEvent
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import Error

MANY = 10_000
WITHIN = 300.0  # s
MOST_MIB = 200


def settings(redis_url: str, prefix: str, postgres_url: str, folder: Path, hook: str) -> dict[str, str]:
    channel = f'ops: {{webhook: "{hook}/hook", secret: "env:OPS_SECRET"}}'
    rules = "rules:\n  - {name: all, on: [failed, recovered], channels: [ops]}\n"
    return {
        "REDIS_URL": redis_url,
        "KEY_PREFIX": prefix,
        "POSTGRES_URL": postgres_url,
        "NOTICES": str(written(folder, f"channels:\n  {channel}\n{rules}")),
        "HTTP_ALLOW": LOOPBACK,
    }


def peak_mib(process: Process) -> float:
    """The most memory that a process has had."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    [kib] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(kib) / 1024


def jobs(count: int) -> list[StoredEvent]:
    definition = Definition(job_name="a", invoke_target="report.daily", cron_expression="0 2 * * *")
    return [JobCreated(job_id=JobId(f"job-{n}"), version=1, definition=definition) for n in range(count)]


def failures(count: int) -> list[StoredEvent]:
    error, found = Error(type="OSError", message="no route", traceback=None), list[StoredEvent]()
    for n in range(count):
        job_id, run_id = JobId(f"job-{n}"), RunId(f"many-{n}")
        found += [
            RunRequested(run_id=run_id, job_id=job_id, trigger="schedule", invoke_target="a", queue="default"),
            RunStarted(run_id=run_id, job_id=job_id, worker="w", session="s", attempt=1, fence=n),
            RunFailed(run_id=run_id, job_id=job_id, attempt=1, fence=n, outcome="failed", error=error),
        ]
    return found


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_ten_thousand_jobs_that_fail_at_once_are_few_messages(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    async with (
        http_receiver() as receiver,
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        stage.projecting(within=2 * WITHIN),
    ):
        await append_at_once(stage, jobs(MANY))
        await stage.projected()
        async with notifier(**settings(redis_url, key_prefix, migrated_postgres_url, tmp_path, receiver.url)) as work:
            before = peak_mib(work)
            began = SystemClock().monotonic()
            await append_at_once(stage, failures(MANY))
            await stage.projected()
            projected = SystemClock().monotonic() - began

            def told() -> int:
                counts = [one["data"].get("digest", {}).get("counts", {"failed": 1}) for one in heard(receiver)]
                return sum(count["failed"] for count in counts)

            await until(lambda: told() == MANY, within=WITHIN, what="that all are told")
            messages = heard(receiver)
            peak = peak_mib(work)
    digests = [one for one in messages if one["type"] == "waterclock.notice.digest"]
    figures = f"{len(messages)} messages, {before:.0f} → {peak:.0f} MiB, projected in {projected:.1f} s"
    logging.getLogger(__name__).info(figures)
    assert len(digests) == 1
    assert len(messages) <= 1 + 20
    assert peak < MOST_MIB


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_a_long_past_is_told_by_nobody_at_the_first_start(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    async with (
        http_receiver() as receiver,
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        stage.projecting(within=2 * WITHIN),
    ):
        await append_at_once(stage, [created(), *jobs(MANY), *failures(MANY)])
        await stage.projected()
        async with notifier(**settings(redis_url, key_prefix, migrated_postgres_url, tmp_path, receiver.url)) as work:
            assert peak_mib(work) < MOST_MIB
            await append(stage, run(1, fails=True))
            await until(lambda: receiver.requests != [], within=WITHIN, what="what happens from now on")
    assert [one["data"]["run"] for one in heard(receiver)] == ["run-1"]

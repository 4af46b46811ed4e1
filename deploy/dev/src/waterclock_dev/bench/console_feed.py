"""Runs and lines as workers would write them, past the scripts."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import psycopg
import redis

from waterclock.model.definition import Definition
from waterclock.model.events import (
    Event,
    JobCreated,
    LogLine,
    RunRequested,
    RunStarted,
    RunSucceeded,
    StepFinished,
    StepLogged,
    StepStarted,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.timestamps import stamp
from waterclock.wire.envelope import encode_body
from waterclock_dev.bench.stage import QUEUE, Stage

JOB = JobId("bench")
SHORT, LONG, LIVE = RunId("bench-short"), RunId("bench-long"), RunId("bench-live")
NEEDLE = "needle"
RATE = 500  # lines/s
AT_ONCE = 100  # lines of an event
TICK = 0.1  # s between two events with lines
SHORT_RATE = 10  # runs/s
LONGEST = 300.0  # s
_PLACE = "SELECT max(seq) FROM events"


def last_line(lines: int) -> str:
    return f"of {lines}: {lines} done"


def live_line(count: int) -> str:
    return f"live {count}."


class Feed:
    """Appends to the log of a stage; one thread at a time."""

    def __init__(self, stage: Stage) -> None:
        self._client: Any = redis.Redis.from_url(stage.url)  # pyright: ignore[reportUnknownMemberType]
        self._key = stage.log.keys.partition(0, "events")
        rows = cast("list[Any]", self._client.xrevrange(self._key, count=1))
        self._prev, self._seq = rows[0][0], int(rows[0][0].split(b"-")[1])
        self._fence = 0
        self._live = 0

    def ended_runs(self, lines: int) -> int:
        """A job, a run with few lines, and one with many; the place of their last event."""
        definition = Definition(job_name="bench", invoke_target="demo.steps", cron_expression="0 * * * *")
        self._append(JobCreated(job_id=JOB, version=1, definition=definition))
        self._run(SHORT, 20)
        self._run(LONG, lines)
        return self._seq

    def begin_live(self) -> None:
        self._append(*self._begun(LIVE), StepStarted(**self._grant(LIVE), number=1, name="Talk"))
        self._append(self._lines(LIVE, ["live 0."]))

    def live_lines(self, seconds: float) -> int:
        """At the rate; how many."""
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            due = int(now * RATE) - self._live
            if due > 0:
                texts = [
                    f"a line of the usual length, with a number in it: live {self._live + n}."
                    for n in range(1, due + 1)
                ]
                self._append(self._lines(LIVE, texts))
                self._live += due
            time.sleep(TICK)
        return self._live

    def short_runs(self, seconds: float) -> None:
        """One after the other, at a rate."""
        began, count = time.monotonic(), 0
        while (now := time.monotonic() - began) < seconds:
            while count < now * SHORT_RATE:
                count += 1
                self._run(RunId(f"bench-{count}"), 1)
            time.sleep(TICK)

    def _run(self, run: RunId, lines: int) -> None:
        self._append(*self._begun(run), StepStarted(**self._grant(run), number=1, name="Count"))
        for first in range(1, lines + 1, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, lines + 1))
            texts = [f"of {lines}: {n} done{f' {NEEDLE}' if n == lines // 2 else ''}" for n in numbers]
            self._append(self._lines(run, texts))
        self._append(
            StepFinished(**self._grant(run), number=1, status="succeeded"),
            RunSucceeded(**self._grant(run), result=None),
        )

    def _begun(self, run: RunId) -> tuple[Event, ...]:
        self._fence += 1
        at = stamp(int(time.time() * 1000))
        requested = RunRequested(
            run_id=run,
            job_id=JOB,
            trigger="schedule",
            invoke_target="demo.steps",
            queue=QUEUE.name,
            nominal_at=at,
            job_name="bench",
            job_group="default",
            version=1,
        )
        return requested, RunStarted(**self._grant(run), worker="bench", session="bench")

    def _grant(self, run: RunId) -> dict[str, Any]:
        return {"run_id": run, "job_id": JOB, "attempt": 1, "fence": self._fence}

    def _lines(self, run: RunId, texts: list[str]) -> StepLogged:
        at = stamp(int(time.time() * 1000))
        lines = tuple(LogLine(at=at, level="info", text=text) for text in texts)
        return StepLogged(**self._grant(run), number=1, lines=lines)

    def _append(self, *events: Event) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for event in events:
            self._seq += 1
            name = b"1-%d" % self._seq
            pipeline.xadd(self._key, {"b": encode_body(event), "p": self._prev, "t": int(time.time() * 1000)}, id=name)
            self._prev = name
        pipeline.execute()


async def projected(url: str, seq: int) -> None:
    """Until the read models are at a place."""
    async with asyncio.timeout(LONGEST), await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            row = await (await connection.execute(_PLACE)).fetchone()
            if row is not None and (row[0] or 0) >= seq:
                return
            await asyncio.sleep(TICK)

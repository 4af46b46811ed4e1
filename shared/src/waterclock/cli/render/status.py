"""What an API tells of its installation, judged: whether the clock runs, and what to do where it does not. No I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from waterclock.cli.options.moments import retold
from waterclock.cli.render.events import took
from waterclock.client.errors import Refused
from waterclock.client.models import Condition, Queue, Run, Worker

Level = Literal["ok", "warning", "problem"]
LAG_MOST = 60.0  # s that reads may be behind, before that is a problem
JOBS_NAMED = 5
_BEHIND = re.compile(r"\d+ events behind, the oldest for (\d+(?:\.\d+)?) s \(partition \d+\)")
_FINE = "ok"
_MENDS = {
    "schedules": "start a scheduler, or check the log of the one that leads",
    "projection": "check that a projector runs, and look for `projection stopped` in its log",
    "writes": "give Redis more memory, or see what fills it: run `waterclock doctor` with access to the stores",
    "clocks": "correct the clock of the machine that is named",
    "events": "run `waterclock doctor` with access to the stores to see them",
}


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """`problem`: something that is due is not done; `do` is empty where there is nothing to be done."""

    level: Level
    check: str
    said: str
    do: str = ""


def of_unready(refused: Refused) -> Iterator[Check]:
    """What is unreachable for an API that is not ready."""
    said = "; ".join(f"{flaw.pointer}: {flaw.message}" for flaw in refused.errors) or str(refused)
    yield Check(level="problem", check="api", said=f"is not ready: {said}", do="the API cannot reach what it names")


def of_condition(condition: Condition) -> Iterator[Check]:
    yield Check(level="ok", check="api", said="is ready")
    for name, do in _MENDS.items():
        said = condition.checks.get(name, _FINE)
        behind = _BEHIND.fullmatch(said)
        if said == _FINE:
            if name == "schedules":
                yield Check(level="ok", check=name, said="every scheduled time that is due is decided")
        elif behind is not None and float(behind[1]) <= LAG_MOST:
            yield Check(level="ok", check=name, said=said)
        else:
            mild = name == "events" or said.startswith("not known")
            yield Check(level="warning" if mild else "problem", check=name, said=retold(said), do=do)


def of_queues(queues: Sequence[Queue]) -> Iterator[Check]:
    for one in queues:
        if one.paused:
            level: Level = "problem" if one.waiting else "warning"
            said = f"{one.name} is paused, and {one.waiting} run(s) wait in it"
            do = f"`waterclock queue resume {one.name}`, unless it is paused on purpose"
            yield Check(level=level, check="queue", said=said, do=do)
    waiting = f"{sum(one.waiting for one in queues)} waiting"
    if oldest := max((one.oldest_wait_ms or 0 for one in queues), default=0):
        waiting += f" (the first for {took(oldest)})"
    delayed, blocked = sum(one.delayed for one in queues), sum(one.blocked for one in queues)
    running = sum(one.running for one in queues)
    said = f"{waiting}, {delayed} delayed, {blocked} blocked, {running} running"
    yield Check(level="ok", check="queues", said=said)


def of_workers(workers: Sequence[Worker]) -> Iterator[Check]:
    live = [one for one in workers if one.status == "live"]
    if live:
        busy, slots = sum(one.running for one in live), sum(one.slots for one in live)
        yield Check(level="ok", check="workers", said=f"{len(live)} live, {busy} of {slots} slots busy")
    else:
        yield Check(level="problem", check="workers", said="no live worker: no run starts", do="start a worker")
    if silent := sorted({one.name for one in workers if one.status == "silent"}):
        do = "they are dead or disconnected; another live worker takes over their runs"
        yield Check(level="warning", check="workers", said=f"silent: {', '.join(silent)}", do=do)


def of_waiting(queued: Iterable[Run]) -> Iterator[Check]:
    """Runs that no live worker can take."""
    counts = Counter((one.waits_for.executor, one.queue) for one in queued if one.waits_for is not None)
    for (executor, queue), count in counts.most_common():
        said = f"{count} run(s) in the queue {queue} wait for {executor}, which no live worker of it has"
        yield Check(level="problem", check="executors", said=said, do="start a worker that has it")


def of_failed(failed: Sequence[Run], *, more: bool, since: str) -> Check:
    """Runs that did not succeed lately: the jobs' own affair, and no reason why the clock would not run."""
    if not failed:
        return Check(level="ok", check="failed runs", said=f"none in the last {since}")
    jobs = Counter(one.named for one in failed).most_common()
    named = [name if count == 1 else f"{name} ({count})" for name, count in jobs[:JOBS_NAMED]]
    others = [] if len(jobs) <= JOBS_NAMED else [f"and {len(jobs) - JOBS_NAMED} more"]
    count = f"{len(failed)} or more" if more else str(len(failed))
    said = f"{count} in the last {since}: {', '.join([*named, *others])}"
    do = f"`waterclock run show {failed[0].id}` says why the last one did"
    return Check(level="warning", check="failed runs", said=said, do=do)


def told(checks: Sequence[Check]) -> Iterator[str]:
    """The answer in its first line, and what it rests on."""
    wrong = list(dict.fromkeys(one.check for one in checks if one.level == "problem"))
    yield f"The scheduler does not work properly: {', '.join(wrong)}." if wrong else "The scheduler works."
    for one in checks:
        yield f"{one.level:<8} {one.check}: {one.said}"
        if one.do:
            yield f"         → {one.do}"

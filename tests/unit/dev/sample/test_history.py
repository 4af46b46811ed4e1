"""The past of the sample: all that can become of instants and runs is in it, as the product would have written it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec
import pytest

from waterclock.model import job as jobs
from waterclock.model import run as runs
from waterclock.model.events import (
    AnyJobEvent,
    AnyRunEvent,
    FireCoalesced,
    FireSkipped,
    JobChanged,
    JobDisabled,
    RunCancelled,
    RunLost,
    RunRequested,
    RunStarted,
    SkipReason,
    StepLogged,
    StoredEvent,
    Trigger,
    WorkerJoined,
    WorkerLeft,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.instants.ledger import Verdict, verify
from waterclock.model.instants.table import Supposed
from waterclock.model.outcomes import STATUS_OF_TAG, RunStatus
from waterclock.model.positions import Position
from waterclock.model.run import Run
from waterclock.model.timestamps import parse_moment
from waterclock.testing.run_executor import run_executor
from waterclock.wire.envelope import encode_body
from waterclock_dev.sample import catalog, executors
from waterclock_dev.sample.catalog import JOBS
from waterclock_dev.sample.clockwork import DAY, MINUTE
from waterclock_dev.sample.history import History, history, registry
from waterclock_dev.sample.scripts import DOWN
from waterclock_dev.sample.story import STREAK
from waterclock_worker.reporting.pending import CAPPED

UNTIL = parse_moment("2026-11-30T09:00:00Z")
SPECS = registry().specs()
Folded = Mapping[RunId, Run]


@pytest.fixture(scope="module")
def past() -> History:
    return history(UNTIL, announced=SPECS)


@pytest.fixture(scope="module")
def handed_over() -> History:
    """Another one, which ends on a leap day."""
    return history(parse_moment("2024-02-29T23:30:00Z"), lives_on=True, seed="another", announced=SPECS)


@pytest.fixture(scope="module")
def folded(past: History) -> Folded:
    return runs_of(past)


def runs_of(told: History) -> Folded:
    """Each run as its events leave it. It is no event of a run that follows its end, or comes before its request."""
    found: dict[RunId, Run] = {}
    for _, event in told.events:
        if isinstance(event, AnyRunEvent):
            known = found.get(event.run_id)
            assert (known is None) == isinstance(event, RunRequested)
            assert known is None or not known.ended
            found[event.run_id] = runs.evolve(known, event)
    return found


def proved(told: History) -> dict[str, Verdict]:
    """The product's own proof for each job, over the whole time."""
    entries: defaultdict[JobId, list[Supposed]] = defaultdict(list)
    for seq, (at, event) in enumerate(told.events, 1):
        if isinstance(event, AnyJobEvent | RunRequested | FireSkipped | FireCoalesced):
            assert event.job_id is not None
            entries[event.job_id].append(Supposed(at, event, Position(0, 1, seq)))
    names = {one.job_id: one.name for one in JOBS}
    first = told.events[0][0]
    return {
        names[job]: verify(some, from_ms=first, to_ms=told.until, now_ms=told.until) for job, some in entries.items()
    }


def of(told: History, *kinds: type[StoredEvent]) -> Sequence[Any]:
    return [event for _, event in told.events if isinstance(event, kinds)]


def test_every_instant_is_decided_once(past: History, handed_over: History) -> None:
    for told in (past, handed_over):
        verdicts = proved(told)
        assert set(verdicts) == {one.name for one in JOBS}
        for name, verdict in verdicts.items():
            assert verdict.ok, (name, verdict)
            assert verdict.pending <= 1, "what is due at the very end is not decided yet"


def test_all_that_can_become_of_an_instant_is_there(past: History) -> None:
    assert {event.reason for event in of(past, FireSkipped)} == set(get_args(SkipReason))
    assert {event.policy for event in of(past, FireCoalesced)} == {"2", "buffer_one"}
    assert {event.trigger for event in of(past, RunRequested)} == set(get_args(Trigger))


def test_runs_of_every_status_are_there(past: History, folded: Folded) -> None:
    assert {one.status for one in folded.values()} == set(get_args(RunStatus))
    assert {event.reason for event in of(past, RunCancelled)} >= {"requested", "jobDisabled", "replaced"}
    lost = Counter(folded[event.run_id].status for event in of(past, RunLost) if event.reason == "leaseExpired")
    assert lost == {"succeeded": 1, "died": 2}
    assert {event.reason for event in of(past, WorkerLeft)} == {"drained", "lost"}


def test_runs_that_may_not_overlap_do_not(past: History) -> None:
    serial = {one.job_id for one in JOBS if one.definition.concurrent == "1"}
    running: defaultdict[JobId, set[RunId]] = defaultdict(set)
    ended = {*STATUS_OF_TAG, "run.lost", "run.retryScheduled"}
    for _, event in past.events:
        if isinstance(event, RunStarted) and event.job_id in serial:
            assert event.job_id is not None
            running[event.job_id].add(event.run_id)
            assert len(running[event.job_id]) == 1, event
        elif isinstance(event, AnyRunEvent) and event.job_id is not None and str(event.__struct_config__.tag) in ended:
            running[event.job_id].discard(event.run_id)


def test_fences_only_grow_and_time_does_not_go_back(past: History, handed_over: History) -> None:
    for told in (past, handed_over):
        fences = [event.fence for event in of(told, RunStarted)]
        assert fences == sorted(set(fences))
        moments = [at for at, _ in told.events]
        assert moments == sorted(moments)
        assert told.until - MINUTE < moments[-1] < told.until
        assert told.until - 91 * DAY < moments[0] <= told.until - 90 * DAY


def test_the_same_seed_tells_the_same_past(past: History) -> None:
    again = history(UNTIL, announced=SPECS)
    assert [(at, encode_body(event)) for at, event in again.events] == [
        (at, encode_body(event)) for at, event in past.events
    ]


def test_an_hourly_job_fails_now_and_has_for_hours(past: History) -> None:
    job_id = next(one.job_id for one in JOBS if one.name == catalog.HOURLY)
    requested = {event.run_id for event in of(past, RunRequested) if event.job_id == job_id}
    ends = [
        (at, tag)
        for at, event in past.events
        if isinstance(event, AnyRunEvent)
        and event.run_id in requested
        and (tag := str(event.__struct_config__.tag)) in STATUS_OF_TAG
    ]
    late = [tag for at, tag in ends if at > UNTIL - STREAK + 20 * MINUTE]
    assert len(late) >= 6
    assert set(late) == {"run.failed"}
    assert Counter(tag for _, tag in ends)["run.succeeded"] > 2_000


def test_a_log_at_its_limit_and_one_of_thousands_of_lines_are_there(past: History) -> None:
    lines: Counter[RunId] = Counter()
    capped: set[RunId] = set()
    for event in of(past, StepLogged):
        lines[event.run_id] += len(event.lines)
        capped |= {event.run_id for line in event.lines if line.text == CAPPED}
    assert len(capped) == 1
    assert len([run_id for run_id, count in lines.items() if count > 1_000]) >= 2
    said = "".join(line.text for event in of(past, StepLogged) for line in event.lines[:40])
    assert "\x1b[32m" in said
    assert "https://" in said


def test_a_run_that_failed_was_run_again_by_somebody_with_a_reason(past: History, folded: Folded) -> None:
    (again,) = [event for event in of(past, RunRequested) if event.trigger == "retry"]
    assert again.actor
    assert again.reason
    assert folded[again.retry_of].status == "failed"
    assert folded[again.run_id].status == "succeeded"


def test_what_real_workers_take_over_was_handed_back(handed_over: History) -> None:
    left = {one.status for one in runs_of(handed_over).values() if not one.ended}
    assert left == {"queued", "delayed", "waiting"}
    assert not handed_over.workers
    assert {event.session for event in of(handed_over, WorkerJoined)} == {
        event.session for event in of(handed_over, WorkerLeft)
    }


def test_a_job_is_disabled_with_a_reason_and_many_people_have_changed_something(past: History) -> None:
    assert all(event.reason for event in of(past, JobDisabled))
    changed = of(past, JobChanged)
    assert len(changed) > len([event for event in changed if event.reason]) >= 4
    standing: dict[JobId, jobs.Job | None] = {}
    for event in of(past, *get_args(AnyJobEvent)):
        standing[event.job_id] = jobs.evolve(standing.get(event.job_id), event)
    assert [one.definition.job_name for one in standing.values() if one is not None and not one.definition.enabled] == [
        "ftp-import"
    ]
    assert len({event.actor for event in of(past, *get_args(AnyJobEvent))}) >= 4


def test_every_job_has_parameters_and_results_that_fit_its_executor(past: History) -> None:
    found = registry()
    for one in JOBS:
        executor = found.find(one.definition.invoke_target)
        assert executor is not None
        assert msgspec.to_builtins(msgspec.convert(one.definition.invoke_params, executor.params_type)) == (
            one.definition.invoke_params
        )


def test_names_are_believable_and_one_is_as_long_as_may_be() -> None:
    assert len(JOBS) >= 20
    assert len({one.name for one in JOBS}) == len(JOBS)
    longest = max((one.definition.job_name for one in JOBS), key=len)
    assert 55 <= len(longest) <= 64
    assert not longest.isascii()


async def test_its_executors_play_for_real_what_the_past_tells() -> None:
    told = await run_executor(executors.health_ping, {"url": "https://api.example.com/healthz"})
    assert told.result["status"] == 200
    told = await run_executor(executors.rates_fetch, {"provider": "ecb", "base": "EUR"})
    assert [step.name for step in told.steps] == ["Fetch", "Store"]
    assert "rates against EUR" in told.text
    assert executors.mood_now(executors.Load(source="a", target=DOWN)) == "failing"
    assert executors.mood_now(executors.Load(source="a", target="warehouse")) == "well"

"""The client's answers hold what the API's shapes hold, and can do without what the release before did not tell."""

from __future__ import annotations

import ast
import tarfile
from functools import cache
from typing import Any

import msgspec
import pytest

from tests.support.rollout import PREVIOUS
from waterclock.client import models
from waterclock.model.definition import Definition
from waterclock_api.routes.schedules import ledger, simulate, strips
from waterclock_api.schemas import mutes, notices, overview, promises, responses

PAIRS: list[tuple[Any, Any]] = [
    (getattr(models, name), getattr(responses, name))
    for name in (
        "Job",
        "LastRun",
        "Run",
        "BriefRun",
        "WaitsFor",
        "Attempt",
        "Step",
        "Progress",
        "LogLine",
        "Lines",
        "LogOutline",
        "LogPart",
        "LogStepPart",
        "LogMinute",
        "LogGap",
        "Detail",
        "Executor",
        "Worker",
        "Queue",
        "QueueState",
        "Asked",
        "Retried",
        "RetriedRun",
        "CancelledRuns",
        "CancelledRun",
        "Preview",
        "PreviewItem",
        "BackfillItem",
        "Me",
        "CallerLimits",
    )
] + [
    (models.Backfill, responses.BackfillAnswer),
    (models.Jobs, responses.Jobs),
    (models.Proof, ledger.Ledger),
    (models.Strips, strips.LedgerStrips),
    (models.JobStrip, strips.JobStrip),
    (models.Fires, overview.Fires),
    (models.FireItem, overview.FireItem),
    (models.JobsIndex, overview.JobsIndex),
    (models.Notice, notices.Notice),
    (models.NoticeDelivery, notices.NoticeDelivery),
    (models.Mute, mutes.Mute),
    (models.Mute, mutes.Mute),
    (models.RehearsedNotices, notices.RehearsedNotices),
    (models.RehearsedNotice, notices.RehearsedNotice),
    (models.NoticeCount, notices.NoticeCount),
    (models.JobPromise, notices.JobPromise),
    (models.PromiseStanding, promises.PromiseStanding),
    (models.OpenBreak, promises.OpenBreak),
    (models.BrokenPromise, promises.BrokenPromise),
    (models.Simulation, simulate.Simulation),
]


def members(kind: Any) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


@pytest.mark.parametrize(("ours", "told"), PAIRS, ids=lambda kind: kind.__name__)
def test_the_client_reads_all_that_the_api_tells(ours: Any, told: Any) -> None:
    assert members(ours) == members(told)


@cache
def told_before() -> dict[str, set[str]]:
    """The members of the shapes of the API of the release before, by their names in Python."""
    with tarfile.open(PREVIOUS) as sources:
        text = sources.extractfile("services/api/src/waterclock_api/schemas/responses.py")
        assert text is not None
        classes = [node for node in ast.parse(text.read()).body if isinstance(node, ast.ClassDef)]
    found: dict[str, set[str]] = {}
    for one in classes:  # each after those that it is made of
        own = [member.target for member in one.body if isinstance(member, ast.AnnAssign)]
        bases = [found.get(base.id, set[str]()) for base in one.bases if isinstance(base, ast.Name)]
        found[one.name] = {target.id for target in own if isinstance(target, ast.Name)}.union(*bases)
    return found


KNOWN_BEFORE = [(ours, told.__name__) for ours, told in PAIRS if told.__name__ in told_before()]


@pytest.mark.parametrize(("ours", "shape"), KNOWN_BEFORE, ids=lambda kind: getattr(kind, "__name__", "told"))
def test_the_client_reads_what_the_release_before_told(ours: Any, shape: str) -> None:
    added = [field for field in msgspec.structs.fields(ours) if field.name not in told_before()[shape]]
    required = {field.name for field in added if field.required}
    assert required <= {field.name for field in msgspec.structs.fields(Definition)}


def test_a_list_of_queues_of_an_older_api_is_read() -> None:
    told = b"""{"items":[{"name":"critical","weight":6,"paused":false,"waiting":2,"delayed":1,"blocked":0,"running":3,
        "oldestWaitMs":40,"startedPerMinute":5,"endedPerMinute":4}]}"""

    (queue,) = msgspec.json.decode(told, type=models.Page[models.Queue]).items

    assert (queue.name, queue.waiting, queue.aside, queue.demand) == ("critical", 2, None, None)

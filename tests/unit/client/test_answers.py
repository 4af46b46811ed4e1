"""The client's answers hold what the API's shapes hold: each member that one has, the other has too."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from waterclock.client import answers
from waterclock_api import ledger, shapes, simulating

PAIRS: list[tuple[Any, Any]] = [
    (getattr(answers, name), getattr(shapes, name))
    for name in (
        "Job",
        "LastRun",
        "Run",
        "Attempt",
        "Step",
        "Progress",
        "LogLine",
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
    )
] + [
    (answers.Backfill, shapes.BackfillAnswer),
    (answers.Page[answers.Job], shapes.Jobs),
    (answers.Proof, ledger.Ledger),
    (answers.Simulation, simulating.Simulation),
]


def members(kind: Any) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


@pytest.mark.parametrize(("ours", "told"), PAIRS, ids=lambda kind: kind.__name__)
def test_the_client_reads_all_that_the_api_tells(ours: Any, told: Any) -> None:
    assert members(ours) == members(told)

"""What a simulation foretells of an outage is what the scheduler that comes back decides."""

from __future__ import annotations

import pytest

from tests.integration.scheduler.stage import Stage, decisions_of, is_decision_of, scheduling
from waterclock.model.definition import MisfirePolicy
from waterclock.model.events import FireCoalesced, FireSkipped, RunRequested
from waterclock.model.instants.simulate import simulate
from waterclock.model.timestamps import millis


@pytest.mark.parametrize("misfire", ["1", "2", "3"])
@pytest.mark.parametrize("concurrent", ["0", "1"])
async def test_the_scheduler_that_comes_back_does_what_was_foretold(
    stage: Stage, misfire: MisfirePolicy, concurrent: str
) -> None:
    job = await stage.create(
        "*/30 * * * * *",
        mark=await stage.now() // 30_000 * 30_000 - 3_600_000,
        misfire_policy=misfire,
        concurrent=concurrent,
        catchup_limit=5,
    )

    async with scheduling(stage.log):
        (first,) = await stage.until(lambda entry: is_decision_of(job, entry))
    entries = await stage.entries()
    first_look = decisions_of(job, [entry for entry in entries if entry.at == first.at])  # appended in one step

    back = first_look[-1].through
    assert back is not None
    foretold = simulate(job, from_ms=job.mark, to_ms=millis(back), limit=1000)
    fired = [one for one in first_look if isinstance(one, RunRequested)]
    assert [(run.run_id, run.state) for run in foretold.runs] == [(one.run_id, one.state) for one in fired]
    assert foretold.skipped == sum(one.count for one in first_look if isinstance(one, FireSkipped))
    assert foretold.coalesced == sum(one.count for one in first_look if isinstance(one, FireCoalesced))
    assert foretold.instants >= 120

"""A worker has a session of its own in each partition, and only that of the first is announced: as workers do it."""

from __future__ import annotations

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import NOOP, SLEEP
from waterclock.kit.randomness import token
from waterclock.log.commands.aside import announced
from waterclock.log.commands.bodies import body_of
from waterclock.log.liveness.sessions import join_partition
from waterclock.model.events import WorkerJoined
from waterclock_api.validation import live_executors


@pytest.mark.parametrize("partition", [0, 1])
async def test_a_run_waits_where_only_workers_of_other_queues_have_its_executor(
    rig: MakeRig, partition: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_executors, "FRESH_FOR", -1.0)
    async with rig(partitions=2) as api:
        before = await api.worker(SLEEP, NOOP, name="before", announces=True)
        await before.leave()
        for each in range(2):
            session = f"lows-{token(8)}"
            joined = WorkerJoined(worker="lows", session=session, queues=("low",), slots=1, executors=(NOOP,))
            body = body_of(joined) if each == 0 else None
            await join_partition(api.log, each, session, body=body, executors=announced([NOOP.key]))
        run_id = ""
        while not run_id or api.log.partition_of(run_id) != partition:
            run_id = await api.ask()  # in the queue `default`
        for each in range(2):
            await api.caught_up(each)

        run = (await api.http.get(f"/v1/monitor/runs/{run_id}")).json()

        assert run["waitsFor"], run

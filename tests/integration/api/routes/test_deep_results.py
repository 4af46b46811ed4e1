"""Results that an earlier release let in, however deep they are nested: nothing stands still, and all of it is read."""

from __future__ import annotations

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import RUNS, served
from tests.integration.api.sse import stream
from waterclock.client import endpoints
from waterclock.client.http import AsyncClient
from waterclock.store.readmodels.rebuild import compare
from waterclock.wire.nesting import CUT, READ_MOST

DEPTHS = (33, 199, 200, 201, 964, 970, 985, 9_985, 9_990)


def nested(depth: int) -> msgspec.Raw:
    return msgspec.Raw(b"[" * depth + b"]" * depth)


async def test_a_deep_result_is_projected_and_told_as_far_as_it_can_be_read(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        job_id = (await api.create(concurrent="0"))["id"]
        found: dict[int, str] = {}
        for depth in DEPTHS:
            found[depth] = await api.trigger(job_id)
            await worker.succeed(await worker.claim_one(), nested(depth))
        fresh = await api.trigger(job_id)
        await api.caught_up()  # the projector goes on

        for depth, run_id in found.items():
            answer = await api.http.get(f"{RUNS}/{run_id}")
            assert answer.status_code == 200, depth
            run = answer.json()
            assert run["status"] == "succeeded"
            assert (CUT in str(run["result"])) is (depth > READ_MOST)
            async with stream(f"{url}{RUNS}/{run_id}/logs/stream") as events:
                assert (await events.until("end"))[-1].data["status"] == "succeeded"
        for path in (RUNS, f"/v1/monitor/jobs/{job_id}", "/v1/monitor/events", "/v1/monitor/events?actor=nobody"):
            answer = await api.http.get(path)
            assert answer.status_code == 200, path
            answer.json()
        assert (await api.http.get(f"{RUNS}/{fresh}")).json()["status"] == "queued"
        async with await psycopg.AsyncConnection.connect(api.postgres_url, autocommit=True) as connection:
            assert await compare(connection) == []


async def test_a_deep_result_in_the_read_models_of_an_earlier_release_is_told(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        await worker.succeed(await worker.claim_one(), {"rows": 3})
        await api.caught_up()
        for depth in (200, 963, 2_000):
            async with await psycopg.AsyncConnection.connect(api.postgres_url, autocommit=True) as connection:
                await connection.execute(
                    "UPDATE runs SET result = %s", [Jsonb(depth, dumps=lambda many: b"[" * many + b"]" * many)]
                )

            for path in (f"{RUNS}/{run_id}", RUNS):
                answer = await api.http.get(path)
                assert answer.status_code == 200
                assert (CUT in answer.text) is (depth > READ_MOST)
            async with AsyncClient(url) as client:
                assert (await client.send(endpoints.get_run(run_id))).status == "succeeded"

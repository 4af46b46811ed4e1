"""A reader of live events who has come further than what is left of the log is told so once, and goes on from there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, Rig, served
from tests.integration.api.sse import Event, Stream, eventually, stream
from tests.support.lost_tail import lose_after
from waterclock.kit.randomness import token
from waterclock.log.connection.errors import Halted, Superseded
from waterclock.log.recovery.opening import open_partition, server_state
from waterclock.log.tail import tail_of
from waterclock.model.positions import Position
from waterclock_api.live.lost_tail import check_beyond, is_lost

EVENTS = "/v1/monitor/events/stream"


async def end_of(api: Rig, partition: int = 0) -> Position:
    end = await tail_of(api.log, partition)
    assert end is not None
    return end


async def create(api: Rig, partition: int = 0) -> str:
    """The id of a new job of that partition; nobody waits for it to be projected."""
    while True:
        body = JOB | {"jobName": token(8), "concurrent": "0"}
        answer = await api.http.post(JOBS, json=body, headers={"Prefer": "respond-async"})
        job_id: str = answer.json()["id"]
        if api.log.partition_of(job_id) == partition:
            return job_id


@asynccontextmanager
async def ahead(rig: MakeRig) -> AsyncGenerator[tuple[Rig, str, str, Stream, Stream, Position]]:
    """Two streams, of all and of a job, told of two runs which the archive has not got; and the place before these."""
    async with rig(partitions=2, projecting=False) as api, served(api) as url:
        await api.worker()
        job_id = await create(api)
        left = await end_of(api)
        now = f"{left}.{await end_of(api, 1)}"
        async with (
            stream(url + EVENTS, last_event_id=now) as of_all,
            stream(f"{url}{JOBS}/{job_id}/logs/stream", last_event_id=str(left)) as of_job,
        ):
            for _ in range(2):
                run_id = await api.trigger(job_id)
                for events in (of_all, of_job):
                    assert (await events.next()).data["runId"] == run_id
            yield api, url, job_id, of_all, of_job, left


async def test_what_was_told_and_is_lost_is_one_gap_and_the_stream_goes_on(rig: MakeRig) -> None:
    async with ahead(rig) as (api, url, job_id, of_all, of_job, left):
        told, other = await end_of(api), await end_of(api, 1)
        await lose_after(api.log, 0, left.seq)
        await open_partition(api.log, 0, epoch=left.epoch + 1, expect_tail=left.entry)
        gap = {"reason": "placeLost", "after": str(told), "from": str(left)}
        assert await of_job.next() == Event(str(left), "gap", {"jobId": job_id} | gap)
        assert await of_all.next() == Event(f"{left}.{other}", "gap", {"partition": 0} | gap)
        assert (await of_all.next()).kind == "epoch.began"
        run_id = await api.trigger(job_id)
        for events in (of_all, of_job):
            event = await events.next()
            assert (event.kind, event.data["runId"]) == ("run.requested", run_id)
        async with stream(url + EVENTS, last_event_id=f"{left}.{other}") as again:
            assert (await again.next()).kind == "epoch.began", "the id of the gap is a place to go on from"


async def test_a_stream_that_ends_before_its_reader_in_the_same_epoch_is_told_without_waiting_for_more(
    rig: MakeRig,
) -> None:
    async with ahead(rig) as (api, _, job_id, of_all, of_job, left):
        told, server = await end_of(api), (await server_state(api.log, 0)).run_id
        await lose_after(api.log, 0, left.seq)
        meta = api.log.keys.partition(0, "meta")
        await api.log.execute(meta, "HSET", meta, "run_id", server)
        for events in (of_all, of_job):
            event = await events.next()
            assert (event.kind, event.data["after"], event.data["from"]) == ("gap", str(told), str(left))
        run_id = await api.trigger(job_id)
        assert await end_of(api) == left._replace(seq=left.seq + 1), "its place is one that was told before"
        for events in (of_all, of_job):
            assert (await events.next()).data["runId"] == run_id


async def test_who_has_not_come_so_far_is_told_of_no_gap(rig: MakeRig) -> None:
    async with (
        ahead(rig) as (api, url, _, of_all, _, left),
        stream(f"{url}{EVENTS}?partition=1", after=str(await end_of(api, 1))) as elsewhere,
    ):
        await eventually(lambda: api.parts.hub.subscriptions == 3)
        await lose_after(api.log, 0, left.seq)
        await open_partition(api.log, 0, epoch=left.epoch + 1, expect_tail=left.entry)
        assert (await of_all.next()).kind == "gap"
        await create(api, 1)
        assert (await elsewhere.next()).kind == "job.created"


async def test_only_the_server_that_is_the_one_to_ask_tells_that_something_is_lost(rig: MakeRig) -> None:
    async with ahead(rig) as (api, _, _, _, _, left):
        place, archive = await end_of(api), api.parts.hub._cold  # pyright: ignore[reportPrivateUsage]
        await lose_after(api.log, 0, left.seq)
        with pytest.raises(Halted):
            await is_lost(api.log, archive, place, left)
        await open_partition(api.log, 0, epoch=left.epoch + 1, expect_tail=left.entry)
        assert await is_lost(api.log, archive, place, left)
        assert not await is_lost(api.log, archive, place, place)
        api.log.floors.seen(0, left.epoch + 2)
        with pytest.raises(Superseded):
            await is_lost(api.log, archive, place, left)


async def test_no_stream_is_begun_at_a_server_that_was_superseded(rig: MakeRig) -> None:
    async with rig() as api:
        end = await end_of(api)
        await check_beyond(api.log, {0: end}, {0: end})
        api.log.floors.seen(0, 99)
        await check_beyond(api.log, {0: end}, {0: end})  # nothing is claimed that it might not know
        for there in (end, None):
            with pytest.raises(Superseded):
                await check_beyond(api.log, {0: end._replace(seq=end.seq + 1)}, {0: there})
        answer = await api.http.get(EVENTS, params={"after": "0-98-1"})
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")


async def test_what_the_archive_has_is_not_lost(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        await api.ask()
        await api.caught_up()
        place = await end_of(api)
        assert not await is_lost(api.log, api.parts.hub._cold, place, place._replace(seq=1))  # pyright: ignore[reportPrivateUsage]

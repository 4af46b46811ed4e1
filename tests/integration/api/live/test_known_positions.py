"""A stream that is to go on after a place which this log never had says so, once, and goes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, Rig, served
from tests.integration.api.sse import Event, stream
from waterclock.client import AsyncClient, endpoints
from waterclock.kit.randomness import token
from waterclock.log.recovery.opening import open_partition
from waterclock.log.tail import tail_of
from waterclock.model.positions import Position
from waterclock_api.live.known_positions import settle

EVENTS = "/v1/monitor/events/stream"
FUTURE = (
    "0-1-99999999",
    "0-9-1",
    "0-1-99999999999",
    "0-99-1",
    "0-2-1",
    "0-999999999999999-999999999999999",
    "7-1-1",
    "1-1-1",
    "999999999-1-1",
)


@asynccontextmanager
async def filled(rig: MakeRig, *, partitions: int = 1) -> AsyncGenerator[tuple[Rig, str, str, str]]:
    """A job of partition 0 and a run of it, which has been waited for; also the URL of the API."""
    async with rig(partitions=partitions) as api, served(api) as url:
        await api.worker()
        job = await api.create()
        while api.log.partition_of(job["id"]) != 0:
            job = await api.create(jobName=token(8))
        run_id = await api.trigger(job["id"])
        for partition in range(partitions):
            await api.caught_up(partition)
        yield api, url, job["id"], run_id


async def end_of(api: Rig, partition: int = 0) -> Position:
    end = await tail_of(api.log, partition)
    assert end is not None
    return end


@pytest.mark.parametrize("place", FUTURE)
async def test_a_place_that_never_was_is_a_gap_and_the_stream_goes_on_from_now(rig: MakeRig, place: str) -> None:
    async with filled(rig) as (api, url, job_id, run_id):
        now = str(await end_of(api))
        about = {"job": {"jobId": job_id}, "run": {"runId": run_id}, "all": {"partition": 0}}
        paths = {"job": f"{JOBS}/{job_id}/logs/stream", "run": f"{RUNS}/{run_id}/logs/stream", "all": EVENTS}
        worker = await api.worker(name="w2")
        now = str(await end_of(api))
        heard: dict[str, Event] = {}
        async with (
            stream(url + paths["job"], last_event_id=place) as of_job,
            stream(url + paths["run"], last_event_id=place) as of_run,
            stream(url + paths["all"], after=place) as everything,
        ):
            streams = {"job": of_job, "run": of_run, "all": everything}
            for kind, events in streams.items():
                gap = await events.next()
                told = {"reason": "placeUnknown", "after": place, "from": now}
                assert gap == Event(now, "gap", about[kind] | told), kind
            await worker.claim_one()
            for kind, events in streams.items():
                heard[kind] = await events.next()
                assert (heard[kind].kind, heard[kind].data["runId"]) == ("run.started", run_id), kind
        async with stream(url + paths["all"], last_event_id=now) as again:
            assert (await again.next()) == heard["all"], "its id is a place to go on from"


async def test_an_ended_run_is_told_to_have_ended_after_such_a_place(rig: MakeRig) -> None:
    async with filled(rig) as (api, url, _, run_id):
        worker = await api.worker(name="w2")
        await worker.succeed(await worker.claim_one())
        async with stream(f"{url}{RUNS}/{run_id}/logs/stream", last_event_id="0-1-99999999999") as events:
            assert [event.kind for event in await events.until("end")] == ["gap", "end"]
            assert await events.ended()


async def test_a_place_in_several_partitions_keeps_what_is_known_of_it(rig: MakeRig) -> None:
    async with filled(rig, partitions=2) as (api, url, _, _):
        first, second = await end_of(api, 0), await end_of(api, 1)
        before = Position(0, first.epoch, first.seq - 1)
        for place, goes_on in {
            f"{before}.1-1-99999999999": f"{before}.{second}",
            f"{before}.{second}.2-1-5": f"{before}.{second}",
            f"{before}.7-1-5": f"{before}.{second}",
            "7-1-5.8-1-5": f"{first}.{second}",
        }.items():
            async with stream(url + EVENTS, last_event_id=place) as events:
                gap = await events.next()
                assert (gap.id, gap.data) == (
                    goes_on,
                    {"reason": "placeUnknown", "after": place, "from": goes_on},
                ), place
                if str(before) in place:
                    assert (await events.next()).kind == "run.requested"
        async with stream(url + EVENTS, last_event_id=str(before)) as events:
            assert (await events.next()).kind != "gap", "a partition that is not named is told from its first event"


async def test_what_is_no_place_is_refused_still(rig: MakeRig) -> None:
    junk = [
        *("x", "1-2", "0-1", "0-1-", "-0-1-1", "0--1-1", "0-1--1", "0-1-1-1", "0-1-1.", ".0-1-1", "0-1-1.0-1-2"),
        *("0,1,1", "+0-1-1", "0x1-1-1", "0-1-1e3", "0-1-1.5", "NaN", "null", "-1", "00000000001-1-1", "0-1-1;", "*"),
        *("$", "-", "0-1-9999999999999999", "0-9999999999999999-1", "0-1-1 ", "\u0660-\u0661-\u0661", "0-1-1%00"),
    ]
    async with filled(rig) as (api, _, job_id, run_id):
        for place in junk:
            for path in (EVENTS, f"{JOBS}/{job_id}/logs/stream", f"{RUNS}/{run_id}/logs/stream"):
                answer = await api.http.get(path, params={"after": place})
                assert answer.status_code == 400, (place, path)


async def test_a_place_of_an_older_epoch_that_was_not_reached_in_it_is_lost(rig: MakeRig) -> None:
    async with filled(rig) as (api, url, _, _):
        end = await end_of(api)
        await open_partition(api.log, 0, epoch=end.epoch + 4, expect_tail=end.entry)
        await api.worker(name="later")
        await api.caught_up()
        async with stream(f"{url}{EVENTS}", last_event_id=str(end)) as events:
            assert (await events.next()).kind == "epoch.began", "the last place of the epoch is known"
        for place in (end._replace(seq=99_999_999_999), end._replace(epoch=end.epoch + 1), end._replace(epoch=0)):
            async with stream(f"{url}{EVENTS}", last_event_id=str(place)) as events:
                gap = await events.next()
                assert (gap.id, gap.kind, gap.data["reason"]) == (None, "gap", "placeLost"), place
                assert (await events.next()).kind == "epoch.began"


async def test_a_place_that_another_replica_has_told_is_none_that_never_was(rig: MakeRig) -> None:
    """The hub of this process is behind the log: what is asked is the log, and the archive."""
    async with filled(rig) as (api, _, _, _):
        behind = {0: Position(0, 1, 1)}
        end = await end_of(api)
        assert await settle(api.parts, {0: end}, behind) == ({0: end}, (), False)
        before = end._replace(seq=end.seq - 1)
        assert await settle(api.parts, {0: before}, behind) == ({0: before}, (), False)
        beyond = end._replace(seq=end.seq + 1)
        assert await settle(api.parts, {0: beyond}, behind) == (behind, (), True)
        assert await settle(api.parts, {0: None}, behind) == ({0: None}, (), False)


async def test_a_place_that_only_the_archive_has_is_known(rig: MakeRig) -> None:
    """A server that lost its last entries, and has not been given them back yet."""
    async with filled(rig) as (api, _, _, _):
        kept, key = await end_of(api), api.log.keys.partition(0, "events")
        before = await api.log.execute(key, "DUMP", key)
        await api.worker(name="w2")
        await api.worker(name="w3")
        await api.caught_up()
        end = await end_of(api)
        await api.log.execute(key, "RESTORE", key, 0, before, "REPLACE")
        assert (await end_of(api), end.seq) == (kept, kept.seq + 2)
        for place in (end, end._replace(seq=end.seq - 1)):
            assert await settle(api.parts, {0: place}, {0: kept}) == ({0: place}, (), False)
        beyond = end._replace(seq=end.seq + 1)
        assert await settle(api.parts, {0: beyond}, {0: kept}) == ({0: kept}, (), True)


async def test_a_place_that_was_trimmed_away_is_known(rig: MakeRig) -> None:
    async with filled(rig) as (api, url, _, _):
        end = await end_of(api)
        key = api.log.keys.partition(0, "events")
        await api.log.execute(key, "XTRIM", key, "MINID", end.entry)
        for seq in range(1, end.seq):
            place = end._replace(seq=seq)
            assert await settle(api.parts, {0: place}, {0: end}) == ({0: place}, (), False)
        await api.log.execute(key, "XTRIM", key, "MAXLEN", 0)
        assert await settle(api.parts, {0: end}, {0: end}) == ({0: end}, (), False)
        async with stream(url + EVENTS, last_event_id=str(end._replace(seq=end.seq - 1))) as events:
            assert (await events.next()).kind == "run.requested"


async def test_the_client_goes_on_after_the_gap(rig: MakeRig) -> None:
    async with filled(rig) as (api, url, _, run_id), AsyncClient(url) as client:
        follower = client.follow(endpoints.run_events(run_id, after="0-1-99999999999"))
        gap = await anext(follower)
        assert (gap.kind, gap.data["reason"], gap.position) == ("gap", "placeUnknown", str(await end_of(api)))
        worker = await api.worker(name="w2")
        await worker.succeed(await worker.claim_one())
        assert [event.kind async for event in follower] == ["run.started", "run.succeeded", "end"]

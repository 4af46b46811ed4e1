"""Live streams: history, then what happens, without a hole or a repeat."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, Rig, assembled_rig, projected, served
from tests.integration.api.sse import Event, eventually, kinds, stream
from tests.support.servers import OwnValkey
from waterclock.kit.randomness import token
from waterclock_api.limits.chunked_response import STUCK
from waterclock_api.live import hub
from waterclock_api.live.subscriptions import SEAT_BYTES

WHOLE = [
    *("run.requested", "run.started", "step.started", "step.log", "step.finished"),
    *("step.started", "step.log", "step.finished", "run.succeeded", "end"),
]


async def test_a_run_is_told_from_its_first_event_to_its_end_and_then_the_stream_ends(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        async with stream(f"{url}{RUNS}/{run_id}/logs/stream") as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            assert events.headers["x-accel-buffering"] == "no"
            assert "no-cache" in events.headers["cache-control"]
            requested = await events.next()
            grant = await worker.claim_one()
            started = await events.next()
            await worker.step(grant, "Collect", "one", "two")
            await worker.step(grant, "Send", "three", number=2)
            await worker.succeed(grant, {"rows": 3})
            told = [requested, started, *await events.until("end")]
            assert await events.ended()
        assert kinds(told) == WHOLE
        assert [line["text"] for line in told[3].data["lines"]] == ["one", "two"]
        assert all(event.data["runId"] == run_id and event.data["id"] == event.id for event in told[:-1])
        assert [event.data["attempt"] for event in told[:-1]] == [None] + [1] * (len(told) - 2)
        assert told[-1].data == {"runId": run_id, "status": "succeeded"}
        await eventually(lambda: api.parts.hub.readers == 0)


async def test_events_of_a_run_without_a_job_or_an_attempt_name_both_as_null(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        await api.worker()
        requested = await api.http.post(f"{RUNS}?allowUnknownExecutor=true", json={"invokeTarget": "my.job"})
        run_id = requested.json()["runId"]
        assert (await api.http.post(f"{RUNS}/{run_id}/cancel")).status_code == 202
        async with stream(f"{url}{RUNS}/{run_id}/logs/stream") as events:
            told = await events.until("end")
        assert kinds(told) == ["run.requested", "run.cancelled", "end"]
        assert [(event.data["jobId"], event.data["attempt"]) for event in told[:-1]] == [(None, None), (None, 0)]


async def test_who_has_followed_a_run_to_its_end_reads_that_it_has_ended(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waterclock_api.live.stream.SHOWN", 60.0)
    async with rig(projecting=False) as api, served(api) as url:
        worker = await api.worker()
        async with _projector(api):
            run_id = await api.trigger(await _job_id(api))
            grant = await worker.claim_one()
            await api.caught_up()
        await worker.succeed(grant)
        async with stream(f"{url}{RUNS}/{run_id}/logs/stream") as events, asyncio.TaskGroup() as tasks:
            await events.until("run.succeeded")
            ended = tasks.create_task(events.next())
            assert (await api.http.get(f"{RUNS}/{run_id}")).json()["status"] == "running"
            assert not ended.done()
            async with _projector(api):
                assert (await ended).kind == "end"
                assert (await api.http.get(f"{RUNS}/{run_id}")).json()["status"] == "succeeded"


@pytest.mark.parametrize("projecting", [True, False])
async def test_an_ended_run_is_told_whole_from_the_archive_or_from_the_stream(
    rig: MakeRig, *, projecting: bool
) -> None:
    async with rig(projecting=False) as api, served(api) as url:
        worker = await api.worker()
        run_id = await _run_at_once(api, worker, await _job_id(api))
        if projecting:
            async with _projector(api):
                await api.caught_up()
        async with stream(f"{url}{RUNS}/{run_id}/logs/stream") as events:
            told = await events.until("end")
        assert kinds(told) == [
            "run.requested",
            "run.started",
            "step.started",
            "step.log",
            "step.finished",
            "run.succeeded",
            "end",
        ]


async def test_a_reader_that_comes_again_anywhere_sees_every_event_once_and_in_order(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        run_id = await _run_at_once(api, worker, (await api.create())["id"])
        path = f"{url}{RUNS}/{run_id}/logs/stream"
        async with stream(path) as events:
            whole = await events.until("end")
        for place in range(len(whole) - 1):
            async with stream(path, last_event_id=whole[place].id) as events:
                assert await events.until("end") == whole[place + 1 :]
                assert await events.ended()
            async with stream(path, after=whole[place].id) as events:
                assert await events.until("end") == whole[place + 1 :]
        async with stream(path, after="0") as events:
            assert await events.until("end") == whole


async def test_readers_that_come_and_go_while_much_happens_miss_nothing(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        grant = await worker.claim_one()

        async def work() -> None:
            for number in range(1, 101):
                await worker.step(grant, f"Step {number}", "line", number=number)
            await worker.succeed(grant)

        async def read() -> list[Event]:
            """Comes again after every seventh event."""
            seen: list[Event] = []
            while not seen or seen[-1].kind != "end":
                last = seen[-1].id if seen else None
                async with stream(f"{url}{RUNS}/{run_id}/logs/stream", last_event_id=last) as events:
                    for _ in range(7):
                        seen.append(await events.next())
                        if seen[-1].kind == "end":
                            break
            return seen

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work())
            readers = [tasks.create_task(read()) for _ in range(2)]
        for reader in readers:
            seen = reader.result()
            assert kinds(seen) == ["run.requested", "run.started"] + [
                "step.started",
                "step.log",
                "step.finished",
            ] * 100 + [
                "run.succeeded",
                "end",
            ]
            places = [int(str(event.id).rsplit("-", 1)[1]) for event in seen[:-1]]
            assert places == sorted(set(places))


async def test_a_reader_that_the_archive_tells_more_than_the_hub_has_read_hears_it_once(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rest(_: object) -> float:
        return 1.0  # s that the hub stands still after each portion

    monkeypatch.setattr(hub, "_rest", rest)
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        job_id = (await api.create())["id"]
        path = f"{url}{JOBS}/{job_id}/logs/stream"
        async with stream(path) as keeping:
            first = await api.trigger(job_id, overlapPolicy="buffer_all")
            assert (await keeping.next()).kind == "run.requested"  # from now on the hub rests
            grant = await worker.claim_one()
            await worker.succeed(grant)
            await api.caught_up()
            async with stream(path, after="0") as late:
                told = await late.until("run.succeeded")
                second = await api.trigger(job_id)
                told += await late.until("run.requested")
        runs = [(event.kind, event.data["runId"]) for event in told if event.kind.startswith("run.")]
        assert runs == [
            ("run.requested", first),
            ("run.started", first),
            ("run.succeeded", first),
            ("run.requested", second),
        ]


async def test_a_jobs_stream_begins_with_its_live_run_and_does_not_end(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        job_id = await _job_id(api)
        await _run_at_once(api, worker, job_id)
        live = await api.trigger(job_id)
        async with stream(f"{url}{JOBS}/{job_id}/logs/stream") as events:
            first = await events.next()
            assert (first.kind, first.data["runId"]) == ("run.requested", live)
            grant = await worker.claim_one()
            await worker.succeed(grant)
            assert kinds(await events.until("run.succeeded")) == ["run.started", "run.succeeded"]
            again = await api.trigger(job_id)
            assert (await events.next()).data["runId"] == again


async def test_a_jobs_stream_without_a_live_run_begins_now_and_from_the_oldest_if_asked(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        job_id = await _job_id(api)
        await _run_at_once(api, worker, job_id)
        path = f"{url}{JOBS}/{job_id}/logs/stream"
        async with stream(path) as now, stream(path, after="0") as oldest:
            await eventually(lambda: api.parts.hub.subscriptions == 2)
            run_id = await api.trigger(job_id)
            assert (await now.next()).data["runId"] == run_id
            whole = kinds(await oldest.until("run.succeeded"))
            assert whole[:2] == ["job.created", "run.requested"]


async def test_cleared_lines_leave_a_gap(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        job_id = await _job_id(api)
        run_id = await _run_at_once(api, worker, job_id)
        assert (await api.http.delete(f"{JOBS}/{job_id}/logs")).status_code == 204
        async with stream(f"{url}{RUNS}/{run_id}/logs/stream") as events:
            told = await events.until("end")
        (gap,) = [event for event in told if event.kind == "gap"]
        assert gap.id is not None
        assert (gap.data["reason"], gap.data["runId"], gap.data["attempt"]) == ("logsCleared", run_id, 1)
        assert gap.data["at"] == told[told.index(gap) - 1].data["at"]
        assert "step.log" not in kinds(told)


async def test_a_place_that_was_lost_is_a_gap_and_the_rest_follows(rig: MakeRig) -> None:
    async with rig(projecting=False) as api, served(api) as url:
        worker = await api.worker()
        run_id = await _run_at_once(api, worker, await _job_id(api))
        async with stream(f"{url}{RUNS}/{run_id}/logs/stream", last_event_id="0-0-77") as events:
            told = await events.until("end")
        assert (told[0].kind, told[0].id, told[0].data["reason"]) == ("gap", None, "placeLost")
        assert kinds(told[1:]) == WHOLE[:5] + WHOLE[8:]


async def test_a_stream_is_refused_while_the_log_is_away(
    own_valkey: OwnValkey, store_url: str, key_prefix: str
) -> None:
    valkey = await own_valkey()
    async with assembled_rig(valkey.url, store_url, key_prefix) as api:
        await api.worker()
        job = await api.create()
        await valkey.kill()
        assert (await api.http.get(f"{JOBS}/{job['id']}/logs/stream")).status_code == 503
        await valkey.start()


async def test_a_client_that_leaves_frees_its_seat_and_the_reader(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        async with (
            stream(f"{url}{RUNS}/{run_id}/logs/stream") as one,
            stream(f"{url}{RUNS}/{run_id}/logs/stream") as two,
        ):
            await one.next()
            await two.next()
            assert (api.parts.hub.readers, api.parts.hub.subscriptions) == (1, 2)
        await eventually(lambda: (api.parts.hub.readers, api.parts.hub.subscriptions) == (0, 0))


async def test_a_client_that_does_not_read_is_cut_and_others_go_on(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        path = f"{RUNS}/{run_id}/logs/stream"
        with _deaf(url, path):
            await eventually(lambda: api.parts.hub.subscriptions == 1)
            async with stream(f"{url}{path}") as events:
                grant = await worker.claim_one()
                text = "x" * 60_000
                for number in range(1, 12 * SEAT_BYTES // len(text)):
                    await worker.step(grant, "Talk", text, number=number)
                    while (await events.next()).kind != "step.finished":
                        continue
                await eventually(lambda: api.parts.hub.subscriptions == 1)
                await worker.succeed(grant)
                assert (await events.until("end"))[-1].kind == "end"


async def test_a_stream_that_has_ended_leaves_its_connection_to_other_requests(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        await worker.succeed(await worker.claim_one())
        await api.caught_up()
        asked: list[Any] = []

        async def noting(scope: Any, receive: Any, send: Any) -> None:
            asked.append(scope)
            await api.app(scope, receive, send)

        transport: Any = httpx.ASGITransport(noting)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            answer = await http.get(f"{RUNS}/{run_id}/logs/stream")
        assert "event: end" in answer.text
        assert [STUCK in scope for scope in asked] == [False]


async def test_open_streams_end_when_the_process_stops(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        async with asyncio.timeout(10):
            server = served(api)
            url = await server.__aenter__()
            async with stream(f"{url}{RUNS}/{run_id}/logs/stream") as events:
                await events.next()
                ending = asyncio.ensure_future(server.__aexit__(None, None, None))
                assert await events.ended()
            await ending


async def test_a_stream_of_nothing_and_a_place_that_is_none_are_refused(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        await api.worker()
        job_id = await _job_id(api)
        while api.log.partition_of(job_id) != 0:
            job_id = (await api.create(jobName=token(8)))["id"]
        assert (await api.http.get(f"{RUNS}/nothing/logs/stream")).status_code == 404
        assert (await api.http.get(f"{JOBS}/nothing/logs/stream")).status_code == 404
        for place in ("x", "1-2", "1-1-1"):
            assert (await api.http.get(f"{JOBS}/{job_id}/logs/stream", params={"after": place})).status_code == 400
        refused = await api.http.get(f"{JOBS}/{job_id}/logs/stream", headers={"Last-Event-ID": "x"})
        assert refused.status_code == 400


async def _job_id(api: Rig) -> str:
    """A job, also where nothing is projected."""
    body = {"jobName": "nightly", "invokeTarget": "demo.noop"}
    path = f"{JOBS}?allowUnknownExecutor=true"
    response = await api.http.post(path, json=body, headers={"Prefer": "respond-async"})
    return response.json()["id"]


async def _run_at_once(api: Rig, worker: Any, job_id: str) -> str:
    run_id = await api.trigger(job_id)
    grant = await worker.claim_one()
    await worker.step(grant, "Work", "done")
    await worker.succeed(grant)
    return run_id


def _projector(api: Rig) -> Any:
    return projected(api.redis_url, api.postgres_url, api.log.keys.prefix)


def _deaf(url: str, path: str) -> socket.socket:
    """A client that asks and never reads."""
    host, port = url.removeprefix("http://").split(":")
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect((host, int(port)))
    deaf.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return deaf

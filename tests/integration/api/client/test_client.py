"""The Python client against a real API, also where connections break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import served
from tests.support.certificates import Authority
from tests.support.terminator import terminated
from tests.support.wire import lossy
from waterclock.client import AsyncClient, Client, Event, Unreachable, endpoints
from waterclock.client.errors import (
    Invalid,
    KeyReused,
    NotFound,
    RunBlocked,
    RunEnded,
    VersionMismatch,
)
from waterclock.model.definition import Definition
from waterclock_dev.servers.ports import LOOPBACK, free_port

TIDE = Definition(job_name="tide", job_group="demo", invoke_target="demo.noop", labels={"team": "sea"})


async def test_the_life_of_a_job_and_its_run(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url, AsyncClient(url) as client:
        worker = await api.worker()
        job = await client.send(endpoints.create_job(TIDE))
        assert (job.job_name, job.version, job.labels) == ("tide", 1, {"team": "sea"})
        assert await client.send(endpoints.get_job("demo/tide")) == await client.send(endpoints.get_job(job.id))

        run_id = (await client.send(endpoints.trigger_job("demo/tide", reason="now"))).run_id
        with pytest.raises(RunBlocked) as blocked:
            await client.send(endpoints.trigger_job("demo/tide"))
        assert blocked.value.run_id == run_id
        fitting = await client.send(endpoints.cancel_runs(dry_run=True, jobId=job.id))
        assert [one.run_id for one in fitting.items] == [run_id]
        assert (await client.send(endpoints.retry_runs(dry_run=True, all=True))).matched == 0
        grant = await worker.claim_one()
        await worker.step(grant, "One", "line one", "line two")
        await worker.succeed(grant, {"rows": 3})
        run = await client.wait(run_id)
        assert (run.status, run.result, run.reason, run.named) == ("succeeded", {"rows": 3}, "now", "demo/tide")
        assert [line.text async for line in client.each(endpoints.run_lines(run_id, limit=1))] == [
            "line one",
            "line two",
        ]
        newest = await client.send(endpoints.run_lines(run_id, order="newest", limit=1))
        assert [line.number for line in newest.items] == [2]
        around = [line.number async for line in client.each(endpoints.run_lines(run_id, around=1, limit=1))]
        assert around == [1, 2]
        outline = await client.send(endpoints.log_outline(run_id))
        assert [(part.step, part.first, part.last) for part in outline.steps] == [(1, 1, 2)]
        with pytest.raises(RunEnded):
            await client.send(endpoints.cancel_run(run_id))
        assert [one.id async for one in client.each(endpoints.list_runs(job="demo/tide"))] == [run_id]
        assert (await client.send(endpoints.get_detail("demo/tide"))).runs[0].id == run_id

        edited = await client.send(
            endpoints.replace_job(job.id, {"jobName": "ebb", "invokeTarget": "demo.noop"}, version=1)
        )
        assert (edited.version, edited.job_group) == (2, "DEFAULT")
        with pytest.raises(VersionMismatch) as mismatch:
            await client.send(endpoints.delete_job("DEFAULT/ebb", version=1))
        assert mismatch.value.version == 2
        await client.send(endpoints.delete_job("DEFAULT/ebb", version=2))
        with pytest.raises(NotFound):
            await client.send(endpoints.get_job("DEFAULT/ebb"))


async def test_a_gateway_with_an_authority_of_its_own_is_reached_by_naming_it(
    rig: MakeRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = Authority(tmp_path)
    async with rig() as api, served(api) as url:
        with terminated(urlsplit(url).port or 0, ca.issue("gateway")) as before:
            gateway = f"https://localhost:{before.port}"
            async with AsyncClient(gateway, patience=0) as client:
                with pytest.raises(Unreachable, match="certificate verify failed"):
                    await client.send(endpoints.list_queues())
            monkeypatch.setenv("SSL_CERT_FILE", str(ca.file))
            async with AsyncClient(gateway) as client:
                assert (await client.send(endpoints.list_queues())).items
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    with pytest.raises(Unreachable, match=r"SSL_CERT_FILE: .*none: No such file or directory"):
        AsyncClient(gateway)


async def test_lists_are_read_to_their_end_and_refusals_name_fields(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        await api.worker()

        def ask() -> None:
            with Client(url) as client:
                created = [
                    client.send(endpoints.create_job({"jobName": f"j{n}", "invokeTarget": "demo.noop"}))
                    for n in (1, 2, 3)
                ]
                created.sort(key=lambda job: (job.created_at, job.id))
                assert [job.id for job in client.each(endpoints.list_jobs(limit=1))] == [job.id for job in created]
                assert [len(page.items) for page in client.pages(endpoints.list_jobs(limit=2))] == [2, 1]
                with pytest.raises(Invalid) as refused:
                    client.send(endpoints.create_job({"jobName": "", "cronExpression": "61 * * * *"}))
                assert {flaw.pointer for flaw in refused.value.errors} >= {
                    "/jobName",
                    "/cronExpression",
                    "/invokeTarget",
                }
                first = client.send(endpoints.create_job({"jobName": "k", "invokeTarget": "demo.noop"}, key="k"))
                assert (
                    client.send(endpoints.create_job({"jobName": "k", "invokeTarget": "demo.noop"}, key="k")).id
                    == first.id
                )
                with pytest.raises(KeyReused):
                    client.send(endpoints.create_job({"jobName": "l", "invokeTarget": "demo.noop"}, key="k"))
                assert client.send(endpoints.pause_queue("low", reason="flood")).paused
                assert [queue.paused for queue in client.each(endpoints.list_queues()) if queue.name == "low"] == [True]
                demands = client.send(endpoints.list_queues(executor=["demo.noop", "nobody.has"])).items
                assert [(queue.waiting, queue.aside, queue.demand) for queue in demands] == [(0, 0, 0)] * 3
                assert {one.key for one in client.each(endpoints.list_executors())} >= {"demo.noop"}
                assert [one.name for one in client.each(endpoints.list_workers())] == ["w1"]
                assert client.send(endpoints.preview("0 4 * * *", count=2)).words == "at 04:00 every day, UTC"

        await asyncio.to_thread(ask)


async def test_a_command_whose_answer_is_lost_is_repeated_and_done_once(rig: MakeRig) -> None:
    async with (
        rig() as api,
        served(api) as url,
        lossy(url) as wire,
        AsyncClient(f"http://{LOOPBACK}:{wire.port}") as client,
    ):
        await api.worker()
        job = await client.send(endpoints.create_job(TIDE))
        wire.lose("cut", after=b"/trigger")
        run_id = (await client.send(endpoints.trigger_job(job.id))).run_id
        assert wire.lost == 1
        await api.caught_up()
        assert [run.id async for run in client.each(endpoints.list_runs())] == [run_id]


async def test_a_stream_cut_again_and_again_is_read_whole_and_in_order(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        grant = await worker.claim_one()
        for number in range(1, 21):
            await worker.step(grant, f"Step {number}", "line", number=number)
        await worker.succeed(grant)
        async with AsyncClient(url) as straight:
            whole = [event async for event in straight.follow(endpoints.run_events(run_id))]
        assert [event.kind for event in whole[-2:]] == ["run.succeeded", "end"]

        async with cutting(url, after=2500) as cut, AsyncClient(cut) as client:
            assert [event async for event in client.follow(endpoints.run_events(run_id))] == whole
        async with cutting(url, after=2500) as cut:
            assert await asyncio.to_thread(read_whole, cut, run_id) == whole


async def test_a_jobs_stream_goes_on_until_it_is_closed(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url, AsyncClient(url) as client:
        await api.worker()
        job_id = (await api.create())["id"]
        run_id = await api.trigger(job_id)
        async with asyncio.timeout(10), aclosing(client.follow(endpoints.job_events(job_id))) as events:
            first = await anext(events)
        assert (first.kind, first.run_id, first.job_id) == ("run.requested", run_id, job_id)


async def test_an_api_out_of_reach_is_told_after_patience() -> None:
    async with AsyncClient(f"http://{LOOPBACK}:{free_port()}", patience=0.1) as client:
        with pytest.raises(Unreachable) as unreachable:
            await client.send(endpoints.list_jobs())
        assert not unreachable.value.sent
        with pytest.raises(Unreachable):
            await anext(client.follow(endpoints.run_events("r"), patience=0.1))


def read_whole(url: str, run_id: str) -> list[Event]:
    with Client(url) as client:
        return list(client.follow(endpoints.run_events(run_id)))


@asynccontextmanager
async def cutting(url: str, *, after: int) -> AsyncGenerator[str]:
    """The URL of a way to the API that breaks off after so many bytes of answer, each time."""
    port = int(url.rpartition(":")[2])

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(LOOPBACK, port)
        left = after
        try:
            asked = await reader.readuntil(b"\r\n\r\n")
            back.write(asked.replace(b"keep-alive", b"close"))
            while left and (chunk := await there.read(left)):
                left -= len(chunk)
                writer.write(chunk)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client has gone
        finally:
            writer.close()
            back.close()

    server = await asyncio.start_server(carry, LOOPBACK, 0)
    async with server:
        yield f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"

"""What clients that do not read, do not write, or want much at once make the process hold."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, SLEEP, Rig, served
from tests.integration.api.sse import stream
from tests.support.waiting import until
from waterclock.log.tail import tail_of
from waterclock.model.events import ExecutorSpec
from waterclock_api.http import receive_body
from waterclock_api.limits.memory_budget import Budget
from waterclock_api.live.history import PAGE_BYTES
from waterclock_api.queries import pages

LARGE = 60_000
EVENTS = "/v1/monitor/events"
POST = b"POST /v1/monitor/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


async def large_runs(api: Rig, number: int) -> list[str]:
    """So many runs that wait, each with parameters of 60 kB."""
    body = {"invokeTarget": "my.unknown", "delay": 36_000, "params": {"text": "x" * LARGE}}
    found: list[str] = []
    for _ in range(number):
        response = await api.http.post(f"{RUNS}?allowUnknownExecutor=true", json=body)
        assert response.status_code == 202, response.text
        found.append(response.json()["runId"])
    return found


@asynccontextmanager
async def said(url: str, text: bytes) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection on which this was sent, and from which nothing is read by itself beyond 64 KiB."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(text)
        yield reader, writer
    finally:
        writer.transport.abort()


async def so(check: Callable[[], bool], what: str) -> None:
    """Until it is so."""

    async def look() -> bool:
        return check()

    await until(look, within=20, what=what)


async def answered(reader: asyncio.StreamReader) -> bytes:
    """All until the connection is closed."""
    async with asyncio.timeout(20):
        return await reader.read()


@pytest.mark.parametrize("archived", [True, False])
async def test_streams_that_are_not_read_hold_a_page_each(rig: MakeRig, archived: bool) -> None:
    async with rig(projecting=archived) as api, served(api) as url:
        await large_runs(api, 100)
        if archived:
            await api.caught_up()
        held = api.parts.budget.streams
        end = await tail_of(api.log, 0)
        async with AsyncExitStack() as readers:
            for _ in range(6):
                await readers.enter_async_context(
                    said(url, b"GET %b/stream?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n" % EVENTS.encode())
                )
            await so(lambda: held.held >= 6 * PAGE_BYTES, "all six wait for their clients")
            assert held.peak <= 6 * 2 * (PAGE_BYTES + 2 * LARGE)
            async with stream(f"{url}{EVENTS}/stream", after="0") as reading:
                heard = [await reading.next()]
                while heard[-1].id != str(end):
                    heard.append(await reading.next())
            places = [event.data["id"] for event in heard if event.kind == "run.requested"]
            assert len(places) == len(set(places)) == 100
        await so(lambda: held.held == 0, "nothing is held for those who left")


async def test_streams_take_turns_where_there_is_room_for_one_page(rig: MakeRig) -> None:
    async with rig(budget=Budget(3 * 2 * PAGE_BYTES)) as api, served(api) as url:
        await large_runs(api, 20)
        await api.caught_up()
        end = str(await tail_of(api.log, 0))

        async def read() -> int:
            async with stream(f"{url}{EVENTS}/stream", after="0") as reading:
                count = 0
                while (await reading.next()).id != end:
                    count += 1
                return count

        async with asyncio.TaskGroup() as tasks:
            reading = [tasks.create_task(read()) for _ in range(3)]
        counts = [task.result() for task in reading]
        assert counts[0] >= 19
        assert len(set(counts)) == 1


async def test_a_body_that_does_not_come_is_given_up_and_the_connection_closed(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive_body, "BODY_WITHIN", 0.3)
    async with rig() as api, served(api) as url:
        for text in (
            POST + b"Content-Length: 1000\r\n\r\n",
            POST + b"Content-Length: 1000\r\n\r\n{",
            POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{   \n\r\n",
            POST + b"Transfer-Encoding: chunked\r\nTrailer: x\r\n\r\n2\r\n{}\r\n0\r\nx: y\r\n",
            POST + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n",
        ):
            async with said(url, text) as (reader, _):
                answer = await answered(reader)
                last = answer[answer.rindex(b"HTTP/1.1 ") :]
                assert last.startswith(b"HTTP/1.1 408 "), (text, answer)
                assert b"/problems#slow-body" in last
                assert b"connection: close" in last.lower()


async def test_who_may_not_ask_is_refused_before_the_body_comes(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        await api.key("run")
        async with said(url, POST + b"Content-Length: 1000000\r\n\r\n" + b" " * 100_000) as (reader, _):
            assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
        assert api.parts.budget.bodies.peak == 0


async def test_bodies_that_do_not_end_are_bounded_for_each_caller_and_for_all(rig: MakeRig) -> None:
    async with rig(budget=Budget(3 << 20)) as api, served(api) as url:
        keys = [await api.key("run", name=name) for name in ("a", "b", "c")]
        bodies = api.parts.budget.bodies
        async with AsyncExitStack() as clients, asyncio.TaskGroup() as tasks:
            answers: dict[str, list[asyncio.Task[bytes]]] = {}
            for key in keys:
                head = POST + b"Authorization: Bearer %b\r\nContent-Length: 400000\r\n\r\n" % key.encode()
                mine = [await clients.enter_async_context(said(url, head + b" " * 300_000)) for _ in range(4)]
                answers[key] = [tasks.create_task(reader.readuntil(b"\r\n\r\n")) for reader, _ in mine]

            def refused(key: str) -> list[asyncio.Task[bytes]]:
                return [task for task in answers[key] if task.done()]

            await so(lambda: sum(len(refused(key)) for key in keys) >= 9, "those that cannot be held are refused")
            assert bodies.held <= bodies.most
            assert all(len(refused(key)) >= 3 for key in keys)  # two are more than half of all
            for key in keys:
                for task in refused(key):
                    assert task.result().startswith(b"HTTP/1.1 503 ")
                    assert b"retry-after" in task.result().lower()
                for task in answers[key]:
                    task.cancel()
        await so(lambda: bodies.held == 0, "nothing is held for those who left")


async def test_a_large_body_is_read_and_nothing_of_it_is_held_afterwards(rig: MakeRig) -> None:
    async with rig(budget=Budget(3 << 20)) as api, served(api) as url, httpx.AsyncClient() as http:
        objects: dict[str, Any] = {"invokeTarget": "my.unknown", "params": {"list": [{}] * 70_000}}
        answer = await http.post(f"{url}{RUNS}?allowUnknownExecutor=true", json=objects)
        assert answer.status_code == 422  # and not 503, though it is more than there is
        assert api.parts.budget.bodies.peak > len(answer.request.content)
        await so(lambda: api.parts.budget.bodies.held == 0, "it is let go")


async def test_pages_end_by_their_bytes_and_go_on_without_a_hole(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 3 * LARGE)
    monkeypatch.setattr("waterclock_api.queries.events.PAGE_BYTES", 3 * LARGE)
    async with rig() as api:
        schemas = [
            ExecutorSpec(key=f"big.{name}", description="y" * LARGE, params_schema={"type": "object"})
            for name in "abcdef"
        ]
        worker = await api.worker(SLEEP, *schemas)
        runs = await large_runs(api, 8)
        jobs = [
            (await api.create(jobName=f"j{number}", invokeTarget="big.a", invokeParams={"x": "x" * LARGE}))["id"]
            for number in range(5)
        ]
        talker = await api.ask(invokeTarget="demo.sleep")
        grant = await worker.claim_one()
        await worker.step(grant, "talk", *("z" * 16_000 for _ in range(30)))
        await api.caught_up()

        async def all_of(path: str, *names: str) -> list[Any]:
            found: list[Any] = []
            cursor: str | None = None
            count = 0
            while cursor is not None or not count:
                query = {"limit": 1000} if "executors" not in path else {}
                answer = await api.http.get(path, params=query | ({} if cursor is None else {"cursor": cursor}))
                assert answer.status_code == 200, answer.text
                assert len(answer.content) <= 5 * LARGE or len(answer.json()["items"]) == 1
                found += [tuple(item[name] for name in names) for item in answer.json()["items"]]
                cursor = answer.json()["nextCursor"]
                count += 1
            assert count > 1, path
            return found

        assert await all_of(RUNS, "id") == [(run,) for run in (talker, *runs[::-1])]
        assert await all_of(JOBS, "id") == [(job,) for job in jobs]
        keys = await all_of("/v1/monitor/executors", "key")
        assert keys == sorted((key,) for key in ("demo.sleep", *(spec.key for spec in schemas)))
        events = await all_of(EVENTS, "type", "id")
        assert len(set(events)) == len(events)
        assert sum(kind == "run.requested" for kind, _ in events) == 9
        assert sum(kind == "step.log" for kind, _ in events) == 1  # which is larger than a page
        lines = await all_of(f"{RUNS}/{talker}/logs", "position", "text")
        assert len(lines) == 30
        text = await api.http.get(f"{RUNS}/{talker}/logs", headers={"Accept": "text/plain"})
        assert len(text.text.splitlines()) == 30
        assert api.parts.budget.answers.held == 0


async def test_steps_count_as_bytes_of_a_page(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 20_000)
    async with rig() as api:
        worker = await api.worker()
        runs = [await api.ask() for _ in range(3)]
        for grant in await worker.claim():
            for number in range(1, 41):
                await worker.step(grant, "s" * 100, number=number)
        await api.caught_up()
        first = (await api.http.get(RUNS, params={"limit": 1000})).json()
        assert [len(one["steps"]) for one in first["items"]] == [40]
        rest = (await api.http.get(RUNS, params={"limit": 1000, "cursor": first["nextCursor"]})).json()
        assert [one["id"] for one in first["items"] + rest["items"]] == runs[::-1][:2]


async def test_a_run_with_many_steps_counts_as_held_and_a_small_one_is_read_in_any_case(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        small, large = [await api.ask() for _ in range(2)]
        grant = next(one for one in await worker.claim() if one.run_id == large)
        for number in range(1, 251):
            await worker.step(grant, "s" * 100, number=number)
        await api.caught_up()
        held = api.parts.budget.answers
        whole = (await api.http.get(f"{RUNS}/{large}")).json()
        assert [step["number"] for step in whole["steps"]] == list(range(1, 251))
        assert held.peak >= pages.COPIES * 250 * 400
        assert held.held == 0
        held.add(held.most, "others")
        refused = await api.http.get(f"{RUNS}/{large}")
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems#crowded")
        assert "retry-after" in refused.headers
        assert (await api.http.get(f"{RUNS}/{small}")).status_code == 200
        held.add(-held.most, "others")
        assert (await api.http.get(f"{RUNS}/{large}")).json() == whole
        assert held.held == 0


async def test_a_page_that_nobody_takes_holds_its_bytes_and_others_get_small_ones(rig: MakeRig) -> None:
    async with rig(budget=Budget(12 << 20)) as api, served(api) as url, httpx.AsyncClient(timeout=20) as http:
        await large_runs(api, 120)
        await api.caught_up()
        held = api.parts.budget.answers
        ask = b"GET %b?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n" % EVENTS.encode()
        place = urlsplit(url)
        with socket.create_connection((place.hostname, place.port)) as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            lazy.sendall(ask)
            await so(lambda: held.held > 1 << 20, "the page waits for its client")
            answer = await http.get(f"{url}{EVENTS}?limit=1000")
            assert answer.status_code in (200, 503)
            assert held.held <= held.most
        await so(lambda: held.held == 0, "nothing is held for who left")
        assert (await http.get(f"{url}{EVENTS}?limit=1000")).status_code == 200

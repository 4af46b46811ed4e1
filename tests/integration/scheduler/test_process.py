"""`waterclock scheduler` as its operator meets it."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

from click.testing import CliRunner

from tests.contract.log.build import CANCELLED, STARTED, WORKER, ask, create, run_of, wish
from tests.contract.log.commands.test_aside import BACKUP, REPORT, session, wishes
from tests.contract.log.commands.test_aside_beside_before import claim_as_before, join_as_before
from tests.integration.scheduler.stage import Stage, is_leadership, process
from tests.support import waiting
from waterclock.log.commands.attempts import QueueCredit, claim
from waterclock.log.liveness.sessions import join
from waterclock.model.events import RunLost
from waterclock_scheduler.main import scheduler


async def test_health_tells_what_is_led_and_how_old_the_oldest_undecided_instant_is(
    stage: Stage, redis_url: str, key_prefix: str
) -> None:
    port = free_port()
    async with process(redis_url, key_prefix, WATERCLOCK_HEALTH_PORT=str(port)) as running:
        await running.ready()
        await stage.until(is_leadership)

        async def tells() -> dict[str, Any] | None:  # its word is in the stream before the answer to it has come back
            alive, body = await get(port, "/livez")
            assert alive == 200
            return body if body["oldestUndecidedOfPartitionS"] else None

        body = await waiting.until(tells, within=10, what="what it leads")
        missing, _ = await get(port, "/elsewhere")

    assert body["oldestUndecidedS"] == 0
    assert body["oldestUndecidedOfPartitionS"] == {"0": 0}
    assert missing == 404


async def test_it_queues_the_runs_of_a_silent_worker_again_though_no_other_is_there(
    stage: Stage, redis_url: str, key_prefix: str
) -> None:
    await create(stage.log)
    await join(stage.log, WORKER, body=None)
    await ask(stage.log, wish(1))
    claimed = await claim(
        stage.log,
        0,
        session=WORKER,
        number=1,
        slots=1,
        suspects=1,
        queues=[QueueCredit(name="default", weight=1, credit=0)],
        strict=False,
        body=STARTED,
        body_cancelled=CANCELLED,
    )
    assert [grant.run_id for grant in claimed.grants] == [run_of(1)]

    async with process(redis_url, key_prefix, WATERCLOCK_LEASE="4") as running:
        [lost] = await stage.until(lambda entry: isinstance(entry.event, RunLost))
        await running.says("session swept")

    assert isinstance(lost.event, RunLost)
    assert (lost.event.run_id, lost.event.attempt, lost.event.reason) == (run_of(1), 1, "leaseExpired")


async def test_it_returns_what_lies_aside_beside_a_worker_of_the_release_before(
    stage: Stage, redis_url: str, key_prefix: str
) -> None:
    await create(stage.log)
    reports = await session(stage.log, "reports", REPORT)
    [run_id] = await wishes(stage.log, BACKUP)
    assert (await reports.claim()).grants == []
    await join_as_before(stage.log)

    async with process(redis_url, key_prefix) as running:
        await running.says("runs returned to queues")

    assert await claim_as_before(stage.log, 1) == [run_id]


async def test_a_log_that_is_not_initialised_stops_the_start_with_one_line(redis_url: str, key_prefix: str) -> None:
    async with process(redis_url, key_prefix) as running:
        code, said = await running.end()

    assert code == 2
    (line,) = said.splitlines()
    assert line.startswith("waterclock scheduler: ")
    assert key_prefix in line
    assert "waterclock migrate" in line


def test_the_asyncapi_document_needs_no_server() -> None:
    result = CliRunner().invoke(scheduler, ["--asyncapi"], env={"WATERCLOCK_REDIS_URL": "redis://nowhere:1/0"})

    assert result.exit_code == 0
    document = json.loads(result.output)
    assert document["asyncapi"].startswith("3.")
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {"{wc:0}:changes", "{wc:control}:schedulers"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


async def get(port: int, path: str) -> tuple[int, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    return int(head.split(b" ")[1]), json.loads(body) if body else None

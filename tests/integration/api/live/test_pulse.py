"""The pulse: how everything is, then what changes, once a second for all who listen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.integration.api.access.test_access import bearer
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, Rig, assembled_rig, projected, served
from tests.integration.api.sse import Stream, eventually, stream
from tests.support.servers import OwnPostgres, OwnValkey
from waterclock.log import clock
from waterclock.log.commands.bodies import part
from waterclock.log.liveness.leadership import acquire, release
from waterclock.model.events import LeadershipTaken
from waterclock.store import api_keys
from waterclock.store.connection.migrate import migrate
from waterclock_api.live.pulse import beat, changes, looks
from waterclock_api.telemetry import schedule_watch

PULSE = "/v1/monitor/pulse/stream"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beat, "EVERY", 0.1)
    monkeypatch.setattr(looks, "AT_REST", 0.3)
    monkeypatch.setattr(schedule_watch, "LOOK_S", 0.1)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that does much else is slow, and no store is away for that."""
    monkeypatch.setattr(looks, "PATIENCE", (20.0, 0.0))
    monkeypatch.setattr(looks, "POSTGRES", 20.0)
    monkeypatch.setattr(beat, "JOINING", 20.0)


async def told(
    events: Stream, fits: Callable[[dict[str, Any]], bool], *, now: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The next message that fits, or the present one: counts may come later than ids."""
    if now is not None and fits(now):
        return now
    while True:
        event = await events.next()
        assert (event.kind, event.id) == ("pulse", None)
        if fits(event.data):
            return event.data


def queue(found: dict[str, Any], name: str = "default") -> dict[str, Any]:
    return next(one for one in found["queues"] if one["name"] == name)


def here(found: dict[str, Any]) -> int:
    """Workers, also one that was not heard for a while: that of a test does not renew."""
    return found["workers"]["live"] + found["workers"]["silent"]


async def test_a_listener_is_told_how_everything_is_and_then_what_changes(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        await api.caught_up()
        async with stream(f"{url}{PULSE}") as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            first = (await events.next()).data
            assert (first["jobs"], first["runs"], first["many"], first["ended"]) == ([], [], False, {})
            assert [one["name"] for one in first["queues"]] == ["critical", "default", "low"]
            assert queue(first) == {
                "name": "default", "paused": False, "waiting": 0, "delayed": 0, "blocked": 0, "running": 0,
            }  # fmt: skip
            assert (here(first), first["workers"]["lost"]) == (1, 0)
            assert first["memory"]["used"] > 0
            assert first["projectionLagMs"] == 0

            job_id = (await api.create())["id"]
            created = await told(events, lambda found: job_id in found["jobs"])
            assert created["runs"] == []
            run_id = await api.trigger(job_id)
            found = await told(events, lambda found: run_id in found["runs"])
            assert found["jobs"] == [job_id]
            await told(events, lambda found: queue(found)["waiting"] == 1, now=found)
            grant = await worker.claim_one()
            found = await told(events, lambda found: queue(found)["running"] == 1)
            await worker.succeed(grant)
            found = await told(events, lambda found: bool(found["ended"]))
            assert found["ended"] == {"succeeded": 1}
            await told(events, lambda found: queue(found)["running"] == 0, now=found)


async def test_what_is_told_to_have_changed_can_be_read(rig: MakeRig) -> None:
    """Also where the read models are far behind: it is told when they show it."""
    async with rig(projecting=False) as api, served(api) as url, stream(f"{url}{PULSE}") as events:
        await events.next()
        asked = await api.http.post(f"{RUNS}?allowUnknownExecutor=true", json={"invokeTarget": "my.job"})
        run_id = asked.json()["runId"]
        waits = await told(events, lambda found: queue(found)["waiting"] == 1)
        assert waits["runs"] == []
        behind = await told(events, lambda found: found["projectionLagMs"] >= 2_000)
        assert behind["runs"] == []
        async with projected(api.redis_url, api.postgres_url, api.log.keys.prefix):
            await told(events, lambda found: run_id in found["runs"])
            assert run_id in {one["id"] for one in (await api.http.get(RUNS)).json()["items"]}


async def test_all_listeners_share_one_reader_and_while_nobody_listens_there_is_none(rig: MakeRig) -> None:
    async with rig(partitions=2) as api, served(api) as url:
        await api.worker()
        assert api.parts.hub.readers == 0
        async with stream(f"{url}{PULSE}") as one, stream(f"{url}{PULSE}") as two:
            await one.next()
            await two.next()
            assert (api.parts.hub.readers, api.parts.hub.subscriptions) == (2, 2)
            job_id = (await api.create())["id"]
            assert await told(one, lambda found: job_id in found["jobs"]) == await told(
                two, lambda found: job_id in found["jobs"]
            )
        await eventually(lambda: api.parts.hub.readers == 0)
        async with stream(f"{url}{PULSE}") as again:
            assert queue((await again.next()).data)["waiting"] == 0
            assert api.parts.hub.readers == 2


async def test_more_changes_than_are_told_are_many(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "TOLD_MOST", 3)
    async with rig() as api, served(api) as url:
        await api.worker()
        job = await api.create(concurrent="0")
        await api.caught_up()
        async with stream(f"{url}{PULSE}") as events:
            await events.next()
            async with asyncio.TaskGroup() as tasks:
                for _ in range(20):
                    tasks.create_task(api.http.post(f"{JOBS}/{job['id']}/trigger"), name="trigger")
            found = await told(events, lambda found: found["many"])
            assert (found["jobs"], found["runs"]) == ([], [])


async def test_of_very_many_partitions_it_is_told_that_many_have_changed(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beat, "HEARD_MOST", 1)
    async with rig(partitions=2) as api, served(api) as url:
        await api.worker()
        async with stream(f"{url}{PULSE}") as events:
            await events.next()
            assert api.parts.hub.readers == 0
            await api.trigger((await api.create())["id"])
            found = await told(events, lambda found: found["many"])
            assert (found["jobs"], found["runs"]) == ([], [])
            await told(events, lambda found: queue(found)["waiting"] == 1, now=found)


async def test_a_paused_queue_and_a_worker_that_left_are_told(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        async with stream(f"{url}{PULSE}") as events:
            assert here((await events.next()).data) == 1
            assert (await api.http.post("/v1/monitor/queues/low/pause")).status_code == 200
            await told(events, lambda found: queue(found, "low")["paused"])
            await worker.leave()
            await told(events, lambda found: here(found) == 0)


async def test_a_schedule_that_nobody_decides_is_told(rig: MakeRig) -> None:
    async def lead(next_at: int) -> int:
        body = part(LeadershipTaken, scheduler="one")
        return (await acquire(api.log, 0, scheduler="one", ttl_ms=60_000, body=body, next_at=next_at)).term

    async with rig() as api, served(api) as url:
        now = await clock.now(api.log, 0)
        term = await lead(0)
        await lead(now + 3_600_000)  # said by who leads already
        async with stream(f"{url}{PULSE}") as events:
            well = await told(events, lambda found: found["led"] and found["lagMs"] is not None)
            assert (well["lagMs"], well["oldestPending"], well["decidedThrough"]) == (0, None, well["at"])
            await lead(now - 10_000)
            late = await told(events, lambda found: found["oldestPending"] is not None)
            assert late["lagMs"] >= 10_000
            assert late["decidedThrough"] == late["oldestPending"] < late["at"]
            await release(api.log, 0, scheduler="one", term=term)
            await told(events, lambda found: found["led"] is False)


async def test_without_redis_the_stream_stays_and_says_what_it_does_not_know(
    own_valkey: OwnValkey, migrated_postgres_url: str, key_prefix: str
) -> None:
    server = await own_valkey()
    async with assembled_rig(server.url, migrated_postgres_url, key_prefix) as api, served(api) as url:
        await api.worker()
        job_id = (await api.create())["id"]
        await api.caught_up()
        async with stream(f"{url}{PULSE}") as events:
            assert (await events.next()).data["memory"] is not None
            await server.stop()
            away = await told(events, lambda found: found["memory"] is None and found["led"] is None)
            assert (away["lagMs"], away["workers"]["live"], queue(away)["waiting"]) == (None, None, None)
            assert queue(away)["running"] == 0
            await server.start()
            await told(events, lambda found: found["memory"] is not None)
            run_id = await api.trigger(job_id)
            await told(events, lambda found: found["many"] or run_id in found["runs"])


async def test_without_postgres_the_stream_stays_and_says_what_it_does_not_know(
    own_postgres: OwnPostgres, redis_url: str, key_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "POSTGRES", 2.0)  # a pool without connections waits for them
    server = await own_postgres()
    await migrate(server.url)
    async with assembled_rig(redis_url, server.url, key_prefix) as api, served(api) as url:
        await api.worker()
        await api.caught_up()
        async with stream(f"{url}{PULSE}") as events:
            await told(events, lambda found: found["projectionLagMs"] == 0)
            await server.stop()
            away = await told(events, lambda found: found["projectionLagMs"] is None)
            assert (away["workers"]["lost"], queue(away)["running"]) == (None, None)
            assert (here(away), queue(away)["waiting"]) == (1, 0)
            await server.start()
            await told(events, lambda found: found["projectionLagMs"] == 0)


async def test_a_stream_ends_with_its_credential_and_takes_the_scope_list(rig: MakeRig) -> None:
    async with rig(keyed=True) as api, served(api) as url:
        for scopes, status in ((("query",), 403), (("list",), 200)):
            headers = bearer(await api.key(*scopes, name=scopes[0]))
            async with httpx.AsyncClient() as http, http.stream("GET", f"{url}{PULSE}", headers=headers) as answer:
                assert answer.status_code == status
        headers = bearer(await api.key("list"))
        async with stream(f"{url}{PULSE}", headers=headers) as events:
            await events.next()
            await revoke(api)
            while (event := await events.next()).kind == "pulse":
                pass
            assert (event.kind, event.data) == ("closed", {"reason": "keyRevoked"})
            assert await events.ended()


async def test_pulses_count_among_the_streams_of_a_client(rig: MakeRig) -> None:
    async with rig(streams_per_client=1) as api, served(api) as url, stream(f"{url}{PULSE}") as events:
        await events.next()
        async with httpx.AsyncClient() as http:
            refused = await http.get(f"{url}{PULSE}")
            assert (refused.status_code, refused.json()["type"].rpartition("#")[2]) == (429, "too-many-streams")
            assert (await http.head(f"{url}{PULSE}")).status_code == 200
            assert (await http.get(f"{url}{PULSE}", params={"after": "0"})).status_code == 400


async def test_a_server_that_stops_ends_the_pulse(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url, stream(f"{url}{PULSE}") as events:
        await events.next()
        api.parts.hub.close()
        assert await events.ended()


async def revoke(api: Rig) -> None:
    async with api.parts.reading() as connection:
        assert await api_keys.revoke(connection, "tester")
    await api.parts.access.keyring.read()

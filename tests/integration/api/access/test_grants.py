"""What a credential has opened ends when the credential does: streams, whoever follows them, and long answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result

from tests.integration.api.access.test_access import Later, bearer
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, Rig, assembled_rig, served
from tests.integration.api.sse import Event, Stream, eventually, stream
from tests.integration.api.terminal import Terminal
from tests.support.servers import OwnPostgres
from tests.unit.api.access.test_jwt import AUDIENCE, ISSUER, KEYS, OTHER_RSA, shown, token
from waterclock.cli.verbs.events import tail
from waterclock.cli.verbs.runs import run as run_verbs
from waterclock.client import Client, endpoints
from waterclock.client.errors import Closed
from waterclock.store import api_keys
from waterclock.store.connection.migrate import migrate
from waterclock_api.access import api_keys as keyring
from waterclock_api.access.guard import Limits
from waterclock_api.access.jwks import FRESH
from waterclock_api.access.secret import new_secret
from waterclock_api.access.token_settings import TokenSettings
from waterclock_api.live import hub
from waterclock_api.queries.logs import transcript

EVENTS = "/v1/monitor/events/stream"
SCOPES = ("list", "query", "run", "export")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are closer together, so that nothing has to be waited for."""
    monkeypatch.setattr(hub, "_TEND_EVERY", 0.05)
    monkeypatch.setattr(keyring, "EVERY", 0.05)


def paths_of(job_id: str, run_id: str) -> tuple[str, ...]:
    return EVENTS, f"{JOBS}/{job_id}/logs/stream", f"{RUNS}/{run_id}/logs/stream"


async def closed(events: Stream) -> Event:
    """The event that ends it; nothing follows."""
    (*_, last) = await events.until("closed")
    assert await events.ended()
    return last


async def changed(api: Rig, statement: bytes) -> None:
    async with api.parts.reading() as connection:
        await connection.execute(statement)


async def revoked(api: Rig) -> None:
    async with api.parts.reading() as connection:
        assert await api_keys.revoke(connection, "tester")


async def rotated(api: Rig) -> None:
    secret = new_secret()
    async with api.parts.reading() as connection, connection.transaction():
        found = await api_keys.retire(connection, "tester", timedelta(0))
        assert found is not None
        await api_keys.add(
            connection,
            key_id=secret.key_id,
            name="tester",
            secret_sha256=secret.sha256,
            scopes=found[0],
            valid_for=None,
        )


async def expired(api: Rig) -> None:
    await changed(api, b"UPDATE api_keys SET expires_at = now() WHERE name = 'tester'")


async def narrowed(api: Rig) -> None:
    await changed(api, b"UPDATE api_keys SET scopes = '{list}' WHERE name = 'tester'")


async def removed(api: Rig) -> None:
    await changed(api, b"DELETE FROM api_keys WHERE name = 'tester'")


async def replaced(api: Rig) -> None:
    await changed(api, b"UPDATE api_keys SET secret_sha256 = sha256('another') WHERE name = 'tester'")


@pytest.mark.parametrize(
    ("done", "reason"),
    [
        (revoked, "keyRevoked"),
        (rotated, "keyRotated"),
        (expired, "expired"),
        (narrowed, "narrowed"),
        (removed, "keyRemoved"),
        (replaced, "keyRemoved"),
    ],
)
async def test_streams_end_with_the_key_that_opened_them(
    rig: MakeRig, done: Callable[[Rig], Awaitable[None]], reason: str
) -> None:
    async with rig() as api, served(api) as url:
        await api.worker()
        job = await api.create()
        run_id = await api.trigger(job["id"])
        events_path, job_path, run_path = paths_of(job["id"], run_id)
        key, other = bearer(await api.key(*SCOPES)), bearer(await api.key("export", "run", name="other"))
        async with (
            stream(url + events_path, headers=key) as all_events,
            stream(url + job_path, headers=key) as of_job,
            stream(url + run_path, headers=key) as of_run,
            stream(url + events_path, headers=other) as others,
        ):
            await eventually(lambda: api.parts.hub.subscriptions == 4)
            await done(api)
            for events in (all_events, of_job, of_run):
                assert await closed(events) == Event(None, "closed", {"reason": reason})
            asked = await api.http.post(RUNS, json={"invokeTarget": "demo.noop"}, headers=other)
            assert asked.status_code == 202
            assert (await others.next()).data["runId"] == asked.json()["runId"], "it has a key of its own"
        await eventually(lambda: (api.parts.hub.subscriptions, api.parts.hub.readers) == (0, 0))


async def test_a_stream_goes_on_while_a_rotated_key_overlaps(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        await api.worker()
        key = bearer(await api.key(*SCOPES))
        async with stream(url + EVENTS, headers=key) as events:
            await eventually(lambda: api.parts.hub.subscriptions == 1)
            async with api.parts.reading() as connection:
                await api_keys.retire(connection, "tester", timedelta(hours=1))
            await api.parts.access.keyring.read()
            ask = {"invokeTarget": "demo.noop"}
            assert (await api.http.post(RUNS, json=ask, headers=key)).status_code == 202
            assert (await events.next()).kind == "run.requested"


async def test_a_stream_that_nobody_was_asked_for_ends_with_the_first_key(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        await api.worker()
        async with stream(url + EVENTS) as events:
            await eventually(lambda: api.parts.hub.subscriptions == 1)
            await api.key("list")
            assert (await closed(events)).data == {"reason": "credentialsRequired"}


async def test_a_client_that_does_not_read_is_cut_soon_after_its_key_has_ended(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "LAST_WORD", 0.1)
    monkeypatch.setattr(hub, "SEAT_BYTES", 1 << 30)
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        await api.trigger((await api.create())["id"])
        grant = await worker.claim_one()
        key = bearer(await api.key("export"))
        async with httpx.AsyncClient() as http, http.stream("GET", url + EVENTS, headers=key):
            await eventually(lambda: api.parts.hub.subscriptions == 1)
            number = 0
            while not any(subscription.sending and subscription.size for subscription in seats_of(api)):
                number += 1
                await worker.step(grant, "Talk", "x" * 60_000, number=number)
            await revoked(api)
            await eventually(lambda: api.parts.hub.subscriptions == 0)


def seats_of(api: Rig) -> list[Any]:
    return [subscription for group in api.parts.hub._groups.values() for subscription in group.subscriptions]  # pyright: ignore[reportPrivateUsage]


class Ahead(Later):
    """The same, of the time of day."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


def token_settings(jwks: Path) -> TokenSettings:
    jwks.write_text(json.dumps(KEYS))
    return TokenSettings(jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwt_jwks=str(jwks), jwt_leeway=0)


async def test_streams_end_with_their_token(rig: MakeRig, tmp_path: Path) -> None:
    clock = Ahead()
    async with rig(tokens=token_settings(tmp_path / "jwks"), clock=clock) as api, served(api) as url:
        await api.worker()
        longer = token(scope="export run")
        ending = token(scope="export", exp=int(time.time()) + 3_600)
        async with (
            stream(url + EVENTS, headers=bearer(ending)) as short,
            stream(url + EVENTS, headers=bearer(longer)) as long,
        ):
            await eventually(lambda: api.parts.hub.subscriptions == 2)
            clock.ahead_ms = 3_601_000
            assert (await closed(short)).data == {"reason": "expired"}
            asked = await api.http.post(RUNS, json={"invokeTarget": "demo.noop"}, headers=bearer(longer))
            assert asked.status_code == 202
            assert (await long.next()).kind == "run.requested"


async def test_streams_end_when_the_issuer_shows_the_key_no_more(
    rig: MakeRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waterclock_api.access.jwt.LOOK_EVERY", 0.05)
    clock, jwks = Later(), tmp_path / "jwks"
    async with rig(tokens=token_settings(jwks), clock=clock) as api, served(api) as url:
        await api.worker()
        gone, stays = bearer(token(scope="export")), bearer(token("ES256", scope="export list"))
        async with (
            stream(url + EVENTS, headers=gone) as first,
            stream(url + EVENTS, headers=stays) as second,
        ):
            await eventually(lambda: api.parts.hub.subscriptions == 2)
            left = [one for one in KEYS["keys"] if one["kid"] != "RS256"]
            jwks.write_text(json.dumps({"keys": [shown(OTHER_RSA, "RS256", "RS256"), *left]}))
            clock.by += FRESH + 1
            assert (await closed(first)).data == {"reason": "signingKeyRemoved"}
            assert (await api.http.get(JOBS, headers=stays)).status_code == 200
            await api.worker(name="w2")
            assert (await second.next()).kind == "worker.joined"


async def test_without_postgres_streams_go_on_for_as_long_as_their_keys_do(
    redis_url: str, own_postgres: OwnPostgres, key_prefix: str
) -> None:
    clock = Later()
    postgres = await own_postgres()
    await migrate(postgres.url)
    async with assembled_rig(redis_url, postgres.url, key_prefix, clock=clock) as api, served(api) as url:
        await api.worker()
        key = bearer(await api.key("export"))
        async with stream(url + EVENTS, headers=key) as events:
            await eventually(lambda: api.parts.hub.subscriptions == 1)
            await postgres.kill()
            clock.by += keyring.BOUND - 100
            await api.worker(name="w2")
            assert (await events.next()).kind == "worker.joined"
            clock.by += 101
            assert (await closed(events)).data == {"reason": "credentialsUnknown"}
            assert (await api.http.get(EVENTS, headers=key)).status_code == 503


async def test_verbs_that_follow_say_that_the_key_has_ended_and_not_how_the_run_did(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig() as api, served(api) as url:
        await api.worker()
        job = await api.create()
        run_id = await api.trigger(job["id"])
        monkeypatch.setenv("WATERCLOCK_API_KEY", await api.key(*SCOPES))
        terminal = Terminal(url)
        for verb, arguments in (
            (tail, ()),
            (tail, ("--run", run_id)),
            (tail, ("--json", job["id"])),
            (run_verbs, ("logs", run_id, "--follow")),
        ):
            await changed(api, b"UPDATE api_keys SET revoked_at = NULL")
            await api.parts.access.keyring.read()
            done = await revoked_under(api, terminal.run(verb, *arguments))
            assert done.exit_code == 3, done.output
            assert "the key was revoked (WATERCLOCK_API_KEY)" in done.stderr
            assert ('"event":"closed"' in done.stdout) == ("--json" in arguments)


async def revoked_under(api: Rig, typed: Coroutine[Any, Any, Result]) -> Result:
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(typed)
        await eventually(lambda: api.parts.hub.subscriptions == 1)
        await revoked(api)
        return await asked


async def test_a_client_is_told_once_and_does_not_come_again(rig: MakeRig) -> None:
    async with rig(limits=Limits()) as api, served(api) as url:
        await api.worker()
        key = await api.key(*SCOPES)

        def follow() -> list[str]:
            seen: list[str] = []
            with Client(url, key=key) as client:
                try:
                    seen.extend(event.kind for event in client.follow(endpoints.all_events()))
                except Closed as error:
                    seen.append(error.reason)
            return seen

        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(asyncio.to_thread(follow))
            await eventually(lambda: api.parts.hub.subscriptions == 1)
            await revoked(api)
        assert following.result() == ["closed", "keyRevoked"]


async def test_a_long_text_breaks_off_where_the_key_ends(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "PAGE", 2)
    async with rig() as api:
        worker = await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        grant = await worker.claim_one()
        await worker.step(grant, "Talk", *(f"line {n}" for n in range(6)))
        await api.caught_up()
        asked = bearer(await api.key("query")) | {"Accept": "text/plain"}
        path = f"{RUNS}/{run_id}/logs"
        whole = (await api.http.get(path, headers=asked)).text
        assert whole.count("line") == 6
        sent: list[bytes] = []
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "scheme": "http",
            "http_version": "1.1",
            "headers": [(name.lower().encode(), value.encode()) for name, value in asked.items()],
        }

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                sent.append(message["body"])
                await revoked_once(api, len(sent))

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        await api.app(scope, receive, send)  # pyright: ignore[reportArgumentType]
        assert [part.count(b"line") for part in sent] == [2, 0]
        assert sent[-1] == b"closed: keyRevoked\n"


async def revoked_once(api: Rig, count: int) -> None:
    if count == 1:
        await revoked(api)
        await api.parts.access.keyring.read()


async def less(api: Rig) -> None:
    await changed(api, b"UPDATE api_keys SET scopes = '{run}' WHERE name = 'tester'")


@pytest.mark.parametrize(
    ("done", "status", "says"),
    [
        (revoked, 401, "The API key was revoked."),
        (expired, 401, "The API key has expired."),
        (removed, 401, "Unknown API key."),
        (narrowed, 403, "Forbidden: API key 'tester' lacks the scope 'run'."),
        (less, 403, "takes the scope 'edit', too."),
    ],
)
async def test_a_body_that_comes_after_the_end_of_its_key_does_nothing(
    rig: MakeRig, done: Callable[[Rig], Awaitable[None]], status: int, says: str
) -> None:
    async with rig() as api:
        await api.worker()
        headers = bearer(await api.key("run", "edit")) | {"Content-Type": "application/json"}
        other = bearer(await api.key("list", name="other"))

        async def halves() -> AsyncIterator[bytes]:  # who asks is looked at before the first is read
            yield b'{"invokeTarget": '
            await done(api)
            await api.parts.access.keyring.read()
            yield b'"acme.unheard"}'

        answered = await api.http.post(f"{RUNS}?allowUnknownExecutor=true", content=halves(), headers=headers)

        assert (answered.status_code, says in answered.json()["detail"]) == (status, True), answered.text
        assert (await api.http.get(RUNS, headers=other)).json()["items"] == []


async def test_a_body_that_comes_after_the_first_key_was_made_does_nothing(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()

        async def halves() -> AsyncIterator[bytes]:
            yield b'{"invokeTarget": '
            await api.key("run")
            yield b'"demo.noop"}'

        answered = await api.http.post(RUNS, content=halves(), headers={"Content-Type": "application/json"})

        assert answered.status_code == 401, answered.text

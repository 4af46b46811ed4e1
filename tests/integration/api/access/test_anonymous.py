"""An API that asks nobody who it is: asked for by a setting, for this machine alone, and never out of ignorance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg_pool import PoolTimeout

from tests.integration.api.access.test_access import WRONG, Later, bearer
from tests.integration.api.conftest import MakeRig
from tests.integration.api.http.test_attacks import sent
from tests.integration.api.rig import JOB, JOBS, RUNS, served
from tests.support.gateways import bare_nginx
from tests.support.servers import OwnPostgres
from tests.support.waiting import until
from tests.unit.api.access.test_jwt import AUDIENCE, ISSUER, KEYS, token
from waterclock.log.client import Log, LogSettings
from waterclock.log.recovery.opening import initialise
from waterclock.store.connection.migrate import migrate
from waterclock.store.connection.pool import open_pool
from waterclock_api.access import api_keys
from waterclock_api.access.token_settings import TokenSettings
from waterclock_api.app import application, assembled
from waterclock_api.dependencies import Dependencies
from waterclock_api.telemetry.instrumentation import Instrumented

FORWARDED = (
    {"X-Forwarded-For": "203.0.113.7"},
    {"Forwarded": "for=203.0.113.7"},
    {"X-Real-IP": "203.0.113.7"},
    {"Via": "1.1 x"},
)


async def test_a_request_through_a_proxy_is_refused_until_there_is_a_key(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        await api.worker()
        async with httpx.AsyncClient(base_url=url) as http:
            assert (await http.get(JOBS)).status_code == 200
            for headers in FORWARDED:
                for method, path in (("GET", JOBS), ("POST", RUNS), ("GET", "/"), ("GET", "/metrics")):
                    answer = await http.request(method, path, headers=headers)
                    assert (answer.status_code, answer.json()["type"]) == (403, "/problems#proxied"), (path, headers)
                    assert next(iter(headers)).lower() in answer.json()["detail"]
            old = await sent(url, f"GET {JOBS} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            assert b"403" in old.split(b"\r\n")[0]
            assert b"/problems#proxied" in old
            key = bearer(await api.key("list"))
            for headers in FORWARDED:
                assert (await http.get(JOBS, headers=headers)).status_code == 401
                assert (await http.get(JOBS, headers=headers | key)).status_code == 200


async def unreadable(parts: Dependencies) -> bool:
    """Whether Postgres is gone: sessions outlive the server for a moment, and may answer once more."""
    try:
        await parts.access.keyring.read()
    except (psycopg.Error, PoolTimeout):
        return True
    return False


async def test_keys_that_cannot_be_read_let_nobody_in(
    redis_url: str, own_postgres: OwnPostgres, key_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start, and again once what is known is too old; good tokens are let in all the while."""
    monkeypatch.setattr(api_keys, "EVERY", 0.1)
    jwks = tmp_path / "jwks"
    jwks.write_text(json.dumps(KEYS))
    tokens = TokenSettings(jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwt_jwks=str(jwks))
    clock = Later()
    postgres = await own_postgres()
    await migrate(postgres.url)
    settings = LogSettings(url=redis_url, prefix=key_prefix)
    await initialise(settings, partitions=1, queues=())
    log = await Log.connect(settings, role="api")
    try:
        async with await open_pool(postgres.url, name="api", max_size=2) as pool:
            await postgres.kill()
            async with (
                assembled(log, pool, clock=clock) as keyless,
                assembled(log, pool, tokens=tokens) as issued,
                calling(keyless) as http,
                calling(issued) as tokened,
            ):
                for ask in (http, tokened):
                    assert await statuses(ask) == [503, 503, 503]
                    assert (await ask.get("/livez")).status_code == 200
                    assert (await ask.get("/readyz")).status_code == 503
                preview = "/v1/monitor/schedules/preview"
                asked = {"cronExpression": "* * * * *"}
                good = bearer(token(scope="query"))
                assert (await tokened.post(preview, json=asked, headers=good)).status_code == 200
                assert (await tokened.post(preview, json=asked, headers=bearer("a.b.c"))).status_code == 401
                await postgres.start()

                async def known() -> bool:
                    return keyless.access.keyring.known and issued.access.keyring.known

                await until(known, within=60, what="the keys are read")
                assert await statuses(http) == [200, 200, 200], "there is none, and nobody need be asked"
                assert await statuses(tokened) == [401, 401, 401]
                await postgres.kill()

                await until(lambda: unreadable(keyless), within=60, what="no session answers any more")
                clock.by += api_keys.BOUND - 100
                assert (await http.post(preview, json=asked)).status_code == 200
                clock.by += 101
                assert await statuses(http) == [503, 503, 503]
    finally:
        await log.close()


def calling(parts: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=Instrumented(application(parts)))  # pyright: ignore[reportArgumentType]
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def statuses(http: httpx.AsyncClient) -> list[int]:
    """Without credentials, with a key that nobody made, and with what is none."""
    preview, asked = "/v1/monitor/schedules/preview", {"cronExpression": "* * * * *"}
    headers: list[dict[str, str]] = [{}, bearer(WRONG), {"Authorization": "Basic YTpi"}]
    return [(await http.post(preview, json=asked, headers=each)).status_code for each in headers]


async def test_a_proxy_that_says_nothing_is_this_machine_so_its_setting_is_the_wall(
    rig: MakeRig, tmp_path: Path
) -> None:
    """What the docs say of `WATERCLOCK_KEYLESS`: whoever sets it opens the API to such a proxy, too."""
    async with (
        rig() as api,
        served(api) as url,
        bare_nginx(tmp_path, url.removeprefix("http://")) as front,
        httpx.AsyncClient(base_url=front, trust_env=False) as http,
    ):
        through = (await http.get(JOBS)).status_code
        assert through in (200, 403), "403 of an nginx that speaks HTTP/1.0, as it did before 1.29"
        await api.key("list")
        assert (await http.get(JOBS)).status_code == 401


async def test_what_is_closed_by_its_settings_is_not_opened_by_having_no_key(rig: MakeRig) -> None:
    async with rig(closed=True) as api:
        assert (await api.http.get(JOBS)).status_code == 401
        assert (await api.http.post(JOBS, json=JOB)).status_code == 401
        key = bearer(await api.key("list"))
        assert (await api.http.get(JOBS, headers=key)).status_code == 200

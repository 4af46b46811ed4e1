"""`GET /me`: who the API takes a caller for, what it may do, and how much."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from tests.integration.api.access.test_access import WRONG, bearer
from tests.integration.api.access.test_grants import token_settings
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import assembled_rig, served
from tests.integration.api.terminal import Terminal
from tests.support.servers import OwnPostgres
from tests.unit.api.access.test_jwt import KEYS, token
from waterclock.cli.context import whoami
from waterclock.client import AsyncClient, endpoints
from waterclock.model.timestamps import millis, stamp
from waterclock.store.connection.migrate import migrate
from waterclock_api.access.guard import Limits
from waterclock_api.access.scopes import SCOPES
from waterclock_api.http.receive_body import BODY_LIMIT
from waterclock_api.live.hub import STREAMS_PER_CLIENT
from waterclock_api.schemas.responses import ScopeName

ME = "/v1/monitor/me"


def test_the_answer_may_name_every_scope() -> None:
    assert get_args(ScopeName) == SCOPES


async def test_where_nobody_is_asked_the_caller_is_anybody_and_may_do_all(rig: MakeRig) -> None:
    async with rig(zone="Europe/Berlin", limits=Limits(caller=5)) as api:
        answer = await api.http.get(ME)
        me = answer.json()
        assert answer.headers["cache-control"] == "no-store"
        assert (me["kind"], me["name"], me["asked"], me["expiresAt"]) == ("anybody", None, False, None)
        assert me["scopes"] == [*SCOPES]
        assert (me["defaultTimezone"], me["version"], me["keptFrom"]) == ("Europe/Berlin", "0.1.0", None)
        assert me["limits"] == {
            "requestsPerSecond": None,
            "bodyBytes": BODY_LIMIT,
            "streams": STREAMS_PER_CLIENT,
        }
        assert abs(millis(me["now"]) - api.parts.now_ms()) < 60_000


async def test_a_key_says_its_name_scopes_end_and_rate(rig: MakeRig) -> None:
    async with rig(limits=Limits(caller=5)) as api:
        held = {
            "reader": await api.key("list", "query", name="reader", valid_for=timedelta(days=3)),
            "boss": await api.key("admin", name="boss", rate=2.5),
            "nothing": await api.key(name="nothing"),
        }
        told = {name: (await api.http.get(ME, headers=bearer(key))).json() for name, key in held.items()}
        async with api.parts.reading() as connection:
            row = await (await connection.execute(b"SELECT expires_at FROM api_keys WHERE name = 'reader'")).fetchone()
    assert row is not None
    assert [(me["kind"], me["name"], me["asked"]) for me in told.values()] == [("key", name, True) for name in held]
    assert [me["scopes"] for me in told.values()] == [["list", "query"], [*SCOPES], []]
    ends = stamp(round(row[0].timestamp() * 1000))
    assert [me["expiresAt"] for me in told.values()] == [ends, None, None]
    assert [me["limits"]["requestsPerSecond"] for me in told.values()] == [5.0, 2.5, 5.0]


async def test_who_shows_nothing_or_something_wrong_is_refused(rig: MakeRig) -> None:
    async with rig() as api:
        expired = await api.key("list", valid_for=timedelta(0))
        await api.key("list")
        for headers in ({}, bearer(WRONG), bearer(expired), {"Authorization": "Basic YTpi"}):
            assert (await api.http.get(ME, headers=headers)).status_code == 401, headers


async def test_an_unknown_parameter_is_named(rig: MakeRig) -> None:
    async with rig() as api:
        answer = await api.http.get(f"{ME}?scopes=list")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "?scopes")


async def test_a_token_says_its_subject_scopes_and_end(rig: MakeRig, tmp_path: Path) -> None:
    (tmp_path / "jwks").write_text(json.dumps(KEYS))
    async with rig(tokens=token_settings(tmp_path / "jwks")) as api:
        shown = token(sub="ann:1", scope="list run other", exp=4_102_444_800)
        me = (await api.http.get(ME, headers=bearer(shown))).json()
        last = (await api.http.get(ME, headers=bearer(token(scope=None, exp=253_402_300_799)))).json()
    assert (me["kind"], me["name"], me["scopes"]) == ("token", "ann:1", ["list", "run"])
    assert me["expiresAt"] == "2100-01-01T00:00:00.000Z"
    assert (last["expiresAt"], last["scopes"]) == ("9999-12-31T23:59:59.000Z", [])


async def test_since_when_all_events_are_kept_is_said(rig: MakeRig) -> None:
    async with rig() as api:
        async with api.parts.reading() as connection:
            await connection.execute(b"INSERT INTO forgotten (what, before) VALUES ('events', '2026-01-01Z')")
        assert (await api.http.get(ME)).json()["keptFrom"] == "2026-01-01T00:00:00.000Z"


async def test_without_postgres_a_key_that_is_known_is_still_told_who_it_is(
    redis_url: str, own_postgres: OwnPostgres, key_prefix: str
) -> None:
    postgres = await own_postgres()
    await migrate(postgres.url)
    async with assembled_rig(redis_url, postgres.url, key_prefix) as api:
        key = await api.key("list", name="night")
        await postgres.kill()
        me = await api.http.get(ME, headers=bearer(key))
    assert (me.status_code, me.json()["name"], me.json()["keptFrom"]) == (200, "night", None)


@pytest.mark.parametrize("asked", [True, False])
async def test_client_and_command_tell_the_same(rig: MakeRig, tmp_path: Path, *, asked: bool) -> None:
    async with rig() as api, served(api) as url:
        key = await api.key("query", "list", name="ann") if asked else None
        (tmp_path / "key").write_text(key or "")
        (tmp_path / "key").chmod(0o600)
        shown = ("--api-key-file", str(tmp_path / "key")) if asked else ()
        async with AsyncClient(url, key=key) as client:
            me = await client.send(endpoints.get_me())
        done = await Terminal(url).run(whoami, *shown)
    held = ("list", "query") if asked else SCOPES
    assert (me.name, me.kind, me.scopes) == ("ann" if asked else None, "key" if asked else "anybody", held)
    assert done.exit_code == 0, done.output
    said = dict(line.split("  ", 1) for line in done.output.splitlines())
    assert said["caller"].strip() == ("API key ann" if asked else "anybody: the API asks nobody for credentials")
    assert said["scopes"].strip() == ", ".join(held)

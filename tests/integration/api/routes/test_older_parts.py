"""Beside a projector or an API of an earlier release no promise is written, and `doctor` names them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, Rig, assembled_rig, session_of
from tests.integration.api.routes.test_mutes import MUTES
from tests.support.servers import OwnPostgres
from waterclock.store.connection.migrate import migrate
from waterclock.store.connection.pool import Connection, connect_anew, open_pool, unopened_pool
from waterclock.store.connection.statements import statement
from waterclock.store.locks import PROJECTORS
from waterclock.wire.level import LEVEL, PROMISES
from waterclock_api.consistency.older_parts import older_parts
from waterclock_api.operator.diagnostics.older_parts import of_parts

PROMISING = JOB | {"cronExpression": "0 2 * * *", "promise": {"finishBy": "06:30"}}
BEFORE = ("", "zone=America/Argentina/ComodRivadavia", "level=1", "level=1 zone=Europe/Berlin")
"""What the sessions of an API before this level say after its name."""


@asynccontextmanager
async def api_of(url: str, said: str) -> AsyncGenerator[None]:
    async with unopened_pool(url, name="api", said=said, max_size=2) as pool:
        await pool.wait()
        yield


@asynccontextmanager
async def projector_of(url: str, level: int) -> AsyncGenerator[None]:
    async with await open_pool(url, name="projector", max_size=1) as pool, await connect_anew(pool) as connection:
        if level:
            await connection.execute(statement("join_level"), {"level": level})
        await connection.execute(statement("join_sharers"), {"sharers": PROJECTORS.all})
        yield


async def found(connection: Connection) -> list[tuple[str, int]]:
    return [(one.part, one.sessions) for one in await older_parts(connection)]


async def test_what_is_of_an_earlier_level_is_seen(store_url: str) -> None:
    async with await open_pool(store_url, name="doctor", max_size=1) as pool, pool.connection() as connection:
        for zone in (None, "America/Argentina/ComodRivadavia"):  # the longest name: Postgres cuts what is too long
            async with api_of(store_url, session_of(zone)), projector_of(store_url, LEVEL):
                assert await found(connection) == []
        async with projector_of(store_url, LEVEL + 1), api_of(store_url, f"level={LEVEL + 1}"):
            assert await found(connection) == []
        for said in BEFORE:
            async with api_of(store_url, said):
                assert await found(connection) == [("API", 1)], said
        for level in range(LEVEL):
            async with projector_of(store_url, level), projector_of(store_url, LEVEL):
                assert await found(connection) == [("projector", 1)], level


async def test_who_keeps_projectors_away_is_none(store_url: str) -> None:
    async with await open_pool(store_url, name="restore", max_size=1) as pool, pool.connection() as connection:
        await connection.execute(statement("hold_projectors"))
        assert await found(connection) == []


async def test_an_api_at_work_is_none_of_an_earlier_release(rig: MakeRig) -> None:
    async with rig() as api, api.parts.reading() as connection:
        assert await found(connection) == []
        ((level, said),) = [(one.level, one.said) async for one in of_parts(connection)]
        assert (level, said) == ("ok", "no projector or API of an earlier release is at work")


async def test_doctor_names_each_with_what_to_do(store_url: str) -> None:
    async with (
        await open_pool(store_url, name="doctor", max_size=1) as pool,
        pool.connection() as connection,
        api_of(store_url, ""),
        projector_of(store_url, 0),
    ):
        (one,) = [one async for one in of_parts(connection)]
    assert one.level == "warning"
    assert "projector" in one.said.partition("API")[0]
    assert "(1 session)" in one.said
    assert "waterclock rebuild --swap" in one.do


@pytest.mark.parametrize("older", ["API", "projector"])
async def test_a_promise_is_refused_until_they_are_gone(rig: MakeRig, older: str) -> None:
    async with rig() as api:
        await api.worker()
        job = (await api.http.post(JOBS, json=PROMISING)).json()
        path, none = f"{JOBS}/{job['id']}", job | {"promise": None}
        url = api.postgres_url
        async with api_of(url, "") if older == "API" else projector_of(url, PROMISES - 1):
            await _refuses(api, older)
            changed = await api.http.put(path, json=job | {"remark": "which the other would project without it"})
            assert changed.json()["type"] == "/problems#older-release"
            assert (await api.http.put(f"{path}/status", json={"status": "disabled"})).status_code == 200
            assert (await api.http.put(path, json=none)).status_code == 200
            assert (await api.http.post(JOBS, json=JOB | {"jobName": "promises nothing"})).status_code == 201
        await _gone(api)
        restored = await api.http.put(path, json=job)
        assert (restored.status_code, restored.json()["promise"]) == (200, {"finishBy": "06:30"})


async def _gone(api: Rig) -> None:
    """A session ends a moment after its client has."""
    async with api.parts.reading() as connection:
        while await found(connection):
            continue


async def _refuses(api: Rig, older: str) -> None:
    refused = await api.http.post(JOBS, json=PROMISING | {"jobName": "another"})
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (409, "/problems#older-release")
    assert problem["detail"].startswith(
        f"No promise can be written while a part of an earlier release is at work: {older}"
    )


async def test_while_postgres_does_not_answer_no_promise_is_written_and_all_else_is(
    redis_url: str, own_postgres: OwnPostgres, key_prefix: str
) -> None:
    postgres = await own_postgres()
    await migrate(postgres.url)
    async with assembled_rig(redis_url, postgres.url, key_prefix) as api:
        await api.worker()
        await postgres.kill()
        refused = await api.http.post(JOBS, json=PROMISING)
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems#try-later")
        assert refused.headers["Retry-After"] == "5"
        assert (await api.http.post(JOBS, json=JOB)).status_code == 202
        await postgres.start()


@pytest.mark.parametrize("older", ["API", "projector"])
async def test_no_mute_begins_or_ends_until_they_are_gone(rig: MakeRig, older: str) -> None:
    body = {"group": "reports", "for": 60, "reason": "a move"}
    async with rig() as api:
        begun = (await api.http.post(MUTES, json=body, headers={"Idempotency-Key": "before"})).json()
        url = api.postgres_url
        async with api_of(url, f"level={PROMISES}") if older == "API" else projector_of(url, PROMISES):
            refused = await api.http.post(MUTES, json=body)
            assert (refused.status_code, refused.json()["type"]) == (409, "/problems#older-release")
            assert older in refused.json()["detail"]
            assert (await api.http.delete(f"{MUTES}/{begun['id']}")).status_code == 409
            again = await api.http.post(MUTES, json=body, headers={"Idempotency-Key": "before"})
            assert (again.status_code, again.json()) == (201, begun)
        await _gone(api)
        assert (await api.http.post(MUTES, json=body)).status_code == 201
        assert (await api.http.delete(f"{MUTES}/{begun['id']}")).status_code == 204

"""A copy of the database in another place sends nothing, until it is told that it is no copy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.notifier.receiver import LOOPBACK, HttpReceiver, http_receiver
from tests.integration.notifier.test_notifier import HERE, Receiver, created, notifying, rules, run, until, written
from tests.integration.notifier.test_process import DEADLINE, KEY, heard, notifier
from tests.integration.stage import Stage, append, staged, waterclock
from waterclock.store.connection.statements import statement
from waterclock.store.notices import origin
from waterclock.store.notices.origin import Origin
from waterclock_api.operator.diagnostics import told

__all__ = ["rules"]
COPY = Origin("https://staging.example", "redis.staging:6379", "wc")


@pytest.fixture
async def stage(redis_url: str, key_prefix: str, migrated_postgres_url: str) -> AsyncGenerator[Stage]:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as made:
        yield made


async def states(stage: Stage) -> list[str]:
    async with stage.pool.connection() as connection:
        rows = await (await connection.execute(b"SELECT state FROM notice_deliveries ORDER BY number")).fetchall()
    return [state for (state,) in rows]


async def test_a_notifier_in_another_place_judges_and_sends_nothing(stage: Stage, rules: Path) -> None:
    receiver, other = Receiver(), Receiver()
    async with stage.projecting(), notifying(stage, rules, receiver):
        await append(stage, [created()])
        await stage.projected()
        await append(stage, run(1, fails=True))
        await until(lambda: receiver.kinds == ["failed"], within=15, what="the failure")
    async with stage.projecting(), notifying(stage, rules, other, here=COPY) as muted:
        await until(lambda: muted.is_muted is True, within=15, what="that it is muted")
        await append(stage, run(2, fails=False))

        async def judged() -> bool:
            return await states(stage) == ["delivered", "waiting"]

        await until(judged, within=15, what="that the recovery is judged")
        async with stage.pool.connection() as connection:
            found = [one async for one in told.of_notices(connection)]
            assert [one.level for one in found] == ["warning"]
            assert "staging.example" in found[0].said
            assert await origin.move(connection, COPY, discard=False) == 1
        await until(lambda: other.kinds == ["recovered"], within=15, what="the recovery")
        assert muted.is_muted is False
    assert receiver.kinds == ["failed"]
    async with stage.projecting(), notifying(stage, rules, receiver) as first:
        await until(lambda: first.is_muted is True, within=15, what="that the former place is muted")


async def test_what_waited_in_a_copy_may_be_discarded(stage: Stage, rules: Path) -> None:
    receiver = Receiver()
    receiver.broken = True
    async with stage.projecting(), notifying(stage, rules, receiver):
        await append(stage, [created()])
        await stage.projected()
        await append(stage, run(1, fails=True))

        async def waits() -> bool:
            return await states(stage) == ["waiting"]

        await until(waits, within=15, what="the failure")
    async with stage.pool.connection() as connection:
        assert await origin.move(connection, COPY, discard=True) == 1
        assert await origin.found(connection) == (COPY, [HERE])
    assert await states(stage) == ["dropped"]


async def test_of_two_that_come_first_one_sends(stage: Stage) -> None:
    places = [Origin("", f"redis-{number}:6379", "wc") for number in range(8)]

    async def looks(here: Origin) -> bool:
        async with stage.pool.connection() as connection:
            return await origin.sends(connection, here)

    async def together() -> list[bool]:
        async with asyncio.TaskGroup() as tasks:
            looking = [tasks.create_task(looks(here)) for here in places]
        return [one.result() for one in looking]

    first = await together()
    assert sum(first) == 1
    assert await together() == first


async def test_what_was_long_waiting_is_told_in_a_digest_when_another_place_sends(stage: Stage) -> None:
    async with stage.pool.connection() as connection:
        assert await origin.sends(connection, HERE)
        await connection.execute(
            b"WITH one AS (INSERT INTO notices (id, at, kind, rule, document) VALUES ('a', now(), 'failed', 'r', '') "
            b"RETURNING id) INSERT INTO notice_deliveries (channel, message, subject, notice_id, state, put_at) "
            b"SELECT 'ops', n, n, id, 'waiting', now() - age FROM one, "
            b"(VALUES ('old', interval '61 minutes'), ('new', interval '59 minutes')) AS given (n, age)"
        )
        assert await origin.move(connection, COPY, discard=False) == 2
        rows = await connection.execute(b"SELECT message, is_old FROM notice_deliveries ORDER BY number")
        assert await rows.fetchall() == [("old", True), ("new", False)]


async def test_a_moved_installation_sends_once_it_is_resumed(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    async with (
        http_receiver() as receiver,
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        stage.projecting(),
    ):
        first = _settings(redis_url, key_prefix, migrated_postgres_url, tmp_path, receiver)
        moved = first | {"PUBLIC_URL": "https://new.example"}
        await append(stage, [created()])
        await stage.projected()
        async with notifier(**first):
            await append(stage, run(1, fails=True))
            await until(lambda: len(receiver.requests) == 1, within=DEADLINE, what="the failure")
        async with notifier(**moved):
            await append(stage, run(2, fails=False))

            async def waits() -> bool:
                return await states(stage) == ["delivered", "waiting"]

            await until(waits, within=DEADLINE, what="the recovery, judged")
            code, out, said = await waterclock("notices", "resume", **moved)
            assert (code, said) == (0, "")
            assert f"no longer sent from https://scheduler.example (log loopback {key_prefix})" in out
            assert "sent from https://new.example" in out
            await until(lambda: len(receiver.requests) == 2, within=DEADLINE, what="the recovery")
        assert [one["type"] for one in heard(receiver)] == ["waterclock.notice.failed", "waterclock.notice.recovered"]


async def test_a_log_of_another_installation_is_refused(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    async with (
        http_receiver() as receiver,
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
    ):
        async with stage.pool.connection() as connection:
            await connection.execute(statement("found_installation"), {"identity": "another", "prefix": key_prefix})
        await stage.log.execute(
            stage.log.keys.partition(0, "meta"), "HSET", stage.log.keys.partition(0, "meta"), "identity", "one"
        )
        settings = _settings(redis_url, key_prefix, migrated_postgres_url, tmp_path, receiver)
        code, out, said = await waterclock("notifier", **settings, OPS_SECRET=KEY)
        assert (code, out) == (2, "")
        assert "belongs to installation one, and the database to another" in said


def _settings(redis_url: str, prefix: str, postgres_url: str, folder: Path, receiver: HttpReceiver) -> dict[str, Any]:
    hook = f'ops: {{webhook: "{receiver.url}/hook", secret: "file:{folder}/key"}}'
    (folder / "key").write_text(KEY)
    (folder / "key").chmod(0o600)
    return {
        "REDIS_URL": redis_url,
        "KEY_PREFIX": prefix,
        "POSTGRES_URL": postgres_url,
        "NOTICES": str(written(folder, f"channels:\n  {hook}\nrules:\n  - {RULE}\n")),
        "PUBLIC_URL": "https://scheduler.example",
        "HTTP_ALLOW": LOOPBACK,
    }


RULE = "{name: all, on: [failed, recovered], channels: [ops]}"

"""`db.restore-drill`: a backup that can be restored is told so, any other fails, and nothing is left behind."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
import psycopg
import pytest

from tests.integration.backup.stage import IMPATIENT, Outside, environment, fill, outside, run_backup
from tests.support.servers import Bucket
from waterclock.executors.context import RunContext
from waterclock.kit.clock import SystemClock
from waterclock.testing.run_executor import Told, run_executor
from waterclock_worker.executors.backup.faults import ChildExit, Damaged
from waterclock_worker.executors.restore_drill import CountsDiffer, DrillParams, DrillResult, NoBackup, drill

ODD = """
CREATE TABLE "Odd ""name" ("a ) FROM stdin;" text);
INSERT INTO "Odd ""name" VALUES (E'a\\nb'), (E'\\\\.'), (NULL);
CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
INSERT INTO parted SELECT generate_series(1, 42);
CREATE TABLE empty (id int);
CREATE MATERIALIZED VIEW sums AS SELECT sum(height) FROM tides;
"""
CONTRADICTION = """
CREATE FUNCTION positive(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 > 0';
CREATE TABLE checked (id int CHECK (positive(id)));
INSERT INTO checked VALUES (1);
CREATE OR REPLACE FUNCTION positive(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 < 0';
"""
"""A row that no restore takes: a backup can be whole and of no use."""
TABLES = {"public.tides": 2000, "sales.orders": 500, 'public."Odd ""name"': 3, "public.parted_1": 42, "public.empty": 0}


@pytest.fixture
def bucket(s3: Bucket) -> Outside:
    return outside(s3)


@pytest.fixture
def owned_url(postgres_url: str) -> Iterator[str]:
    """The test's database, by its owner, who may make databases and nothing else: no superuser restores."""
    role, at = f"driller_{secrets.token_hex(6)}", urlsplit(postgres_url)
    name = at.path.removeprefix("/")
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for statement in (f"CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'x'", f"ALTER DATABASE {name} OWNER TO {role}"):
            admin.execute(statement.encode())
        try:
            yield at._replace(netloc=f"{role}:x@{at.hostname}:{at.port}").geturl()
        finally:
            for statement in (f"REASSIGN OWNED BY {role} TO CURRENT_USER", f"DROP ROLE {role}"):
                admin.execute(statement.encode())


@pytest.fixture
def surroundings(owned_url: str, s3: Bucket) -> dict[str, str]:
    """A drill without `target` and without a server for drills restores on the source's."""
    return environment(owned_url, s3)


async def run_drill(
    surroundings: Mapping[str, str], params: Mapping[str, Any] | None = None, *, told: Told | None = None, **more: Any
) -> Told:
    async def impatient(ctx: RunContext, params: DrillParams) -> DrillResult:
        return await drill(ctx, params, environment=surroundings, limits=IMPATIENT, clock=SystemClock())

    return await run_executor(impatient, params or {}, told=told, run_id="job1-drill", **more)


async def execute(url: str, *statements: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for statement in statements:
            await connection.execute(statement.encode())


async def scratch_left(url: str) -> list[str]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        found = await connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^waterclock_drill'")
        return [name for (name,) in await found.fetchall()]


async def backed_up(surroundings: Mapping[str, str], **params: Any) -> dict[str, Any]:
    url = surroundings["WATERCLOCK_BACKUP_DATABASE_URL"]
    await fill(url)
    await execute(url, *ODD.strip().split(";\n"))
    return msgspec.to_builtins((await run_backup(surroundings, params)).result)


@pytest.mark.parametrize("compress", [True, False])
async def test_a_good_backup_is_restored_counted_and_dropped(surroundings: dict[str, str], compress: bool) -> None:
    backup = await backed_up(surroundings, compress=compress)
    told = Told()

    result: DrillResult = (await run_drill(surroundings, {"compareWithSource": True}, told=told)).result

    assert (result.object, result.size, result.sha256) == (backup["object"], backup["size"], backup["sha256"])
    assert {one.table: one.rows for one in result.counts} == TABLES
    assert (result.tables, result.rows) == (len(TABLES), sum(TABLES.values()))
    assert result.compared_with == ("dump", "source")
    names = ["Find backup", "Read backup", "Restore", "Count source", "Compare"]
    assert [(step.name, step.status) for step in told.steps] == [(name, "succeeded") for name in names]
    for name in ("Read backup", "Restore"):
        assert told.step(name).progress[-1] == (backup["size"], backup["size"])
    assert await scratch_left(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"]) == []


async def test_a_source_that_has_other_rows_fails_and_says_which(surroundings: dict[str, str]) -> None:
    await backed_up(surroundings)
    url = surroundings["WATERCLOCK_BACKUP_DATABASE_URL"]
    await execute(url, "DELETE FROM tides WHERE id = 1")

    with pytest.raises(CountsDiffer, match=r"public\.tides has 1999 rows there and 2000 restored"):
        await run_drill(surroundings, {"compareWithSource": True})

    assert (await run_drill(surroundings)).result.compared_with == ("dump",)
    assert await scratch_left(url) == []


@pytest.mark.parametrize("damage", ["flipped", "cut", "another"])
async def test_a_damaged_object_is_given_to_no_database(
    surroundings: dict[str, str], bucket: Outside, damage: str
) -> None:
    backup = await backed_up(surroundings, compress=False)
    archive = bytearray(bucket.get(backup["object"]))
    match damage:
        case "flipped":
            archive[len(archive) // 2] ^= 1
        case "cut":
            del archive[-1000:]
        case _:
            archive[:] = b"no archive at all"
    bucket.put(backup["object"], bytes(archive))
    told = Told()

    with pytest.raises((Damaged, ChildExit)):
        await run_drill(surroundings, told=told)

    assert [step.name for step in told.steps] == ["Find backup", "Read backup"]
    assert await scratch_left(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"]) == []


async def test_without_a_verified_backup_it_fails(surroundings: dict[str, str]) -> None:
    with pytest.raises(NoBackup, match="no verified backup in backups/"):
        await run_drill(surroundings)
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"])
    await run_backup(surroundings, {"verify": False})
    with pytest.raises(NoBackup, match="no verified backup"):
        await run_drill(surroundings)


async def test_a_backup_may_be_too_old(surroundings: dict[str, str]) -> None:
    await backed_up(surroundings)
    with pytest.raises(NoBackup, match=r"maxAge is 0\.001"):
        await run_drill(surroundings, {"maxAge": 0.001})


async def test_a_restore_that_fails_leaves_no_database_and_takes_an_earlier_attempts_with_it(
    surroundings: dict[str, str], bucket: Outside
) -> None:
    url = surroundings["WATERCLOCK_BACKUP_DATABASE_URL"]
    await fill(url)
    await execute(url, *CONTRADICTION.strip().split(";\n"))
    await run_backup(surroundings)
    told = Told()

    with pytest.raises(ChildExit, match="checked"):
        await run_drill(surroundings, told=told)

    (name,) = [line.text.removeprefix("into ") for line in told.lines if line.text.startswith("into ")]
    assert await scratch_left(url) == []
    await execute(url, f'CREATE DATABASE "{name}"')
    with pytest.raises(ChildExit, match="checked"):
        await run_drill(surroundings, attempt=2)
    assert await scratch_left(url) == []


async def test_what_another_drill_has_left_goes_after_a_day_if_nobody_uses_it(surroundings: dict[str, str]) -> None:
    url = surroundings["WATERCLOCK_BACKUP_DATABASE_URL"]
    await backed_up(surroundings)
    now, day = int(time.time()), 86400
    stem = "waterclock_drill_0123456789abcdef_3"
    old, used, young, other = f"{stem}_{now - day - 60}", f"{stem}_{now - 2 * day}", f"{stem}_{now}", f"{stem}_x"
    await execute(url, *(f'CREATE DATABASE "{name}"' for name in (old, used, young, other)))
    try:
        async with await psycopg.AsyncConnection.connect(url, dbname=used):
            told = Told()
            await run_drill(surroundings, told=told)
        assert set(await scratch_left(url)) == {used, young, other}
        assert f"dropped {old}, which a drill had left more than a day ago" in told.text
    finally:
        await execute(url, *(f'DROP DATABASE IF EXISTS "{name}"' for name in (old, used, young, other)))


async def test_a_cancel_drops_the_scratch_database(surroundings: dict[str, str]) -> None:
    await backed_up(surroundings)
    told = Told()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        run = tasks.create_task(run_drill(surroundings, told=told))
        await told.step_begins("Restore")
        while not any(line.text.startswith("into ") for line in told.lines):  # noqa: ASYNC110 - lines ring no bell
            await asyncio.sleep(0.001)
        told.cancel()
    assert run.cancelled()
    assert await scratch_left(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"]) == []

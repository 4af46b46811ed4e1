"""A backup that goes well, from dump to restore."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psycopg
import pytest

from tests.integration.backup.stage import (
    content,
    described,
    environment,
    fill,
    outside,
    restore,
    restore_as_told,
    run_backup,
)
from tests.support import servers
from tests.support.certificates import Authority
from tests.support.servers import Bucket, Shared
from tests.support.terminator import terminated
from waterclock.executors.context import GiveUp
from waterclock.testing.run_executor import Told
from waterclock_worker.executors.backup.faults import ChildExit, StoreFault


@pytest.fixture
def other_url(postgres_server: Shared) -> Iterator[str]:
    """A second, empty database."""
    with servers.fresh_database(postgres_server) as url:
        yield url


async def test_a_backup_restores_every_table_as_it_was(
    postgres_url: str, other_url: str, s3: Bucket, tmp_path: Path
) -> None:
    await fill(postgres_url, bulk_mib=12)
    nominal = datetime(2026, 11, 23, 3, tzinfo=UTC)

    told = await run_backup(
        environment(postgres_url, s3), {"partSizeMiB": 5, "compress": False}, fence=7, attempt=2, nominal_at=nominal
    )

    assert [step.name for step in told.steps] == ["Check", "Dump and upload", "Verify", "Write manifest", "Clean up"]
    assert {step.status for step in told.steps} == {"succeeded"}
    result = told.result
    bucket = outside(s3)
    assert bucket.keys() == [result.object, result.manifest]
    assert bucket.open_uploads() == []
    archive = bucket.get(result.object)
    manifest = json.loads(bucket.get(result.manifest))
    assert result.object.startswith(f"backups/{result.database}/")
    assert result.object.endswith("-job1-run1.dump")
    assert result.manifest == f"{result.object}.manifest.json"
    assert (result.size, result.sha256) == (len(archive), hashlib.sha256(archive).hexdigest())
    assert result.parts == -(-len(archive) // (5 << 20)) > 2
    assert result.verified
    assert told.step("Verify").progress[-1] == (result.size, result.size)
    assert {
        name: manifest[name] for name in ("size", "sha256", "runId", "fence", "attempt", "nominalAt", "partSize")
    } == {
        "size": result.size,
        "sha256": result.sha256,
        "runId": "job1-run1",
        "fence": 7,
        "attempt": 2,
        "nominalAt": "2026-11-23T03:00:00.000Z",
        "partSize": 5 << 20,
    }
    assert f"s3://{s3.bucket}/{result.object}" in result.restore_command
    await restore_as_told(result.restore_command, archive, other_url, tmp_path)
    assert await content(other_url) == await content(postgres_url)


async def test_a_run_whose_backup_stands_makes_no_other(postgres_url: str, s3: Bucket) -> None:
    await fill(postgres_url)
    surroundings = environment(postgres_url, s3)
    first = (await run_backup(surroundings)).result

    again = await run_backup(surroundings, attempt=2)

    assert again.result.repeated
    assert (again.result.object, again.result.sha256) == (first.object, first.sha256)
    assert "nothing to do" in again.text
    assert [step.name for step in again.steps] == ["Check"]
    bucket = outside(s3)
    assert bucket.keys() == [first.object, first.manifest]


async def test_a_store_is_reached_by_tls_if_its_authority_is_known(
    postgres_url: str, s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(postgres_url)
    ca = Authority(tmp_path)
    with terminated(urlsplit(s3.endpoint).port or 0, ca.issue("s3")) as before:
        by_tls = msgspec.structs.replace(s3, endpoint=f"https://127.0.0.1:{before.port}")
        with pytest.raises(StoreFault, match=r"certificate verify failed.*\(AWS_CA_BUNDLE names who may sign it\)"):
            await run_backup(environment(postgres_url, by_tls))
        monkeypatch.setenv("AWS_CA_BUNDLE", str(ca.file))
        told = await run_backup(environment(postgres_url, by_tls))

    assert told.result.verified
    assert outside(s3).keys() == [told.result.object, told.result.manifest]


async def test_schemas_and_tables_are_chosen(postgres_url: str, other_url: str, s3: Bucket) -> None:
    await fill(postgres_url)
    params = {"includeSchemas": ["sal*"], "excludeTables": ["sales.tmp*"], "compress": False, "verify": False}
    async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
        await connection.execute("CREATE TABLE sales.tmp_1 ()")

    told = await run_backup(environment(postgres_url, s3), params)

    assert not told.result.verified
    bucket = outside(s3)
    archive = bucket.get(told.result.object)
    await restore(archive, other_url)
    assert sorted(await content(other_url)) == ["sales.orders"]


async def test_a_name_is_never_an_option_nor_a_connection(
    postgres_server: Shared, postgres_url: str, s3: Bucket, tmp_path: Path
) -> None:
    name = "--file=/tmp/x host=elsewhere"
    surroundings = described(tmp_path, environment(postgres_url, s3), databases=[name])
    with psycopg.connect(postgres_server.url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        told = await run_backup(surroundings, {"database": name})
    finally:
        with psycopg.connect(postgres_server.url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())

    assert told.result.database == name
    assert told.result.object.startswith("backups/--file%3D%2Ftmp%2Fx%20host%3Delsewhere/")
    with pytest.raises(ChildExit, match="no matching schemas"):
        await run_backup(environment(postgres_url, s3), {"includeSchemas": ["--file=/tmp/x"]})


async def test_secrets_are_nowhere_but_in_use(
    postgres_url: str, s3: Bucket, tmp_path_factory: pytest.TempPathFactory
) -> None:
    await fill(postgres_url)
    password = urlsplit(postgres_url).password
    file = tmp_path_factory.mktemp("secrets") / "url"
    file.write_text(f"{postgres_url}\n")
    listed = f"file:{file.parent}/*@127.0.0.1,env:MY_*@127.0.0.1:{urlsplit(s3.endpoint).port}"
    surroundings = environment("", s3, MY_SECRET=s3.secret_key, WATERCLOCK_BACKUP_REFERENCES=listed)
    told = Told()

    await run_backup(surroundings, {"connection": f"file:{file}", "secretKey": "env:MY_SECRET"}, told=told)

    bucket = outside(s3)
    stored_keys = bucket.keys()
    stored = b"".join([bucket.get(key) for key in stored_keys if key.endswith(".json")]).decode()
    for secret in (str(password), s3.secret_key):
        assert secret not in told.text
        assert secret not in stored
        assert secret not in msgspec.json.encode(told.result).decode()


async def test_a_wrong_password_fails_without_showing_it(postgres_url: str, s3: Bucket) -> None:
    wrong = postgres_url.replace(str(urlsplit(postgres_url).password), "tell-nobody")
    told = Told()

    with pytest.raises(ChildExit, match="password authentication failed") as raised:
        await run_backup(environment(wrong, s3), told=told)

    assert "tell-nobody" not in f"{raised.value}{told.text}"
    assert told.step("Check").status == "failed"


async def test_an_older_pg_dump_is_refused(
    postgres_url: str, s3: Bucket, tmp_path_factory: pytest.TempPathFactory
) -> None:
    surroundings = environment(postgres_url, s3)
    folder = tmp_path_factory.mktemp("bin")
    (folder / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    (folder / "pg_dump").chmod(0o755)
    for name in ("psql", "pg_restore"):
        (folder / name).symlink_to(f"{surroundings['WATERCLOCK_PG_BIN']}/{name}")

    with pytest.raises(GiveUp, match=r"must not be older: there is 9\.6"):
        await run_backup({**surroundings, "WATERCLOCK_PG_BIN": str(folder)})


async def test_a_table_locked_by_another_fails_in_time(postgres_url: str, s3: Bucket) -> None:
    await fill(postgres_url)
    async with await psycopg.AsyncConnection.connect(postgres_url) as holder:
        await holder.execute("LOCK TABLE tides")
        with pytest.raises(ChildExit, match="LOCK TABLE"):
            await run_backup(environment(postgres_url, s3), {"lockTimeout": 0.2})

    bucket = outside(s3)
    assert (bucket.keys(), bucket.open_uploads()) == ([], [])

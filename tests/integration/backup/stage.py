"""The stage of the backup tests: a database worth dumping, a bucket seen from outside, an impatient executor."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import msgspec
import psycopg
from botocore.config import Config

from tests.support.servers import Bucket
from waterclock.executors.context import RunContext
from waterclock.kit.clock import SystemClock
from waterclock.testing.run_executor import Told, run_executor
from waterclock_dev.servers.postgres import postgres_program
from waterclock_worker.executors.backup.limits import Limits
from waterclock_worker.executors.backup.params import BackupParams, BackupResult
from waterclock_worker.executors.db_backup import back_up

IMPATIENT = Limits(connect=2, read=0.5, attempts=2, call=6, stall=1, silence=10, undo=10, page=3)

TABLES = """
CREATE SCHEMA sales;
CREATE TABLE tides (id int PRIMARY KEY, height numeric, place text);
INSERT INTO tides SELECT n, n / 7.0, 'harbour ' || n || ' — Ä' FROM generate_series(1, 2000) AS n;
CREATE TABLE sales.orders (id uuid PRIMARY KEY, body jsonb, noise bytea);
INSERT INTO sales.orders SELECT gen_random_uuid(), jsonb_build_object('n', n), sha256(n::text::bytea)
FROM generate_series(1, 500) AS n;
CREATE VIEW high AS SELECT * FROM tides WHERE height > 100;
"""
BULK = """
CREATE TABLE bulk (id int, part text);
ALTER TABLE bulk ALTER part SET STORAGE EXTERNAL;
INSERT INTO bulk SELECT n, repeat('tide', 8192) FROM generate_series(1, {rows}) AS n;
"""
"""32 KiB a row in a dump that is not compressed."""


async def fill(url: str, *, bulk_mib: int = 0) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for statement in TABLES.strip().split(";")[:-1]:
            await connection.execute(statement.encode())
        if bulk_mib:
            for statement in BULK.format(rows=bulk_mib * 32).strip().split(";")[:-1]:
                await connection.execute(statement.encode())


class Outside(msgspec.Struct, frozen=True):
    """The bucket, seen past the executor and past any proxy."""

    client: Any
    bucket: str

    def keys(self) -> list[str]:
        answer = self.client.list_objects_v2(Bucket=self.bucket)
        return sorted(one["Key"] for one in answer.get("Contents", ()))

    def open_uploads(self) -> list[str]:
        try:
            answer = self.client.list_multipart_uploads(Bucket=self.bucket)
        except self.client.exceptions.NoSuchUpload:  # rclone's word where a bucket has never had one
            return []
        return [one["Key"] for one in answer.get("Uploads", ())]

    def get(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def begin_upload(self, key: str) -> None:
        self.client.create_multipart_upload(Bucket=self.bucket, Key=key)


def outside(bucket: Bucket) -> Outside:
    return Outside(_client(bucket.endpoint, bucket.access_key, bucket.secret_key), bucket.bucket)


@functools.cache
def _client(endpoint: str, access_key: str, secret_key: str) -> Any:
    """Made once: it takes a while."""
    session: Any = botocore.session.Session()
    return session.create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )


def environment(url: str, bucket: Bucket, **more: str) -> dict[str, str]:
    return {
        "WATERCLOCK_BACKUP_DATABASE_URL": url,
        "WATERCLOCK_S3_ENDPOINT": bucket.endpoint,
        "WATERCLOCK_S3_BUCKET": bucket.bucket,
        "WATERCLOCK_S3_ACCESS_KEY": bucket.access_key,
        "WATERCLOCK_S3_SECRET_KEY": bucket.secret_key,
        "WATERCLOCK_PG_BIN": str(postgres_program("pg_dump").parent),
        **more,
    }


def described(folder: Path, surroundings: Mapping[str, str], **members: Any) -> dict[str, str]:
    """The same place, as a file in `folder` describes it, with further members."""
    own = {
        "connection": "env:DATABASE_URL", "endpoint": surroundings["WATERCLOCK_S3_ENDPOINT"],
        "bucket": surroundings["WATERCLOCK_S3_BUCKET"], "accessKey": "env:S3_ACCESS_KEY",
        "secretKey": "env:S3_SECRET_KEY",
    }  # fmt: skip
    file = folder / "places.toml"
    accepts = members.pop("accepts", {})
    tables = (("default", own | members), ("default.accepts", accepts))
    lines = [
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in tables
    ]
    file.write_text("\n".join(lines))
    kept = {name: value for name, value in surroundings.items() if name not in _OF_THE_PLACE}
    secrets = {inside: surroundings[name] for name, inside in _OF_THE_PLACE.items() if inside and name in surroundings}
    return {**kept, **secrets, "WATERCLOCK_PLACES": str(file)}


_OF_THE_PLACE = {
    "WATERCLOCK_BACKUP_DATABASE_URL": "DATABASE_URL", "WATERCLOCK_S3_ENDPOINT": "", "WATERCLOCK_S3_BUCKET": "",
    "WATERCLOCK_S3_ACCESS_KEY": "S3_ACCESS_KEY", "WATERCLOCK_S3_SECRET_KEY": "S3_SECRET_KEY",
}  # fmt: skip


async def run_backup(
    surroundings: Mapping[str, str],
    params: Mapping[str, Any] | None = None,
    *,
    told: Told | None = None,
    limits: Limits = IMPATIENT,
    run_id: str = "job1-run1",
    **more: Any,
) -> Told:
    """`db.backup` as a worker runs it, but for its patience and the environment it sees."""

    async def impatient(ctx: RunContext, params: BackupParams) -> BackupResult:
        return await back_up(ctx, params, environment=surroundings, limits=limits, clock=SystemClock())

    return await run_executor(impatient, params or {}, told=told, run_id=run_id, **more)


async def restore(archive: bytes, url: str) -> None:
    """Restore into an empty database, as an operator would."""
    parts = urlsplit(url)
    env = {"PGPASSWORD": parts.password or "", "LC_ALL": "C"}
    process = await asyncio.create_subprocess_exec(
        str(postgres_program("pg_restore")),
        *("--exit-on-error", "--no-owner", "--no-acl", f"--dbname={url}"),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
    )
    _, said = await process.communicate(archive)
    assert process.returncode == 0, said.decode()


async def restore_as_told(command: str, archive: bytes, url: str, folder: Path) -> None:
    """Run the command that a result names, in a shell; `aws` is a stand-in that gives the object."""
    (folder / "object").write_bytes(archive)
    program = folder / "aws"
    program.write_text(f'#!/bin/sh\n[ "$1 $2" = "s3 cp" ] && exec cat {shlex.quote(str(folder / "object"))}\n')
    program.chmod(0o700)
    folders = [str(folder), str(postgres_program("pg_restore").parent), os.environ["PATH"]]
    process = await asyncio.create_subprocess_exec(
        *("bash", "-o", "pipefail", "-c", command),
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.pathsep.join(folders), "TARGET_URL": url, "LC_ALL": "C"},
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


async def content(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, by the table's name."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        found = await connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        tables = [str(name) for (name,) in await found.fetchall()]
        rows: dict[str, list[tuple[Any, ...]]] = {}
        for table in tables:
            found = await connection.execute(f"SELECT * FROM {table} ORDER BY 1".encode())
            rows[table] = await found.fetchall()
        return rows

"""How fast `db.backup` streams a database, and in how much memory; beside it `pg_dump` into the same parts by hand."""

import asyncio
import importlib
import os
import statistics
import subprocess  # nosec B404 # our own programs, by argument list
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import psycopg

from waterclock.log import tail
from waterclock.log.tail import tail_of
from waterclock.model.events import RunFailed, RunRetryScheduled, RunSucceeded, RunTimedOut
from waterclock_dev.bench.stage import Stage, staged
from waterclock_dev.servers.postgres import Postgres, postgres_program
from waterclock_dev.servers.s3 import S3
from waterclock_dev.servers.server import Server, ServerError

PART = 8 * 1024 * 1024  # bytes, the default of db.backup
AT_ONCE = 3  # parts under way, as of db.backup
LONGEST = 600.0  # s
_KEY = "by-hand.dump"
_ROWS = """
CREATE TABLE tides (id int, noise text);
ALTER TABLE tides ALTER noise SET STORAGE EXTERNAL;
INSERT INTO tides SELECT n, (SELECT string_agg(md5(n::text || m::text), '') FROM generate_series(1, 1024) AS m)
FROM generate_series(1, {rows}) AS n;
"""
"""32 KiB a row."""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """MiB a second of dump, `mib` of it."""

    worker: float
    by_hand: float
    mib: float

    @property
    def ratio(self) -> float:
        return self.worker / self.by_hand


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    rounds: list[Round]
    peak_mib: float | None
    """The worker's memory at its largest; None where the system does not tell."""

    @property
    def ratio(self) -> float:
        return statistics.median(each.ratio for each in self.rounds)


async def measure(*, mib: int, rounds: int, compress: bool) -> Measured:
    """Both, one after the other, on the same servers; neither reads back what it stored."""
    async with _servers() as (database, s3), staged() as stage:
        await _fill(database, mib=mib)
        env = {
            "WATERCLOCK_BACKUP_DATABASE_URL": database,
            "WATERCLOCK_S3_ENDPOINT": s3.url,
            "WATERCLOCK_S3_BUCKET": s3.program.bucket,
            "WATERCLOCK_S3_ACCESS_KEY": s3.program.access_key,
            "WATERCLOCK_S3_SECRET_KEY": s3.program.secret_key,
            "WATERCLOCK_PG_BIN": str(postgres_program("pg_dump").parent),
        }
        params = {"compress": compress, "verify": False, "cleanupOldBackups": False}
        async with stage.worker(slots=1, env=env) as worker:
            await _backed_up(stage, "warm", {**params, "excludeTables": ["tides"]})  # whose imports are not measured
            done = [
                await _round(stage, database, s3, params, number=number, compress=compress) for number in range(rounds)
            ]
            return Measured(rounds=done, peak_mib=_peak(worker.pid))


@asynccontextmanager
async def _servers() -> AsyncGenerator[tuple[str, Server[S3]]]:
    with tempfile.TemporaryDirectory(prefix="waterclock-bench-", ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        async with (
            Server(Postgres(data=data / "postgres", durable=False)) as postgres,
            Server(S3(data=data / "s3")) as s3,
        ):
            yield postgres.url, s3


async def _fill(url: str, *, mib: int) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for statement in _ROWS.format(rows=mib * 32).strip().split(";")[:-1]:
            await connection.execute(statement.encode())
        await connection.execute("CHECKPOINT")


async def _round(
    stage: Stage, database: str, s3: Server[S3], params: Mapping[str, Any], *, number: int, compress: bool
) -> Round:
    size, took = await asyncio.to_thread(_by_hand, database, s3, compress=compress)
    result = await _backed_up(stage, f"round-{number}", params)
    assert result["size"] == size, "the two have not dumped the same"
    await asyncio.to_thread((s3.program.data / s3.program.bucket / result["object"]).unlink)
    mib = size / 2**20
    return Round(worker=mib / (result["durationMs"] / 1000), by_hand=mib / took, mib=mib)


async def _backed_up(stage: Stage, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a run of db.backup.

    Raises:
        ServerError: it failed.
    """
    reader = stage.log.reader()
    after = await tail_of(stage.log, 0)
    assert after is not None
    try:
        async with asyncio.timeout(LONGEST):
            run_id = await stage.request("db.backup", name, params=params)
            while True:
                for entry in await tail.read(reader, 0, after, count=100, block=1, archive=None):
                    after = entry.position
                    match entry.event:
                        case RunSucceeded() as event if event.run_id == run_id:
                            return dict(event.result)
                        case RunFailed() | RunRetryScheduled() | RunTimedOut() as event if event.run_id == run_id:
                            raise ServerError(f"the backup failed: {event.error.message}")
                        case _:
                            pass
    finally:
        await reader.close()


def _by_hand(database: str, s3: Server[S3], *, compress: bool) -> tuple[int, float]:
    """Bytes and seconds of a plain loop: read a part, hand it to one of three threads that store it."""
    client = _client(s3)
    bucket = s3.program.bucket
    parts = urlsplit(database)
    env = {**os.environ, "PGPASSWORD": parts.password or ""}
    command = [str(postgres_program("pg_dump")), "--format=custom", f"--dbname={database}"]
    began = time.perf_counter()
    upload = client.create_multipart_upload(Bucket=bucket, Key=_KEY)["UploadId"]
    size = 0
    stored: list[Future[str]] = []

    def store(number: int, part: bytes) -> str:
        place = {"Bucket": bucket, "Key": _KEY, "UploadId": upload, "PartNumber": number}
        return client.upload_part(**place, Body=part)["ETag"]

    plain = [] if compress else ["--compress=0"]
    dumping = subprocess.Popen([*command, *plain], stdout=subprocess.PIPE, env=env)  # nosec B603 # pg_dump, no shell
    assert dumping.stdout is not None
    with dumping, ThreadPoolExecutor(AT_ONCE) as threads:
        while part := dumping.stdout.read(PART):
            size += len(part)
            stored.append(threads.submit(store, len(stored) + 1, part))
            if len(stored) > AT_ONCE:
                stored[-AT_ONCE - 1].result()  # no more than these wait
    if dumping.returncode:
        raise ServerError(f"pg_dump exited with {dumping.returncode}")
    tags = [{"PartNumber": number, "ETag": one.result()} for number, one in enumerate(stored, start=1)]
    client.complete_multipart_upload(Bucket=bucket, Key=_KEY, UploadId=upload, MultipartUpload={"Parts": tags})
    took = time.perf_counter() - began
    (s3.program.data / bucket / _KEY).unlink()
    return size, took


def _client(s3: Server[S3]) -> Any:
    config = importlib.import_module("botocore.config").Config(
        request_checksum_calculation="when_required", s3={"addressing_style": "path"}
    )
    return (
        importlib.import_module("botocore.session")
        .Session()
        .create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=s3.url,
            aws_access_key_id=s3.program.access_key,
            aws_secret_access_key=s3.program.secret_key,
            config=config,
        )
    )


def _peak(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)

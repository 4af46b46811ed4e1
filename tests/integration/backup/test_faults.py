"""Backups that go wrong: each ends as failed, and leaves nothing that could be taken for a backup."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
import pytest_asyncio

from tests.integration.backup.stage import IMPATIENT, Outside, environment, fill, outside, run_backup
from tests.support.s3_faults import Operation, S3Faults, Way, s3_faults
from tests.support.servers import Bucket, OwnPostgres
from waterclock.testing.run_executor import Told
from waterclock_worker.executors.backup.faults import (
    ChildExit,
    ChildSignal,
    Damaged,
    EmptyDump,
    Stalled,
    StoreFault,
    TooLarge,
)

ONCE = msgspec.structs.replace(IMPATIENT, attempts=1)
PARTS = {"partSizeMiB": 5, "compress": False}


@pytest_asyncio.fixture
async def faults(s3: Bucket) -> AsyncGenerator[S3Faults]:
    async with s3_faults(s3.endpoint) as proxy:
        yield proxy


@pytest.fixture
def bucket(s3: Bucket) -> Outside:
    return outside(s3)


@pytest.fixture
def surroundings(postgres_url: str, s3: Bucket, faults: S3Faults) -> dict[str, str]:
    return {**environment(postgres_url, s3), "WATERCLOCK_S3_ENDPOINT": faults.endpoint}


@pytest.mark.parametrize("way", ["500", "hang", "cut"])
@pytest.mark.parametrize(
    ("operation", "after"), [("CreateMultipartUpload", 0), ("UploadPart", 1), ("CompleteMultipartUpload", 0)]
)
async def test_a_failing_store_leaves_nothing(
    operation: Operation, after: int, way: Way, surroundings: dict[str, str], faults: S3Faults, bucket: Outside
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"], bulk_mib=11)
    faults.fail(operation, way, after=after)
    told = Told()

    with pytest.raises((StoreFault, Stalled)):
        await run_backup(surroundings, PARTS, limits=ONCE, told=told)

    assert told.step("Dump and upload").status == "failed"
    assert [step.name for step in told.steps] == ["Check", "Dump and upload"]
    assert (bucket.keys(), bucket.open_uploads()) == ([], [])


async def test_a_store_that_takes_no_more_bytes_is_given_up(
    surroundings: dict[str, str], faults: S3Faults, bucket: Outside
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"], bulk_mib=11)
    faults.fail("UploadPart", "read nothing")

    with pytest.raises(Stalled, match=r"part [123]"):
        await run_backup(surroundings, PARTS, limits=msgspec.structs.replace(ONCE, stall=0.5, read=5))

    assert (bucket.keys(), bucket.open_uploads()) == ([], [])


async def test_a_store_that_fails_for_a_moment_is_tried_again(
    surroundings: dict[str, str], faults: S3Faults, bucket: Outside
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"], bulk_mib=6)
    for operation in ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "PutObject"):
        faults.fail(operation, "500", times=1)

    told = await run_backup(surroundings, PARTS)

    assert told.result.verified
    assert bucket.keys() == [told.result.object, told.result.manifest]


async def test_an_upload_whose_beginning_was_not_heard_of_is_aborted(
    surroundings: dict[str, str], faults: S3Faults, bucket: Outside
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"])
    faults.fail("CreateMultipartUpload", "lose the answer")

    with pytest.raises(StoreFault):
        await run_backup(surroundings, limits=ONCE)

    assert bucket.open_uploads() == []


async def test_a_backup_whose_completion_was_not_heard_of_stands(
    surroundings: dict[str, str], faults: S3Faults, bucket: Outside
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"])
    faults.fail("CompleteMultipartUpload", "lose the answer", times=1)

    told = await run_backup(surroundings)

    assert told.result.verified
    assert bucket.keys() == [told.result.object, told.result.manifest]


async def test_what_cannot_be_aborted_is_told_beside_the_first_failure(
    surroundings: dict[str, str], faults: S3Faults
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"])
    faults.fail("UploadPart", "500")
    faults.fail("AbortMultipartUpload", "500")
    told = Told()

    with pytest.raises(StoreFault, match="part 1"):
        await run_backup(surroundings, limits=ONCE, told=told)

    assert "could not be aborted" in told.text


async def test_a_manifest_that_cannot_be_written_takes_the_object_with_it(
    surroundings: dict[str, str], faults: S3Faults, bucket: Outside
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"])
    faults.fail("PutObject", "500")

    with pytest.raises(StoreFault, match="put object"):
        await run_backup(surroundings, limits=ONCE)

    assert bucket.keys() == []


@pytest.mark.parametrize(
    ("damage", "compress"), [("flipped", True), ("flipped", False), ("cut", True), ("longer", True)]
)
async def test_a_damaged_object_is_found_and_deleted(
    damage: str, compress: bool, surroundings: dict[str, str], faults: S3Faults, bucket: Outside
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"])

    async def damaged() -> None:
        (key,) = bucket.keys()
        archive = bytearray(bucket.get(key))
        match damage:
            case "flipped":
                archive[len(archive) // 2] ^= 1
            case "cut":
                del archive[-1]
            case _:
                archive += b"\0"
        bucket.put(key, bytes(archive))

    faults.then("CompleteMultipartUpload", damaged)
    told = Told()

    with pytest.raises(Damaged):
        await run_backup(surroundings, {"compress": compress}, told=told)

    assert told.step("Verify").status == "failed"
    assert bucket.keys() == []


async def test_reading_back_goes_on_where_the_connection_was_cut(
    surroundings: dict[str, str], faults: S3Faults
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"], bulk_mib=3)
    faults.fail("GetObject", "cut", times=1)

    told = await run_backup(surroundings)

    assert told.result.verified
    assert faults.calls.count("GetObject") >= 2


async def test_a_store_that_cannot_be_read_back_means_no_backup(
    surroundings: dict[str, str], faults: S3Faults, bucket: Outside
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"])
    faults.fail("GetObject", "hang")

    with pytest.raises((StoreFault, Stalled)):
        await run_backup(surroundings, limits=ONCE)

    assert bucket.keys() == []


async def test_a_clean_up_that_fails_is_told_and_the_backup_stands(
    surroundings: dict[str, str], faults: S3Faults, bucket: Outside
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"])
    faults.fail("ListMultipartUploads", "500")

    told = await run_backup(surroundings, limits=ONCE)

    assert told.step("Clean up").status == "failed"
    assert "list multipart uploads" in told.result.cleanup_error
    assert bucket.keys() == [told.result.object, told.result.manifest]


async def test_a_killed_pg_dump_leaves_nothing(surroundings: dict[str, str], faults: S3Faults, bucket: Outside) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"], bulk_mib=11)
    met = asyncio.Event()

    async def part_stored() -> None:
        if not met.is_set():
            met.set()
            os.kill(pids_of("pg_dump", surroundings)[0], signal.SIGKILL)

    faults.then("UploadPart", part_stored)

    with pytest.raises(ChildSignal, match="SIGKILL"):
        await run_backup(surroundings, PARTS, limits=msgspec.structs.replace(IMPATIENT, concurrency=1))

    assert (bucket.keys(), bucket.open_uploads()) == ([], [])


async def test_a_cancelled_backup_ends_pg_dump_and_leaves_nothing(
    surroundings: dict[str, str], faults: S3Faults, bucket: Outside
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"], bulk_mib=20)
    met = faults.fail("UploadPart", "hang")
    told = Told()
    limits = msgspec.structs.replace(IMPATIENT, read=30, stall=30, concurrency=1)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        run = tasks.create_task(run_backup(surroundings, PARTS, told=told, limits=limits))
        await met.wait()
        assert pids_of("pg_dump", surroundings)
        told.cancel()

    assert run.cancelled()
    assert pids_of("pg_dump", surroundings) == []
    assert told.step("Dump and upload").status == "cancelled"
    assert (bucket.keys(), bucket.open_uploads()) == ([], [])


BACK_UP = """
import asyncio, os
from tests.integration.backup.stage import IMPATIENT, run_backup
asyncio.run(run_backup(os.environ, {params}, limits=IMPATIENT))
"""


@pytest.mark.parametrize(("operation", "after"), [("UploadPart", 1), ("PutObject", 0)])
async def test_what_a_killed_worker_left_goes_with_the_runs_next_attempt(
    operation: Operation, after: int, surroundings: dict[str, str], faults: S3Faults, bucket: Outside
) -> None:
    await fill(surroundings["WATERCLOCK_BACKUP_DATABASE_URL"], bulk_mib=11)
    met = faults.fail(operation, "hang", after=after)
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BACK_UP.format(params=PARTS), env={**os.environ, **surroundings}
    )
    async with asyncio.timeout(60):
        await met.wait()
    worker.kill()
    await worker.wait()
    left = bucket.keys() + bucket.open_uploads()
    assert len(left) == 1
    faults.heal()

    told = await run_backup(surroundings, PARTS, attempt=2)

    assert f"{left[0]}, which an earlier attempt left unfinished" in told.text
    assert bucket.keys() == [told.result.object, told.result.manifest]
    assert bucket.open_uploads() == []


async def test_a_server_that_dies_during_the_dump_leaves_nothing(
    own_postgres: OwnPostgres, s3: Bucket, faults: S3Faults, bucket: Outside
) -> None:
    server = await own_postgres()
    await fill(server.url, bulk_mib=40)
    faults.then("UploadPart", server.kill)
    surroundings = {**environment(server.url, s3), "WATERCLOCK_S3_ENDPOINT": faults.endpoint}

    with pytest.raises(
        ChildExit, match=r"(?s)pg_dump exited with 1: .*(closed the connection|terminating|could not receive)"
    ):
        await run_backup(surroundings, PARTS, limits=msgspec.structs.replace(IMPATIENT, concurrency=1))

    assert (bucket.keys(), bucket.open_uploads()) == ([], [])


async def test_a_database_that_is_not_there_fails_before_anything_is_stored(
    surroundings: dict[str, str], bucket: Outside
) -> None:
    server = surroundings["WATERCLOCK_BACKUP_DATABASE_URL"].rpartition("/")[0]

    with pytest.raises(ChildExit, match='database "nosuch" does not exist'):
        await run_backup({**surroundings, "WATERCLOCK_BACKUP_DATABASE_URL": f"{server}/nosuch"})

    assert (bucket.keys(), bucket.open_uploads()) == ([], [])


@pytest.mark.parametrize(("script", "error"), [("exit 0", EmptyDump), ("exit 3", ChildExit), ("sleep 60", Stalled)])
async def test_a_dump_of_nothing_is_no_backup(
    script: str, error: type[Exception], surroundings: dict[str, str], bucket: Outside, tmp_path: Path
) -> None:
    fake(tmp_path, surroundings, script)

    with pytest.raises(error):
        await run_backup(
            {**surroundings, "WATERCLOCK_PG_BIN": str(tmp_path)}, limits=msgspec.structs.replace(IMPATIENT, silence=0.3)
        )

    assert (bucket.keys(), bucket.open_uploads()) == ([], [])


async def test_an_archive_cut_by_an_early_end_is_never_stored(
    surroundings: dict[str, str], bucket: Outside, tmp_path: Path
) -> None:
    """All bytes came and the stream ended, but the exit code says that they are not all."""
    fake(tmp_path, surroundings, "echo half a dump; exit 1")

    with pytest.raises(ChildExit):
        await run_backup({**surroundings, "WATERCLOCK_PG_BIN": str(tmp_path)})

    assert (bucket.keys(), bucket.open_uploads()) == ([], [])


async def test_what_is_no_archive_does_not_verify(
    surroundings: dict[str, str], bucket: Outside, tmp_path: Path
) -> None:
    fake(tmp_path, surroundings, "echo no archive at all")

    with pytest.raises(Damaged, match="cannot be restored"):
        await run_backup({**surroundings, "WATERCLOCK_PG_BIN": str(tmp_path)})

    assert bucket.keys() == []


async def test_a_dump_of_too_many_parts_is_given_up(
    surroundings: dict[str, str], bucket: Outside, tmp_path: Path
) -> None:
    fake(tmp_path, surroundings, "head -c 40000000 /dev/zero")
    limits = msgspec.structs.replace(IMPATIENT, parts=2)

    with pytest.raises(TooLarge, match="2 parts of"):
        await run_backup({**surroundings, "WATERCLOCK_PG_BIN": str(tmp_path)}, PARTS, limits=limits)

    assert (bucket.keys(), bucket.open_uploads()) == ([], [])


async def test_a_password_file_is_gone_with_its_run(surroundings: dict[str, str], tmp_path: Path) -> None:
    fake(
        tmp_path, surroundings, 'stat -c "%a %n" "$PGPASSFILE" >&2; cat /proc/self/environ | tr "\\0" "\\n" >&2; exit 1'
    )
    told = Told()
    url = surroundings["WATERCLOCK_BACKUP_DATABASE_URL"]

    with pytest.raises(ChildExit):
        await run_backup({**surroundings, "WATERCLOCK_PG_BIN": str(tmp_path)}, told=told)

    mode, _, path = told.text.partition("pgpass")[0].rpartition("\n")[2].partition(" ")
    assert mode == "600"
    assert not os.path.exists(f"{path}pgpass")  # noqa: ASYNC240, PTH110
    assert "PGDATABASE=" in told.text
    assert "PGPASSWORD" not in told.text
    assert str(urlsplit(url).password) not in told.text
    assert "WATERCLOCK" not in told.text


def fake(folder: Path, surroundings: dict[str, str], script: str) -> None:
    """A pg_dump that does `script`, beside the true programs."""
    program = folder / "pg_dump"
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 99.1" && exit\n{script}\n')
    program.chmod(0o755)
    for name in ("psql", "pg_restore"):
        (folder / name).symlink_to(f"{surroundings['WATERCLOCK_PG_BIN']}/{name}")


def pids_of(name: str, surroundings: dict[str, str]) -> list[int]:
    """Processes of this name that dump the test's own database."""
    database = surroundings["WATERCLOCK_BACKUP_DATABASE_URL"].rpartition("/")[2]
    found: list[int] = []
    for process in Path("/proc").iterdir():
        try:
            named = process.name.isdigit() and (process / "comm").read_text().strip() == name
            if named and f"PGDATABASE={database}\0".encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found

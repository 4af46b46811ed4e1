"""All that is kept, as bytes to be searched: by the log, the archive, an object store, the list of processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis

from tests.support.servers import Bucket, s3_client
from waterclock_dev.servers.postgres import postgres_program

MOST = 1_000_000


async def log_keys(url: str) -> dict[str, bytes]:
    """Each key of a server and all in it; commands it was given lately, as far as it shows them."""
    held: dict[str, bytes] = {}
    async with Redis.from_url(url) as client:  # pyright: ignore[reportUnknownMemberType]
        untyped: Any = client
        untyped.response_callbacks.clear()
        for key in await untyped.execute_command("KEYS", "*"):
            kind = (await untyped.execute_command("TYPE", key)).decode()
            words = {"hash": ("HGETALL",), "stream": ("XRANGE", "-", "+"), "zset": ("ZRANGE", 0, -1),
                     "string": ("GET",), "set": ("SMEMBERS",), "list": ("LRANGE", 0, -1)}[kind]  # fmt: skip
            held[f"{kind} {key.decode()}"] = _flat(await untyped.execute_command(words[0], key, *words[1:]))
        held["SLOWLOG"] = _flat(await untyped.execute_command("SLOWLOG", "GET", MOST))
        held["ACL LOG"] = _flat(await untyped.execute_command("ACL", "LOG", MOST))
    return held


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def database(url: str) -> dict[str, bytes]:
    """All tables, views and functions of a database, as SQL; and what its sessions are called and do."""
    at = urlsplit(url)
    env = {"PGPASSWORD": unquote(at.password or ""), "PATH": os.environ["PATH"]}
    bare = at._replace(netloc=f"{at.username}@{at.hostname}:{at.port}").geturl()
    sessions = "SELECT * FROM pg_stat_activity"
    commands = {
        "pg_dump": [postgres_program("pg_dump"), "--inserts", "--dbname", bare],
        "sessions": [postgres_program("psql"), "--no-psqlrc", "--command", sessions, bare],
    }
    return {
        name: subprocess.run(command, env=env, check=True, capture_output=True, timeout=60).stdout
        for name, command in commands.items()
    }


def objects(bucket: Bucket) -> dict[str, bytes]:
    """Keys, content and metadata of each object."""
    held: dict[str, bytes] = {}
    with s3_client(bucket) as client:
        for one in client.list_objects_v2(Bucket=bucket.bucket).get("Contents", ()):
            got = client.get_object(Bucket=bucket.bucket, Key=one["Key"])
            held[one["Key"]] = one["Key"].encode() + got["Body"].read()
            held[f"metadata of {one['Key']}"] = repr(got["ResponseMetadata"]).encode() + repr(got["Metadata"]).encode()
    return held


def commands_below(pid: int) -> dict[str, bytes]:
    """The command lines of all processes below this one: every user of the machine may read them."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    held: dict[str, bytes] = {}
    for one in below - {pid}:
        with contextlib.suppress(OSError):
            held[f"cmdline of {one}"] = Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ")
    return held


def _flat(reply: Any) -> bytes:
    """What a reply holds, one after the other."""
    if isinstance(reply, list | tuple):
        return b"\n".join(map(_flat, cast("list[Any]", reply)))
    return reply if isinstance(reply, bytes) else str(reply).encode()

"""A server on which drills restore, with the role of `deploy/postgres/scratch.sql`; and dumps of our own making."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from collections.abc import Generator
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import msgspec
import psycopg
from psycopg import sql

from tests.support.pages import README
from tests.support.servers import lone_postgres
from waterclock_dev.servers.postgres import postgres_program
from waterclock_worker.executors.backup.s3.manifest import Manifest

FILE = README.parent / "deploy/postgres/scratch.sql"
ROLE = "waterclock_scratch"


class DrillServer(NamedTuple):
    """`url` is the administrator's, of the database `waterclock`."""

    url: str
    password: str

    @property
    def scratch(self) -> str:
        at = urlsplit(self.url)
        return at._replace(netloc=f"{ROLE}:{self.password}@{at.hostname}:{at.port}", path=f"/{ROLE}").geturl()

    def of(self, database: str) -> str:
        """The administrator's."""
        return urlsplit(self.url)._replace(path=f"/{quote(database)}").geturl()

    def execute(self, *statements: str, database: str = "waterclock") -> None:
        with psycopg.connect(self.of(database), autocommit=True) as admin:
            for statement in statements:
                admin.execute(statement.encode())

    def databases(self) -> set[str]:
        with psycopg.connect(self.url) as admin:
            return {str(name) for (name,) in admin.execute("SELECT datname FROM pg_database")}

    @contextlib.contextmanager
    def database(self, name: str, *statements: str) -> Generator[str]:
        """The URL of one that only the administrator may enter, after `statements` in it."""
        self.execute(f"CREATE DATABASE {_quoted(name)}", f"REVOKE ALL ON DATABASE {_quoted(name)} FROM PUBLIC")
        try:
            self.execute(*statements, database=name)
            yield self.of(name)
        finally:
            self.execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string()


@contextlib.contextmanager
def drill_server() -> Generator[DrillServer]:
    with lone_postgres() as server:
        made = DrillServer(server.url, secrets.token_urlsafe(12))
        made.execute(make_role(made.url, made.password))
        yield made


def make_role(url: str, password: str) -> str:
    """What `scratch.sql` prints: the lines that close the other databases."""
    command = [postgres_program("psql"), "--no-psqlrc", "--quiet", "--file", FILE, url]
    env = {"WATERCLOCK_SCRATCH_PASSWORD": password, "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=env, check=False, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return done.stdout.decode()


def dumped(url: str, *, compress: bool = False) -> bytes:
    """What pg_dump makes of a database, as `db.backup` calls it."""
    command = [postgres_program("pg_dump"), "--format=custom", f"--dbname={url}"]
    return subprocess.run(
        command if compress else [*command, "--compress=0"], check=True, capture_output=True, timeout=60
    ).stdout


def manifest_of(archive: bytes, *, key: str, database: str) -> bytes:
    """A manifest as `db.backup` writes it once it has read an archive back."""
    now = datetime.now(UTC).isoformat()  # noqa: TID251
    return msgspec.json.encode(
        Manifest(
            object=key,
            database=database,
            size=len(archive),
            sha256=sha256(archive).hexdigest(),
            parts=1,
            part_size=8 << 20,
            verified_at=now,
            pg_dump_version="18.0",
            server_version="18.0",
            compressed=False,
            run_id="job1-run1",
            attempt=1,
            fence=1,
            nominal_at=None,
            started_at=now,
            finished_at=now,
        )
    )


def crafted(archive: bytes, placeholder: bytes, statement: bytes) -> bytes:
    """An archive that pg_dump did not make: where it holds `placeholder`, a statement of its length stands."""
    assert archive.count(placeholder) == 1, archive.count(placeholder)
    assert len(statement) <= len(placeholder), (len(statement), len(placeholder))
    return archive.replace(placeholder, statement.ljust(len(placeholder)))

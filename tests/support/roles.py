"""The roles of Postgres that `deploy/postgres/roles.sql` gives each service, in a database of a test's own."""

import contextlib
import os
import secrets
import subprocess
from collections.abc import Collection, Generator
from typing import NamedTuple
from urllib.parse import urlsplit

import psycopg

from tests.support.pages import README
from tests.support.servers import Shared, fresh_database
from waterclock_dev.servers.postgres import postgres_program

FILE = README.parent / "deploy/postgres/roles.sql"
NAMES = ("owner", "api", "projector", "notifier", "backup")


class Roles(NamedTuple):
    """A database and the passwords of its roles; `url` is the administrator's."""

    url: str
    passwords: dict[str, str]

    def of(self, name: str) -> str:
        at = urlsplit(self.url)
        place = f"{at.hostname}:{at.port}"
        return at._replace(netloc=f"waterclock_{name}:{self.passwords[name]}@{place}").geturl()


@contextlib.contextmanager
def with_roles(server: Shared) -> Generator[Roles]:
    """An empty database with the roles; both go at the end. Others wait: roles are of the whole server."""
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(hashtext('waterclock roles'))")
        try:
            with fresh_database(server) as url:
                yield Roles(url, make_roles(url))
        finally:
            for name in NAMES:
                admin.execute(f"DROP ROLE IF EXISTS waterclock_{name}".encode())


def make_roles(url: str, *, without: Collection[str] = ()) -> dict[str, str]:
    """Their passwords, as the environment of `psql` has them. `without`: roles that get none."""
    passwords = {name: secrets.token_urlsafe(24) for name in NAMES if name not in without}
    env = {f"WATERCLOCK_{name.upper()}_PASSWORD": password for name, password in passwords.items()}
    command = [postgres_program("psql"), "--no-psqlrc", "--quiet", "--file", FILE, url]
    done = subprocess.run(command, env=env | {"PATH": os.environ["PATH"]}, check=False, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return passwords

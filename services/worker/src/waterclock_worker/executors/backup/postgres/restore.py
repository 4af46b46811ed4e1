"""A dump into a database: pg_restore, fed from the store; and what it says where its role may not do what is asked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import aclosing
from pathlib import Path

from waterclock.model.events import Level
from waterclock_worker.executors.backup.faults import ChildExit, Damaged, NotProved, moving
from waterclock_worker.executors.backup.limits import Limits
from waterclock_worker.executors.backup.postgres.process import Tell, running
from waterclock_worker.executors.backup.s3.manifest import Manifest
from waterclock_worker.executors.backup.s3.store import Store

_RESTORING = (
    "--exit-on-error", "--no-owner", "--no-acl", "--no-password", "--no-tablespaces", "--no-publications",
    "--no-subscriptions", "--no-security-labels",
)  # fmt: skip
_REFUSED = re.compile(
    r"(?:ERROR|FATAL):\s+(?:"
    r"permission denied|must (?:be|have) |only (?:super)?(?:users?|roles?) |non-superusers? |superuser required"
    r"|.*\b(?:must be|is not|only) (?:a )?superusers?\b"
    r")",
    re.IGNORECASE,
)
"""How the server says `insufficient_privilege` (42501), in English; pg_restore does not tell the code."""
_WHY = re.compile(r"(?:HINT|DETAIL|CONTEXT):\s")
_COMMAND = re.compile(r"Command was: ")
_MOST = 500  # characters of a line


class Refusal:
    """Listens to pg_restore: the first thing that its role was not allowed."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._said: list[str] = []
        self._open = False

    def __call__(self, level: Level, text: str) -> None:
        self._tell(level, text)
        if not self._said:
            if _REFUSED.search(text):
                self._said.append(text.partition("ERROR:")[2].strip()[:_MOST] or text[:_MOST])
                self._open = True
        elif self._open and (_WHY.match(text) or _COMMAND.match(text)):
            self._said.append(text[:_MOST])
            self._open = _COMMAND.match(text) is None

    @property
    def said(self) -> str | None:
        """What it was, why, and in which command; None: there was nothing of the kind."""
        return "; ".join(self._said) or None


async def restore(
    store: Store,
    manifest: Manifest,
    pg_restore: Path,
    *,
    database: str,
    env: Mapping[str, str],
    limits: Limits,
    tell: Tell,
    progressed: Callable[[int], None],
) -> None:
    """Return if all of the dump is in the database.

    Raises:
        NotProved: the dump holds what the role may not restore.
        Damaged: it is another than the manifest says.
        ChildExit, ChildSignal: pg_restore failed.
        StoreFault, Stalled: it could not be read.
    """
    refusal = Refusal(tell)
    try:
        digest = await _fed(
            store,
            manifest,
            pg_restore,
            database=database,
            env=env,
            limits=limits,
            tell=refusal,
            progressed=progressed,
        )
    except ChildExit as error:
        if refusal.said is None:
            raise
        raise NotProved(
            f"{manifest.object} needs a permission that the drill's role lacks, so it is not known whether it can "
            f"be restored: {refusal.said}"
        ) from error
    if digest != manifest.sha256:
        raise Damaged(f"{manifest.object} changed between the check and the restore")


async def _fed(
    store: Store,
    manifest: Manifest,
    pg_restore: Path,
    *,
    database: str,
    env: Mapping[str, str],
    limits: Limits,
    tell: Tell,
    progressed: Callable[[int], None],
) -> str:
    """The SHA-256 of what was fed."""
    digest = hashlib.sha256()
    read = 0
    key = manifest.object
    async with running(
        pg_restore,
        [*_RESTORING, f"--dbname={database}"],
        env=env,
        tell=tell,
        grace=limits.grace,
        reads_input=True,
    ) as program:
        async with (
            moving(limits.silence, f"restoring {key}") as moved,  # an index may take its time
            aclosing(store.read(key, size=manifest.size)) as chunks,
        ):
            async for chunk in chunks:
                digest.update(chunk)
                read += len(chunk)
                if not await program.feed(chunk):
                    break
                moved()
                progressed(read)
        await program.close_input()
        async with moving(limits.silence * 4, "waiting for pg_restore"):
            await program.finish()
    return digest.hexdigest()

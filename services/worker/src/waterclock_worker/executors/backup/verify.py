"""Whether what is stored is what was dumped: all of it is read back.

The digest finds any changed byte; pg_restore reads the whole archive, as a restore would. (`pg_restore --list` would
not do: it reads only the head, and finds nothing wrong with a dump that was cut in the middle.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from waterclock_worker.executors.backup.connection import bare_environment
from waterclock_worker.executors.backup.faults import ChildExit, ChildSignal, Damaged, moving
from waterclock_worker.executors.backup.limits import Limits
from waterclock_worker.executors.backup.process import Tell, running
from waterclock_worker.executors.backup.store import Store


async def verify(
    store: Store,
    key: str,
    *,
    size: int,
    sha256: str,
    pg_restore: Path,
    limits: Limits,
    tell: Tell,
    progressed: Callable[[int], None],
) -> None:
    """Return if the object `key` has this size and digest and is an archive from end to end.

    Raises:
        Damaged: it is not.
        StoreFault, Stalled: it could not be read.
    """
    digest = hashlib.sha256()
    read = 0
    wanted = True
    async with running(
        pg_restore, ["--file=/dev/null"], env=bare_environment(), tell=tell, grace=limits.grace, reads_input=True
    ) as program:
        async with moving(limits.stall, f"reading {key} back") as moved, aclosing(store.read(key, size=size)) as chunks:
            async for chunk in chunks:
                digest.update(chunk)
                read += len(chunk)
                wanted = wanted and await program.feed(chunk)
                moved()
                progressed(read)
        await program.close_input()
        if read != size:
            raise Damaged(f"{key} has {read} bytes in the store; {size} were dumped")
        if digest.hexdigest() != sha256:
            raise Damaged(
                f"{key} has another SHA-256 in the store ({digest.hexdigest()}) than what was dumped ({sha256})"
            )
        try:
            async with moving(limits.silence, "waiting for pg_restore"):
                await program.finish()
        except (ChildExit, ChildSignal) as error:
            raise Damaged(f"{key} cannot be restored: {error}") from error

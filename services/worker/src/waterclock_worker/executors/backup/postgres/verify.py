"""Whether what is stored is what was dumped: all of it is read back.

The digest finds any changed byte; pg_restore reads the whole archive, as a restore would. (`pg_restore --list` would
not do: it reads only the head, and finds nothing wrong with a dump that was cut in the middle.)
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from waterclock_worker.executors.backup.faults import ChildExit, ChildSignal, Damaged, moving, unwrapped
from waterclock_worker.executors.backup.limits import CHUNK, Limits
from waterclock_worker.executors.backup.postgres.connection import bare_environment
from waterclock_worker.executors.backup.postgres.process import Program, Tell, running
from waterclock_worker.executors.backup.s3.store import Store


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
    script: Callable[[bytes], None] | None = None,
) -> None:
    """Return if the object `key` has this size and digest and is an archive from end to end.

    `script` gets the rows, as SQL, in another thread, while the archive is read; that they are the right ones is known
    when this returns.

    Raises:
        Damaged: it is not.
        StoreFault, Stalled: it could not be read.
    """
    digest = hashlib.sha256()
    read = 0
    wanted = True
    arguments = ["--file=/dev/null"] if script is None else ["--data-only", "--file=-"]
    async with (
        running(
            pg_restore,
            arguments,
            env=bare_environment(),
            tell=tell,
            grace=limits.grace,
            reads_input=True,
            writes_output=script is not None,
        ) as program,
        heard(program, script),
    ):
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


@asynccontextmanager
async def heard(program: Program, script: Callable[[bytes], None] | None) -> AsyncGenerator[None]:
    """Read a program's output to its end, beside the block."""
    if script is None:
        yield
        return

    async def read() -> None:
        while chunk := await program.output.read(CHUNK):
            await asyncio.to_thread(script, chunk)  # a dump decides how long that takes

    with unwrapped():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read(), name=f"output of {program.name}")
            yield

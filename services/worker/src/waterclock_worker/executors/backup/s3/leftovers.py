"""What earlier attempts of a run have left in the store: their worker was killed in the middle."""

from __future__ import annotations

from collections.abc import Callable

from waterclock_worker.executors.backup.s3.keys import MANIFEST, ours
from waterclock_worker.executors.backup.s3.store import Store


async def clear(store: Store, folder: str, *, run_id: str, tell: Callable[[str], None]) -> None:
    """Delete the run's objects and abort its uploads. For a run without a backup, before its next attempt begins one.

    An earlier attempt that goes on although its run was taken from it loses its upload, and fails.

    Raises:
        StoreFault: something may be left; a later clean-up finds it.
    """
    names = [(one.key, name) for one in await store.list(folder) if (name := ours(one.key, folder)) is not None]
    for key, name in sorted(names, key=lambda one: one[1].kind != MANIFEST):  # first: without it there is no backup
        if name.run_id == run_id:
            await store.delete(key)
            tell(f"deleted {key}, which an earlier attempt left unfinished")
    for upload in await store.open_uploads(folder):
        name = ours(upload.key, folder)
        if name is not None and name.run_id == run_id:
            await store.abort_upload(upload.key, upload.upload_id)
            tell(f"aborted the upload of {upload.key}, which an earlier attempt left unfinished")

"""Which old backups go, within one folder.

A backup goes if it is not among the newest `keep_last`, is older than `retention_days`, and a newer one is verified.
Old is only what both clocks call old, the worker's (by the stamp in the name) and the store's: one of them gone wrong
deletes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from waterclock_worker.executors.backup.s3.keys import DUMP, MANIFEST, ours
from waterclock_worker.executors.backup.s3.manifest import Manifest, read
from waterclock_worker.executors.backup.s3.store import Listed, Store

DAY_MS = 86_400_000


class Found(NamedTuple):
    """A backup in the folder, or half of one."""

    stem: str
    made_ms: int  # by the worker that made it
    stored_ms: int  # by the store: the later of the two objects
    has_dump: bool
    has_manifest: bool


class Ages(NamedTuple):
    """How old something is: by both clocks."""

    now_ms: int  # the worker's
    store_now_ms: int

    def are_at_least(self, age_ms: int, one: Found) -> bool:
        return self.now_ms - one.made_ms >= age_ms and self.store_now_ms - one.stored_ms >= age_ms


def expired(
    found: list[Found], ages: Ages, *, own: str, newest_verified: str | None, keep_last: int, retention_days: int
) -> list[Found]:
    """Whole backups that go. `found` is newest first; `own` and `newest_verified` are stems."""
    if newest_verified is None:
        return []
    whole = [one for one in found if one.has_dump and one.has_manifest]
    return [
        one
        for one in whole[keep_last:]
        if one.stem < newest_verified and one.stem != own and ages.are_at_least(retention_days * DAY_MS, one)
    ]


def halves(found: list[Found], ages: Ages, *, own: str) -> list[Found]:
    """What no run is about to make whole: dumps whose maker died before the manifest, manifests whose dump is gone."""
    return [
        one for one in found if one.has_dump != one.has_manifest and one.stem != own and ages.are_at_least(DAY_MS, one)
    ]


class Cleaning:
    """One clean-up of one folder; `deleted` tells what it has done, also after it failed."""

    def __init__(self, store: Store, folder: str, *, own: str, now_ms: int, tell: Callable[[str], None]) -> None:
        """`own` is the stem of the backup just made, which stays; `now_ms` is the worker's clock."""
        self.deleted: list[str] = []
        self._store = store
        self._folder = folder
        self._own = own
        self._now_ms = now_ms
        self._tell = tell

    async def clean(self, *, keep_last: int, retention_days: int) -> None:
        """
        Raises:
            StoreFault: the store failed; what is in `deleted` is gone.
        """
        found = found_in(await self._store.list(self._folder), self._folder)
        ages = Ages(self._now_ms, self._store.now_ms)
        newest = await self._newest_verified(found)
        for one in expired(
            found, ages, own=self._own, newest_verified=newest, keep_last=keep_last, retention_days=retention_days
        ):
            await self._remove_whole(one)
        for one in halves(found, ages, own=self._own):
            await self._remove_half(one)
        for upload in await self._store.open_uploads(self._folder):
            if ours(upload.key, self._folder) is not None and ages.store_now_ms - upload.begun_ms > DAY_MS:
                await self._store.abort_upload(upload.key, upload.upload_id)
                self._tell(f"aborted an unfinished upload of {upload.key}")

    async def _newest_verified(self, found: list[Found]) -> str | None:
        for one in found:
            if one.has_dump and one.has_manifest:
                manifest = await self._manifest(one)
                if manifest is not None and manifest.is_verified:
                    return one.stem
        return None

    async def _remove_whole(self, one: Found) -> None:
        if await self._manifest(one) is None:
            self._tell(f"{self._folder}{one.stem}: its manifest is not one of ours, so it stays")
            return
        await self._delete(one.stem + MANIFEST)  # first: what has no manifest is no backup
        await self._delete(one.stem + DUMP)

    async def _remove_half(self, one: Found) -> None:
        if one.has_dump:
            await self._delete(one.stem + DUMP)
        elif await self._manifest(one) is not None:
            await self._delete(one.stem + MANIFEST)

    async def _manifest(self, one: Found) -> Manifest | None:
        """Its manifest, if that is one of ours and tells of it."""
        manifest = await read(self._store, self._folder + one.stem + MANIFEST)
        return manifest if manifest is not None and manifest.object == self._folder + one.stem + DUMP else None

    async def _delete(self, name: str) -> None:
        await self._store.delete(self._folder + name)
        self.deleted.append(self._folder + name)
        self._tell(f"deleted {self._folder}{name}")


def found_in(listed: list[Listed], folder: str) -> list[Found]:
    """Backups of ours among what is listed, newest first."""
    found: dict[str, Found] = {}
    for one in listed:
        name = ours(one.key, folder)
        if name is None:
            continue
        before = found.get(name.stem)
        found[name.stem] = Found(
            stem=name.stem,
            made_ms=name.made_ms,
            stored_ms=max(one.modified_ms, before.stored_ms if before else 0),
            has_dump=name.kind == DUMP or (before is not None and before.has_dump),
            has_manifest=name.kind == MANIFEST or (before is not None and before.has_manifest),
        )
    return [found[stem] for stem in sorted(found, reverse=True)]

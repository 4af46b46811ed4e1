"""What a clean-up deletes, and what it never touches."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.integration.backup.stage import IMPATIENT, Outside, environment, fill, outside, run_backup
from tests.support.servers import Bucket
from waterclock_worker.executors.backup.place import Place
from waterclock_worker.executors.backup.s3.keys import DUMP, MANIFEST, folder_of, stem_of
from waterclock_worker.executors.backup.s3.manifest import Manifest
from waterclock_worker.executors.backup.s3.retention import DAY_MS, Cleaning
from waterclock_worker.executors.backup.s3.store import Store, open_store

FOLDER = "backups/tides/"
NOW_MS = 1_795_000_000_000
NOBODY = stem_of(NOW_MS, "nobody")


@pytest.fixture
def bucket(s3: Bucket) -> Outside:
    return outside(s3)


async def test_only_the_newest_are_kept_however_many_pages_there_are(s3: Bucket, bucket: Outside) -> None:
    stems = [put_backup(bucket, days=days) for days in range(1, 9)]

    deleted = await clean(s3, keep_last=2, retention_days=0)

    assert sorted(deleted) == keys(*stems[2:])
    assert bucket.keys() == keys(*stems[:2])


async def test_what_the_store_calls_young_stays(s3: Bucket, bucket: Outside) -> None:
    """The names say a month; the store has them since now. One of the clocks is wrong, and which is not known."""
    stems = [put_backup(bucket, days=days) for days in (30, 31)]

    assert await clean(s3, keep_last=1, retention_days=7) == []
    assert bucket.keys() == keys(*stems)


async def test_the_newest_verified_backup_stays_and_all_that_is_newer(s3: Bucket, bucket: Outside) -> None:
    newer = [put_backup(bucket, days=days, verified=False) for days in (1, 2)]
    verified = put_backup(bucket, days=3)
    put_backup(bucket, days=4)

    deleted = await clean(s3, keep_last=1, retention_days=0)

    assert len(deleted) == 2
    assert bucket.keys() == keys(*newer, verified)


async def test_without_a_verified_backup_nothing_goes(s3: Bucket, bucket: Outside) -> None:
    stems = [put_backup(bucket, days=days, verified=False) for days in (1, 2, 3)]

    assert await clean(s3, keep_last=1, retention_days=0) == []
    assert bucket.keys() == keys(*stems)


async def test_what_is_not_ours_is_never_touched(s3: Bucket, bucket: Outside) -> None:
    put_backup(bucket, days=1)
    put_backup(bucket, days=2)
    stem = stem_of(NOW_MS - 9 * DAY_MS, "job-run")
    others = [
        "backups/other/" + stem + DUMP,
        "backups/other/" + stem + MANIFEST,
        "backups/tides2/" + stem + DUMP,
        FOLDER + "notes.txt",
        FOLDER + "20200101.dump",
        FOLDER + "deeper/" + stem + DUMP,
        FOLDER + stem + DUMP,  # and a manifest that somebody else wrote
        FOLDER + stem + MANIFEST,
    ]
    for key in others:
        bucket.put(key, b"theirs")

    deleted = await clean(s3, keep_last=1, retention_days=0)

    assert len(deleted) == 2
    assert set(others) < set(bucket.keys())


async def test_a_young_dump_without_manifest_stays(s3: Bucket, bucket: Outside) -> None:
    """Somebody may be about to write its manifest: the store has it since now, whatever its name says."""
    put_backup(bucket, days=0)
    bucket.put(FOLDER + stem_of(NOW_MS - 9 * DAY_MS, "job-run") + DUMP, b"half")
    bucket.begin_upload(FOLDER + stem_of(NOW_MS - 9 * DAY_MS, "job-other") + DUMP)

    assert await clean(s3, keep_last=1, retention_days=0) == []
    assert len(bucket.open_uploads()) == 1


async def test_what_a_dead_run_has_left_goes_after_a_day(s3: Bucket, bucket: Outside) -> None:
    put_backup(bucket, days=0)
    stem = stem_of(NOW_MS - 2 * DAY_MS, "job-run")
    bucket.put(FOLDER + stem + DUMP, b"half")
    bucket.put("backups/tides2/" + stem + DUMP, b"half")
    bucket.begin_upload(FOLDER + stem + DUMP)
    bucket.begin_upload("backups/tides2/" + stem + DUMP)

    deleted = await clean(s3, keep_last=1, retention_days=0, store_ahead_ms=2 * DAY_MS)

    assert deleted == [FOLDER + stem + DUMP]
    assert bucket.open_uploads() == ["backups/tides2/" + stem + DUMP]


async def test_a_run_cleans_up_behind_itself(postgres_url: str, s3: Bucket, bucket: Outside) -> None:
    await fill(postgres_url)
    surroundings = environment(postgres_url, s3)
    first = (await run_backup(surroundings, run_id="run-1")).result

    second = (await run_backup(surroundings, {"retentionDays": 0}, run_id="run-2")).result
    third = (await run_backup(surroundings, {"cleanupOldBackups": False}, run_id="run-3")).result

    assert second.deleted == (first.manifest, first.object)
    assert (third.deleted, third.cleanup_error) == ((), None)
    assert bucket.keys() == sorted([second.object, second.manifest, third.object, third.manifest])


def put_backup(bucket: Outside, *, days: int, verified: bool = True) -> str:
    """A backup made so many days ago; its stem."""
    stem = stem_of(NOW_MS - days * DAY_MS, "job-run")
    manifest = Manifest(
        object=FOLDER + stem + DUMP,
        database="tides",
        size=4,
        sha256="0" * 64,
        parts=1,
        part_size=8 << 20,
        verified_at="2026-11-18T00:00:00.000Z" if verified else None,
        pg_dump_version="18.6",
        server_version="18.6",
        compressed=True,
        run_id="job-run",
        attempt=1,
        fence=1,
        nominal_at=None,
        started_at="2026-11-18T00:00:00.000Z",
        finished_at="2026-11-18T00:00:00.000Z",
    )
    bucket.put(FOLDER + stem + DUMP, b"dump")
    bucket.put(FOLDER + stem + MANIFEST, msgspec.json.encode(manifest))
    return stem


def keys(*stems: str) -> list[str]:
    return sorted(FOLDER + stem + kind for stem in stems for kind in (DUMP, MANIFEST))


async def clean(s3: Bucket, *, store_ahead_ms: int = 0, **policy: Any) -> list[str]:
    """Clean the folder at `NOW_MS`; returns what was deleted."""
    place = Place(
        bucket=s3.bucket,
        region="us-east-1",
        endpoint=s3.endpoint,
        access_key=s3.access_key,
        secret_key=s3.secret_key,
    )
    assert folder_of("backups", "tides") == FOLDER
    async with open_store(place, IMPATIENT) as store:
        seen: Any = Ahead(store, store_ahead_ms)
        cleaning = Cleaning(seen, FOLDER, own=NOBODY, now_ms=NOW_MS, tell=lambda _: None)
        await cleaning.clean(**policy)
    return cleaning.deleted


class Ahead:
    """The store, with its clock set ahead: what it holds is older by that much."""

    def __init__(self, store: Store, by_ms: int) -> None:
        self._store = store
        self._by_ms = by_ms

    @property
    def now_ms(self) -> int:
        return self._store.now_ms + self._by_ms

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

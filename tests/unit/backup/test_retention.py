"""Which backups go: never the newest verified one, and nothing on the word of one clock."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st

from waterclock_worker.executors.backup.limits import MIB
from waterclock_worker.executors.backup.s3.keys import DUMP, MANIFEST, folder_of, ours, stem_of
from waterclock_worker.executors.backup.s3.retention import (
    DAY_MS,
    Ages,
    Found,
    expired,
    found_in,
    halves,
)
from waterclock_worker.executors.backup.s3.store import Listed
from waterclock_worker.executors.backup.s3.upload import PART_MOST, part_size_for

NOW = 1_795_000_000_000
AGES = Ages(now_ms=NOW, store_now_ms=NOW)
FOLDER = "backups/tides/"


def backup(days: float, *, stored_days: float | None = None, dump: bool = True, manifest: bool = True) -> Found:
    made = NOW - round(days * DAY_MS)
    stored = NOW - round((days if stored_days is None else stored_days) * DAY_MS)
    return Found(stem_of(made, "run"), made, stored, dump, manifest)


@hypothesis.given(
    days=st.lists(st.integers(-3, 40), unique=True, max_size=12),
    verified=st.integers(0, 12),
    keep_last=st.integers(1, 5),
    retention_days=st.integers(0, 30),
    skew=st.integers(-40, 40),
)
def test_whatever_is_there_the_newest_verified_backup_and_the_newest_few_stay(
    days: list[int], verified: int, keep_last: int, retention_days: int, skew: int
) -> None:
    found = [backup(day, stored_days=day + skew) for day in sorted(days)]
    newest = found[verified].stem if verified < len(found) else None

    gone = expired(found, AGES, own="", newest_verified=newest, keep_last=keep_last, retention_days=retention_days)

    assert not {one.stem for one in gone} & {one.stem for one in found[:keep_last]}
    assert all(newest is not None and one.stem < newest for one in gone)
    assert all(min(NOW - one.made_ms, NOW - one.stored_ms) >= retention_days * DAY_MS for one in gone)


def test_what_is_old_goes() -> None:
    found = [backup(days) for days in (0, 6, 8, 9)]

    gone = expired(found, AGES, own="", newest_verified=found[0].stem, keep_last=1, retention_days=7)

    assert gone == found[2:]


def test_half_a_backup_goes_after_a_day_by_both_clocks() -> None:
    found = [backup(0.9, dump=False), backup(1, manifest=False), backup(2, stored_days=0.5, manifest=False), backup(3)]

    assert halves(found, AGES, own="") == [found[1]]
    assert halves(found, AGES, own=found[1].stem) == []


def test_only_names_spelled_as_ours_are_ours() -> None:
    stem = stem_of(NOW, "job-run")
    listed = [
        Listed(FOLDER + stem + DUMP, 1, NOW - 5),
        Listed(FOLDER + stem + MANIFEST, 1, NOW),
        Listed(FOLDER + "x" + stem + DUMP, 1, NOW),
        Listed(FOLDER + "99999999T000000000Z-run.dump", 1, NOW),
        Listed("backups/tides2/" + stem + DUMP, 1, NOW),
        Listed(FOLDER + "sub/" + stem + DUMP, 1, NOW),
    ]

    assert found_in(listed, FOLDER) == [Found(stem, NOW, NOW, has_dump=True, has_manifest=True)]


@hypothesis.given(made_ms=st.integers(0, 4_000_000_000_000), run=st.from_regex(r"[0-9a-z-]{1,64}", fullmatch=True))
def test_a_name_tells_what_it_was_made_of(made_ms: int, run: str) -> None:
    stem = stem_of(made_ms, run)

    assert ours(FOLDER + stem + DUMP, FOLDER) == (stem, made_ms, run, DUMP)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=20)


@hypothesis.given(one=NAMES, other=NAMES)
def test_each_database_has_a_folder_of_its_own(one: str, other: str) -> None:
    folders = folder_of("backups", one), folder_of("backups", other)

    assert (folders[0] == folders[1]) == (one == other)
    assert folders[0].count("/") == 2


@hypothesis.given(size=st.integers(0, 1 << 42), least=st.integers(5, 512))
def test_twice_the_database_fits_into_the_parts(size: int, least: int) -> None:
    part = part_size_for(size, least=least * MIB, most_parts=10_000)

    assert part % MIB == 0
    assert least * MIB <= part <= PART_MOST
    assert part * 10_000 >= 2 * size or part == PART_MOST

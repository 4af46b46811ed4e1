"""The stores change places under load: nothing is lost or doubled that is not told, and nobody of ours ends."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.failover.field import Row
from tests.support.failover.rows import ROWS, SLICE, faults_of


@pytest.mark.timeout(300)
@pytest.mark.parametrize("row", SLICE.values(), ids=SLICE)
async def test_a_failover_loses_nothing_and_ends_nobody(row: Row[Any], tmp_path: Path) -> None:
    faults = await faults_of(row, tmp_path)
    assert not faults, "\n".join([f"{row.name}: {row.what}", *faults[:60]])


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_what_is_lost_in_a_failover_is_told(row: Row[Any], tmp_path: Path) -> None:
    faults = await faults_of(row, tmp_path)
    assert not faults, "\n".join([f"{row.name}: {row.what}", *faults[:60]])

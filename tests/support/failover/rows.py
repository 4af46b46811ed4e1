"""All rows, by name."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.support.failover import of_clusters, of_faults, of_pairs, of_stores
from tests.support.failover.field import Row, under_load
from tests.support.failover.judging import broken, losses

ROWS: Mapping[str, Row[Any]] = {
    row.name: row for row in (*of_pairs.ROWS, *of_clusters.ROWS, *of_stores.ROWS, *of_faults.ROWS)
}


SLICE: Mapping[str, Row[Any]] = {row.name: row for row in (of_pairs.SHORT, of_clusters.ROWS[0]._replace(keeps=True))}
"""What is played each time. A process that is killed has sent its replica what it has answered: none of it is lost."""


async def faults_of(row: Row[Any], folder: Path) -> list[str]:
    """Play a row, and say what does not hold; what was measured is printed."""
    laps = [time.monotonic()]
    async with row.stage(folder) as stage, under_load(row, stage, folder) as (field, over):
        laps.append(time.monotonic())
        await row.play(field)
        laps.append(time.monotonic())
        outcome = await over()
        laps.append(time.monotonic())
        faults = await broken(row, outcome)
        laps.append(time.monotonic())
        print(  # noqa: T201  shown if it fails, and by the soak
            f"{row.name}: {row.what}: {len(field.load.answered)} answered, {losses(outcome)};"
            f" writable after {field.took}; {len(faults)} faults; started, played, settled, judged in"
            f" {' + '.join(f'{end - begin:.0f}' for begin, end in pairwise(laps))} s;"
            f" all that was said: {folder}/output.log",
            *(f"  {fault[:400]}" for fault in faults[:10]),
            sep="\n",
        )
    return faults

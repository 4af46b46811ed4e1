"""`python -m tests.redteam [KIND]`: every attack, or those of a kind, as a table; exit code 1 if any fell."""

from __future__ import annotations

import asyncio
import functools
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.redteam.all_attacks import attacks
from tests.redteam.attack import Attack, Outcome, carried_out
from tests.redteam.field import field
from tests.support.servers import OwnServers, own_servers


def main(kind: str | None) -> int:
    chosen = attacks(kind=kind)
    if not chosen:
        kinds = sorted({one.kind for one in attacks()})
        sys.stderr.write(f"there is no kind {kind!r}: {', '.join(kinds)}\n")
        return 2
    with own_servers() as own, tempfile.TemporaryDirectory(prefix="waterclock-red-") as folder:
        outcomes = asyncio.run(_carried_out(own, Path(folder), chosen))
    return int(any(not one.held for one in outcomes))


async def _carried_out(own: OwnServers, folder: Path, chosen: Sequence[Attack]) -> list[Outcome]:
    async with field(own, folder) as here:
        return await carried_out(here, chosen, functools.partial(print, flush=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))

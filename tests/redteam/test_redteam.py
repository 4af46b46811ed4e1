"""No attack gets through: a slice of them with all tests, all of them in the soak."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.redteam.all_attacks import attacks
from tests.redteam.attack import carried_out, line_of
from tests.redteam.field import field
from tests.support.servers import OwnServers


@pytest.mark.timeout(240)
async def test_the_quick_attacks_are_held(own_servers: OwnServers, tmp_path: Path) -> None:
    await _held(own_servers, tmp_path, quick=True)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_every_attack_is_held(own_servers: OwnServers, tmp_path: Path) -> None:
    await _held(own_servers, tmp_path, quick=False)


async def _held(own: OwnServers, folder: Path, *, quick: bool) -> None:
    chosen = attacks(quick=quick)
    assert len({one.title for one in chosen}) == len(chosen) > 0
    async with field(own, folder) as here:
        outcomes = await carried_out(here, chosen, print)
    assert [line_of(one) for one in outcomes if not one.held] == []

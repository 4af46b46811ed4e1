"""Names of jobs: one holder each, taken over only as seen."""

import pytest

from tests.contract.log.build import J
from waterclock.log.client import Log
from waterclock.log.names import NameTaken, Reserved, release_name, replace_name, reserve_name
from waterclock.model.ids import created_job

pytestmark = pytest.mark.asyncio
OTHER = created_job("another")


async def test_a_name_is_reserved_once(log: Log) -> None:
    assert await reserve_name(log, "G", "report", J, "c1") == Reserved()
    assert await reserve_name(log, "G", "report", J, "c1") == Reserved()
    assert await reserve_name(log, "G", "report", OTHER, "c2") == NameTaken(J, "c1")
    assert await reserve_name(log, "H", "report", OTHER, "c2") == Reserved()


async def test_a_holder_reserves_again_with_another_command(log: Log) -> None:
    await reserve_name(log, "G", "report", J, "c1")
    assert await reserve_name(log, "G", "report", J, "c2") == Reserved()
    assert await reserve_name(log, "G", "report", OTHER, "c3") == NameTaken(J, "c2")


async def test_only_the_holder_releases(log: Log) -> None:
    await reserve_name(log, "G", "report", J, "c1")
    await release_name(log, "G", "report", OTHER)
    assert await reserve_name(log, "G", "report", OTHER, "c2") == NameTaken(J, "c1")
    await release_name(log, "G", "report", J)
    assert await reserve_name(log, "G", "report", OTHER, "c2") == Reserved()


async def test_a_name_is_taken_over_only_as_it_was_seen(log: Log) -> None:
    await reserve_name(log, "G", "report", J, "c1")
    seen = NameTaken(J, "c0")
    assert await replace_name(log, "G", "report", OTHER, "c2", seen=seen) == NameTaken(J, "c1")
    seen = NameTaken(J, "c1")
    assert await replace_name(log, "G", "report", OTHER, "c2", seen=seen) == Reserved()
    assert await replace_name(log, "G", "report", OTHER, "c2", seen=seen) == Reserved()


async def test_a_free_name_is_taken_over_too(log: Log) -> None:
    assert await replace_name(log, "G", "report", J, "c1", seen=NameTaken(OTHER, "c0")) == Reserved()


async def test_names_may_hold_spaces(log: Log) -> None:
    assert await reserve_name(log, "my group", "my report", J, "POST /jobs key 1") == Reserved()
    taken = await reserve_name(log, "my group", "my report", OTHER, "c")
    assert taken == NameTaken(J, "POST /jobs key 1")

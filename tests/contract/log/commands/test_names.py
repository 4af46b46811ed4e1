"""Names of jobs: one holder each, taken over only as seen."""

import pytest

from tests.contract.log.build import J
from waterclock.log.client import Log
from waterclock.log.commands.names import (
    NameTaken,
    Reserved,
    holder,
    odd_names,
    put_names,
    release_name,
    replace_name,
    reserve_name,
    spellings,
)
from waterclock.model.ids import created_job

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


async def test_what_is_more_than_what_names_have_in_common_is_found_among_many(log: Log) -> None:
    for number in range(200):
        await reserve_name(log, "G", f"report {number}", J, "c1")
    odd = {("G", "caf\u0065\u0301"), ("G", "caf\u00e9\u200b"), ("G\u00ad", "x")}
    for name in (*odd, ("G", "caf\u00e9"), ("日本", "報告")):
        await reserve_name(log, *name, J, "c1")
    assert await odd_names(log) == {
        ("G", "caf\u00e9"): {("G", "caf\u0065\u0301"), ("G", "caf\u00e9\u200b")},
        ("G", "x"): {("G\u00ad", "x")},
    }
    assert await holder(log, "G\u00ad", "x") == NameTaken(J, "c1")
    assert await holder(log, "G", "x") is None


@pytest.mark.parametrize("first", ["twin", "twi\u200bn"])
async def test_names_are_put_back_so_that_one_like_them_is_found_whatever_comes_first(log: Log, first: str) -> None:
    second = "twi\u200bn" if first == "twin" else "twin"
    jobs = {first: J, second: OTHER}
    for name, job_id in jobs.items():
        await put_names(log, [("G", name, job_id)])
    held = [await holder(log, "G", name) for name in jobs]
    assert [one and one.job_id for one in held] == [J, OTHER]
    await put_names(log, [("G", "cafe\u0301", J)])
    assert spellings("G", "cafe\u0301") == (("G", "caf\u00e9"), ("G", "cafe\u0301"))
    for name in spellings("G", "cafe\u0301"):
        taken = await reserve_name(log, *name, OTHER, "c")
        assert isinstance(taken, NameTaken)
        assert taken.job_id == J

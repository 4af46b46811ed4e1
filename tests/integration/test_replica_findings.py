"""`waterclock doctor` says of a log with replicas whether a failover to one of them can be safe."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio

from tests.support.asking import ask
from tests.support.pages import README
from tests.support.replicas import Replicas, replicated
from tests.support.waiting import until
from waterclock.log.client import Log, LogSettings
from waterclock_api.operator.diagnostics.replicas import of_replicas

CONFIGURATION = README.parent / "deploy/valkey/replicated.conf"


@pytest_asyncio.fixture
async def replicas(tmp_path: Path) -> AsyncGenerator[Replicas]:
    async with replicated(tmp_path, replicas=2) as made:
        yield made


async def told(url: str, *, wanted: int = 0) -> dict[str, str]:
    """What is said of each level."""
    log = await Log.reach(LogSettings(url=url), role="test")
    try:
        return {one.level: f"{one.said} → {one.do}" async for one in of_replicas(log, wanted)}
    finally:
        await log.close()


async def required(made: Replicas, *, write: int, lag: int) -> None:
    await ask(made.members[0], "CONFIG", "SET", "min-replicas-to-write", write, "min-replicas-max-lag", lag)


async def test_a_primary_that_goes_on_without_its_replicas_is_warned_of(replicas: Replicas) -> None:
    url = replicas.members[0].url
    for write in (0, 1):  # one of two may stay with the old primary
        await required(replicas, write=write, lag=2)
        found = await told(url)
        assert f"min-replicas-to-write is {write}" in found["warning"]
        assert "set min-replicas-to-write to 2" in found["warning"]

    await required(replicas, write=2, lag=10)
    assert "accepts writes for 10 s" in (await told(url))["warning"]
    await required(replicas, write=2, lag=2)
    assert [*await told(url)] == ["ok"]


async def test_a_word_that_cannot_be_had_or_does_not_suffice_is_warned_of(replicas: Replicas) -> None:
    old, *others = replicas.members
    await required(replicas, write=2, lag=2)
    assert [*await told(old.url, wanted=2)] == ["ok"]
    assert "another one may be promoted" in (await told(old.url, wanted=1))["warning"]
    assert "has 2 replica(s), and WATERCLOCK_LOG_REPLICAS requires 3" in (await told(old.url, wanted=3))["warning"]
    for other in others:
        await other.kill()

    async def alone() -> bool:
        return "has none" in (await told(old.url)).get("ok", "")

    await until(alone, within=10, what="the primary knows that it has no replica")


async def test_a_server_that_does_not_tell_its_settings_is_said_to_be_so(replicas: Replicas) -> None:
    server = replicas.members[0]
    await ask(server, "ACL", "SETUSER", "guest", "on", ">secret", "~*", "+@all", "-config")
    found = await told(server.url.replace("//", "//guest:secret@"))
    assert "does not report min-replicas-to-write" in found["ok"]


async def test_a_pair_with_the_configuration_that_is_shown_is_well(tmp_path: Path) -> None:
    lines = [line for line in CONFIGURATION.read_text().splitlines() if line and not line.startswith("#")]
    settings = {name: value.strip('"') for name, _, value in (line.partition(" ") for line in lines)}
    async with replicated(tmp_path, settings=settings) as made:
        assert [*await told(made.members[0].url, wanted=1)] == ["ok"]

"""What `waterclock doctor` says of runs whose executor no live worker has, and of runs aside that nobody looks for."""

from __future__ import annotations

import msgspec
import pytest

from tests.integration.api.rig import Rig, assembled_rig
from tests.integration.api.routes.test_queues import lacking, lacks, request
from tests.integration.stage import waterclock
from waterclock.log.commands.aside import announced, count_aside
from waterclock.log.commands.bodies import body_of
from waterclock.log.connection.errors import Halted
from waterclock.log.liveness.sessions import join, leave
from waterclock.model.events import WorkerJoined
from waterclock.model.timestamps import stamp
from waterclock_api.operator.diagnostics import executors
from waterclock_api.operator.diagnostics.checks import Finding
from waterclock_api.operator.diagnostics.executors import of_executors


async def found_in(api: Rig) -> list[Finding]:
    await api.caught_up()
    async with api.parts.reading() as connection:
        return [one async for one in of_executors(api.log, connection)]


async def test_each_executor_that_nobody_has_is_named_with_its_runs_and_since_when(
    redis_url: str, migrated_postgres_url: str, key_prefix: str
) -> None:
    place = {"REDIS_URL": redis_url, "KEY_PREFIX": key_prefix, "POSTGRES_URL": migrated_postgres_url}
    async with assembled_rig(redis_url, migrated_postgres_url, key_prefix) as api:
        assert [one.level for one in await found_in(api)] == ["ok"]
        await lacking(api)
        await request(api, "ml.train", "it's")
        await lacks(api)
        await request(api, "ml.train", "demo.noop")
        (train,) = [one for one in (await count_aside(api.log, 0)).groups if one.executor == "ml.train"]

        named, odd = await found_in(api)
        since = stamp(train.since)
        said = f"2 runs wait for 'ml.train' since {since}, and no live worker of queue low has it"
        assert (named.level, named.check, named.said) == ("warning", "executors", said)
        assert "--search ml.train --dry-run" in named.do
        assert odd.said.startswith('1 run waits for "it\'s" since 20')
        assert """--search 'it'"'"'s' --dry-run""" in odd.do
        code, out, _ = await waterclock("doctor", "--json", **place)
        found = msgspec.json.decode(out, type=dict[str, list[Finding]])["findings"]
        assert (code != 0, [one for one in found if one.check == "executors"]) == (True, [named, odd])

        joined = WorkerJoined(worker="w", session="elsewhere", queues=("critical",), slots=1, executors=())
        says = announced(["ml.train", "it's"])
        await join(api.log, "elsewhere", body=body_of(joined), executors=says)
        assert [one.said for one in await found_in(api)] == [named.said, odd.said]
        assert [one.level async for one in of_executors(api.log, None)] == ["ok"]
        await join(api.log, "has", body=None, executors=says)
        assert [one.level for one in await found_in(api)] == ["ok"]


async def test_what_lies_aside_is_a_finding_beside_workers_of_the_release_before_alone(
    redis_url: str, migrated_postgres_url: str, key_prefix: str
) -> None:
    async with assembled_rig(redis_url, migrated_postgres_url, key_prefix) as api:
        await lacking(api)
        await request(api, "ml.train", "ml.train")
        await lacks(api)
        await join(api.log, "old", body=None)
        assert [one.level for one in await found_in(api)] == ["ok"]  # the next claim puts them back

        key = api.log.keys.partition(0, "sessions")  # swept by one of the release before, which knows of nothing aside
        await api.log.execute(key, "HDEL", key, "lacking")
        (hidden,) = await found_in(api)
        assert hidden.said.startswith("2 runs were set aside, and all live workers are of an earlier release")
        assert "waterclock reconcile --aside --apply" in hidden.do

        await leave(api.log, "old", body=None)
        (lacked,) = await found_in(api)
        assert lacked.said.startswith("2 runs wait for 'ml.train'")


async def test_of_many_executors_those_with_the_most_runs_are_named(
    redis_url: str, migrated_postgres_url: str, key_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "NAMED", 1)
    async with assembled_rig(redis_url, migrated_postgres_url, key_prefix, partitions=2) as api:
        await request(api, *["many"] * 4, "one", "other")
        named, more = await found_in(api)
        assert named.said.startswith("4 runs wait for 'many'")
        assert more.said == "2 runs wait for 2 more executors that no live worker has"


async def test_a_halted_partition_is_for_another_check(
    redis_url: str, migrated_postgres_url: str, key_prefix: str
) -> None:
    async with assembled_rig(redis_url, migrated_postgres_url, key_prefix) as api:
        await request(api, "ml.train")
        key = api.log.keys.partition(0, "meta")
        await api.log.execute(key, "HSET", key, "run_id", "another process")
        with pytest.raises(Halted):
            await count_aside(api.log, 0)
        assert [one.level for one in await found_in(api)] == ["ok"]

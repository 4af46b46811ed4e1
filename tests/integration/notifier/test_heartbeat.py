"""The heartbeat ends where something is not well, and comes back when it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.contract.log import build
from tests.integration.notifier.receiver import LOOPBACK, http_receiver
from tests.integration.notifier.standing import EVERY, SOON, Switch, abandon, lead, rules_in, tells, watching
from tests.integration.notifier.test_installation import NO_LEADER, leads, over
from tests.integration.notifier.test_notifier import RULES, Receiver, created, run, until, written
from tests.integration.notifier.test_sender import sending
from tests.integration.stage import Stage, append, eventually, staged, waterclock
from tests.support.servers import OwnPostgres, OwnValkey
from waterclock.model.notices.rules import Heartbeat
from waterclock.store.notices import heartbeat
from waterclock_api.notifier.delivery.outcome import Again, Delivered


@asynccontextmanager
async def led(redis_url: str, key_prefix: str, postgres_url: str, *, partitions: int = 1) -> AsyncGenerator[Stage]:
    async with staged(redis_url, key_prefix, postgres_url, partitions=partitions) as stage, stage.projecting():
        await stage.ready.wait()
        await lead(stage.log)
        yield stage


async def withheld(stage: Stage, said: str) -> None:
    async def is_said() -> bool:
        [(found,)] = await stage.rows("SELECT said FROM notice_heartbeat")
        return found is not None and said in found

    await until(is_said, within=SOON, what=f"that it is withheld: {said}")


async def test_it_is_sent_by_one_of_two_and_goes_on_when_that_one_ends(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    switch, rules = Switch(), rules_in(tmp_path)
    async with (
        led(redis_url, key_prefix, migrated_postgres_url, partitions=2) as stage,
        watching(stage, rules, Receiver(), switch=switch),
    ):
        async with watching(stage, rules, Receiver(), switch=switch):
            await until(lambda: len(switch.beats) >= 5, within=SOON, what="five heartbeats")
        await switch.beats_again()
    assert all(later - sooner >= EVERY for sooner, later in pairwise(switch.beats))


async def test_it_ends_while_nobody_leads_or_nothing_is_projected(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    switch, receiver = Switch(), Receiver()
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        async with stage.projecting():
            await stage.ready.wait()
            await lead(stage.log)
            async with watching(stage, rules_in(tmp_path), receiver, switch=switch):
                await switch.beats_again()
                await abandon(stage.log)
                await withheld(stage, "no scheduler leads it")
                ended = len(switch.beats)
                await tells(receiver, NO_LEADER)
                assert len(switch.beats) == ended
                await lead(stage.log)
                await switch.beats_again()
                await tells(receiver, NO_LEADER, over(NO_LEADER))
        async with watching(stage, rules_in(tmp_path), receiver, switch=switch):
            await build.create(stage.log)
            await withheld(stage, "events are not judged")
            ended = len(switch.beats)
            await tells(receiver, NO_LEADER, over(NO_LEADER), ("clock", "notProjected"))
            assert len(switch.beats) == ended
            async with stage.projecting():
                await switch.beats_again()


async def test_it_ends_while_redis_or_postgres_is_away(
    own_valkey: OwnValkey, key_prefix: str, own_postgres: OwnPostgres, tmp_path: Path
) -> None:
    switch, receiver = Switch(), Receiver()
    redis, postgres = await own_valkey(), await own_postgres()
    halted, projection = ("clock", "halted"), ("clock", "notProjected")
    async with (
        led(redis.url, key_prefix, postgres.url) as stage,
        watching(stage, rules_in(tmp_path), receiver, switch=switch),
    ):
        await switch.beats_again()
        await redis.kill()
        await tells(receiver, halted)
        ended = len(switch.beats)
        await withheld(stage, "partition 0:")
        await redis.start()
        await eventually(lambda: leads(stage.log))
        await tells(receiver, halted, over(halted))
        await switch.beats_again()
        assert len(switch.beats) > ended
        await postgres.kill()
        ended = len(switch.beats)
        await tells(receiver, halted, over(halted), projection)
        assert len(switch.beats) <= ended + 1  # one may have been on its way
        await postgres.start()
        await switch.beats_again()


async def test_messages_that_nobody_takes_end_it_and_a_dead_channel_does_not(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    switch, receiver = Switch(), Receiver()
    async with led(redis_url, key_prefix, migrated_postgres_url) as stage:
        async with watching(stage, written(tmp_path, RULES), receiver, switch=switch) as work:
            await until(lambda: work.places.get(0) is not None, within=SOON, what="that it judges")
            receiver.broken = True
            await append(stage, [created(), *run(1, fails=True)])
            await until(lambda: receiver.refused > 0, within=SOON, what="that it was tried")
            await switch.beats_again()
            await stage.rows(
                "UPDATE notice_deliveries SET due_at = now() - interval '2 min', claim = 'a dead one', "
                "claimed_until = now() + interval '1 min' RETURNING number"
            )
            await switch.beats_again()  # somebody has it
        await stage.rows("UPDATE notice_deliveries SET claimed_until = NULL RETURNING number")
        assert await untried(stage, "ops") == 1
        assert await untried(stage, "other") == 0
        await stage.rows(
            "INSERT INTO notice_deliveries (channel, message, subject, state, due_at) "
            "VALUES ('ops', 'm', 'job-a', 'waiting', now() - interval '2 min') RETURNING number"
        )
        assert await untried(stage, "ops") == 1  # what waits for an earlier one is not due


async def untried(stage: Stage, *channels: str) -> int:
    async with stage.pool.connection() as connection:
        return await heartbeat.untried(connection, channels, after=90.0)


async def test_what_is_not_taken_is_sent_again_and_told_once(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    switch = Switch()
    caplog.set_level("INFO", logger="waterclock_api.notifier")
    async with (
        led(redis_url, key_prefix, migrated_postgres_url) as stage,
        watching(stage, rules_in(tmp_path), Receiver(), switch=switch),
    ):
        await switch.beats_again()
        switch.refuses = True
        tries = switch.tries
        await until(lambda: switch.tries >= tries + 3, within=SOON, what="three tries")
        await withheld(stage, "answered 503")
        switch.refuses = False
        await switch.beats_again()
        await eventually(lambda: stage.rows("SELECT FROM notice_heartbeat WHERE failures = 0 AND said IS NULL"))
    said = [one.getMessage() for one in caplog.records]
    assert said.count("heartbeat not delivered") == said.count("heartbeat delivered") == 1


async def test_its_url_is_found_behind_a_reference_and_kept_out_of_what_is_said(tmp_path: Path) -> None:
    async with http_receiver() as receiver:
        wanted = Heartbeat(url="env:HEARTBEAT_URL")
        environment = {"HEARTBEAT_URL": f"{receiver.url}/ping/s3cret-uuid"}
        async with sending(environment) as sender:
            assert await sender.beat(wanted) == Delivered()
            [request] = receiver.requests
            assert (request.path, request.body) == ("/ping/s3cret-uuid", b"")
            receiver.answers(404, "no check /ping/s3cret-uuid")
            refused = await sender.beat(wanted)
            assert isinstance(refused, Again)
            assert "answered 404" in refused.said
            assert "s3cret" not in refused.said
            assert [str(one) for one in await sender.flaws([], wanted)] == []
        async with sending({}) as sender:
            assert isinstance(await sender.beat(wanted), Again)
            [flaw] = await sender.flaws([], wanted)
            assert flaw.path == "heartbeat.url"


async def test_check_names_what_is_wrong_with_its_url(tmp_path: Path) -> None:
    path = str(written(tmp_path, 'heartbeat: {url: "ftp://switch.example/x", every: 60s}'))
    code, _, said = await waterclock("notices", "check", path)
    assert code == 2
    assert "heartbeat.url" in said
    path = str(written(tmp_path, 'heartbeat: {url: "env:NOT_THERE"}'))
    code, _, said = await waterclock("notices", "check", path, HTTP_ALLOW=LOOPBACK)
    assert code == 2
    assert "heartbeat.url" in said

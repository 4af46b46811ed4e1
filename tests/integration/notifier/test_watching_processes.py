"""Notifiers as processes, which are frozen, killed and started while the installation stands still."""

from __future__ import annotations

import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.contract.log import build
from tests.integration.notifier.receiver import LOOPBACK, HttpReceiver, http_receiver
from tests.integration.notifier.standing import abandon, lead
from tests.integration.notifier.test_notifier import until, written
from tests.integration.notifier.test_process import DEADLINE, heard, notifier, service
from tests.integration.stage import Stage, staged
from tests.support.servers import OwnServers
from waterclock.log.liveness import sessions


def settings_of(stage: Stage, postgres_url: str, receiver: HttpReceiver, folder: Path, more: str) -> dict[str, str]:
    channels = f'channels:\n  ops: {{webhook: "{receiver.url}/hook", secret: "env:OPS_SECRET"}}\n'
    rules = "rules:\n  - {name: all, on: [clock, failed, recovered], channels: [ops]}\n"
    return {
        "REDIS_URL": stage.redis_url,
        "KEY_PREFIX": stage.log.keys.prefix,
        "POSTGRES_URL": postgres_url,
        "NOTICES": str(written(folder, f"{channels}{rules}{more}")),
        "HTTP_ALLOW": LOOPBACK,
    }


def told(receiver: HttpReceiver) -> list[tuple[str, str | None]]:
    """What was told: kind, and trouble or job. Whoever is killed may have sent what another sends again, by one id."""
    found = {one["id"]: one["data"] for one in heard(receiver)}
    return [(one["kind"], one.get("trouble") or one["job"]["name"]) for one in found.values()]


async def tells(receiver: HttpReceiver, *wanted: tuple[str, str]) -> None:
    await until(lambda: len(told(receiver)) >= len(wanted), within=DEADLINE, what=f"{wanted}")
    assert sorted(told(receiver)) == sorted(wanted)


async def fail(stage: Stage) -> None:
    """A run that fails, and is archived."""
    await build.ask(stage.log, build.wish(1))
    await sessions.join(stage.log, "s", body=None)
    claimed = await build.grab(stage.log, 1, slots=1, session="s")
    await build.finish(stage.log, *(build.ending(grant, status="failed") for grant in claimed.grants))
    await stage.projected()


async def test_one_that_is_frozen_and_one_that_is_killed_are_made_up_for_by_the_other(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    async with (
        http_receiver() as receiver,
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        stage.projecting(),
    ):
        await stage.ready.wait()
        await lead(stage.log)
        await build.create(stage.log)
        await stage.projected()
        settings = settings_of(stage, migrated_postgres_url, receiver, tmp_path, "clockAfter: 1s\n")
        no_leader, over = ("clock", "noLeader"), ("recovered", "noLeader")
        async with notifier(**settings) as first, notifier(**settings) as second:
            first.send_signal(signal.SIGSTOP)
            await abandon(stage.log)
            await tells(receiver, no_leader)
            first.send_signal(signal.SIGCONT)
            second.kill()
            await second.wait()
            await lead(stage.log)
            await tells(receiver, no_leader, over)
            first.kill()  # now there is none
            await first.wait()
        await abandon(stage.log)
        await fail(stage)
        async with notifier(**settings):
            await tells(receiver, no_leader, over, no_leader, ("failed", "report"))
        recorded = await stage.rows("SELECT kind, count(*) FROM notices GROUP BY kind ORDER BY kind")
        assert recorded == [("clock", 2), ("failed", 1), ("recovered", 1)]


TERM = 3.0  # s that a scheduler that was killed leads on
BOUND = 35.0 + 2.5  # s: one of the two stands still
TROUBLES = {"scheduler": "noLeader", "redis": "halted", "postgres": "notProjected", "projector": "notProjected"}


@pytest.mark.soak
@pytest.mark.parametrize("part", TROUBLES)
async def test_with_a_file_as_it_is_each_is_told_within_its_bound_though_one_notifier_stands_still(
    own_servers: OwnServers, key_prefix: str, tmp_path: Path, part: str
) -> None:
    redis, postgres = await own_servers.valkey(), await own_servers.postgres()
    async with (
        http_receiver() as receiver,
        staged(redis.url, key_prefix, postgres.url) as stage,
        AsyncExitStack() as stack,
    ):
        settings = settings_of(stage, postgres.url, receiver, tmp_path, "")
        projector = await stack.enter_async_context(service("projector", **settings))
        scheduler = await stack.enter_async_context(service("scheduler", **settings))
        frozen = await stack.enter_async_context(notifier(**settings))
        await stack.enter_async_context(notifier(**settings))
        await build.create(stage.log)
        await stage.projected()

        frozen.send_signal(signal.SIGSTOP)
        match part:
            case "scheduler":
                scheduler.kill()
            case "redis":
                await redis.kill()
            case "postgres":
                await postgres.kill()
            case _:
                projector.kill()
                await build.change(stage.log, kind="edit")
        began = time.monotonic()
        await until(lambda: told(receiver) != [], within=2 * BOUND, what="that it is told")
        took = time.monotonic() - began
        frozen.send_signal(signal.SIGCONT)
        assert told(receiver) == [("clock", TROUBLES[part])]
        assert took <= BOUND + (TERM if part == "scheduler" else 0.0)

        match part:
            case "scheduler":
                await stack.enter_async_context(service("scheduler", **settings))
            case "redis":
                await redis.start()
            case "postgres":
                await postgres.start()
            case _:
                await stack.enter_async_context(service("projector", **settings))
        over = ("recovered", TROUBLES[part])
        await until(lambda: over in told(receiver), within=2 * DEADLINE, what="that it is over")
        assert told(receiver) == [("clock", TROUBLES[part]), over]

"""A log and a database are of one installation: another's are refused before anything is done to them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.contract.log import build
from tests.integration.stage import Stage, staged
from tests.integration.test_restore import restored
from tests.support.held import held
from waterclock.kit.service import Unfit
from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.floors import NAMES
from waterclock.log.gates import gate_of
from waterclock.log.recovery import opening
from waterclock.store import epochs
from waterclock.store.connection.pool import connect_anew
from waterclock.store.installation import Installation, installation
from waterclock_api.consistency import sole_server
from waterclock_api.consistency.identity import (
    OtherInstallation,
    check_installation,
    make_installation,
    settle_installation,
)
from waterclock_api.consistency.open_partition import ensure_open
from waterclock_dev.servers.ports import free_port


@asynccontextmanager
async def another(stage: Stage, prefix: str, *, identity: str = "") -> AsyncGenerator[Log]:
    """Another log on the same server, prepared and open, with a job."""
    settings = LogSettings(url=stage.redis_url, prefix=prefix)
    await opening.initialise(settings, partitions=1, queues=build.QUEUES, identity=identity)
    log = await Log.connect(settings, role="other")
    try:
        await build.open_all(log, epoch=1)
        await build.create(log)
        yield log
    finally:
        await log.close()


async def lived_in(stage: Stage) -> None:
    async with stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log)
        await build.ask(stage.log, build.wish(1))
        await stage.projected()


async def test_migrate_gives_both_an_identity_once(redis_url: str, key_prefix: str, migrated_postgres_url: str) -> None:
    async with (
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        await connect_anew(stage.pool) as connection,
    ):
        await lived_in(stage)
        assert await check_installation(stage.log, connection) is None
        made = await make_installation(stage.log, connection)
        assert await installation(connection) == Installation(made, key_prefix)
        assert {(await gate_of(stage.log, place)).identity for place in (NAMES, 0)} == {made}
        assert await make_installation(stage.log, connection) == made


async def test_a_log_of_another_prefix_or_identity_is_refused_before_anything_is_done(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    """F33: two logs, and one database by mistake."""
    async with (
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        await connect_anew(stage.pool) as connection,
    ):
        await lived_in(stage)
        ours = await make_installation(stage.log, connection)
        before = await stage.rows("SELECT * FROM partitions")
        for prefix, identity, said in (
            (f"{key_prefix}-b", "", f"database belongs to the event log {key_prefix}, and WATERCLOCK_KEY_PREFIX"),
            (f"{key_prefix}-c", "theirs", f"database belongs to the event log {key_prefix}"),
        ):
            async with another(stage, prefix, identity=identity) as log:
                theirs, gate = await held(log), await gate_of(log, 0)
                for attempt in (make_installation, settle_installation, check_installation):
                    with pytest.raises(OtherInstallation, match=said):
                        await attempt(log, connection)
                with pytest.raises(OtherInstallation, match=said):
                    await ensure_open(log, connection, 0)
                assert (await held(log), await gate_of(log, 0)) == (theirs, gate)
        stage.log.handshake.identity = "theirs"
        with pytest.raises(OtherInstallation, match=f"belongs to installation theirs, and the database to {ours}"):
            await check_installation(stage.log, connection)
        assert await stage.rows("SELECT * FROM partitions") == before


async def test_strangers_without_an_identity_are_not_made_one(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with (
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        await connect_anew(stage.pool) as connection,
        another(stage, f"{key_prefix}-b") as log,
    ):
        await lived_in(stage)
        with pytest.raises(OtherInstallation, match="nothing in common"):
            await make_installation(log, connection)
        assert await installation(connection) is None
        assert (await gate_of(log, 0)).identity == ""


async def test_an_empty_database_takes_the_identity_of_a_log_that_begins_with_its_first_event(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with (
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        await connect_anew(stage.pool) as connection,
        another(stage, f"{key_prefix}-b", identity="theirs") as log,
    ):
        with pytest.raises(OtherInstallation, match="the database does not name its installation"):
            await settle_installation(log, connection)
        events = log.keys.partition(0, "events")
        await log.execute(events, "XTRIM", events, "MAXLEN", 1)
        with pytest.raises(OtherInstallation, match="does not begin with its first event"):
            await make_installation(log, connection)
    async with (
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        await connect_anew(stage.pool) as connection,
        another(stage, f"{key_prefix}-c", identity="theirs") as log,
    ):
        assert await make_installation(log, connection) == "theirs"
        assert await installation(connection) == Installation("theirs", f"{key_prefix}-c")


async def test_an_emptied_log_is_put_back_with_its_identity(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sole_server, "APART", 0.1)
    async with (
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        await connect_anew(stage.pool) as connection,
    ):
        await lived_in(stage)
        ours = await make_installation(stage.log, connection)
        before = await held(stage.log)
        await stage.log.execute("", "FLUSHALL")
        await ensure_open(stage.log, connection, 0)
        assert (await held(stage.log)).runs.keys() == before.runs.keys()
        assert {(await gate_of(stage.log, place)).identity for place in (NAMES, 0)} == {ours}


async def test_restore_moves_an_installation_and_alone_removes_another(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    place = f"{key_prefix}-b"
    async with (
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        await connect_anew(stage.pool) as connection,
    ):
        await lived_in(stage)
        ours = await make_installation(stage.log, connection)
        async with another(stage, place, identity="theirs") as log:
            theirs = await held(log)
            for how in ({"replace": False}, {"replace": True}):
                with pytest.raises(Unfit, match=rf"belongs to installation theirs; the archive belongs to {ours}"):
                    await restored(redis_url, place, migrated_postgres_url, **how)  # type: ignore[arg-type]
            assert await held(log) == theirs
        said = await restored(redis_url, place, migrated_postgres_url, replace=True, accept_loss=True)
        assert any(f"belongs to installation theirs; the archive belongs to {ours}" in line for line in said)
        assert f"Moved from the event log {key_prefix} to {place}: stop everything that runs on the former." in said
        assert await installation(connection) == Installation(ours, place)
        with pytest.raises(OtherInstallation, match=f"database belongs to the event log {place}"):
            await check_installation(stage.log, connection)
        moved = await Log.connect(LogSettings(url=redis_url, prefix=place), role="test")
        try:
            assert await check_installation(moved, connection) == Installation(ours, place)
            assert (await held(moved)).runs.keys() == (await held(stage.log)).runs.keys()
            assert (await gate_of(moved, 0)).epoch >= (await gate_of(stage.log, 0)).epoch + 16
            assert (await epochs.opened(connection))[0] == (await gate_of(moved, 0)).epoch
        finally:
            await moved.close()


async def test_each_service_that_has_postgres_ends_with_one_line(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with (
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        await connect_anew(stage.pool) as connection,
        another(stage, f"{key_prefix}-b", identity="theirs"),
    ):
        await make_installation(stage.log, connection)
    env = os.environ | {
        "WATERCLOCK_REDIS_URL": redis_url,
        "WATERCLOCK_POSTGRES_URL": migrated_postgres_url,
        "WATERCLOCK_KEY_PREFIX": f"{key_prefix}-b",
        "WATERCLOCK_PORT": str(free_port()),
    }
    for service in ("migrate", "projector", "api"):
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "waterclock.cli",
            service,
            env=env,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            _, said = await child.communicate()
        lines = [line for line in said.decode().splitlines() if not line.startswith("{")]
        assert child.returncode == 2, said
        assert len(lines) == 1, said
        assert lines[0].startswith(f"waterclock {service}: The database belongs to the event log {key_prefix}"), said

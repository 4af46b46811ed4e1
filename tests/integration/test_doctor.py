"""`waterclock doctor` says what is wrong with a deployment, and is content with one that is well."""

from __future__ import annotations

import msgspec
import pytest

from tests.contract.log import build
from tests.integration.stage import Stage, staged, waterclock
from tests.support.servers import OwnValkey
from waterclock.log.commands.bodies import part
from waterclock.log.liveness.leadership import acquire
from waterclock.log.liveness.projector_end import telling
from waterclock.log.liveness.sessions import join, leave
from waterclock.log.recovery.lost_runs import say_lost
from waterclock.model.events import LeadershipTaken
from waterclock.model.positions import Position
from waterclock.store import api_keys
from waterclock.store.connection.pool import connect_anew
from waterclock_api.consistency.identity import make_installation
from waterclock_api.operator.doctor import examine, exit_code, lines_of

Told = tuple[int, dict[str, str], str]


async def asked(redis_url: str, prefix: str, postgres_url: str, **more: str) -> Told:
    """The exit code, what each check that is not content says, and all of it."""
    given = {"REDIS_URL": redis_url, "KEY_PREFIX": prefix, "POSTGRES_URL": postgres_url, "KEYLESS": "loopback"} | more
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(f"WATERCLOCK_{name}", value)
        found = await examine()
    troubles = {one.check: f"{one.level}: {one.said}" for one in found if one.level != "ok"}
    assert all(bool(one.do) == (one.level != "ok") for one in found)
    return exit_code(found), troubles, "\n".join(lines_of(found))


async def verb(redis_url: str, prefix: str, postgres_url: str) -> tuple[int | None, str]:
    settings = {"REDIS_URL": redis_url, "KEY_PREFIX": prefix, "POSTGRES_URL": postgres_url}
    code, out, _ = await waterclock("doctor", "--json", **settings)
    return code, out


async def led(stage: Stage) -> None:
    body = part(LeadershipTaken, scheduler="one")
    for partition in range(stage.log.partitions):
        await acquire(stage.log, partition, scheduler="one", ttl_ms=60_000, body=body, next_at=0)


async def test_a_deployment_is_well_or_what_is_wrong_is_named(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str
) -> None:
    server = await own_valkey()
    place = (server.url, key_prefix, migrated_postgres_url)
    code, out = await verb(*place)
    assert (code, {one["level"] for one in msgspec.json.decode(out)["findings"]} >= {"problem", "ok"}) == (2, True)
    code, troubles, out = await asked(*place)
    assert (code, "waterclock migrate" in troubles["log"], "no projector runs" in troubles["projectors"]) == (
        2,
        True,
        True,
    ), out

    code, troubles, out = await asked(server.url, key_prefix, "")
    assert (code, troubles["Postgres"].startswith("skipped: not checked: migrations")) == (2, True), out
    assert "waterclock migrate" in troubles["log"]

    async with staged(*place) as stage:
        assert "neither event log nor database" in (await asked(*place))[1]["installation"]
        async with await connect_anew(stage.pool) as connection:
            await make_installation(stage.log, connection)
        said = (await asked(*place))[1]
        assert ("not open" in said["partitions"], "the last one ended" in said["projectors"]) == (True, False)
        with pytest.raises(ExceptionGroup):
            async with telling(stage.log):
                raise ExceptionGroup("unhandled", [ExceptionGroup("", [RecursionError("maximum depth\nexceeded")])])
        said = (await asked(*place))[1]["projectors"]
        assert "the last one ended at 20" in said
        assert said.endswith(" with RecursionError: maximum depth exceeded")
        async with telling(stage.log):
            pass  # one that was told to end
        assert "the last one" not in (await asked(*place))[1]["projectors"]
        async with stage.projecting():
            await stage.ready.wait()
            await led(stage)
            await build.create(stage.log)
            await stage.projected()
            meta = stage.log.keys.partition(0, "meta")
            await stage.log.execute(meta, "CONFIG", "SET", "maxmemory", 2**30)

            code, troubles, out = await asked(*place)
            assert (code, troubles) == (0, {}), out

            async with stage.pool.connection() as connection:
                await connection.execute("INSERT INTO migrations (name, checksum) VALUES ('9999_later', 'x')")
                code, troubles, out = await asked(*place)
                assert (code, "a newer release (9999_later)" in troubles["Postgres"]) == (1, True), out
                await connection.execute("DELETE FROM migrations WHERE name = '9999_later'")

            code, troubles, out = await asked(*place, KEYLESS="")
            assert (code, list(troubles)) == (1, ["credentials"]), out
            assert "WATERCLOCK_KEYLESS=loopback" in troubles["credentials"]
            code, troubles, out = await asked(*place, TRUSTED_PROXIES="127.0.0.1")
            assert (code, "WATERCLOCK_TRUSTED_PROXIES" in troubles["credentials"]) == (1, True), out
            async with stage.pool.connection() as connection:
                await api_keys.add(
                    connection, key_id="k", name="ops", secret_sha256=bytes(32), scopes=["list"], valid_for=None
                )
                code, troubles, out = await asked(*place, KEYLESS="", TRUSTED_PROXIES="127.0.0.1")
                assert (code, troubles) == (0, {}), out
                await api_keys.revoke(connection, "ops")
                code, troubles, out = await asked(*place)
                assert (code, "every request is refused" in troubles["credentials"]) == (1, True), out
                await connection.execute("TRUNCATE api_keys")

            await build.ask(stage.log, build.wish(1, job_id=build.J))
            await join(stage.log, build.WORKER, body=None)
            [grant] = (await build.grab(stage.log, 1, slots=1)).grants
            await stage.projected()
            assert (await asked(*place))[0] == 0
            async with stage.pool.connection() as connection:  # as if it had begun long ago
                await connection.execute("UPDATE runs SET started_at = started_at - interval '2 hours'")
            assert (await asked(*place))[0] == 0, "it may have been tried again since"
            async with stage.pool.connection() as connection:
                await connection.execute("UPDATE attempts SET started_at = started_at - interval '2 hours'")
            code, troubles, out = await asked(*place)
            assert (code, list(troubles)) == (1, ["timeouts"]), out
            assert f"run {grant.run_id} of " in troubles["timeouts"]
            assert "past its timeout of 3600 s" in troubles["timeouts"]

            await say_lost(stage.log, Position(0, 1, 9), [grant.run_id, "a-run-that-is-gone"])
            code, troubles, out = await asked(*place)
            said = "problem: 1 were accepted (202) and are in no store: a-run-that-is-gone"
            assert (code, troubles["acknowledged runs"]) == (2, said), out
            lost = stage.log.keys.partition(0, "lost")
            await stage.log.execute(lost, "UNLINK", lost)
            await build.finish(stage.log, build.ending(grant))
            await leave(stage.log, build.WORKER, body=None)
            await stage.projected()

            await stage.log.execute(meta, "CONFIG", "SET", "maxmemory", 0)
            code, troubles, out = await asked(*place)
            assert (code, list(troubles)) == (1, ["memory"]), out
            await join(stage.log, "mute", body=None)
            seat = stage.log.keys.partition(0, "sessions")
            await stage.log.execute(seat, "HSET", seat, "mute", "1 0 1")
            await stage.log.execute(meta, "HSET", meta, "leader_until", 1, "next_at", 1)
            await stage.log.execute(meta, "HINCRBY", meta, "clock", 2 * 10**12)
            await stage.log.execute(meta, "CONFIG", "SET", "appendonly", "no")
            code, troubles, out = await asked(*place, API_URL="http://127.0.0.1:1")
            assert code == 2
            expected = {
                "api": "does not answer",
                "memory": "no maxmemory",
                "partition clock": "ahead of its server's",
                "persistence": "no append-only file",
                "schedules": "no scheduler leads it; the oldest undecided scheduled time",
                "workers": "silent in partition 0: mute",
            }
            assert set(troubles) == set(expected), out
            assert all(words in troubles[check] for check, words in expected.items()), out

            await stage.log.execute(meta, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            code, troubles, out = await asked(*place)
            assert (code, "noeviction" in troubles["redis"]) == (2, True), out
    await server.kill()
    code, troubles, out = await asked(server.url, key_prefix, "postgresql://127.0.0.1:1/none")
    assert (code, set(troubles)) == (2, {"redis", "Postgres"}), out

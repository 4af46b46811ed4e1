"""`waterclock rebuild` beside a projector that goes on."""

import asyncio

from tests.contract.log import build
from tests.integration.stage import Stage, staged, waterclock, work
from tests.integration.test_projector import clear, write_lines


async def rebuild(postgres_url: str, *options: str) -> tuple[int | None, str, str]:
    return await waterclock("rebuild", *options, POSTGRES_URL=postgres_url)


async def test_a_rebuild_says_what_differs_and_replaces_it_under_live_writes(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log, overlap_policy="buffer_all")
        await write_lines(stage.log, 1, "secret")
        await clear(stage.log)
        await work(stage.log, 2, 3)
        await stage.projected()

        code, out, said = await rebuild(migrated_postgres_url)
        assert (code, out.count(" same\n"), "The rebuilt and the live read models are the same." in out) == (
            0,
            8,
            True,
        ), out
        assert "events folded" in said

        await stage.rows("UPDATE runs SET reason = 'forged' RETURNING run_id")
        code, out, _ = await rebuild(migrated_postgres_url)
        assert (code, out.count(" different")) == (1, 1)
        assert f"runs {build.run_of(2)}: differs in reason" in out
        assert await stage.rows("SELECT count(*) FROM runs WHERE reason = 'forged'") == [(3,)]

        code, out = await swapped_at_work(stage, migrated_postgres_url)
        assert (code, "are live" in out) == (0, True), out
        await stage.projected()

        assert await stage.rows("SELECT FROM runs WHERE reason = 'forged'") == []
        assert await stage.rows("SELECT text FROM log_lines WHERE text = 'secret'") == []
        assert len(await stage.rows("SELECT FROM pg_namespace WHERE nspname LIKE 'waterclock%'")) == 0
        code, out, _ = await rebuild(migrated_postgres_url)
        assert (code, "The rebuilt and the live read models are the same." in out) == (0, True), out


async def swapped_at_work(stage: Stage, postgres_url: str) -> tuple[int | None, str]:
    """While runs are requested, started and ended."""
    async with asyncio.TaskGroup() as tasks:
        swapping = tasks.create_task(rebuild(postgres_url, "--swap"))
        number = 10
        while not swapping.done():
            await work(stage.log, number, number + 1)
            number += 2
    code, out, _ = swapping.result()
    return code, out

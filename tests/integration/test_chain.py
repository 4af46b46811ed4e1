"""`waterclock ledger verify --chain` of what projectors archived."""

import msgspec

from tests.contract.log import build
from tests.integration.stage import staged, waterclock, work
from tests.integration.test_projector import clear, write_lines


async def verify(postgres_url: str, *options: str) -> tuple[int | None, str, str]:
    return await waterclock("ledger", "verify", "--chain", *options, POSTGRES_URL=postgres_url)


async def test_an_auditor_notes_the_head_and_finds_it_again(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log, overlap_policy="buffer_all")
        await write_lines(stage.log, 1, "secret")
        await stage.projected()

        code, out, _ = await verify(migrated_postgres_url)
        assert (code, "ok: the archive is as it was written" in out) == (0, True), out
        noted = [line.removeprefix("head: ") for line in out.splitlines() if line.startswith("head: ")]
        assert len(noted) == 1
        await clear(stage.log)
        await work(stage.log, 2, 3)
        await stage.projected()
        anchors = [option for head in noted for option in ("--anchor", head)]

        code, out, _ = await verify(migrated_postgres_url, *anchors, "--json")
        told = msgspec.json.decode(out)
        assert (code, told["ok"], [one["broken"] for one in told["partitions"]]) == (0, True, [None])
        assert [True in one["anchors"].values() for one in told["partitions"]] == [True]

        await stage.rows("DELETE FROM events WHERE seq = 3 RETURNING seq")
        code, out, _ = await verify(migrated_postgres_url, *anchors)
        assert (code, "removed" in out, "NOT ok" in out) == (1, True, True), out

        assert (await verify("postgresql://127.0.0.1:1/none"))[0] == 2
        assert (await verify(migrated_postgres_url, "--anchor", "0-1-2"))[0] == 2

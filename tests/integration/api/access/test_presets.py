"""Keys by preset: what a viewer, an operator and an administrator may do."""

from __future__ import annotations

from tests.integration.api.access.test_access import bearer, called, operations
from tests.integration.api.conftest import MakeRig
from tests.integration.stage import waterclock
from waterclock.store import api_keys
from waterclock.store.connection.pool import open_pool
from waterclock_api.access.scopes import PRESETS

READING_POSTS = {
    "POST /v1/monitor/schedules/preview",
    "POST /v1/monitor/jobs/nosuch/simulate",
    "POST /v1/monitor/notices/rehearse",
}


async def test_a_viewer_reads_an_operator_runs_and_an_administrator_does_all(rig: MakeRig) -> None:
    async with rig() as api:
        document = (await api.http.get("/schema/openapi.json")).json()
        keys = {preset: await api.key(*scopes, name=preset) for preset, scopes in PRESETS.items()}
        may: dict[str, set[str]] = {preset: set() for preset in keys}
        asked: set[str] = set()
        for method, path, scope in operations(document):
            if scope is None:
                continue
            where = f"{method} {path.partition('?')[0]}"
            asked.add(where)
            for preset, secret in keys.items():
                if (await called(api, method, path, bearer(secret))).status_code != 403:
                    may[preset].add(where)
        reads = {one for one in asked if one.split()[0] in {"GET", "HEAD"} and "/dropped" not in one} | READING_POSTS
        assert may["viewer"] == reads
        more = may["operator"] - may["viewer"]
        assert {"PUT /v1/monitor/jobs/nosuch/status", "POST /v1/monitor/runs/nosuch/cancel"} <= more
        more = {one for one in more if "/notices/mutes" not in one}
        assert not any(one.startswith("DELETE") or "queues" in one or one.endswith(" /v1/monitor/jobs") for one in more)
        assert may["admin"] == asked


async def test_a_key_is_made_with_the_scopes_of_its_preset_and_those_beside_it(migrated_postgres_url: str) -> None:
    store = {"POSTGRES_URL": migrated_postgres_url}
    for arguments in (["--preset", "viewer"], ["--preset", "operator", "--scope", "add", "--scope", "run"]):
        code, out, said = await waterclock("key", "create", "--name", arguments[1], *arguments, **store)
        assert (code, out.startswith("wck_")) == (0, True), said
    code, _, said = await waterclock("key", "create", "--name", "none", **store)
    assert (code, "--preset viewer, operator or admin, or --scope" in said) == (2, True), said
    async with await open_pool(migrated_postgres_url, name="test", max_size=1) as pool, pool.connection() as connection:
        held = {each.name: tuple(each.scopes) for each in await api_keys.all_keys(connection)}
    assert held == {"viewer": PRESETS["viewer"], "operator": (*PRESETS["operator"], "add")}

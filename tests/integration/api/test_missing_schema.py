"""Postgres answers, and our tables are not there: it is said, by `/readyz` and by whoever reads."""

from __future__ import annotations

import psycopg

from tests.integration.api.rig import JOBS, assembled_rig
from waterclock.store.connection.errors import SCHEMA_MISSING


async def test_a_schema_that_is_missing_is_named_and_the_api_is_not_ready(
    redis_url: str, migrated_postgres_url: str, key_prefix: str
) -> None:
    async with assembled_rig(redis_url, migrated_postgres_url, key_prefix, projecting=False) as api:
        assert (await api.http.get("/readyz")).status_code == 200
        with psycopg.connect(migrated_postgres_url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

        ready = await api.http.get("/readyz")
        assert ready.status_code == 503
        assert {flaw["pointer"]: flaw["message"] for flaw in ready.json()["errors"]}["postgres"] == SCHEMA_MISSING
        read = await api.http.get(JOBS)
        assert (read.status_code, read.json()["type"]) == (503, "/problems#store-unavailable")
        assert read.json()["detail"] == f"Postgres answers, and {SCHEMA_MISSING}. Commands are still accepted."

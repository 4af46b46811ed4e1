"""What the demo rests its word on: it notices an object that was changed, and a row that was."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from tests.integration.backup.stage import outside
from tests.support.servers import Bucket
from waterclock_dev.demo.compare import different, tables
from waterclock_dev.demo.live import DemoFailed
from waterclock_dev.demo.restore import fetched
from waterclock_dev.servers import record

DUMP = b"a dump"
RESULT = {"object": "backups/one.dump", "manifest": "backups/one.dump.manifest.json"}


def stored(s3: Bucket, **other: Any) -> record.Bucket:
    manifest = {"object": RESULT["object"], "size": len(DUMP), "sha256": hashlib.sha256(DUMP).hexdigest(), **other}
    outside(s3).put(RESULT["object"], DUMP)
    outside(s3).put(RESULT["manifest"], msgspec.json.encode(manifest))
    return record.Bucket(endpoint=s3.endpoint, bucket=s3.bucket, access_key=s3.access_key, secret_key=s3.secret_key)


async def test_an_object_is_fetched_as_its_manifest_describes_it(s3: Bucket, tmp_path: Path) -> None:
    dump = await fetched(stored(s3), RESULT, tmp_path)
    assert dump.file.read_bytes() == DUMP


@pytest.mark.parametrize("lie", [{"sha256": "00"}, {"size": 7}, {"object": "backups/one.dump.manifest.json"}])
async def test_an_object_that_is_not_what_its_manifest_says_fails_the_demo(
    s3: Bucket, tmp_path: Path, lie: dict[str, Any]
) -> None:
    with pytest.raises(DemoFailed, match=f"the manifest says {next(iter(lie))}"):
        await fetched(stored(s3, **lie), RESULT, tmp_path)


async def test_one_changed_value_changes_the_checksum_of_its_table_only(migrated_postgres_url: str) -> None:
    before = await tables(migrated_postgres_url)
    async with await psycopg.AsyncConnection.connect(migrated_postgres_url) as connection:
        await connection.execute("INSERT INTO partitions (partition, seq) VALUES (1000, 1)")
    between = await tables(migrated_postgres_url)
    async with await psycopg.AsyncConnection.connect(migrated_postgres_url) as connection:
        await connection.execute("UPDATE partitions SET seq = 2 WHERE partition = 1000")
    after = await tables(migrated_postgres_url)

    assert different(before, between) == different(between, after) == ["partitions"]
    assert between["partitions"].rows == after["partitions"].rows


async def test_what_the_api_notes_meanwhile_is_not_compared(migrated_postgres_url: str) -> None:
    before = await tables(migrated_postgres_url)
    async with await psycopg.AsyncConnection.connect(migrated_postgres_url) as connection:
        await connection.execute("SELECT note_reached(ARRAY[0], ARRAY['one'], ARRAY[1::bigint])")
        assert (await (await connection.execute("SELECT count(*) FROM reached")).fetchone()) == (1,)
    assert before == await tables(migrated_postgres_url)

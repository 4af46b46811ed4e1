"""What a caller asks beyond a place: refused before anything is opened, read at or deleted from another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.backup.stage import described, environment, fill, outside, run_backup
from tests.support.servers import Bucket
from waterclock.testing.run_executor import Told
from waterclock_worker.reporting.outcome import BadParams


class Listener:
    """Takes connections, and knows how many came."""

    def __init__(self) -> None:
        self.port = 0
        self.came = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def listening() -> AsyncGenerator[Listener]:
    made = Listener()

    async def come(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.came += 1
        writer.close()

    server = await asyncio.start_server(come, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def refused(surroundings: dict[str, str], params: dict[str, Any], match: str) -> None:
    told = Told()
    with pytest.raises(BadParams, match=match):
        await run_backup(surroundings, params, told=told)
    assert told.steps == []


@pytest.mark.parametrize("form", ["{url}", "{url}/", "http://localhost:{port}", "http://[::ffff:127.0.0.1]:{port}"])
async def test_an_endpoint_of_the_callers_is_never_connected_to(
    postgres_url: str, s3: Bucket, tmp_path: Path, form: str
) -> None:
    by_variables = environment(postgres_url, s3)
    async with listening() as listener:
        endpoint = form.format(url=listener.url, port=listener.port)
        for surroundings in (by_variables, described(tmp_path, by_variables)):
            await refused(surroundings, {"endpoint": endpoint}, r"^endpoint: is neither .*`\[default\.accepts\]`")
            await refused(surroundings, {"endpoint": endpoint, "bucket": "mine"}, "^bucket: is neither")
        assert listener.came == 0


@pytest.mark.parametrize("database", ["postgres", "template1"])
async def test_another_database_of_the_server_is_not_taken_away(postgres_url: str, s3: Bucket, database: str) -> None:
    await refused(environment(postgres_url, s3), {"database": database}, "^database: is outside the place 'default'")
    assert outside(s3).keys() == []


async def test_no_secret_of_the_worker_is_sent_as_an_access_key(postgres_url: str, s3: Bucket, tmp_path: Path) -> None:
    """References at their default; the S3 SDK would send the access key in the clear."""
    (tmp_path / "password").write_text("hush")
    surroundings = environment(postgres_url, s3, PRIVATE="hush")
    async with listening() as listener:
        for own in ({}, {"endpoint": listener.url}):
            for reference in (
                "env:PRIVATE", "env:WATERCLOCK_BACKUP_DATABASE_URL", "env:WATERCLOCK_S3_SECRET_KEY",
                f"file:{tmp_path}/password", "file:/proc/self/environ",
            ):  # fmt: skip
                await refused(surroundings, {"accessKey": reference, **own}, "^(accessKey|endpoint): is neither")
        assert listener.came == 0


async def test_a_key_goes_to_no_other_host_than_it_is_listed_with(
    postgres_url: str, s3: Bucket, tmp_path: Path
) -> None:
    surroundings = environment(postgres_url, s3, OTHER_KEY="key", OTHER_SECRET="secret")
    async with listening() as listener:
        found = described(
            tmp_path,
            surroundings,
            references=[f"env:OTHER_*@other.example|127.0.0.1:{listener.port}"],
            accepts={"endpoint": [listener.url]},
        )
        keys = {"accessKey": "env:OTHER_KEY", "secretKey": "env:OTHER_SECRET"}
        await refused(found, keys, r"^accessKey: this worker may not send env:OTHER_KEY to 127\.0\.0\.1:")
        assert listener.came == 0
        with pytest.raises(Exception, match="object store"):  # there it may, and nobody answers
            await run_backup(found, {**keys, "endpoint": listener.url})
        assert listener.came > 0


async def test_a_connection_to_other_hosts_than_are_listed_is_not_opened(postgres_url: str, s3: Bucket) -> None:
    async with listening() as listener:
        surroundings = environment(
            postgres_url,
            s3,
            BOOKS_URL=f"postgresql://b:hush@books.example/books?hostaddr=127.0.0.1&port={listener.port}",
            BOOKS_OTHER=f"postgresql://b:hush@127.0.0.1:{listener.port}/books",
            WATERCLOCK_BACKUP_REFERENCES="env:BOOKS_*@books.example",
        )
        for name in ("BOOKS_URL", "BOOKS_OTHER"):
            await refused(
                surroundings, {"connection": f"env:{name}"}, rf"^connection: this worker may not send env:{name} to 127"
            )
        assert listener.came == 0


async def test_floors_keep_the_history_of_backups(postgres_url: str, s3: Bucket, tmp_path: Path) -> None:
    await fill(postgres_url)
    surroundings = described(tmp_path, environment(postgres_url, s3), retentionDays=1, keepLast=3)
    for number in range(1, 4):
        await run_backup(surroundings, run_id=f"job1-run{number}")
    before = outside(s3).keys()

    for params in ({"retentionDays": 0, "keepLast": 1}, {"retentionDays": 0}, {"keepLast": 2}):
        await refused(surroundings, params, "^(retentionDays|keepLast): is below [13], the floor of the place")

    assert outside(s3).keys() == before
    assert len(before) == 6


async def test_a_folder_beside_the_places_own_is_neither_written_nor_cleaned(
    postgres_url: str, s3: Bucket, tmp_path: Path
) -> None:
    surroundings = described(tmp_path, environment(postgres_url, s3), prefix="backups/books")
    for prefix in ("backups", "backups/books-2", "other", "books"):
        await refused(surroundings, {"prefix": prefix}, "^prefix: is outside the folder 'backups/books'")
    assert outside(s3).keys() == []


async def test_without_a_place_a_run_is_told_how_to_get_one(s3: Bucket) -> None:
    await refused({}, {"endpoint": s3.endpoint, "bucket": s3.bucket}, r"^place: .*describe it as `\[default\]`")

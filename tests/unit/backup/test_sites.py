"""A run is held by its place before anything is read or opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from waterclock.executors.context import GiveUp
from waterclock_worker.executors.backup.params import BackupParams
from waterclock_worker.executors.places.configuration import read_places
from waterclock_worker.executors.places.site import Site, kept, site_of, target_of
from waterclock_worker.executors.restore_drill import DrillParams
from waterclock_worker.reporting.outcome import BadParams

PLACES = """
[books]
connection = "env:BOOKS_URL"
databases = ["ledger"]
endpoint = "https://s3.example:9000"
bucket = "backups"
prefix = "books"
accessKey = "env:BOOKS_KEY"
secretKey = "env:BOOKS_SECRET"
scratch = "env:SCRATCH_URL@scratch.example"
retentionDays = 30
keepLast = 3
references = ["env:SHOP_*@*.shop.example|s3.example:9000", "file:/run/keys/*@s3.example"]

[books.accepts]
connection = ["env:OLD_URL@old.example:6432"]
endpoint = ["https://old.example", "http://[::1]:9000"]
bucket = ["old.backups"]

[bare]
"""
ENVIRONMENT = {
    "BOOKS_URL": "postgresql://b:hush@books.example/books",
    "BOOKS_KEY": "key",
    "BOOKS_SECRET": "hush",
    "SCRATCH_URL": "postgresql://s:hush@scratch.example/postgres",
    "SHOP_URL": "postgresql://s:hush@db.shop.example/shop",
    "SHOP_EVIL": "postgresql://s:hush@evil.example/shop",
    "SHOP_TWO": "postgresql://s:hush@db.shop.example,evil.example/shop",
    "SHOP_ADDRESS": "postgresql://s:hush@db.shop.example/shop?hostaddr=192.0.2.1",
    "SHOP_OPTION": "postgresql://s:hush@db.shop.example/shop?host=evil.example",
    "SHOP_SOCKET": "postgresql:///shop?host=/run/postgresql",
    "SHOP_KEY": "shop-key",
    "OLD_URL": "postgresql://s:hush@old.example:6432/old",
    "PRIVATE": "hush",
}


class Watched(dict[str, str]):
    """An environment that knows which of its variables were read."""

    def __init__(self, content: Mapping[str, str]) -> None:
        super().__init__(content)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "places.toml"
    path.write_text(PLACES)
    return path


def site(file: Path, environment: Mapping[str, str] = ENVIRONMENT, **params: Any) -> Site:
    asked = msgspec.convert({"place": "books", **params}, BackupParams)
    return site_of(read_places({"WATERCLOCK_PLACES": str(file)}), "db.backup", asked, environment)


def test_a_job_that_names_its_place_gets_what_the_place_has(file: Path) -> None:
    found = site(file)

    assert (found.source.database, found.source.settings["PGHOST"], found.prefix) == ("books", "books.example", "books")
    assert (found.bucket.bucket, found.bucket.endpoint, found.bucket.region) == (
        "backups",
        "https://s3.example:9000",
        "us-east-1",
    )
    assert found.bucket.secrets == ("hush", "key")


@pytest.mark.parametrize(
    ("params", "database"),
    [
        ({"connection": "env:BOOKS_URL"}, "books"),
        ({"database": "books"}, "books"),
        ({"database": "ledger"}, "ledger"),
        ({"connection": "env:OLD_URL"}, "old"),
        ({"connection": "env:OLD_URL", "database": "old"}, "old"),
        ({"connection": "env:SHOP_URL"}, "shop"),
        ({"endpoint": "https://s3.example:9000/", "bucket": "backups", "region": "us-east-1"}, "books"),
        ({"endpoint": "https://S3.example:9000"}, "books"),
        ({"endpoint": "http://[::1]:9000", "bucket": "old.backups"}, "books"),
        ({"accessKey": "env:BOOKS_KEY", "secretKey": "env:BOOKS_SECRET"}, "books"),
        ({"accessKey": "env:SHOP_KEY"}, "books"),
        ({"prefix": "books"}, "books"),
        ({"prefix": "books/daily"}, "books"),
        ({"retentionDays": 30, "keepLast": 3}, "books"),
    ],
)
def test_older_members_are_taken_where_the_place_has_or_lists_them(
    file: Path, params: dict[str, Any], database: str
) -> None:
    assert site(file, **params).source.database == database


@pytest.mark.parametrize(
    "params",
    [
        {"endpoint": "http://127.0.0.1:5432"},
        {"endpoint": "http://169.254.169.254"},
        {"endpoint": "http://s3.example:9000"},
        {"endpoint": "https://s3.example"},
        {"endpoint": "https://s3.example.:9000"},
        {"endpoint": "https://s3.example:09000"},
        {"endpoint": "https://[::ffff:127.0.0.1]:9000"},
        {"bucket": "mine"},
        {"bucket": "Backups"},
        {"bucket": "..backups"},
        {"region": "eu-west-1"},
        {"prefix": "other"},
        {"prefix": "books-2"},
        {"prefix": "Books"},
        {"retentionDays": 29},
        {"retentionDays": 0, "keepLast": 1},
        {"keepLast": 2},
        {"connection": "env:PRIVATE"},
        {"connection": "env:SCRATCH_URL"},
        {"connection": "env:BOOKS_KEY"},
        {"connection": "file:/etc/passwd"},
        {"connection": "file:/run/keys/../secrets"},
        {"accessKey": "env:PRIVATE"},
        {"accessKey": "env:BOOKS_URL"},
        {"accessKey": "env:BOOKS_SECRET"},
        {"accessKey": "env:OLD_URL"},
        {"secretKey": "file:/proc/self/environ"},
        {"accessKey": "env:SHOP_KEY", "endpoint": "https://old.example"},
        {"place": "nosuch"},
        {"place": "Books"},
    ],
)
def test_what_is_outside_is_refused_before_any_reference_is_read(file: Path, params: dict[str, Any]) -> None:
    environment = Watched(ENVIRONMENT)
    with pytest.raises(BadParams, match="WATERCLOCK_PLACES") as raised:
        site(file, environment, **params)

    assert not environment.asked
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("name", ["SHOP_EVIL", "SHOP_TWO", "SHOP_ADDRESS", "SHOP_OPTION", "SHOP_SOCKET"])
def test_a_url_that_leads_to_other_hosts_than_are_listed_is_refused(file: Path, name: str) -> None:
    with pytest.raises(
        BadParams, match=rf"connection: this worker may not send env:{name} to .*@.* would allow it"
    ) as raised:
        site(file, connection=f"env:{name}")

    assert "hush" not in str(raised.value)


def test_a_url_that_has_changed_since_the_start_is_looked_at_anew(file: Path) -> None:
    moved = {**ENVIRONMENT, "OLD_URL": "postgresql://s:hush@evil.example:6432/old"}
    with pytest.raises(BadParams, match=r"may not send env:OLD_URL to evil\.example:6432"):
        site(file, moved, connection="env:OLD_URL")


@pytest.mark.parametrize(
    "database", ["postgres", "template1", "Books", "host=evil", "postgresql://evil/x", "books'", "\u0660", "old"]
)
def test_a_database_that_the_place_does_not_name_is_refused(file: Path, database: str) -> None:
    with pytest.raises(BadParams, match=r"^database: is outside .* which has books, ledger: add it to `databases`"):
        site(file, database=database)


def test_the_database_of_a_listed_connection_is_that_of_no_other(file: Path) -> None:
    with pytest.raises(BadParams, match=r"^database: "):
        site(file, connection="env:OLD_URL", database="books")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, r"bucket: is not said, and the place 'bare' has none: name it in \[bare\]"),
        ({"bucket": "b"}, "bucket is neither what the place 'bare' has nor"),
    ],
)
def test_a_place_that_has_nothing_gives_nothing(file: Path, params: dict[str, Any], words: str) -> None:
    with pytest.raises(BadParams, match=words.replace("bucket is", "bucket: is")):
        site(file, place="bare", **params)


def test_a_worker_without_places_says_how_to_give_it_one() -> None:
    with pytest.raises(
        BadParams, match=r"^place: .*\(none is known\): describe it as `\[default\]` in .* WATERCLOCK_PLACES"
    ):
        site_of(read_places({}), "db.backup", BackupParams(), {})


def test_the_place_of_variables_lists_references_and_nothing_else() -> None:
    environment = {
        **ENVIRONMENT, "WATERCLOCK_BACKUP_DATABASE_URL": ENVIRONMENT["BOOKS_URL"], "WATERCLOCK_S3_BUCKET": "b",
        "WATERCLOCK_BACKUP_REFERENCES": "env:SHOP_*,env:OLD_URL@old.example",
    }  # fmt: skip

    def asked(**params: Any) -> Site:
        return site_of(read_places(environment), "db:backup", msgspec.convert(params, BackupParams), environment)

    assert asked().source.database == "books"
    assert asked(prefix="any/folder", retentionDays=0, connection="env:SHOP_EVIL").source.database == "shop"
    assert asked(connection="env:OLD_URL").source.database == "old"
    for params in (
        {"connection": "env:PRIVATE"}, {"bucket": "c"}, {"endpoint": "http://127.0.0.1:1"}, {"database": "postgres"},
        {"region": "eu-west-1"}, {"accessKey": "env:OLD_URL", "secretKey": "env:SHOP_KEY"},
    ):  # fmt: skip
        with pytest.raises(BadParams, match=r"WATERCLOCK_BACKUP_REFERENCES.*WATERCLOCK_PLACES"):
            asked(**params)


def test_what_is_left_out_is_the_greater_of_the_default_and_the_floor(file: Path) -> None:
    floors = site(file).place
    bare = read_places({"WATERCLOCK_PLACES": str(file)}).by_name["bare"]

    assert kept(floors, retention_days=None, keep_last=None) == (30, 3)
    assert kept(floors, retention_days=31, keep_last=4) == (31, 4)
    assert kept(bare, retention_days=None, keep_last=None) == (7, 1)
    assert kept(bare, retention_days=0, keep_last=1) == (0, 1)


def test_a_drill_restores_where_the_place_says(file: Path) -> None:
    places = read_places({"WATERCLOCK_PLACES": str(file)})

    def target(place: str, given: str | None, **more: str) -> str | None:
        params = msgspec.convert({"place": place, **({"target": given} if given else {})}, DrillParams)
        found = target_of(places.by_name[place], params.target, {**ENVIRONMENT, **more})
        return None if found is None else found.settings["PGHOST"]

    assert target("books", None) == "scratch.example"
    assert target("books", "env:SCRATCH_URL") == "scratch.example"
    assert target("books", "env:SHOP_URL") == "db.shop.example"
    assert target("bare", None) is None
    with pytest.raises(BadParams, match="target: this worker may not send env:SHOP_EVIL"):
        target("books", "env:SHOP_EVIL")
    with pytest.raises(BadParams, match="target: this worker may not send env:SCRATCH_URL to evil"):
        target("books", None, SCRATCH_URL="postgresql://s:hush@evil/postgres")


def test_a_drill_is_refused_where_there_is_no_server_for_it(file: Path) -> None:
    places = read_places({"WATERCLOCK_PLACES": str(file)})
    with pytest.raises(BadParams, match=r"^target: is left out, and the place 'bare' has no server to restore on"):
        site_of(places, "db.restore-drill", DrillParams(place="bare"), ENVIRONMENT)
    with pytest.raises(BadParams, match=r"^target: is neither"):
        site_of(places, "db:restore-drill", DrillParams(place="bare", target="env:PRIVATE"), ENVIRONMENT)


@pytest.mark.parametrize("key", ["BOOKS_KEY", "BOOKS_SECRET"])
def test_a_key_that_cannot_stand_in_a_header_is_not_shown(file: Path, key: str) -> None:
    with pytest.raises(GiveUp, match="cannot be a key") as raised:
        site(file, {**ENVIRONMENT, key: "hush\nX-Header: y"})

    assert "hush" not in str(raised.value)

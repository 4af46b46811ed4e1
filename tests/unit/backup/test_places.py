"""The file of places, and the place that the older variables are."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.support.pages import blocks
from tests.support.repository import DOCS
from waterclock.kit.settings import SettingsError
from waterclock.model.parameters.place_bounds import place_flaws
from waterclock.model.places import OWN, PlaceSpec, ReferenceSpec
from waterclock_worker.executors.backup.params import BackupParams
from waterclock_worker.executors.places.configuration import announced, read_places
from waterclock_worker.executors.places.file import FREE
from waterclock_worker.executors.restore_drill import DrillParams

PAGE = DOCS / "reference" / "db-backup.md"
URL = "postgresql://backup:hush@books.example/books"
WHOLE = """
[books]
connection = "env:BOOKS_URL@books.example"
databases = ["ledger"]
endpoint = "https://s3.example"
region = "eu-central-1"
bucket = "backups"
prefix = "books"
accessKey = "env:BOOKS_KEY"
secretKey = "file:/run/secrets/books"
scratch = "env:SCRATCH_URL"
retentionDays = 30
keepLast = 3
free = ["verify", "excludeTables"]
adhoc = true
references = ["env:SHOP_*@shop.example"]

[books.accepts]
connection = ["env:OLD_URL@old.example", "env:OLDER_URL"]
bucket = ["old-backups"]
endpoint = ["https://old.example"]

[other]
drills = "source"
"""


def read(folder: Path, text: str, **environment: str) -> tuple[PlaceSpec, ...]:
    file = folder / "places.toml"
    file.write_text(text)
    found = {"WATERCLOCK_PLACES": str(file), **environment}
    return announced(read_places(found), found)


def test_the_file_that_the_page_shows_is_read(tmp_path: Path) -> None:
    [shown] = [block.text for block in blocks(PAGE) if block.language == "toml"]
    [shop] = read(tmp_path, shown, SHOP_DATABASE_URL=URL, OLD_SHOP_URL=URL)
    assert (shop.name, shop.databases, shop.retention_days, shop.free) == ("shop", ("ledger", "books"), 30, ("verify",))


def test_what_is_announced_of_a_place_names_bounds_and_no_secret(tmp_path: Path) -> None:
    books, other = read(tmp_path, WHOLE, BOOKS_URL=URL, OLD_URL=URL, OLDER_URL=URL, SHOP_URL=f"{URL}-shop")

    assert (books.name, books.prefix, books.retention_days, books.keep_last) == ("books", "books", 30, 3)
    assert (books.free, books.adhoc, books.drills) == (("verify", "excludeTables"), True, "scratch")
    assert books.databases == ("ledger", "books", "books-shop")
    assert books.references == (
        ReferenceSpec(pattern="env:SHOP_*", hosts=True),
        ReferenceSpec(pattern="env:OLDER_URL", hosts=False),
    )
    assert {member: len(digests) for member, digests in books.accepts.items()} == {
        "connection": 2, "bucket": 2, "endpoint": 2, "region": 1, "accessKey": 1, "secretKey": 1, "target": 1,
    }  # fmt: skip
    assert (other.databases, other.drills, other.adhoc, other.free) == ((), "source", False, ())
    told = msgspec.json.encode((books, other)).decode()
    for secret in ("hush", "s3.example", "books.example", "BOOKS_URL", "old-backups", "/run/secrets"):
        assert secret not in told


def test_databases_are_not_announced_where_they_are_not_known(tmp_path: Path) -> None:
    assert read(tmp_path, WHOLE)[0].databases is None
    assert read(tmp_path, '[a]\nconnection = "file:/nosuch"')[0].databases is None


def test_a_place_is_judged_by_what_is_announced_of_it(tmp_path: Path) -> None:
    books, _ = read(tmp_path, WHOLE, BOOKS_URL=URL, OLD_URL=URL, OLDER_URL=URL)
    fits = {
        "connection": "env:OLD_URL", "database": "ledger", "bucket": "old-backups", "endpoint": "https://s3.example/",
        "prefix": "books/daily", "retentionDays": 30, "accessKey": "env:BOOKS_KEY",
    }  # fmt: skip

    assert place_flaws(books, "db.backup", fits) == []
    assert {flaw.pointer for flaw in place_flaws(books, "db.backup", {
        "connection": "env:BOOKS_KEY", "database": "postgres", "bucket": "mine", "endpoint": "https://evil.example",
        "prefix": "books-2", "retentionDays": 0, "keepLast": 1, "accessKey": "env:BOOKS_URL", "region": "us-east-1",
    })} == {
        "/connection", "/database", "/bucket", "/endpoint", "/prefix", "/retentionDays", "/keepLast", "/accessKey",
        "/region",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a", "is no TOML: at "),
        ("[a]\nsecretKey hush", "is no TOML: at line 2"),
        ("[a]\nhush = 1\nhush = 2", "is no TOML: at "),
        ("[hush]\n[hush]", "is no TOML: at line 2"),
        ("'postgresql://u:hush@h/d' = 1", "a table is no table"),
        ("a = 1", r"\[a\] is no table"),
        ('["a b"]', r"\[a b\]: a place's name has"),
        ("[a]\nbuckett = 'b'", r"\[a\] .*buckett"),
        ("[a]\nbucket = 7", r"\[a\] bucket: expected str"),
        ("[a]\nbucket = 'a/b'", r"\[a\] bucket"),
        ("[a]\nendpoint = 'http://u:hush@h'", r"\[a\] endpoint"),
        ("[a]\nprefix = '../hush'", r"\[a\] prefix"),
        ("[a]\nretentionDays = -1", r"\[a\] retentionDays"),
        ("[a]\nkeepLast = 0", r"\[a\] keepLast"),
        ("[a]\ndatabases = []", r"\[a\] databases"),
        ("[a]\nadhoc = 'yes'", r"\[a\] adhoc"),
        ("[a]\ndrills = 'everywhere'", r"\[a\] drills"),
        ("[a]\nscratch = 'env:S'\ndrills = 'source'", r"\[a\] drills: with `scratch`"),
        (f"[a]\nconnection = '{URL}'", r"\[a\] connection: write where the secret is"),
        ("[a]\nconnection = 'env:BOOKS_*'", r"\[a\] connection: write where"),
        ("[a]\naccessKey = 'hush'\nsecretKey = 'env:S'", r"\[a\] accessKey: write where"),
        ("[a]\naccessKey = 'env:K'", r"\[a\] secretKey is missing"),
        ("[a]\nfree = ['verfiy']", r"\[a\] free: 'verfiy' is no parameter"),
        ("[a]\nreferences = ['hush']", r"\[a\] references: an entry is no reference"),
        ("[a]\nreferences = ['env:A@https://hush']", r"\[a\] references: an entry"),
        ("[a]\n[a.accepts]\nconnection = ['hush']", r"\[a\] accepts.connection: an entry"),
        ("[a]\n[a.accepts]\nendpoint = ['http://u:hush@h']", r"\[a\] accepts.endpoint"),
        ("[a]\n[a.accepts]\nendpoint = 'https://h'", r"\[a\] accepts"),
        ("[a]\n[a.accepts]\ndatabase = ['b']", r"\[a\] accepts.database is not taken: the place's own `databases`"),
        ("[a]\n[a.accepts]\nverify = ['b']", r"\[a\] accepts.verify is not taken: there are connection"),
        *((f"[a]\nfree = ['{name}']", rf"\[a\] free: '{name}' says where") for name in (*OWN, "place")),
    ],
)
def test_what_is_wrong_is_told_with_file_place_and_member(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=rf"^WATERCLOCK_PLACES: {tmp_path}/places.toml: {words}") as raised:
        read(tmp_path, text)

    assert "hush" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "places.toml"
    file.write_bytes(b"[a]\nsecretKey = 'h\xfcsh'\n")
    with pytest.raises(SettingsError, match=r"places\.toml: is no TOML: it is not UTF-8$"):
        read_places({"WATERCLOCK_PLACES": str(file)})


@pytest.mark.parametrize("url", ["postgresql://u:hush@h/d", "postgresql://u:hush@h", "redis://:hush@h"])
def test_a_secret_in_a_list_of_references_is_neither_shown_nor_announced(url: str) -> None:
    with pytest.raises(
        SettingsError, match=r"^WATERCLOCK_BACKUP_REFERENCES: a URL is not a reference pattern"
    ) as raised:
        read_places({"WATERCLOCK_BACKUP_REFERENCES": f"env:A@h,{url}"})

    assert "hush" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_told() -> None:
    with pytest.raises(SettingsError, match=r"^WATERCLOCK_PLACES: /nosuch\.toml: cannot be read: No such file"):
        read_places({"WATERCLOCK_PLACES": "/nosuch.toml"})


@pytest.mark.parametrize(
    "variable",
    [
        "WATERCLOCK_BACKUP_DATABASE_URL", "WATERCLOCK_BACKUP_REFERENCES", "WATERCLOCK_S3_ACCESS_KEY",
        "WATERCLOCK_S3_BUCKET", "WATERCLOCK_S3_REGION", "WATERCLOCK_S3_SECRET_KEY",
    ],
)  # fmt: skip
def test_the_default_place_is_described_once(tmp_path: Path, variable: str) -> None:
    with pytest.raises(SettingsError, match=rf"places.toml: \[default\] is described here and by {variable}"):
        read(tmp_path, "[default]", **{variable: "x"})

    assert [place.name for place in read(tmp_path, "[books]", **{variable: "x"})] == ["books", "default"]
    assert [place.name for place in read(tmp_path, "[default]", **{variable: ""})] == ["default"]


def test_the_older_variables_are_a_place_without_floors() -> None:
    environment = {
        "WATERCLOCK_BACKUP_DATABASE_URL": URL, "WATERCLOCK_S3_BUCKET": "b", "WATERCLOCK_S3_ENDPOINT": "https://s3.example",
        "WATERCLOCK_S3_ACCESS_KEY": "a", "WATERCLOCK_S3_SECRET_KEY": "hush",
        "WATERCLOCK_BACKUP_REFERENCES": "env:SHOP_*,env:OLD@old.example",
    }  # fmt: skip
    places = read_places(environment)
    (default,) = announced(places, {**environment, "OLD": f"{URL}-old"})

    assert (default.name, default.databases, default.prefix) == ("default", ("books", "books-old"), None)
    assert (default.retention_days, default.keep_last, default.free, default.adhoc) == (0, 1, (), False)
    assert default.drills == "sourceUnlisted"
    assert [one.hosts for one in default.references] == [False, True]
    assert [(setting, one.pattern) for setting, one in places.older()] == [
        ("WATERCLOCK_BACKUP_REFERENCES", "env:SHOP_*")
    ]


def test_a_worker_without_any_has_no_place() -> None:
    assert read_places({"WATERCLOCK_PG_BIN": "/x"}).by_name == {}


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"WATERCLOCK_S3_ENDPOINT": "http://u:hush@h"}, "WATERCLOCK_S3_ENDPOINT is not a URL"),
        ({"WATERCLOCK_BACKUP_REFERENCES": "env:A@https://x"}, "WATERCLOCK_BACKUP_REFERENCES: "),
    ],
)
def test_a_wrong_variable_is_named_and_not_shown(environment: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as raised:
        read_places(environment)

    assert "hush" not in str(raised.value)


def test_all_parameters_may_be_free_that_say_neither_where_nor_what_opens_it() -> None:
    names = {field.encode_name for kind in (BackupParams, DrillParams) for field in msgspec.structs.fields(kind)}

    assert names - {*OWN, "place"} == FREE

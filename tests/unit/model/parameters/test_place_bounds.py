"""What a place allows, whoever asks."""

from __future__ import annotations

from typing import Any

import pytest

from waterclock.model.parameters.place_bounds import (
    place_flaws,
    reference_flaw,
    role_flaw,
    unknown_place,
)
from waterclock.model.places import Drills, PlaceSpec, ReferenceSpec, accepted

BACKUP, DRILL = "db.backup", "db.restore-drill"
LISTED, OLD = ReferenceSpec(pattern="env:BOOKS_*", hosts=True), ReferenceSpec(pattern="file:/run/old/*", hosts=False)


def place(**given: Any) -> PlaceSpec:
    accepts = {
        "bucket": (accepted("books", "bucket", "books-backups"),),
        "endpoint": (accepted("books", "endpoint", "https://S3.books.example/"),),
        "connection": (accepted("books", "connection", "env:BOOKS_URL"),),
    }
    said: dict[str, Any] = {
        "name": "books",
        "databases": ("books", "orders"),
        "prefix": "team/books",
        "retention_days": 7,
        "keep_last": 3,
        "drills": "scratch",
        "references": (LISTED, OLD),
        "accepts": accepts,
    }
    return PlaceSpec(**(said | given))


WITHIN: list[dict[str, Any]] = [
    {},
    {"database": "orders"},
    {"database": None, "bucket": None, "prefix": None, "target": None},
    {"bucket": "books-backups"},
    {"endpoint": "https://s3.books.example"},
    {"endpoint": "https://s3.books.example/"},
    {"connection": "env:BOOKS_URL"},
    {"accessKey": "env:BOOKS_KEY"},
    {"prefix": "team/books"},
    {"prefix": "team/books/nightly"},
    {"retentionDays": 7, "keepLast": 3},
    {"verify": False, "cleanupOldBackups": False},
]
OUTSIDE: list[tuple[dict[str, Any], str, str]] = [
    ({"database": "postgres"}, "/database", "`databases` in `[books]`"),
    ({"database": "BOOKS"}, "/database", "`databases` in `[books]`"),
    ({"bucket": "mine"}, "/bucket", "`bucket` in `[books.accepts]`"),
    ({"bucket": ""}, "/bucket", "`bucket` in `[books.accepts]`"),
    ({"bucket": ["books-backups"]}, "/bucket", "`bucket` in `[books.accepts]`"),
    ({"endpoint": "http://s3.books.example"}, "/endpoint", "`endpoint` in `[books.accepts]`"),
    ({"endpoint": "https://s3.books.example:9000"}, "/endpoint", "`endpoint` in `[books.accepts]`"),
    ({"region": "eu-1"}, "/region", "`region` in `[books.accepts]`"),
    ({"connection": "env:DATABASE_URL"}, "/connection", "`connection` in `[books.accepts]`"),
    ({"connection": "postgresql://other"}, "/connection", "`connection` in `[books.accepts]`"),
    ({"accessKey": "env:books_key"}, "/accessKey", "`accessKey` in `[books.accepts]`"),
    ({"secretKey": "file:/run/old/../secrets/key"}, "/secretKey", "`secretKey` in `[books.accepts]`"),
    ({"prefix": "team"}, "/prefix", "`prefix` in `[books]`"),
    ({"prefix": "team/bookshop"}, "/prefix", "`prefix` in `[books]`"),
    ({"prefix": "team/books/../other"}, "/prefix", "`prefix` in `[books]`"),
    ({"prefix": "team//books"}, "/prefix", "`prefix` in `[books]`"),
    ({"prefix": ""}, "/prefix", "`prefix` in `[books]`"),
    ({"retentionDays": 0}, "/retentionDays", "`retentionDays` in `[books]`"),
    ({"retentionDays": 6.5}, "/retentionDays", "`retentionDays` in `[books]`"),
    ({"keepLast": 2}, "/keepLast", "`keepLast` in `[books]`"),
]


@pytest.mark.parametrize("params", WITHIN, ids=str)
def test_what_lies_within_a_place_is_no_flaw(params: dict[str, Any]) -> None:
    assert place_flaws(place(), BACKUP, params) == []


@pytest.mark.parametrize(("params", "pointer", "line"), OUTSIDE, ids=str)
def test_what_lies_outside_is_named_with_the_place_and_the_line_that_allows_it(
    params: dict[str, Any], pointer: str, line: str
) -> None:
    (flaw,) = place_flaws(place(), BACKUP, params)

    assert flaw.pointer == pointer
    assert "'books'" in flaw.message
    assert line in flaw.message


def test_all_that_lies_outside_is_named_at_once() -> None:
    asked = {"database": "x", "endpoint": "http://my-s3:9000", "bucket": "mine", "retentionDays": 0, "keepLast": 1}

    assert {flaw.pointer for flaw in place_flaws(place(), BACKUP, asked)} == {f"/{name}" for name in asked}


def test_no_value_is_told_again() -> None:
    for member in ("connection", "accessKey", "secretKey", "bucket"):
        (flaw,) = place_flaws(place(), BACKUP, {member: "hunter2"})
        assert "hunter2" not in flaw.message


def test_a_digest_of_another_place_or_member_is_not_taken() -> None:
    elsewhere = accepted("other", "bucket", "b"), accepted("books", "region", "b")
    assert len(place_flaws(place(accepts={"bucket": elsewhere}), BACKUP, {"bucket": "b"})) == 1


def test_a_reference_listed_without_hosts_is_for_what_is_stored() -> None:
    asked = {"accessKey": "file:/run//old/./key"}

    assert place_flaws(place(), BACKUP, asked, stored=True) == []
    (flaw,) = place_flaws(place(), BACKUP, asked)
    assert "`file:/run/old/*@HOST`" in flaw.message


def test_databases_and_folders_that_are_not_bounded_are_free() -> None:
    unbounded = place(databases=None, prefix=None)
    assert place_flaws(unbounded, BACKUP, {"database": "any", "prefix": "any/where"}) == []
    assert len(place_flaws(unbounded, BACKUP, {"prefix": "../x"})) == 1


@pytest.mark.parametrize("key", [DRILL, "db:restore-drill"])
@pytest.mark.parametrize(
    ("drills", "stored", "flaws"),
    [
        ("scratch", False, 0),
        ("source", False, 0),
        ("none", False, 1),
        ("none", True, 1),
        ("sourceUnlisted", False, 1),
        ("sourceUnlisted", True, 0),
    ],
)
def test_a_drill_without_target_asks_where_the_place_restores(
    key: str, drills: Drills, stored: bool, flaws: int
) -> None:
    found = place_flaws(place(drills=drills), key, {}, stored=stored)

    assert [flaw.pointer for flaw in found] == ["/target"] * flaws
    assert place_flaws(place(drills=drills), BACKUP, {}, stored=stored) == []


def test_a_target_is_looked_at_as_what_it_is() -> None:
    none = place(drills="none")
    assert place_flaws(none, DRILL, {"target": "env:BOOKS_SCRATCH"}) == []
    assert [flaw.pointer for flaw in place_flaws(none, DRILL, {"target": "env:PROD"})] == ["/target"]


@pytest.mark.parametrize(
    ("params", "drills", "told"),
    [
        ({}, "scratch", None),
        ({}, "none", None),
        ({}, "source", "the source's URL"),
        ({}, "sourceUnlisted", "the source's URL"),
        ({"target": None}, "source", "the source's URL"),
        ({"target": "env:BOOKS_SCRATCH"}, "scratch", "this URL"),
        ({"target": "env:BOOKS_SCRATCH"}, "source", "this URL"),
    ],
)
def test_a_drill_whose_role_nothing_vouches_for_is_told_who_may_restore(
    params: dict[str, Any], drills: Drills, told: str | None
) -> None:
    flaw = role_flaw(params | {"place": "books"}, [place(drills=drills)])

    if told is None:
        assert flaw is None
        return
    assert flaw is not None
    assert flaw.pointer == "/target"
    assert f"the role of {told}" in flaw.message
    assert "`scratch` in `[books]` of WATERCLOCK_PLACES" in flaw.message


def test_the_source_is_what_a_drill_restores_on_before_workers_have_told_of_places() -> None:
    assert role_flaw({}, None) is not None
    assert role_flaw({}, []) is None, "workers have told, and there is no such place"
    several = [place(drills="scratch"), place(drills="source")]
    assert role_flaw({}, several) is not None, "either may take the run"


def test_a_place_that_nobody_has_is_named_with_those_there_are() -> None:
    flaw = unknown_place({"place": "b 2"}, ["default", "books"])
    assert flaw.pointer == "/place"
    assert flaw.message.startswith("is not a place of any worker (known places: books, default): ")
    assert """`["b 2"]`""" in flaw.message
    assert unknown_place({"place": 7}, []).pointer == "/place"


def test_a_reference_that_is_not_listed_is_told_with_the_entry_it_needs() -> None:
    flaw = reference_flaw("env:TOKEN", (LISTED,), pointer="/sign/key", where="to WATERCLOCK_HTTP_REFERENCES")
    assert flaw is not None
    assert "`env:TOKEN@HOST` to WATERCLOCK_HTTP_REFERENCES" in flaw.message
    assert reference_flaw("env:BOOKS_TOKEN", (LISTED,), pointer="/sign/key", where="") is None

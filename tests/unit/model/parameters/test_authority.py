"""What a caller with the scope `run` alone may send."""

from __future__ import annotations

from typing import Any

import pytest

from waterclock.model.events import ExecutorSpec
from waterclock.model.parameters.authority import MOST, Asked, beyond_run, held_by
from waterclock.model.places import PlaceSpec, ReferenceSpec

PREFIX = "https://books.example/hook"
BACKUP = ExecutorSpec(
    key="db.backup",
    description="",
    params_schema={
        "$ref": "#/$defs/P",
        "$defs": {"P": {"properties": {"verify": {"default": True}, "bucket": {"default": None}, "database": {}}}},
    },
    aliases=("db:backup",),
)
REQUEST = ExecutorSpec(key="http.request", description="", params_schema={})
NOOP = ExecutorSpec(key="demo.noop", description="", params_schema={})
OTHER = ExecutorSpec(key="acme.sync", description="", params_schema={}, placed=True)
LOOKS_UP = ExecutorSpec(
    key="acme.call", description="", params_schema={}, references=(ReferenceSpec(pattern="env:A", hosts=True),)
)
STORED: dict[str, Any] = {"database": "books", "retentionDays": 7, "lockTimeout": 60}


def pointers(
    sent: dict[str, Any],
    stored: dict[str, Any] | None,
    *,
    spec: ExecutorSpec | None = BACKUP,
    target: str = "db.backup",
    places: tuple[PlaceSpec, ...] = (),
    queue: str = "default",
    stored_target: str | None = None,
) -> list[str]:
    was = None if stored is None else Asked(stored_target or target, stored, "default")
    found = beyond_run(Asked(target, sent, queue), was, spec=spec, places=places)
    return [one.pointer.removeprefix("/params") for one in found]


def test_what_the_job_says_may_be_sent_again() -> None:
    for same in (STORED, STORED | {"lockTimeout": 60.0}, STORED | {"verify": True}, STORED | {"bucket": None}):
        assert pointers(same, STORED) == []
    assert pointers(STORED | {"place": "default"}, STORED) == []
    assert pointers(STORED, STORED, target="db:backup", spec=None, stored_target="db.backup") == []


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"endpoint": "http://my-s3:9000"}, "/endpoint"),
        ({"database": "postgres"}, "/database"),
        ({"retentionDays": 0}, "/retentionDays"),
        ({"retentionDays": True}, "/retentionDays"),
        ({"keepLast": 1}, "/keepLast"),
        ({"verify": False}, "/verify"),
        ({"cleanupOldBackups": True}, "/cleanupOldBackups"),
        ({"excludeTables": ["*"]}, "/excludeTables"),
        ({"place": "other"}, "/place"),
        ({"place": ["default"]}, "/place"),
        ({"something": "new"}, "/something"),
    ],
    ids=str,
)
def test_each_member_that_differs_is_beyond_it(changed: dict[str, Any], pointer: str) -> None:
    assert pointers(STORED | changed, STORED) == [pointer]


def test_what_is_left_out_is_a_difference_too() -> None:
    assert pointers({"retentionDays": 7, "lockTimeout": 60}, STORED) == ["/database"]
    assert pointers({}, {"place": "books"}) == ["/place"]


def test_a_free_member_is_the_callers_where_every_worker_says_so() -> None:
    free = PlaceSpec(name="default", free=("database", "place"))
    assert pointers(STORED | {"database": "orders"}, STORED, places=(free,)) == []
    assert pointers(STORED | {"place": "other"}, STORED, places=(free,)) == ["/place"]
    held = PlaceSpec(name="default")
    assert pointers(STORED | {"database": "orders"}, STORED, places=(free, held)) == ["/database"]
    elsewhere = PlaceSpec(name="other", free=("database",))
    assert pointers(STORED | {"database": "orders"}, STORED, places=(elsewhere,)) == ["/database"]


def test_a_run_without_a_job_asks_for_a_place_that_is_open_to_them() -> None:
    shut, wide = PlaceSpec(name="default"), PlaceSpec(name="default", adhoc=True, free=("database",))
    assert pointers({}, None) == ["/place"]
    assert pointers({}, None, places=(shut,)) == ["/place"]
    assert pointers({}, None, places=(wide, shut)) == ["/place"]
    assert pointers({}, None, places=(wide,)) == []
    assert pointers({"place": "default", "database": "x"}, None, places=(wide,)) == []
    assert pointers({"verify": True}, None, places=(wide,)) == ["/verify"]
    assert pointers({"place": "other"}, None, places=(wide,)) == ["/place"]


def test_another_queue_may_be_another_place() -> None:
    assert pointers(STORED, STORED, queue="other") == ["/queue"]


def test_another_executor_than_the_jobs_is_beyond_it() -> None:
    assert pointers({}, {}, stored_target="db.restore-drill") == ["/invokeTarget"]
    assert pointers({}, {}, target="db:backup", spec=None, stored_target="db:restore-drill") == ["/invokeTarget"]


@pytest.mark.parametrize("target", ["db.backup", "db:backup", "db.restore-drill", "db:restore-drill"])
def test_built_in_executors_work_at_places_whatever_is_announced(target: str) -> None:
    assert held_by(target, None) == "places"
    assert held_by(target, ExecutorSpec(key=target, description="", params_schema={})) == "places"
    assert held_by("mine", ExecutorSpec(key=target, description="", params_schema={}, aliases=("mine",))) == "places"


def test_what_works_at_no_place_is_free() -> None:
    assert pointers({"any": "env:THING"}, None, spec=NOOP, target="demo.noop") == []
    assert held_by("acme.sync", OTHER) == "places"


def test_an_executor_that_nobody_announced_may_work_at_places() -> None:
    assert pointers({}, None, spec=None, target="acme.later") == ["/invokeTarget"]
    assert pointers({"a": 1}, {"a": 1}, spec=None, target="acme.later") == []
    assert pointers({"a": 1}, {"a": 2}, spec=None, target="acme.later") == ["/a"]


# --- references ---------------------------------------------------------------------------------------------------

BEARER: dict[str, Any] = {
    "url": PREFIX,
    "method": "POST",
    "headers": {"Authorization": {"from": "env:TOKEN", "prefix": "Bearer "}},
    "json": {"n": 1},
}
SIGNED: dict[str, Any] = {"url": PREFIX, "method": "POST", "json": {"n": 1}, "sign": {"key": "file:/run/key"}}


def requested(sent: dict[str, Any], stored: dict[str, Any] | None) -> list[str]:
    return pointers(sent, stored, spec=REQUEST, target="http.request")


def test_a_request_without_references_is_free() -> None:
    assert requested({"url": "https://anywhere.example", "headers": {"A": "b"}, "json": {"from": "env:X"}}, None) == []
    assert requested({"url": "https://anywhere.example"}, BEARER) == []


@pytest.mark.parametrize(
    ("params", "found"),
    [
        (BEARER, ["/headers/Authorization/from"]),
        (SIGNED, ["/sign/key"]),
        (BEARER | SIGNED, ["/headers/Authorization/from", "/sign/key"]),
        ({"headers": {"x/y": {"from": "anything"}}}, ["/headers/x~1y/from"]),
        ({"headers": {"x": {"from": "ENV:TOKEN"}}}, ["/headers/x/from"]),
        ({"headers": {"x": None}}, ["/headers/x/from"]),
        ({"headers": [{"from": "env:TOKEN"}]}, ["/headers", "/headers/0/from"]),
        ({"sign": {}}, ["/sign/key"]),
        ({"later": {"key": "env:TOKEN"}}, ["/later/key"]),
    ],
    ids=str,
)
def test_a_reference_of_ones_own_is_beyond_it(params: dict[str, Any], found: list[str]) -> None:
    assert requested(params, None) == found


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"url": "https://mine.example"}, "/url"),
        ({"url": PREFIX + "?x"}, "/url"),
        ({"method": "DELETE"}, "/method"),
        ({"headers": {"authorization": {"from": "env:TOKEN", "prefix": "Bearer "}}}, "/headers"),
        ({"headers": {"X-Mine": {"from": "env:TOKEN"}}}, "/headers"),
        ({"headers": BEARER["headers"] | {"Host": "mine.example"}}, "/headers"),
        ({"headers": {"Authorization": {"from": "env:TOKEN", "prefix": ""}}}, "/headers"),
        ({"headers": {"Authorization": {"from": "env:OTHER", "prefix": "Bearer "}}}, "/headers"),
        ({"redirects": 10}, "/redirects"),
        ({"expect": [302]}, "/expect"),
        ({"keepHeaders": ["set-cookie"]}, "/keepHeaders"),
        ({"keepBody": 32768}, "/keepBody"),
        ({"sign": {"key": "env:TOKEN"}}, "/sign"),
        ({"proxy": "http://mine.example"}, "/proxy"),
    ],
    ids=str,
)
def test_beside_a_reference_only_what_the_job_has_is_sent(changed: dict[str, Any], pointer: str) -> None:
    assert requested(BEARER | changed, BEARER)[0] == pointer


def test_beside_a_reference_the_body_is_free_unless_it_is_signed() -> None:
    assert requested(BEARER | {"json": {"n": 2}, "timeout": 5}, BEARER) == []
    assert requested(SIGNED | {"timeout": 5}, SIGNED) == []
    assert requested(SIGNED | {"json": {"n": 2}}, SIGNED) == ["/json"]
    assert requested(SIGNED | {"sign": {"key": "file:/run/key", "header": "Authorization"}}, SIGNED) == ["/sign"]


def test_another_queue_may_hold_another_secret_by_that_name() -> None:
    assert pointers(BEARER, BEARER, spec=REQUEST, target="http.request", queue="other") == ["/queue"]


def test_an_executor_of_ones_own_that_announces_references_is_held_whole() -> None:
    asked: dict[str, Any] = {"json": {"secret": "env:A"}, "n": 1}
    assert pointers({"n": 2}, None, spec=LOOKS_UP, target="acme.call") == []
    assert pointers(asked, None, spec=LOOKS_UP, target="acme.call") == ["/json/secret"]
    assert pointers(asked, asked, spec=LOOKS_UP, target="acme.call") == []
    assert pointers(asked | {"n": 2}, asked, spec=LOOKS_UP, target="acme.call") == ["/n"]


def test_of_many_members_beyond_it_some_are_named() -> None:
    assert len(pointers({f"m{n}": n for n in range(5000)}, STORED)) == MOST
    assert len(pointers({"all": ["env:A"] * 5000}, None, spec=LOOKS_UP, target="acme.call")) == MOST

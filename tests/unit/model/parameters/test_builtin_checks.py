"""What parameters of built-in executors must be beyond their schema: known before a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest

from tests.support.announced import specs
from waterclock.model.events import ExecutorSpec
from waterclock.model.parameters.builtin_checks import (
    CHECKS,
    SCHEMAS,
    check_of,
    new_flaws,
    schema_digest,
)
from waterclock_worker.executors.db_backup import db_backup
from waterclock_worker.executors.http_request import http_request
from waterclock_worker.executors.restore_drill import restore_drill
from waterclock_worker.reporting.outcome import BadParams, params_for

URL = "https://books.example/close"
EXECUTORS = {one.key: one for one in (http_request, db_backup, restore_drill)}

STOPS: list[tuple[str, dict[str, Any], str]] = [
    ("db.backup", {"uploadToS3": False}, "/uploadToS3"),
    ("db.backup", {"database": ".."}, "/database"),
    ("db.backup", {"database": "."}, "/database"),
    ("db.restore-drill", {"database": ".."}, "/database"),
    ("db.backup", {"endpoint": "http://s3:99999"}, "/endpoint"),
    ("db.backup", {"endpoint": "http://s3:0"}, "/endpoint"),
    ("db.backup", {"endpoint": "http://:9000"}, "/endpoint"),
    ("db.restore-drill", {"endpoint": "http://[::1"}, "/endpoint"),
    ("http.request", {"json": {}, "text": ""}, "/text"),
    ("http.request", {"json": None, "text": "x"}, "/text"),
    ("http.request", {"headers": {"Host": "x"}}, "/headers/Host"),
    ("http.request", {"headers": {"content-length": "3"}}, "/headers/content-length"),
    ("http.request", {"headers": {"Waterclock-Run": {"from": "env:X"}}}, "/headers/Waterclock-Run"),
    ("http.request", {"headers": {"X-A": "1", "x-a": "2"}}, "/headers/x-a"),
    ("http.request", {"sign": {"key": "env:K", "header": "Content-Length"}}, "/sign/header"),
    ("http.request", {"url": "https://books.example:99999/"}, "/url"),
    ("http.request", {"url": "https://books.example:0/"}, "/url"),
    ("http.request", {"url": "https://books.example:x/"}, "/url"),
    ("http.request", {"url": "https://:443/"}, "/url"),
    ("http.request", {"url": "https://[::1/"}, "/url"),
    ("http.request", {"url": "https://a..b/"}, "/url"),
    ("http.request", {"url": f"https://{'a' * 64}.example/"}, "/url"),
    ("http.request", {"url": "https://a\\b/"}, "/url"),
]
GOES_ON: list[tuple[str, dict[str, Any], str]] = [
    ("http.request", {"expect": ["299-200"]}, "/expect/0"),
    ("http.request", {"expect": ["200-299", 404, "404-400"]}, "/expect/2"),
    ("http.request", {"headers": {"X-Sign": "1"}, "sign": {"key": "env:K", "header": "x-sign"}}, "/sign/header"),
]
FINE: list[tuple[str, dict[str, Any]]] = [
    ("db.backup", {}),
    ("db.backup", {"uploadToS3": True, "database": "...", "endpoint": "https://s3.example.com:9000/"}),
    ("http.request", {"json": None}),
    ("http.request", {"text": "", "headers": {"X-A": "1", "X-B": {"from": "env:X"}}}),
    ("http.request", {"json": {"a": 1}, "text": None, "sign": {"key": "env:K"}, "expect": [404, "200-200"]}),
    ("http.request", {"url": "http://bücher.internal:8080/ä?q=%zz"}),
]


def with_url(key: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"url": URL} | params if key == "http.request" else params


@pytest.mark.parametrize(("key", "params", "pointer"), STOPS + GOES_ON)
def test_what_would_fail_is_named_by_its_pointer(key: str, params: dict[str, Any], pointer: str) -> None:
    (flaw,) = CHECKS[key](with_url(key, params))
    assert flaw.pointer == pointer
    assert flaw.message.isprintable()


@pytest.mark.parametrize(("key", "params", "pointer"), STOPS)
def test_a_worker_says_the_same(key: str, params: dict[str, Any], pointer: str) -> None:
    with pytest.raises(BadParams) as raised:
        params_for(EXECUTORS[key], with_url(key, params))
    assert pointer in str(raised.value)


@pytest.mark.parametrize(("key", "params"), [*FINE, *((key, params) for key, params, _ in GOES_ON)])
def test_a_worker_runs_what_is_fine_and_what_went_on_before(key: str, params: dict[str, Any]) -> None:
    params_for(EXECUTORS[key], with_url(key, params))
    assert not list(CHECKS[key](with_url(key, params), stored=True))


@pytest.mark.parametrize(("key", "params"), FINE)
def test_what_is_fine_has_no_flaw(key: str, params: dict[str, Any]) -> None:
    assert not list(CHECKS[key](with_url(key, params)))


@pytest.mark.parametrize(("key", "params", "pointer"), STOPS + GOES_ON)
def test_what_a_job_has_already_stays_and_what_is_changed_does_not(
    key: str, params: dict[str, Any], pointer: str
) -> None:
    before = with_url(key, params)
    assert not new_flaws(CHECKS[key], before, before)
    assert not new_flaws(CHECKS[key], before | {"verify": True, "timeout": 5}, before)
    assert [flaw.pointer for flaw in new_flaws(CHECKS[key], before, with_url(key, {}))] == [pointer]


def test_another_value_that_is_as_wrong_is_refused() -> None:
    check = CHECKS["http.request"]
    before = {"url": URL, "headers": {"Host": "a"}, "expect": ["299-200"]}
    changed = {"url": URL, "headers": {"Host": "b", "X": "y"}, "expect": ["299-200", "3-2"]}
    assert [flaw.pointer for flaw in new_flaws(check, changed, before)] == ["/headers/Host", "/expect/1"]


def test_the_schemas_that_are_announced_are_known_and_another_executor_s_is_not() -> None:
    announced = {spec.key: spec for spec in specs() if spec.key in CHECKS}
    assert announced.keys() == CHECKS.keys() == SCHEMAS.keys()
    for spec in announced.values():
        assert check_of(spec) is CHECKS[spec.key], schema_digest(spec.params_schema)
        assert check_of(msgspec.structs.replace(spec, params_schema={"type": "object"})) is None
        assert check_of(msgspec.structs.replace(spec, key="mine")) is None


def test_a_schema_is_the_same_however_it_is_described() -> None:
    told = {"type": "string", "description": "x", "examples": ["y"], "deprecated": True}
    one = {"title": "A", "properties": {"title": told, "examples": told}, "description": "y"}
    other = {"properties": {"title": {"type": "string"}, "examples": {"type": "string"}}}
    assert schema_digest(one) == schema_digest(other) != schema_digest({"properties": {}})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = ["url", "json", "text", "headers", "sign", "expect", "uploadToS3", "database", "endpoint"]


@hypothesis.settings(max_examples=40)
@hypothesis.given(st.dictionaries(st.sampled_from(MEMBERS), VALUES))
def test_a_check_bears_whatever_it_is_given(params: Mapping[str, Any]) -> None:
    for check in CHECKS.values():
        for flaw in check(params):
            assert flaw.pointer.startswith("/")


@hypothesis.settings(max_examples=40)
@hypothesis.given(
    st.fixed_dictionaries(
        {"url": st.from_regex(r"https?://[a-z0-9.:\[\]-]{1,12}(/[a-z%.]{0,5})?", fullmatch=True)},
        optional={
            "headers": st.dictionaries(st.sampled_from(["Host", "X-A", "x-a", "TE", "Accept"]), st.just("v")),
            "json": st.just({}),
            "text": st.just("x"),
        },
    )
)
def test_api_and_worker_agree(params: dict[str, Any]) -> None:
    flaws = list(CHECKS["http.request"](params))
    try:
        params_for(http_request, params)
    except BadParams:
        assert flaws
    else:
        assert not flaws


def test_whole_numbers_are_whole_however_they_are_written() -> None:
    spec = ExecutorSpec(key="k", description="", params_schema={})
    assert check_of(spec) is None
    found = params_for(http_request, {"url": URL, "keepBody": 100.0, "redirects": 2e0, "timeout": 5, "expect": [204.0]})
    assert (found.keep_body, found.redirects, found.expect) == (100, 2, (204,))
    with pytest.raises(BadParams, match="keepBody"):
        params_for(http_request, {"url": URL, "keepBody": 100.5})

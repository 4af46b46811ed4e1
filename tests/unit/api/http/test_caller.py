from __future__ import annotations

from typing import Any

import pytest
from litestar import Request

from waterclock_api.access.credentials import ANYBODY
from waterclock_api.http.caller import LONGEST_WAIT, WAIT, Caller, caller_of
from waterclock_api.http.problems import BadRequest


def asked(method: str = "POST", path: str = "/v1/monitor/jobs", body: Any = None, **headers: str) -> Caller:
    scope: Any = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "state": {"waterclock_principal": ANYBODY, "waterclock_address": "10.0.0.7"},
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    return caller_of(Request(scope), body)


def test_the_actor_is_named_with_its_address() -> None:
    assert asked().actor == "anonymous@10.0.0.7"


@pytest.mark.parametrize(
    ("prefer", "wait", "applied"),
    [
        ("wait=5", 5, "wait=5"),
        ("respond-async", 0, "respond-async"),
        ("respond-async, wait=5", 5, "wait=5"),  # RFC 7240: asynchronous is for what takes longer
        ("handling=lenient, Respond-Async; x=1", 0, "respond-async"),
        ('wait="7"', 7, "wait=7"),
        ("wait=900", LONGEST_WAIT, f"wait={LONGEST_WAIT}"),
        ("handling=lenient", WAIT, None),
        ("await=5, wait=soon", WAIT, None),
    ],
)
def test_prefer_says_how_long_to_wait(prefer: str, wait: float, applied: str | None) -> None:
    assert asked(prefer=prefer).patience == (wait, applied)
    assert asked().patience == (WAIT, None)


def test_a_key_means_one_command_of_one_method_and_path() -> None:
    first = asked(idempotency_key="k", body={"a": 1, "b": 2}).command
    assert first.client
    assert asked(idempotency_key="k", body={"b": 2, "a": 1}).command == first
    assert asked(idempotency_key="k", body={"a": 2}).command.id == first.id
    assert asked(idempotency_key="k", body={"a": 2}).command.fingerprint != first.fingerprint
    assert asked(idempotency_key="k", path="/other", body={"a": 1, "b": 2}).command.id != first.id
    assert asked(idempotency_key="l", body={"a": 1, "b": 2}).command.id != first.id


def test_without_a_key_every_command_is_its_own() -> None:
    assert asked().command.id != asked().command.id
    assert not asked(method="PUT", idempotency_key="k").command.client


def test_if_match_names_versions() -> None:
    assert asked(if_match='"3"').versions == {3}
    assert asked(if_match='"3", "4"').versions == {3, 4}
    assert asked(if_match='W/"3"').versions == frozenset()
    assert asked(if_match="*").versions is None
    assert asked().versions is None


@pytest.mark.parametrize("headers", [{"if_match": "new"}, {"idempotency_key": "a b"}, {"idempotency_key": "x" * 256}])
def test_headers_that_cannot_be_read_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        asked(**headers)


def test_a_trace_is_taken_over_only_if_it_is_one() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert asked(traceparent=trace).traceparent == trace
    assert asked(traceparent="00-x").traceparent is None
    assert asked(traceparent=f"00-{'0' * 32}-00f067aa0ba902b7-01").traceparent is None

"""A returned value → the JSON that is kept, or why none is."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from waterclock.kit.concealing import Concealer
from waterclock_worker.outcomes import wait_of
from waterclock_worker.results import NESTED_MOST, RESULT_MOST, BadResult, result_of


class Link(msgspec.Struct, frozen=True):
    inner: Any = None


@dataclasses.dataclass
class Chained:
    inner: Any = None


@pytest.fixture
def no_recursion_limit() -> Iterator[None]:
    """As an executor may set it: then only the C stack ends a recursion, and the process with it."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(2**30)
    yield
    sys.setrecursionlimit(limit)


WRAPS: dict[str, Callable[[Any], Any]] = {
    "list": lambda inner: [inner],
    "tuple": lambda inner: (inner,),
    "dict": lambda inner: {"a": inner},
    "struct": Link,
    "dataclass": Chained,
    "beside": lambda inner: [1, "[[[", inner, None],
}


@pytest.mark.usefixtures("no_recursion_limit")
@pytest.mark.parametrize("kind", WRAPS)
@pytest.mark.parametrize("depth", [1, 31, 32, 33, 200, 963, 9_990, 100_000])
def test_a_value_is_kept_as_deep_as_parameters_may_be(kind: str, depth: int) -> None:
    value: Any = "core"
    for _ in range(depth):
        value = WRAPS[kind](value)
    if depth <= NESTED_MOST:
        assert b"core" in result_of(value)
    else:
        with pytest.raises(BadResult, match=f"nested more than {NESTED_MOST} deep"):
            result_of(value)


def test_raw_bytes_within_a_value_count_with_it() -> None:
    assert result_of([msgspec.Raw(b"[" * 31 + b"]" * 31)]) == b"[" * 32 + b"]" * 32
    with pytest.raises(BadResult, match="deep"):
        result_of([msgspec.Raw(b"[" * 32 + b"]" * 32)])


def test_a_value_that_holds_itself_is_nested_too_deeply() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(BadResult, match="deep"):
        result_of(endless)


def test_what_is_written_often_is_counted_as_often() -> None:
    many: list[Any] = ["x"]
    for _ in range(30):
        many = [many, many]
    with pytest.raises(BadResult, match=str(RESULT_MOST)):
        result_of(many)


def test_members_that_come_twice_and_blanks_are_not_kept() -> None:
    assert result_of(msgspec.Raw(b'{"a": 1,\n"a": [2 , 3]}')) == b'{"a":[2,3]}'


@pytest.mark.parametrize(
    "value", [10**5_000, float, {(1, 2): 3}, "\ud800", {"\ud800": 1}, object(), {1: {object()}}], ids=type
)
def test_what_json_has_not_is_refused(value: Any) -> None:
    with pytest.raises(BadResult, match="cannot be written as JSON"):
        result_of(value)


def test_a_value_whose_code_fails_is_refused() -> None:
    class Wicked(dict[str, Any]):
        def values(self) -> Any:
            raise LookupError("no")

    with pytest.raises(BadResult, match="no"):
        result_of(Wicked(a=1))


def test_secrets_are_taken_out_of_what_is_kept() -> None:
    assert result_of({"sesame": ["open sesame"]}, Concealer(["sesame"])) == b'{"[secret]":["open [secret]"]}'


@pytest.mark.parametrize(
    ("after", "seconds"),
    [(None, None), (0, 0), (1.5, 1.5), (True, 1), ("7", 7), (-1, None), (float("nan"), None), (1e308, None),
     (10**400, None), ("soon", None), (object(), None), (366 * 86_400, 366 * 86_400), (366 * 86_400 + 1, None)],
    ids=type,
)  # fmt: skip
def test_a_wait_is_a_number_that_lies_in_bounds(after: Any, seconds: float | None) -> None:
    assert wait_of(after) == seconds

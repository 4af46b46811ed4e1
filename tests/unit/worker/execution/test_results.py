"""A returned value → the JSON that is kept, or why none is."""

from __future__ import annotations

import collections
import dataclasses
import decimal
import enum
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from waterclock.kit.redaction import Redactor
from waterclock_worker.reporting.outcome import wait_of
from waterclock_worker.reporting.results import (
    DIGITS_MOST,
    NESTED_MOST,
    RESULT_MOST,
    BadResult,
    result_of,
)


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
    @dataclasses.dataclass
    class Wicked:
        a: int = 1

        def __getattribute__(self, name: str) -> Any:
            raise LookupError("no")

    with pytest.raises(BadResult, match="no"):
        result_of(Wicked())


class Text(str):
    """Says of itself what it is not."""

    __slots__ = ()

    def __str__(self) -> str:
        raise LookupError

    __repr__ = __len__ = __iter__ = __getitem__ = encode = __str__  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


class Whole(int):
    def __int__(self) -> int:
        raise LookupError

    __str__ = __repr__ = __index__ = __int__  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


class Part(float):
    def __float__(self) -> float:
        raise LookupError


class Octets(bytes):
    pass


class Row(dict[Any, Any]):
    def items(self) -> Any:
        raise LookupError

    __iter__ = values = keys = __len__ = items  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


class Rows(list[Any]):
    def __iter__(self) -> Any:
        raise LookupError


class Hue(enum.StrEnum):
    RED = "red"


class Pair(NamedTuple):
    left: Any
    right: Any


SUBCLASSES: list[tuple[Any, bytes]] = [
    (Text("a"), b'"a"'),
    (Whole(3), b"3"),
    (Part(1.5), b"1.5"),
    (Octets(b"x"), b'"eA=="'),
    (Row(a=Text("b")), b'{"a":"b"}'),
    (Row({Text("a"): Whole(1), Whole(2): Part(0.5)}), b'{"a":1,"2":0.5}'),
    (Rows([Text("a"), Rows([Whole(1)])]), b'["a",[1]]'),
    (Pair(Text("a"), (Part(2),)), b'["a",[2.0]]'),
    ({Hue.RED: Hue.RED}, b'{"red":"red"}'),
    (Link(Link(Text("a"))), b'{"inner":{"inner":"a"}}'),
    (collections.OrderedDict(a=collections.Counter(b=2)), b'{"a":{"b":2}}'),
]


@pytest.mark.parametrize(("value", "kept"), SUBCLASSES, ids=[str(number) for number in range(len(SUBCLASSES))])
def test_a_subclass_is_taken_for_what_it_holds(value: Any, kept: bytes) -> None:
    assert result_of(value) == kept


def test_a_subclass_hides_no_depth() -> None:
    value: Any = "core"
    for _ in range(100_000):
        value = Row(a=value)
    with pytest.raises(BadResult, match="deep"):
        result_of(value)
    for _ in range(100_000):  # freed level by level, for CPython 3.11 does it by recursion
        value = dict[Any, Any].pop(value, "a")


@pytest.mark.parametrize(
    ("value", "kept", "places"),
    [
        (math.nan, b"null", "the whole"),
        ({"a": [1, math.inf, {"b/c~d": -math.inf}]}, b'{"a":[1,null,{"b/c~d":null}]}', "/a/1, /a/2/b~1c~0d"),
        (Link(Part(math.nan)), b'{"inner":null}', "/inner"),
        ([Chained((0.5, math.nan))], b'[{"inner":[0.5,null]}]', "/0/inner/1"),
        ([math.nan] * 12, b"[" + b",".join([b"null"] * 12) + b"]", "/9 and at 2 more places"),
    ],
)
def test_null_stands_for_what_is_not_finite_and_a_line_says_where(value: Any, kept: bytes, places: str) -> None:
    said: list[str] = []
    assert result_of(value, None, said.append) == kept
    (line,) = said
    assert line.endswith(places)


def test_what_is_finite_is_kept_without_a_word() -> None:
    said: list[str] = []
    assert result_of([0.5, decimal.Decimal("NaN"), None], None, said.append) == b'[0.5,"NaN",null]'
    assert said == []


@pytest.fixture
def no_digits_limit() -> Iterator[None]:
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    yield
    sys.set_int_max_str_digits(limit)


@pytest.mark.usefixtures("no_digits_limit")
@pytest.mark.parametrize("sign", [1, -1])
def test_no_more_digits_are_kept_than_are_read_elsewhere(sign: int) -> None:
    most = sign * (10 ** (DIGITS_MOST - (sign < 0)) - 1)
    assert len(result_of({"a": most})) == DIGITS_MOST + 6
    assert result_of("7" * 5_000) == b'"' + b"7" * 5_000 + b'"'
    for value in (most + sign, Whole(most + sign), [sign << 3_000_000]):
        with pytest.raises(BadResult, match=f"more than {DIGITS_MOST} digits"):
            result_of(value)
    with pytest.raises(BadResult, match="out of range"):
        result_of(msgspec.Raw(str(most + sign).encode()))


def test_secrets_are_taken_out_of_what_is_kept() -> None:
    assert result_of({"sesame": ["open sesame"]}, Redactor(["sesame"])) == b'{"[secret]":["open [secret]"]}'


@pytest.mark.parametrize(
    ("after", "seconds"),
    [(None, None), (0, 0), (1.5, 1.5), (True, 1), ("7", 7), (-1, None), (float("nan"), None), (1e308, None),
     (10**400, None), ("soon", None), (object(), None), (366 * 86_400, 366 * 86_400), (366 * 86_400 + 1, None)],
    ids=type,
)  # fmt: skip
def test_a_wait_is_a_number_that_lies_in_bounds(after: Any, seconds: float | None) -> None:
    assert wait_of(after) == seconds

"""Values and exceptions of Python as nobody expects them; each is made by `pick`, which chooses below a number."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import hashlib
import itertools
import math
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

Pick = Callable[[int], int]


def picking(seed: int) -> Pick:
    """The same choices for the same seed, in any process."""
    number = itertools.count()

    def pick(below: int) -> int:
        return int.from_bytes(hashlib.sha256(f"{seed} {next(number)}".encode()).digest()) % below

    return pick


class Failing(RuntimeError):
    """What the code of a value raises."""


def _fails(*_args: Any, **_more: Any) -> Any:
    raise Failing("\ud800 no")


class Text(str):
    __slots__ = ()
    __str__ = __repr__ = __len__ = __iter__ = __getitem__ = __radd__ = __mod__ = __eq__ = __format__ = _fails
    encode = split = replace = strip = isascii = startswith = _fails
    __hash__ = str.__hash__


class Whole(int):
    __int__ = __str__ = __repr__ = __index__ = __float__ = __lt__ = __ge__ = _fails


class Part(float):
    __float__ = __str__ = __repr__ = __lt__ = __ge__ = _fails


class Octets(bytes):
    __str__ = __repr__ = __len__ = __iter__ = decode = _fails


class Row(dict[Any, Any]):
    items = values = keys = __iter__ = __len__ = __repr__ = _fails


class Rows(list[Any]):
    __iter__ = __len__ = __getitem__ = __repr__ = _fails


class Hue(enum.Enum):
    RED = "red"
    MANY = (1, 2)


class Level(enum.IntEnum):
    ONE = 1


class Pair(NamedTuple):
    left: Any
    right: Any


class Link(msgspec.Struct):
    inner: Any = None


@dataclasses.dataclass
class Plain:
    inner: Any = None


class Liar:
    """Says that it is whatever it is asked."""

    __repr__ = __str__ = __len__ = __iter__ = __eq__ = __bool__ = __float__ = __index__ = _fails
    __hash__ = object.__hash__

    @property
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise Failing


class Endless:
    """Has any attribute, and each is another."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and not name.endswith("attrs__"):
            raise AttributeError(name)
        return Endless()


TEXTS = (
    *("", "a", "\0", "\ud800", "\udcff\ud83d", "\u2028", "é" * 300, "x" * 17_000),
    *('{["\\', "🐘", "\r\n", "%s %d %"),
)
RAWS = (
    *(b"", b"1", b"nope", b"1e999", b"1" * 5_000, b'"\\ud800"', b'"\xff"', b"[" * 40 + b"]" * 40, b"[" * 9_000),
    *(b'1},"a":{', b"1 2", b'{"a":1,"a":2}', b" [1 ,\n2] "),
)
LEAVES: tuple[Callable[[Pick], Any], ...] = (
    lambda pick: (None, True, False)[pick(3)],
    lambda pick: TEXTS[pick(len(TEXTS))],
    lambda pick: (0, -1, 2**53 + 1, 2**63, -(2**64), 10**400, 10**4_300 - 1, -(10**4_300), 1 << 100_000)[pick(9)],
    lambda pick: (0.0, -0.0, 1e308, 5e-324, math.nan, math.inf, -math.inf)[pick(7)],
    lambda pick: Text(TEXTS[pick(len(TEXTS))]),
    lambda pick: Whole((7, 10**30, 1 << 50_000)[pick(3)]),
    lambda pick: Part((1.5, math.nan, math.inf)[pick(3)]),
    lambda pick: (Octets(b"x"), b"\xff", bytearray(b"\0"), memoryview(b"m"))[pick(4)],
    lambda pick: msgspec.Raw(RAWS[pick(len(RAWS))]),
    lambda pick: (Hue.RED, Hue.MANY, Level.ONE, Hue, int, object(), ..., NotImplemented, msgspec.UNSET)[pick(9)],
    lambda pick: (decimal.Decimal("NaN"), decimal.Decimal(10) ** 500, uuid.UUID(int=1), dt.timedelta.max)[pick(4)],
    lambda pick: (
        dt.datetime.max.replace(tzinfo=dt.UTC),
        dt.date.min,
        dt.time(1),
        range(3),
        1j,
        iter([1]),
        _fails,
    )[pick(7)],
    lambda pick: (Liar(), Endless(), Failing("x"), collections.deque([1]))[pick(4)],
)
WRAPS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda one, other: [one, other],
    lambda one, other: (one, other),
    lambda one, _: {"a": one},
    lambda one, _: {"\ud800": one},
    lambda one, other: {1: one, "1": other},
    lambda one, other: Row({Text("k"): one, Whole(3): other}),
    lambda one, other: Rows([one, other]),
    Pair,
    lambda one, _: Link(one),
    lambda one, _: Plain(one),
    lambda one, other: collections.OrderedDict[str, Any](a=one, b=other),
    lambda one, _: _deep(one, 31),
    lambda one, _: _deep(one, 32),
    lambda one, _: _deep(one, 2_000),
    lambda one, _: _around(one),
)


def value(pick: Pick, depth: int = 3) -> Any:
    """Something to be returned."""
    if not depth or pick(3) == 0:
        return LEAVES[pick(len(LEAVES))](pick)
    return WRAPS[pick(len(WRAPS))](value(pick, depth - 1), LEAVES[pick(len(LEAVES))](pick))


def _deep(one: Any, levels: int) -> Any:
    for _ in range(levels):
        one = [one]
    return one


def _around(one: Any) -> Any:
    found = [one]
    found.append(found)
    return found


class Named(type):
    """The name of its classes is no name."""

    __name__ = property(_fails)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


class Nameless(Exception, metaclass=Named):
    __str__ = __repr__ = _fails


class Worded(Exception):
    def __str__(self) -> str:
        return Text("\ud800 of a subclass\0")


class Sudden(Exception):
    @property
    def __traceback__(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        raise Failing

    @property
    def after(self) -> Any:
        raise Failing


def error(pick: Pick, retry: type[Exception]) -> Exception:
    """Something to be raised; `retry` is what asks for another attempt."""

    class Again(retry):
        __str__ = _fails

        def __init__(self, after: Any) -> None:
            Exception.__init__(self)
            self.after = after

    match pick(8):
        case 0:
            return Nameless()
        case 1:
            return Worded()
        case 2:
            return Sudden()
        case 3:
            return type(f"{TEXTS[pick(2)]}Odd", (Exception,), {"__str__": _number})()
        case 4:
            return ExceptionGroup("\ud800", [Worded(), Nameless()])
        case 5:
            return UnicodeDecodeError("utf-8", b"\xff", 0, 1, "\udcff")
        case 6:
            return Again((math.nan, Liar(), Text("soon"), Whole(0), Part(0.0), 10**400)[pick(6)])
        case _:
            return ValueError(value(pick))


def _number(_: object) -> int:
    return 7

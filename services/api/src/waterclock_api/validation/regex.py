"""Patterns of executors' schemas under an engine that takes linear time, whatever the pattern and the text.

    Python's pattern ──► its parse tree ──► the same language, spelt out for the engine ──► `fits`
                                        └─► None: the engine has no such thing, or it would differ

Workers check with Python's `re`, so what that accepts must not be refused here. Of what the two read differently (`$`,
`\\d`, `\\w`, `\\s`, which are not those of ECMA-262 either) the engine never sees the short form; look-ahead,
back-references and flags have no counterpart. The engine is Rust's crate `regex`, as jsonschema-rs brings it. Its time
grows with the text alone, but a character may cost as much as the pattern has states: the larger a pattern, the shorter
are the texts that it is tried on.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, cast

import jsonschema_rs

LONGEST = 2_000  # characters of a pattern


class _Tier(NamedTuple):
    """Patterns that take at most so many bytes are tried on texts of at most so many characters."""

    size: int
    longest: int
    cost: float  # of a character, at worst, in units of 10 µs


_TIERS = (_Tier(8 << 10, 64 << 10, 0.05), _Tier(64 << 10, 4_096, 0.4), _Tier(512 << 10, 512, 3.2))
_CACHE = 1 << 20  # bytes

_parse: Callable[[str], Any] = cast("Any", importlib.import_module("re._parser")).parse
_LAST_SCALAR, _LAST_ASCII = 0x10FFFF, 0x7F
_SURROGATES = range(0xD800, 0xE000)
_IGNORED = re.UNICODE | re.VERBOSE | re.DOTALL
_CATEGORIES = {"CATEGORY_DIGIT": r"\d", "CATEGORY_SPACE": r"\s", "CATEGORY_WORD": r"\w"}
_Item = tuple[str, Any]
_Ranges = tuple[tuple[int, int], ...]


class Pattern:
    """A pattern that was understood. Most texts are ASCII, and for them it is far smaller."""

    __slots__ = ("_ascii", "_whole")

    def __init__(self, ascii_: _Matcher, whole: _Matcher | None) -> None:
        self._ascii = ascii_
        self._whole = whole

    def fits(self, text: str) -> bool | None:
        """Whether it matches anywhere in the text, as `re.search` says; None: only Python can tell."""
        matcher = self._matcher(text)
        return None if matcher is None or len(text) > matcher.tier.longest else matcher.fits(text)

    def cost(self, text: str) -> int:
        """What `fits` takes at worst, in units of 10 µs."""
        matcher = self._matcher(text)
        return 1 if matcher is None else 1 + int(min(len(text), matcher.tier.longest) * matcher.tier.cost)

    def _matcher(self, text: str) -> _Matcher | None:
        return self._ascii if text.isascii() else self._whole


@lru_cache(maxsize=1024)
def understood(pattern: str) -> Pattern | None:
    """The pattern; None where only Python can tell whether a text fits, or it is none, or too large."""
    if len(pattern) > LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = _parse(pattern)
        if parsed.state.flags & ~_IGNORED:
            return None
        dot_all, items = bool(parsed.state.flags & re.DOTALL), _items(parsed)
        small = _matcher(_Speller(_LAST_ASCII, dot_all=dot_all).sequence(items, last=True))
        whole = _matcher(_Speller(_LAST_SCALAR, dot_all=dot_all).sequence(items, last=True))
    except (_NoCounterpart, re.error, RecursionError, OverflowError):
        return None
    return None if small is None else Pattern(small, whole)


class _NoCounterpart(Exception):
    pass


class _Matcher:
    __slots__ = ("_validator", "tier")

    def __init__(self, spelt_out: str, tier: _Tier) -> None:
        self.tier = tier
        options = jsonschema_rs.RegexOptions(size_limit=tier.size, dfa_size_limit=_CACHE)
        self._validator = jsonschema_rs.Draft202012Validator({"pattern": spelt_out}, pattern_options=options)

    def fits(self, text: str) -> bool | None:
        try:
            return self._validator.is_valid(text)
        except ValueError:  # half a surrogate
            return None


def _matcher(spelt_out: str) -> _Matcher | None:
    """In the lowest tier that holds it; None if none does."""
    for tier in _TIERS:
        try:
            return _Matcher(spelt_out, tier)
        except (jsonschema_rs.ValidationError, ValueError):
            continue
    return None


class _Speller:
    """Writes a parse tree for texts whose characters go up to `top`: all classes are ranges."""

    def __init__(self, top: int, *, dot_all: bool) -> None:
        self._top = top
        self._any = self._class(((0, top),) if dot_all else _beside(((10, 10),), top))

    def sequence(self, items: list[_Item], *, last: bool) -> str:
        """`last`: nothing of the pattern comes after it."""
        found: list[str] = []
        place = 0
        while place < len(items):
            op, value = items[place]
            place += 1
            if op == "AT" and str(value) == "AT_END":
                if place < len(items) and _forbids_newline(items[place]):
                    found.append(r"\z")
                    place += 1
                elif last and place == len(items):
                    found.append(rf"(?:{_character(10)}?\z)")
                else:
                    raise _NoCounterpart
            else:
                found.append(self._one(op, value, last=last and place == len(items)))
        return "".join(found)

    def _one(self, op: str, value: Any, *, last: bool) -> str:
        match op:
            case "LITERAL":
                return _character(value)
            case "NOT_LITERAL":
                return self._class(_beside(((value, value),), self._top))
            case "ANY":
                return self._any
            case "IN":
                return self._set(_items(value))
            case "BRANCH":
                return f"(?:{'|'.join(self.sequence(_items(one), last=last) for one in value[1])})"
            case "SUBPATTERN":
                _, added, removed, inner = value
                if added or removed:
                    raise _NoCounterpart
                return f"(?:{self.sequence(_items(inner), last=last)})"
            case "MAX_REPEAT" | "MIN_REPEAT":
                low, high, inner = value
                most = "" if str(high) == "MAXREPEAT" else int(high)
                return f"(?:{self.sequence(_items(inner), last=False)}){{{int(low)},{most}}}"
            case "AT" if str(value) in {"AT_BEGINNING", "AT_BEGINNING_STRING"}:
                return r"\A"
            case "AT" if str(value) == "AT_END_STRING":
                return r"\z"
            case _:
                raise _NoCounterpart

    def _set(self, items: list[_Item]) -> str:
        negated = items[:1] == [("NEGATE", None)]
        ranges: list[tuple[int, int]] = []
        for op, value in items[negated:]:
            match op:
                case "LITERAL":
                    ranges.append((value, value))
                case "RANGE":
                    ranges.append(value)
                case "CATEGORY":
                    name = str(value)
                    same = _category(name.replace("NOT_", ""))
                    ranges += _beside(same, _LAST_SCALAR) if "NOT_" in name else same
                case _:
                    raise _NoCounterpart
        return self._class(_beside(ranges, self._top) if negated else tuple(ranges))

    def _class(self, ranges: _Ranges) -> str:
        kept = ((low, min(high, self._top)) for low, high in ranges if low <= self._top)
        spelt = "".join(f"{_character(low)}-{_character(high)}" for low, high in kept)
        return f"[{spelt}]" if spelt else r"[^\x{0}-\x{10ffff}]"


def _items(parsed: Iterable[tuple[object, Any]]) -> list[_Item]:
    return [(str(op), value) for op, value in parsed]


def _forbids_newline(item: _Item) -> bool:
    op, value = item
    if op != "ASSERT_NOT":
        return False
    direction, inner = value
    return direction == 1 and _items(inner) == [("LITERAL", 10)]


def _character(code: int) -> str:
    if code in _SURROGATES:
        raise _NoCounterpart
    return f"\\x{{{code:x}}}"


@lru_cache(maxsize=8)
def _category(name: str) -> _Ranges:
    """The characters of a category, as this Python has them."""
    every = "".join(map(chr, (code for code in range(_LAST_SCALAR + 1) if code not in _SURROGATES)))
    runs = (run[0] for run in re.finditer(f"{_CATEGORIES[name]}+", every))
    return tuple((ord(run[0]), ord(run[-1])) for run in runs)


def _beside(ranges: Iterable[tuple[int, int]], top: int) -> _Ranges:
    """The characters up to `top` that are in none of the ranges."""
    return tuple(_between(sorted(ranges), top))


def _between(ranges: Iterable[tuple[int, int]], top: int) -> Iterator[tuple[int, int]]:
    after = 0
    for low, high in (*ranges, (top + 1, top + 1)):
        if after in _SURROGATES:
            after = _SURROGATES.stop
        if after < min(low, top + 1):
            end = min(low, top + 1) - 1
            if after < _SURROGATES.start <= end:
                yield after, _SURROGATES.start - 1
                after = _SURROGATES.stop
            if after <= end:
                yield after, (_SURROGATES.start - 1 if end in _SURROGATES else end)
        after = max(after, high + 1)

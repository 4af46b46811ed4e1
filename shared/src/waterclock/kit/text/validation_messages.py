"""What a value should have been, in words: no pattern, no name of a type's library, but the values or an example.

A type says what it wants by `msgspec.Meta`: `description` (a phrase after "must be", or sentences) and `examples`; one
whose values are codes that have words, by `worded`.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

import msgspec

_PATH = re.compile(r" - at (?:`key` in )?`\$?([^`]*)`$")
_PART = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_ENUM = "Invalid enum value "
_PATTERN = re.compile(r"^Expected `str` matching regex ", re.DOTALL)
_CLOSE = 0.6
_WORDS = "words"
_WRONG_TYPE = re.compile(r"Expected [^,]+, got ")


class _Kind(NamedTuple):
    bare: Any
    metas: tuple[msgspec.Meta, ...]


def message_of(error: msgspec.ValidationError, kind: Any) -> str:
    """What is wrong with a value that was to be converted to `kind`, without the place."""
    said = _PATH.sub("", str(error))
    if said.startswith(_ENUM) or _WRONG_TYPE.match(said):
        words = next(iter(_words_at(kind, error)), None)
        if words is not None:
            return none_of_codes(words, said.removeprefix(_ENUM).strip("'\"") if said.startswith(_ENUM) else "")
    if said.startswith(_ENUM):
        values = [value for one in _at(kind, error) for value in _values_of(one.bare)]
        return none_of(values, said.removeprefix(_ENUM).strip("'\""))
    if _PATTERN.match(said):
        metas = [meta for one in _at(kind, error) for meta in one.metas if meta.pattern is not None]
        description = next((meta.description for meta in metas if meta.description), None)
        examples = next((meta.examples for meta in metas if meta.examples), None)
        return wrong_form(description, examples or ())
    said = said.replace("`", "")
    if _WRONG_TYPE.match(said):
        values = dict.fromkeys(f'"{value}"' for one in _at(kind, error) for value in _values_of(one.bare))
        said = f"{said}; it is one of {', '.join(values)}" if values else said
    return f"{said[0].lower()}{said[1:]}"


def pointer_of(error: msgspec.ValidationError) -> str:
    """The JSON pointer to the value, from what was to be converted."""
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in _path(error) if part != "...")


def wrong_form(description: str | None, examples: Sequence[object] = (), *, whose: str = "") -> str:
    """Of a text that does not match a pattern. `whose`: where its author finds more, if nothing is said."""
    shown = f"; for example {examples[0]}" if examples else ""
    if description:
        return f"has the wrong form: {description.rstrip('. ')}{shown}"
    return f"has the wrong form{f' ({whose})' if whose and (not shown) else ''}{shown}"


def none_of(values: Iterable[object], given: str = "") -> str:
    """Of a text that is none of those that there are."""
    known = [str(value) for value in dict.fromkeys(values)]
    if not known:
        return "is not one of the allowed values"
    return f"is not one of {', '.join(known)}{_hint(known, given)}"


def worded(words: Mapping[Any, str]) -> msgspec.Meta:
    """For a type whose values are codes, the words for them, and their digits as numbers."""
    return msgspec.Meta(description=_either(words), extra={_WORDS: words})


def none_of_codes(words: Mapping[Any, str], given: str = "") -> str:
    """Of a value that is no code, and no word for one."""
    return f"must be {_either(words)}{_hint(words.values(), given)}"


def _either(words: Mapping[Any, str]) -> str:
    *others, last = [f'"{code}"/"{word}"' for code, word in words.items()]
    return f"{', '.join(others)} or {last}"


def _hint(values: Iterable[str], given: str) -> str:
    folded = {value.casefold(): value for value in values}
    close = difflib.get_close_matches(given.casefold(), folded, n=1, cutoff=_CLOSE) if len(given) <= 64 else []
    return f"; did you mean {folded[close[0]]}?" if close else ""


def _path(error: msgspec.ValidationError) -> list[str]:
    found = _PATH.search(str(error))
    return [] if found is None else [name or index for name, index in _PART.findall(found[1])]


def _at(kind: Any, error: msgspec.ValidationError) -> list[_Kind]:
    """What the value at the error's place may be."""
    found = list(_options(kind))
    for part in _path(error):
        found = [inner for one in found for inner in _inside(one.bare, part)]
    if "`key` in " in str(error):
        found = [inner for one in found for inner in _keys(one.bare)]
    return found


def _words_at(kind: Any, error: msgspec.ValidationError) -> Iterator[Mapping[Any, str]]:
    for meta in (meta for one in _at(kind, error) for meta in one.metas):
        if meta.extra is not None and _WORDS in meta.extra:
            yield meta.extra[_WORDS]


def _options(kind: Any, metas: tuple[msgspec.Meta, ...] = ()) -> Iterator[_Kind]:
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        bare, *more = typing.get_args(kind)
        yield from _options(bare, (*metas, *(one for one in more if isinstance(one, msgspec.Meta))))
    elif origin in (typing.Union, types.UnionType):
        for option in typing.get_args(kind):
            yield from _options(option, metas)
    else:
        yield _Kind(kind, metas)


def _inside(bare: Any, part: str) -> Iterator[_Kind]:
    arguments = typing.get_args(bare)
    origin = typing.get_origin(bare)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        for field in msgspec.structs.fields(bare):
            if field.encode_name == part:
                yield from _options(field.type)
    elif origin in (list, tuple, set, frozenset) and arguments:
        yield from _options(arguments[0])
    elif origin is dict and arguments:
        yield from _options(arguments[1])


def _keys(bare: Any) -> Iterator[_Kind]:
    arguments = typing.get_args(bare)
    if typing.get_origin(bare) is dict and arguments:
        yield from _options(arguments[0])


def _values_of(bare: Any) -> Sequence[object]:
    return cast("Sequence[object]", typing.get_args(bare)) if typing.get_origin(bare) is Literal else ()

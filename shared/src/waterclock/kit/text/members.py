"""What a struct says of its members, for others that show them or have them, too."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

_SECONDS = "In seconds."
_WRITTEN = "In seconds, or as an ISO 8601 duration such as PT1M30S."
_SENTENCE = re.compile(r"(?<=[.])\s+(?=[A-Z0-9`])")


class Said(typing.NamedTuple):
    """`type` is what a value has to be, without what is said of it."""

    name: str
    type: Any
    description: str
    examples: tuple[object, ...]

    @property
    def summary(self) -> str:
        """The first sentence."""
        return _SENTENCE.split(self.description, maxsplit=1)[0]

    @property
    def values(self) -> tuple[str, ...]:
        """What it may be, where that is one of some words."""
        options = (self.type, *typing.get_args(self.type))
        return next((typing.get_args(one) for one in options if typing.get_origin(one) is typing.Literal), ())


def said(description: str, *examples: object) -> msgspec.Meta:
    return msgspec.Meta(description=description, examples=list(examples) or None)


def members(kind: type[msgspec.Struct]) -> Iterator[Said]:
    for field in msgspec.structs.fields(kind):
        metas = [one for one in _annotations(field.type) if isinstance(one, msgspec.Meta)]
        description = next((one.description for one in reversed(metas) if one.description), "")
        examples = next((one.examples for one in reversed(metas) if one.examples), ())
        yield Said(field.encode_name, bare(field.type), description, tuple(examples))


def bare(kind: Any) -> Any:
    """A type without its annotations."""
    return typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind


def as_in(kind: type[msgspec.Struct], name: str) -> msgspec.Meta:
    """What another struct says of its member of that name, for one that is written: a duration in either form."""
    found = next(one for one in members(kind) if one.name == name)
    text = found.description
    return said(text.removesuffix(_SECONDS) + _WRITTEN if text.endswith(_SECONDS) else text, *found.examples)


def _annotations(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind)[1:] if typing.get_origin(kind) is typing.Annotated else ()

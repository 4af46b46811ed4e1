"""Settings: read once, in `main`, from the environment into frozen structs, and passed on as arguments.

A struct names its variables by its fields: `redis_url` is read from `WATERCLOCK_REDIS_URL`. An empty variable is as one
that is not set. A wrong value stops the start with one line that names the variable.

What a type alone cannot tell is read by a function: `Annotated[str, reading(served_host)]`.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from waterclock.kit.addresses import http_url, served_host
from waterclock.kit.text.output_encoding import input_encoding
from waterclock.kit.text.validation_messages import message_of
from waterclock.model.names import name_flaw, normal

PREFIX = "WATERCLOCK_"
ALSO_READ_BARE = frozenset({"REDIS_URL"})
"""Variables that are read without the prefix too, when the prefixed one is not set."""

T = TypeVar("T", bound=msgspec.Struct)
_READER = "read"
_SHOWN = 40  # characters


def reading(read: Callable[[str], str]) -> msgspec.Meta:
    """For a text that `read` understands, or refuses by a ValueError that goes on from the variable's name."""
    return msgspec.Meta(extra={_READER: read})


Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Host = Annotated[str, reading(served_host)]
"""Where a service listens."""
HttpUrl = Annotated[str, reading(http_url)]


def name_of(text: str) -> str:
    """A name that people read, in NFC.

    Raises:
        ValueError: it is none.
    """
    found = normal(text)
    if (said := name_flaw(found)) is not None:
        raise ValueError(said)
    return found


NAME = reading(name_of)
"""For what a process is called."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one line and names the variable."""


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a process reaches the log."""

    redis_url: str = "redis://127.0.0.1:6379/0"
    redis_address_map: str = ""
    key_prefix: Annotated[
        str,
        msgspec.Meta(pattern=r"^[a-z0-9_-]{1,32}\Z", description="1 to 32 of a-z, 0-9, - and _", examples=["staging"]),
    ] = "wc"
    log_replicas: Annotated[int, msgspec.Meta(ge=0, le=16)] = 0


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Traces are sent only where an OTLP endpoint is named; log lines go to standard error."""

    otlp_endpoint: HttpUrl | None = None
    trace_sample: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"


def read(kind: type[T], environment: Mapping[str, str]) -> T:
    """Build a settings struct from the environment.

    Raises:
        SettingsError: a value does not fit, or a required one is missing.
    """
    found: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        name = field.name.upper()
        text = _given(environment, PREFIX + name)
        if text is None and name in ALSO_READ_BARE:
            text = _given(environment, name)
        if text is None:
            if field.required:
                raise SettingsError(f"{PREFIX}{name} is not set")
            continue
        found[field.name] = _read(PREFIX + name, text, field.type)
    return kind(**found)


def _given(environment: Mapping[str, str], name: str) -> str | None:
    """What a variable says; None if it says nothing.

    Raises:
        SettingsError: it holds bytes that are no text.
    """
    text = environment.get(name, "").strip()
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise SettingsError(f"{name}: holds bytes that are no text in {input_encoding()}")
    return text or None


def _read(name: str, text: str, kind: Any) -> object:
    """
    Raises:
        SettingsError: the value does not fit.
    """
    try:
        value: object = msgspec.convert(_split(text, kind), kind, strict=False)
        for read in _readers(kind):
            value = read(typing.cast("str", value))
    except msgspec.ValidationError as error:
        said = message_of(error, kind)
        if said.startswith("expected ") and said.endswith(", got str"):  # what was to be read as a number
            said = f"{text[:_SHOWN]!r} is no {'whole number' if 'int' in said else 'number'}"
        raise SettingsError(f"{name}: {said}") from None
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None
    return value


def _readers(kind: Any) -> Iterator[Callable[[str], str]]:
    """The functions that are named in a type, also where it may be None."""
    for option in (kind, *typing.get_args(kind)):
        if typing.get_origin(option) is Annotated:
            for meta in typing.get_args(option)[1:]:
                if isinstance(meta, msgspec.Meta) and meta.extra is not None and _READER in meta.extra:
                    yield meta.extra[_READER]


def _split(text: str, kind: object) -> object:
    """Lists are written with commas; durations may carry their unit, `s`."""
    if str(kind).startswith("tuple"):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text

"""Settings: read once, in `main`, from the environment into frozen structs, and passed on as arguments.

A struct names its variables by its fields: `redis_url` is read from `WATERCLOCK_REDIS_URL`, or from the file that
`WATERCLOCK_REDIS_URL_FILE` names. An empty variable is as one that is not set. A wrong value stops the start with one
line that names the variable, what it should be, and an example.

What a type alone cannot tell is read by a function: `Annotated[str, reading(served_host)]`. What `--help` says of it is
`helps(…)`; the page `docs/reference/settings.md` is made from the same words.

long: the structs that every service reads, with what is said of each, lie beside what reads them.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from waterclock.kit.addresses import http_url, served_host
from waterclock.kit.text.output_encoding import input_encoding
from waterclock.kit.text.validation_messages import message_of
from waterclock.model.names import name_flaw, normal

PREFIX = "WATERCLOCK_"
ALSO_READ_BARE = frozenset({"REDIS_URL"})
"""Variables that are read without the prefix too, when the prefixed one is not set."""

FILE = "_FILE"
"""Ends the name of a variable that names the file of a value."""

T = TypeVar("T", bound=msgspec.Struct)
_READER, _HELP = "read", "help"
_SHOWN = 40  # characters
_LARGEST_FILE = 1 << 20  # bytes


class Help(typing.NamedTuple):
    """What people are told of a setting. A `secret` one, or a URL that may hold one, is no option of a command line.

    `text` is one sentence, for `--help`. `more` is what the reference page says beside it, in Markdown.
    """

    text: str
    example: str = ""
    secret: bool = False
    more: str = ""


def reading(read: Callable[[str], str]) -> msgspec.Meta:
    """For a text that `read` understands, or refuses by a ValueError that goes on from the variable's name."""
    return msgspec.Meta(extra={_READER: read})


def helps(text: str, *, example: str = "", secret: bool = False, more: str = "") -> msgspec.Meta:
    """For what a setting is, as `--help` and the reference page say it. Without an example the default is one."""
    return msgspec.Meta(extra={_HELP: Help(text, example, secret, more)})


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

    redis_url: Annotated[
        str,
        helps(
            "URL of the Redis or Valkey server that holds the event log.",
            example="rediss://waterclock-api:password@redis.example:6379/0",
            secret=True,
            more="Redis must be 7.0 or later, Valkey 7.2 or later, with `maxmemory-policy noeviction`. `valkey://` is "
            "the same as `redis://`. `rediss://` and `valkeys://` use TLS. For a cluster, list several nodes: "
            "`redis://a:6379,b:6379/0`. For Sentinel, list all sentinels and the name of the master: "
            "`redis+sentinel://a:26379,b:26379,c:26379/mymaster`. If this variable is not set, `REDIS_URL` is read.",
        ),
    ] = "redis://127.0.0.1:6379/0"
    redis_address_map: Annotated[
        str,
        helps(
            "Addresses to use instead of those that sentinels and cluster nodes announce.",
            example="10.0.0.5:6379=redis-1.example:6379",
            more="Each entry is `ANNOUNCED=REACHABLE`. Separate several with commas. An entry without a port holds for "
            "every port.",
        ),
    ] = ""
    key_prefix: Annotated[
        str,
        msgspec.Meta(pattern=r"^[a-z0-9_-]{1,32}\Z", description="1 to 32 of a-z, 0-9, - and _", examples=["staging"]),
        helps(
            "Prefix of all keys in Redis; tells installations on one server apart.",
            example="staging",
            more="It has 1 to 32 characters of `a-z`, `0-9`, `-` and `_`.",
        ),
    ] = "wc"
    log_replicas: Annotated[
        int,
        msgspec.Meta(ge=0, le=16),
        helps(
            "Redis replicas that must have a write before it is acknowledged.",
            more="With `0`, a write is acknowledged as soon as the server itself has it.",
        ),
    ] = 0


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where traces and metrics go, beside OpenTelemetry's own variables; log lines go to standard error."""

    otlp_endpoint: Annotated[
        HttpUrl | None,
        helps(
            "URL of the collector that traces and metrics are sent to, by OTLP over HTTP.",
            example="http://127.0.0.1:4318",
            secret=True,
            more="The variables of OpenTelemetry (`OTEL_…`) are read too. Where both are set, this one wins.",
        ),
    ] = None
    trace_sample: Annotated[
        Annotated[float, msgspec.Meta(ge=0, le=1)] | None,
        helps(
            "Share of new traces that are recorded, 0 to 1; unset: all.",
            example="0.1",
            more="If it is unset, `OTEL_TRACES_SAMPLER` decides. A trace that a client began follows the client's own "
            "decision.",
        ),
    ] = None  # 1, unless OTEL_TRACES_SAMPLER says else
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        helps("Lowest level of log lines that are written.", more="Under `waterclock dev` it is at least `info`."),
    ] = "info"
    log_format: Annotated[Literal["text", "json"], helps("Format of log lines.")] = "text"


def read(kind: type[T], environment: Mapping[str, str]) -> T:
    """Build a settings struct from the environment.

    Raises:
        SettingsError: a value does not fit, a required one is missing, or the file of one cannot be read.
    """
    found: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        name = PREFIX + field.name.upper()
        text = given(environment, name)
        if text is None and field.name.upper() in ALSO_READ_BARE:
            text = given(environment, field.name.upper())
        if text is None:
            if field.required:
                raise SettingsError(f"{name} is not set{example_of(field, '; for example ' + name + '=')}")
            continue
        try:
            found[field.name] = value_of(text, field.type)
        except ValueError as error:
            raise SettingsError(f"{name}: {_with_example(str(error), name, field)}") from None
    return kind(**found)


def given(environment: Mapping[str, str], name: str) -> str | None:
    """What a variable says, or the file that it names with `_FILE` behind its own name; None if neither is set.

    Raises:
        SettingsError: both are set, the file cannot be read, or one of them holds bytes that are no text.
    """
    text, path = variable(environment, name), variable(environment, name + FILE)
    if path is None:
        return text
    if text is not None:
        raise SettingsError(f"{name} and {name}{FILE} are both set: unset one of them")
    try:
        return text_of_file(path)
    except ValueError as error:
        raise SettingsError(f"{name}{FILE}: {error}") from None


def text_of_file(path: str) -> str:
    """What a file holds for a setting, without what is blank at its ends.

    Raises:
        ValueError: it cannot be read, is empty or too long, or is no text; the message goes on from a name for it.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(_LARGEST_FILE + 1)
        text = raw.decode("utf-8").strip()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} holds bytes that are not UTF-8") from None
    if len(raw) > _LARGEST_FILE:
        raise ValueError(f"{path} is longer than {_LARGEST_FILE} bytes")
    if not text:
        raise ValueError(f"{path} is empty")
    return text


def variable(environment: Mapping[str, str], name: str) -> str | None:
    """What a variable says; None if it says nothing.

    Raises:
        SettingsError: it holds bytes that are no text.
    """
    text = environment.get(name, "").strip()
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise SettingsError(f"{name}: holds bytes that are not text in {input_encoding()}")
    return text or None


def value_of(text: str, kind: Any) -> object:
    """The value that a text stands for.

    Raises:
        ValueError: it does not fit; the message goes on from a name.
    """
    try:
        value: object = msgspec.convert(_split(text, kind), kind, strict=False)
        for read in _readers(kind):
            value = read(typing.cast("str", value))
    except msgspec.ValidationError as error:
        said = message_of(error, kind)
        if said.startswith("expected ") and said.endswith(", got str"):  # what was to be read as a number
            said = f"{text[:_SHOWN]!r} is not a {'whole number' if 'int' in said else 'number'}"
        raise ValueError(said) from None
    return value


def help_of(field: msgspec.structs.FieldInfo) -> Help:
    """What people are told of a setting."""
    return next((meta.extra[_HELP] for meta in _metas(field.type) if meta.extra and _HELP in meta.extra), Help(""))


def example_of(field: msgspec.structs.FieldInfo, before: str) -> str:
    """`before` and a value that fits; nothing where none is known."""
    shown = help_of(field).example or written(field.default)
    return f"{before}{shown}" if shown else ""


def written(value: object) -> str:
    """A default as it would be written in a variable; nothing where there is none."""
    if value is None or value is msgspec.NODEFAULT or value in ("", ()):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(str(one) for one in typing.cast("tuple[object, ...]", value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _with_example(said: str, name: str, field: msgspec.structs.FieldInfo) -> str:
    if any(word in said for word in ("such as", "for example", "is none of", "not like")):
        return said
    return f"{said}{example_of(field, f'; for example {name}=')}"


def _readers(kind: Any) -> Iterator[Callable[[str], str]]:
    """The functions that are named in a type, also where it may be None."""
    return (meta.extra[_READER] for meta in _metas(kind) if meta.extra is not None and _READER in meta.extra)


def _metas(kind: Any) -> Iterator[msgspec.Meta]:
    """All that is said of a type beside it, also where it may be None."""
    if typing.get_origin(kind) is Annotated:
        bare, *metas = typing.get_args(kind)
        yield from (meta for meta in metas if isinstance(meta, msgspec.Meta))
        yield from _metas(bare)
    elif typing.get_origin(kind) in (typing.Union, types.UnionType):
        for option in typing.get_args(kind):
            yield from _metas(option)


def options_of(kind: Any) -> Iterator[Any]:
    """The types that a value may be of, without what is said beside them."""
    if typing.get_origin(kind) is Annotated:
        yield from options_of(typing.get_args(kind)[0])
    elif typing.get_origin(kind) in (typing.Union, types.UnionType):
        for option in typing.get_args(kind):
            yield from options_of(option)
    else:
        yield kind


def _split(text: str, kind: object) -> object:
    """Lists are written with commas; durations may carry their unit, `s`."""
    if any(typing.get_origin(option) is tuple for option in options_of(kind)):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text

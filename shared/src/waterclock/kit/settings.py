"""Settings: read once, in `main`, from the environment into frozen structs, and passed on as arguments.

A struct names its variables by its fields: `redis_url` is read from `WATERCLOCK_REDIS_URL`. A wrong value stops the
start with one line that names the variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec

PREFIX = "WATERCLOCK_"
ALSO_READ_BARE = frozenset({"REDIS_URL"})
"""Variables that are read without the prefix too, when the prefixed one is not set."""

T = TypeVar("T", bound=msgspec.Struct)
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one line and names the variable."""


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a process reaches the log."""

    redis_url: str = "redis://127.0.0.1:6379/0"
    key_prefix: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_-]{1,32}\Z")] = "wc"


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Traces are sent only where an OTLP endpoint is named; log lines go to standard error."""

    otlp_endpoint: str | None = None
    trace_sample: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    log_level: Annotated[str, msgspec.Meta(pattern=r"^(debug|info|warning|error)\Z")] = "info"
    log_format: Annotated[str, msgspec.Meta(pattern=r"^(text|json)\Z")] = "text"


def read(kind: type[T], environment: Mapping[str, str]) -> T:
    """Build a settings struct from the environment.

    Raises:
        SettingsError: a value does not fit, or a required one is missing.
    """
    found: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        name = field.name.upper()
        text = environment.get(PREFIX + name)
        if text is None and name in ALSO_READ_BARE:
            text = environment.get(name)
        if text is None:
            if field.required:
                raise SettingsError(f"{PREFIX}{name} is not set")
            continue
        try:
            found[field.name] = msgspec.convert(_split(text, field.type), field.type, strict=False)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{PREFIX}{name}: {error}") from error
    return kind(**found)


def _split(text: str, kind: object) -> object:
    """Lists are written with commas; durations may carry their unit, `s`."""
    if str(kind).startswith("tuple"):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text.strip()

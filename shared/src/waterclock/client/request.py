"""A request as a value, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, Literal, TypedDict, TypeVar

import msgspec

from waterclock.model.definition import Definition

T_co = TypeVar("T_co", covariant=True)
Body = Mapping[str, Any]


class Named(str):
    """A job, by `group/name` or id."""

    __slots__ = ()


class CommonTriggerOptions(TypedDict, total=False):
    """Of a run of a job; of `delay` (seconds) and `run_at` (RFC 3339) at most one."""

    queue: str | None
    delay: float | str | None
    run_at: str | None
    overlap_policy: str | None
    reason: str | None


class TriggerOptions(CommonTriggerOptions, total=False):
    idempotency_key: str | None


class CommonRunOptions(TypedDict, total=False):
    """Of a run without a job."""

    queue: str | None
    delay: float | str | None
    timeout: float | str | None
    retry: Body | None
    labels: Mapping[str, str] | None
    reason: str | None


class RunOptions(CommonRunOptions, total=False):
    """Of `delay` (seconds) and `run_at` (RFC 3339) at most one."""

    run_at: str | None
    allow_unknown: bool
    idempotency_key: str | None


class Call(msgspec.Struct, Generic[T_co], frozen=True, kw_only=True):
    """A request to a route under /v1/monitor whose answer is a `kind`.

    Members of `query` and `body` that are None are left out. `keyed`: the route knows Idempotency-Key. `reads`: nothing
    is changed, whatever the method.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    path: tuple[str, ...]
    kind: type[T_co]
    query: Mapping[str, Any] = {}
    body: Body | None = None
    keyed: bool = False
    reads: bool = False
    key: str | None = None
    version: int | None = None  # sent as If-Match
    wait: float | None = None  # seconds for the read models, at most; None: as the API has it

    @property
    def repeatable(self) -> bool:
        """Whether executing it twice is as good as once, so that a lost answer may be asked for again."""
        if self.method == "PUT":
            return self.version is None
        return self.reads or self.keyed or self.method == "GET"


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """Live events of a `subject`; `after`: a position, or "0" for the oldest kept."""

    subject: Literal["job", "run", "all"]
    path: tuple[str, ...]
    query: Mapping[str, Any] = {}
    after: str | None = None


def several(given: str | Iterable[str] | None) -> list[str] | None:
    """Values of a repeatable parameter, of which one may be given bare; None: it is left out.

    Raises:
        ValueError: there are none. Left out, the parameter would select everything.
    """
    if given is None:
        return None
    values = [given] if isinstance(given, str) else list(given)
    if not values:
        raise ValueError("an empty list selects nothing: add a value, or give None for all")
    return values


def members(definition: Definition | Body) -> Body:
    return msgspec.to_builtins(definition) if isinstance(definition, Definition) else definition

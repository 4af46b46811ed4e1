"""How a trace comes in with a request and goes on with another: by W3C Trace Context, or as `OTEL_PROPAGATORS` says.

What comes in is a `traceparent` and, of whoever began the trace, a `tracestate`; so it goes through the log, whatever
header it came by.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import NamedTuple, cast

from opentelemetry.propagators.textmap import DefaultSetter, Getter, Setter, TextMapPropagator

from waterclock.kit.settings import SettingsError
from waterclock.kit.telemetry import traces

Headers = Iterable[tuple[bytes, bytes]]
"""Names in small letters."""

_VARIABLE = "OTEL_PROPAGATORS"
_GROUP = "opentelemetry_propagator"
_W3C, _NONE = "tracecontext", "none"
_ELSEWHERE = frozenset({"b3", "b3multi", "jaeger", "xray", "ottrace"})
"""Words of the specification that packages of their own give a meaning."""
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_MEMBERS_MOST, _LONG, _LONGEST = 32, 128, 512  # W3C Trace Context, 3.3.1

_SETTER = cast("Setter[dict[str, str]]", DefaultSetter())

log = logging.getLogger(__name__)


class Given(NamedTuple):
    """What a request says of its trace; None for nothing that can be read."""

    traceparent: str | None = None
    tracestate: str | None = None


class _Chosen:
    """By what this process reads and writes, in the order in which it is said: what comes later overrules."""

    w3c = True
    others: tuple[TextMapPropagator, ...] = ()


def choose(environment: Mapping[str, str] = os.environ) -> None:
    """Read and write as `OTEL_PROPAGATORS` says. Call once, in `main`.

    A standard word whose package is not installed is left out, and told.

    Raises:
        SettingsError: a word means nothing.
    """
    words = [word.strip().lower() for word in environment.get(_VARIABLE, "").split(",") if word.strip()]
    _Chosen.w3c, _Chosen.others = not words or (_W3C in words and _NONE not in words), ()
    if _NONE in words:
        return
    found = {one.name: one for one in entry_points(group=_GROUP)} if {*words} - {_W3C, "baggage"} else {}
    for word in words:
        if word in (_W3C, "baggage"):  # baggage is for the executors' own instrumentation: the log does not carry it
            continue
        if word in found:
            _Chosen.others += (cast("TextMapPropagator", found[word].load()()),)
        elif word in _ELSEWHERE:
            log.warning("propagator not installed", extra={"setting": _VARIABLE, "word": word})
        else:
            known = ", ".join(sorted({_W3C, "baggage", _NONE, *_ELSEWHERE, *found}))
            raise SettingsError(
                f"{_VARIABLE}: {word[:40]!r} is not one of {known}; for example {_VARIABLE}=tracecontext,baggage"
            )


def incoming(headers: Headers) -> Given:
    """What trace a request is in."""
    found = _by_w3c(headers) if _Chosen.w3c else Given()
    for other in _Chosen.others:
        found = _by(other, headers) or found
    return found


def outgoing(traceparent: str | None, tracestate: str | None) -> dict[str, str]:
    """The headers that say in which trace a request is."""
    if traceparent is None:
        return {}
    told: dict[str, str] = {}
    if _Chosen.w3c:
        told["traceparent"] = traceparent
        if tracestate is not None:
            told["tracestate"] = tracestate
    for other in _Chosen.others:
        other.inject(told, traces.beneath(traceparent, tracestate), _SETTER)
    return told


def _by_w3c(headers: Headers) -> Given:
    parent: str | None = None
    states: list[str] = []
    for name, value in headers:
        if name == b"traceparent":
            parent = value.decode("latin-1")
        elif name == b"tracestate":
            states.append(value.decode("latin-1"))
    parent = traces.given(parent)
    return Given(parent, None if parent is None or not states else _state(states))


def _state(told: Iterable[str]) -> str | None:
    """As one header of bounded length; None where any of it cannot be read, as W3C has it."""
    members = [member.strip() for text in told for member in text.split(",") if member.strip()]
    if not members or len(members) > _MEMBERS_MOST or not all(map(_MEMBER.fullmatch, members)):
        return None
    if len({member.partition("=")[0] for member in members}) < len(members):
        return None
    too_much = len(",".join(members)) > _LONGEST
    if too_much:
        members = [member for member in members if len(member) <= _LONG]
    while len(",".join(members)) > _LONGEST:
        members.pop()
    return ",".join(members) or None


def _by(other: TextMapPropagator, headers: Headers) -> Given | None:
    carrier: dict[str, list[str]] = {}
    for name, value in headers:
        carrier.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    found = traces.told_by(other.extract(carrier, getter=_AnyCase()))
    return None if found is None else Given(*found)


class _AnyCase(Getter[Mapping[str, list[str]]]):
    """Some ask for names as people write them."""

    def get(self, carrier: Mapping[str, list[str]], key: str) -> list[str] | None:
        return carrier.get(key.lower())

    def keys(self, carrier: Mapping[str, list[str]]) -> list[str]:
        return list(carrier)

"""How a trace comes in with a request, and goes on with another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from tests.support.previous import previous_sources
from waterclock.kit.settings import SettingsError
from waterclock.kit.telemetry.propagation import Given, choose, incoming, outgoing
from waterclock.log.commands.bodies import body_of
from waterclock.model.events import RunRequested
from waterclock.model.ids import RunId

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
STATE = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"


@pytest.fixture(autouse=True)
def as_usual_at_the_end() -> Iterator[None]:
    yield
    choose({})


def given(*headers: tuple[str, str]) -> Given:
    return incoming([(name.encode(), value.encode("latin-1")) for name, value in headers])


def state(*told: str) -> str | None:
    return given(("traceparent", TRACE), *(("tracestate", one) for one in told)).tracestate


def test_what_comes_in_goes_out() -> None:
    found = given(("traceparent", TRACE), ("tracestate", STATE))
    assert found == (TRACE, STATE)
    assert outgoing(*found) == {"traceparent": TRACE, "tracestate": STATE}
    assert outgoing(TRACE, None) == {"traceparent": TRACE}
    assert outgoing(None, None) == {}


def test_a_state_without_a_trace_is_none() -> None:
    assert given(("tracestate", STATE)) == given(("traceparent", "00-x"), ("tracestate", STATE)) == (None, None)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (("a=1", "b=2"), "a=1,b=2"),
        ((" a=1 ,, b=2",), "a=1,b=2"),
        (("acme@v=x y",), "acme@v=x y"),
        (("a=1,a=2",), None),
        (("A=1",), None),
        (("a",), None),
        (("a=1,b=\u00e9",), None),
        (("a=1,b=\n",), None),
        ((",".join(f"k{n}=1" for n in range(33)),), None),
        ((",".join(f"k{n}=1" for n in range(32)),), ",".join(f"k{n}=1" for n in range(32))),
        (("",), None),
    ],
)
def test_a_state_that_cannot_be_read_is_left_out_whole(told: tuple[str, ...], kept: str | None) -> None:
    assert state(*told) == kept


def test_of_a_state_that_is_too_long_the_long_members_go_first_and_then_the_last() -> None:
    long, short = f"long={'x' * 200}", [f"k{n}={'x' * 90}" for n in range(6)]
    assert state(",".join([long, *short[:4]])) == ",".join(short[:4])
    assert state(",".join(short)) == ",".join(short[:5])  # 469 characters of 512


def test_none_follows_no_client_and_tells_nobody() -> None:
    choose({"OTEL_PROPAGATORS": "none"})
    assert given(("traceparent", TRACE)) == (None, None)
    assert outgoing(TRACE, STATE) == {}


class Gull(TextMapPropagator):
    """A format that is nobody's: `X-Gull: <trace>/<span>`."""

    def extract(self, carrier: Any, context: Context | None = None, getter: Any = None) -> Context:
        context = context or Context()
        for told in getter.get(carrier, "X-Gull") or ():
            trace_id, _, span_id = told.partition("/")
            found = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(1))
            return set_span_in_context(NonRecordingSpan(found), context)
        return context

    def inject(self, carrier: Any, context: Context | None = None, setter: Any = None) -> None:
        found = get_current_span(context).get_span_context()
        setter.set(carrier, "X-Gull", f"{found.trace_id:032x}/{found.span_id:016x}")

    @property
    def fields(self) -> set[str]:
        return {"X-Gull"}


def test_a_propagator_that_is_installed_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "gull-1.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: gull\nVersion: 1\n")
    (place / "entry_points.txt").write_text(f"[opentelemetry_propagator]\ngull = {__name__}:Gull\n")
    monkeypatch.syspath_prepend(tmp_path)  # pyright: ignore[reportUnknownMemberType]
    choose({"OTEL_PROPAGATORS": "tracecontext, gull"})
    _, trace_id, span_id, _ = OTHER.split("-")
    there = ("x-gull", f"{trace_id}/{span_id}")
    sampled = f"{OTHER[:-2]}01"

    assert given(("traceparent", TRACE), there) == (sampled, None)
    assert given(("traceparent", TRACE), ("tracestate", STATE)) == (TRACE, STATE)
    assert outgoing(OTHER, STATE) == {"traceparent": OTHER, "tracestate": STATE, "X-Gull": there[1]}
    choose({"OTEL_PROPAGATORS": "gull"})
    assert given(("traceparent", TRACE)) == (None, None)
    assert outgoing(OTHER, None) == {"X-Gull": there[1]}


def test_a_standard_word_without_its_package_is_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    choose({"OTEL_PROPAGATORS": "tracecontext,baggage,b3"})
    assert given(("traceparent", TRACE)).traceparent == TRACE
    (told,) = caplog.records
    assert (told.getMessage(), told.__dict__["word"]) == ("propagator not installed", "b3")


def test_a_word_that_means_nothing_is_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"^OTEL_PROPAGATORS: 'w3c' is not one of .*tracecontext.*; for example OTEL_"
    ):
        choose({"OTEL_PROPAGATORS": "w3c"})


def test_the_release_before_reads_a_run_with_a_tracestate(tmp_path: Path) -> None:
    event = RunRequested(
        run_id=RunId("2q8h1k0v7m3c9d4e-mcvq5hc0"), trigger="manual", invoke_target="demo.noop", queue="default",
        traceparent=TRACE, tracestate=STATE,
    )  # fmt: skip
    body = body_of(event)
    assert STATE in body
    code = (
        "import sys, msgspec; from waterclock.model.events import RunRequested; import waterclock\n"
        "found = msgspec.json.decode(sys.stdin.buffer.read(), type=RunRequested)\n"
        "print(waterclock.__path__[0], found.run_id, found.traceparent, found.tracestate)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(previous_sources(tmp_path))},
        input=body.encode(), capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    place, *told = ended.stdout.decode().split()
    assert place.startswith(str(tmp_path))
    assert told == [event.run_id, TRACE, STATE]

"""Log lines, as a process writes them."""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from tests.support.traces import collected, place
from waterclock.kit.redaction import Redactor
from waterclock.kit.settings import TelemetrySettings
from waterclock.kit.telemetry import log_lines, traces
from waterclock.kit.telemetry.log_lines import Outage, Throttle, lead_lines
from waterclock.kit.telemetry.repeated_lines import tell_all
from waterclock.kit.text.gist import gist

Form = Literal["text", "json"]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    """What other tests have said too often is told before, not amid the lines of these."""
    tell_all()
    log_lines.flush(10)


def written(capsys: pytest.CaptureFixture[str]) -> str:
    assert log_lines.flush(10)
    return capsys.readouterr().err


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(written(capsys))


@pytest.mark.parametrize(
    ("service", "package"), [("api", "api"), ("projector", "api"), ("scheduler", "scheduler"), ("worker", "worker")]
)
def test_a_line_names_the_span_in_which_it_is_said(
    service: str, package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lead_lines(service, TelemetrySettings(log_format="json"))
    with collected(service) as spans, traces.span("work"):
        logging.getLogger(f"waterclock_{package}").info("worked", extra={"run": "r"})
        line = said(capsys)

    (work,) = spans.all()
    assert (line["trace_id"], line["span_id"]) == place(work)
    assert (line["event"], line["service"], line["run"]) == ("worked", service, "r")


def test_a_line_outside_any_span_names_none(capsys: pytest.CaptureFixture[str]) -> None:
    lead_lines("api", TelemetrySettings(log_format="json"))
    with collected("api"):
        logging.getLogger("waterclock_api").warning("waits")

    assert not {"trace_id", "span_id"} & set(said(capsys))


def test_a_line_in_text_names_its_trace_too(capsys: pytest.CaptureFixture[str]) -> None:
    lead_lines("api", TelemetrySettings())
    with collected("api") as spans, traces.span("work"):
        logging.getLogger("waterclock_api").info("worked")

    trace, span = place(spans.all()[0])
    assert written(capsys).endswith(f"worked trace_id={trace} span_id={span}\n")


def test_a_line_that_could_come_all_the_time_comes_once_in_a_while() -> None:
    sparing = Throttle(10)

    assert [sparing.may(now) for now in (5.0, 5.1, 14.9, 15.0, 16.0, 30.0)] == [True, False, False, True, False, True]


def test_an_outage_is_two_lines_however_many_calls_fail(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    outage = Outage(logging.getLogger("waterclock"), "store away", "store back", store="redis")
    for _ in range(2):
        outage.over()
        for _ in range(1000):
            outage.failed("no\n answer")
        outage.over()

    told = [(record.message, record.__dict__) for record in caplog.records]
    assert [name for name, _ in told] == ["store away", "store back"] * 2
    assert all(fields["store"] == "redis" for _, fields in told)
    assert [fields["error"] for _, fields in told[::2]] == ["no answer"] * 2
    assert [fields["failures"] for _, fields in told[1::2]] == [1000] * 2


def test_the_end_of_an_outage_names_its_newest_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    outage = Outage(logging.getLogger("waterclock"), "store away", "store back")
    for error in ("refused", "block 12 is full", "block 17 is full"):
        outage.failed(error)
    outage.over()

    away, back = (record.__dict__ for record in caplog.records)
    assert (away["error"], back["newest"]) == ("refused", "block 17 is full")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('could not extend file "base/5/16412": wrote 4096', 'could not extend file "base/5/16477": wrote 0', True),
        ("lacks the events between 1-744 and 1-3878.", "lacks the events between 1-744 and 2-9.", True),
        ("127.0.0.1:6379 does not answer: timeout", "127.0.0.1:6380 does not answer: timeout", True),
        ("no answer within 0.5 s", "no answer within 12 s", True),
        ("redis does not answer: timeout", "redis rejects writes: NOREPLICAS", False),
        ("", "7", False),
    ],
)
def test_the_gist_of_a_message_is_what_does_not_move(one: str, other: str, same: bool) -> None:
    assert (gist(one) == gist(other)) is same


def test_what_the_sdk_says_at_each_try_is_told_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    lead_lines("worker", TelemetrySettings())
    sdk = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    for reason in ("refused", "reset", "refused"):
        sdk.warning("Transient error %s encountered", reason)
        logging.getLogger("waterclock_worker").info("renewal failed")
    sdk.error("Failed to export")

    told = written(capsys).splitlines()
    assert [sum(text in line for line in told) for text in ("refused", "reset", "renewal failed", "to export")] == [
        1, 0, 3, 1,
    ]  # fmt: skip


FORGED = "/v1/monitor/jobs/x\n2026-11-29T00:51:50.776Z info    api: key accepted\x1b[2J"
ODD = {
    "a second line": FORGED,
    "controls": "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)])),
    "directions": "".join(map(chr, [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])),
    "line ends": "a\r\nb\u2028c\u2029d\x85e\x0bf\x0cg\x1ch",
    "halves": "\ud800 \udfff",
    "unseen": "\u200b\u2060\ufeff\u00ad\U000e0041\ufff9",
    "a field": "x level=error event=forged",
    "quotes": 'x" level="error" y="\\',
    "blanks": "a\u00a0b\u3000c\td",
    "nothing": "",
}


@pytest.mark.parametrize("where", ["a value", "a name", "a message", "a level", "an argument", "a logger"])
@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("form", ["text", "json"])
def test_whatever_others_say_a_record_is_one_line_of_its_own_fields(
    form: Form, name: str, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lead_lines("api", TelemetrySettings(log_format=form))
    log, odd = logging.getLogger("waterclock_api"), ODD[name]
    match where:
        case "a value":
            log.info("refused", extra={"path": odd, "last": 1})
        case "a name":
            log.info("refused", extra={odd: 1, "last": 1})
        case "a message":
            log.info(odd, extra={"last": 1})
        case "a level":
            logging.addLevelName(35, odd)
            log.log(35, "refused", extra={"last": 1})
        case "an argument":
            log.info("of %s", odd, extra={"last": 1})
        case _:
            logging.getLogger(f"waterclock_api.{odd}").info("refused", extra={"last": 1})

    line = written(capsys)

    assert line.endswith("\n")
    assert all(sign == " " or unicodedata.category(sign)[0] not in "CZ" for sign in line[:-1])
    if form == "json":
        told = json.loads(line)
        assert told["last"] == 1
        assert set(told) <= {"at", "level", "service", "event", "logger", "path", "last", odd}
        assert where != "a value" or told["path"] == odd
    else:
        assert line.endswith(" last=1\n")
        assert " level=" not in line.replace(json.dumps(odd)[1:-1], "")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_value_is_cut_at_a_kibibyte_and_says_how_much_is_missing(
    form: Form, capsys: pytest.CaptureFixture[str]
) -> None:
    lead_lines("api", TelemetrySettings(log_format=form))
    for sign in ("x", "é", "\x1b", '"', "\U0001f600", "\ud800"):
        logging.getLogger("waterclock_api").info("refused", extra={"path": sign * 60_000, "last": 1})
        line = written(capsys)
        assert 1_000 < len(line.encode()) < 1_300
        assert re.search(r"\[cut, 5[89]\d{3} more characters\]", line)
        assert len(line.splitlines()) == 1

    logging.getLogger("waterclock_api").info("y" * 60_000, extra={"path": ["z" * 60_000], "n" * 60_000: 1})
    assert len(written(capsys)) < 4_000


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_has_at_most_so_many_fields(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    lead_lines("api", TelemetrySettings(log_format=form))
    logging.getLogger("waterclock_api").info("refused", extra={f"n{number}": number for number in range(10_000)})
    line = written(capsys)
    assert len(line) < 1_500
    assert "fields_left_out" in line


def test_a_field_cannot_stand_for_what_the_line_says_itself(capsys: pytest.CaptureFixture[str]) -> None:
    lead_lines("api", TelemetrySettings(log_format="json"))
    logging.getLogger("waterclock_api").info("event dropped", extra={"event": "run.lost", "level": "none", "at": 1})
    told = said(capsys)
    assert (told["event"], told["level"], told["event_"], told["level_"]) == (
        "event dropped",
        "info",
        "run.lost",
        "none",
    )


def fails(message: str) -> None:
    raise ValueError(message)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_begins_no_line_of_another_and_is_bounded(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    lead_lines("api", TelemetrySettings(log_format=form))
    log = logging.getLogger("waterclock_api")
    try:
        fails(f"{FORGED}\r{'x' * 60_000}\n" * 300)
    except ValueError:
        log.exception("request failed", extra={"last": 1})
    first, *rest = written(capsys).splitlines()

    assert "request failed" in first
    assert sum(map(len, rest)) < 40_000
    assert all(line.startswith("    ") and len(line) < 1_200 and "\x1b" not in line for line in rest)
    if form == "json":
        assert not rest
        traceback = json.loads(first)["traceback"]
        assert traceback.startswith("Traceback")
        assert len(traceback) < 40_000
    else:
        assert rest[0] == "    Traceback (most recent call last):"


class Silent:
    def __str__(self) -> str:
        raise LookupError("no")


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_cannot_be_written_is_said_and_raises_nothing(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    lead_lines("api", TelemetrySettings(log_format=form))
    endless: list[Any] = []
    endless.append(endless)
    log = logging.getLogger("waterclock_api")
    log.info("odd", extra={"a": Silent(), "b": 10**5_000, "c": endless, "d": float("nan"), "e": {1, 2}, "f": b"\xff"})
    log.info("%d of them", "many")
    log.info(Silent())
    told = written(capsys).splitlines()
    assert len(told) == 3
    assert "LookupError" in told[0]
    assert all("log line not written" in line for line in told[1:])
    if form == "json":
        assert json.loads(told[0])["d"] == "nan"
        assert json.loads(told[1])["line"] == "%d of them"


def test_a_secret_is_not_shown_in_half_where_a_value_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "open-sesame-" * 20
    monkeypatch.setattr(log_lines, "own", lambda: Redactor([secret]))
    lead_lines("api", TelemetrySettings())
    for before in range(700, 1_100, 10):
        logging.getLogger("waterclock_api").info("refused", extra={"path": "x" * before + secret + "y" * 60_000})
    assert "sesame" not in written(capsys)


def test_the_last_words_of_a_process_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    lead_lines("api", TelemetrySettings())
    logging.getLogger("waterclock_api").info("before")
    log_lines.last_words("waterclock api: WATERCLOCK_PORT: no\nnumber\x1b[2J")
    assert written(capsys).splitlines()[1:] == [r"waterclock api: WATERCLOCK_PORT: no\nnumber\u001b[2J"]

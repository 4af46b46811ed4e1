"""Log lines: a name and fields, `log.info("run claimed", extra={"run": run_id})`, as text or as one JSON object.

A record is one line, whatever others have put into it; only a traceback follows in lines of its own, indented. Each
value is bounded. Who logs never waits: a writer beside (line_writer.py) does.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from types import TracebackType

from opentelemetry import trace

from waterclock.kit.redaction import own
from waterclock.kit.settings import TelemetrySettings
from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.line_writer import LineWriter
from waterclock.kit.telemetry.repeated_lines import tell_all
from waterclock.kit.text.escaping import cut, escaped, field, phrase

FIELDS_MOST = 50  # of one line
TOTAL_MOST = 32 * 1024  # characters of a traceback
FLUSH_MOST_S = 2.0
"""Seconds for the last lines to be written, before a process ends without them."""
_LOOKED_AT = 8 * 1024  # characters in which a secret is looked for, of a value that will be cut
_log = logging.getLogger(__name__)


class _Standard:
    """The way to standard error; None before lines are led."""

    writer: LineWriter | None = None
    stuck = False  # it did not take the last lines in their time: nobody waits for it again


_standard = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def lead_lines(service: str, settings: TelemetrySettings) -> None:
    """To standard error, from the level that is set: ours, and warnings of libraries."""
    form = _Json(service) if settings.log_format == "json" else _Text(service)
    _Standard.writer, _Standard.stuck = LineWriter(sys.stderr, told=form.lost, lost=catalog.LINES_LOST.add), False
    handler = _Handler(_Standard.writer, form)
    handler.addFilter(_Seldom("opentelemetry"))
    handler.addFilter(_Seldom("psycopg.pool"))  # it alone says why: the certificate, the password
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)  # else they are written to standard error, in turn with nothing
    for package in ("waterclock", "waterclock_api", "waterclock_scheduler", "waterclock_worker", "waterclock_dev"):
        logging.getLogger(package).setLevel(settings.log_level.upper())


def flush(within: float = FLUSH_MOST_S) -> bool:
    """Wait until what was said is written, at most so many seconds; whether it is."""
    tell_all()
    if _Standard.writer is None:
        return True
    _Standard.stuck = not _Standard.writer.flush(0 if _Standard.stuck else within)
    return not _Standard.stuck


def last_words(text: str) -> None:
    """Write one line as it is, behind all that was logged, before the process ends; also where nothing is led."""
    if _Standard.writer is None or _Standard.writer.out is not sys.stderr:
        _Standard.writer = LineWriter(sys.stderr, told=lambda count: f"{count} lines were lost")
    _Standard.writer.put(own()(cut(escaped(text), TOTAL_MOST)), last=True)
    flush()


def ended_by(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """For `sys.excepthook`: what ends the process is logged, where lines are led, rather than printed."""
    if _Standard.writer is None:
        sys.__excepthook__(kind, error, trace)
        return
    flush()  # else it may be one of those that there is no room for
    _log.critical("process failed", exc_info=(kind, error, trace))
    flush()


@contextmanager
def threads_told() -> Generator[None]:
    """While it lasts, what ends a thread is logged rather than printed."""
    before = threading.excepthook

    def ended(about: threading.ExceptHookArgs) -> None:
        if about.exc_value is not None and about.exc_type is not SystemExit:
            name = None if about.thread is None else about.thread.name
            told = about.exc_type, about.exc_value, about.exc_traceback
            _log.error("thread failed", exc_info=told, extra={"thread": name})

    threading.excepthook = ended
    try:
        yield
    finally:
        threading.excepthook = before


class Throttle:
    """Whether a line that could come a thousand times a second may come now: once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._again_at = float("-inf")

    def may(self, now: float) -> bool:
        """`now`: monotonic."""
        if now < self._again_at:
            return False
        self._again_at = now + self._seconds
        return True


class Outage:
    """The lines about what may be away for a thousand calls: one when it is found away, one when it is back.

    The second names the newest error, where that is not the first one.
    """

    def __init__(self, log: logging.Logger, away: str, back: str, **about: object) -> None:
        """`about`: fields of both lines."""
        self._log = log
        self._away = away
        self._back = back
        self._about = about
        self._first = self._newest = ""
        self.failures = 0  # since it is away

    def failed(self, error: object, *, level: int = logging.WARNING) -> None:
        self.failures += 1
        self._newest = " ".join(str(error).split())
        if self.failures == 1:
            self._first = self._newest
            self._log.log(level, self._away, extra=self._about | {"error": self._newest})

    def over(self) -> None:
        """It answers, as it may always have done."""
        if self.failures:
            newest = {"newest": self._newest} if self._newest != self._first else {}
            self._log.info(self._back, extra=self._about | {"failures": self.failures} | newest)
            self.failures = 0


class _Seldom(logging.Filter):
    """Of a library that complains each time it tries: what it says in one place comes once a minute, with a count."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._throttle: dict[tuple[str, int], Throttle] = {}
        self._more: Counter[tuple[str, int]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):  # another's
            return True
        place = record.pathname, record.lineno
        if not self._throttle.setdefault(place, Throttle(60)).may(time.monotonic()):
            self._more[place] += 1
            return False
        if more := self._more.pop(place, 0):
            record.more = more
        return True


class _Handler(logging.Handler):
    """Makes lines where they are logged, and leaves it to another thread to write them."""

    def __init__(self, writer: LineWriter, form: _Line) -> None:
        super().__init__()
        self._writer = writer
        self.setFormatter(form)
        self._form = form

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self._form.format(record)
        except Exception as error:  # noqa: BLE001 - as every handler: a wrong format must not fail what logs it
            line = self._form.broken(record, error)
        self._writer.put(line)


class _Line(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def lost(self, count: int) -> str:
        """The line that tells of lines that nobody read."""
        record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, "log lines lost", None, None)
        record.lines = count
        return self.format(record)

    def broken(self, record: logging.LogRecord, error: Exception) -> str:
        """The line of a record that cannot be formatted."""
        told = logging.LogRecord(record.name, record.levelno, "", 0, "log line not written", None, None)
        told.line, told.place = _text_of(record.msg), f"{record.pathname}:{record.lineno}"
        told.error = type(error).__name__
        return self.format(told)

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """What the line says beside its text, and the span in which it says it, under the names that OpenTelemetry
        gives them outside OTLP."""
        said: dict[str, object] = {name: value for name, value in vars(record).items() if name not in _standard}
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            said |= {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
        if len(said) > FIELDS_MOST:
            said = dict(islice(said.items(), FIELDS_MOST)) | {"fields_left_out": len(said) - FIELDS_MOST}
        return said

    def moment(self, record: logging.LogRecord) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def traceback(self, record: logging.LogRecord) -> list[str]:
        """Its lines, each bounded; of a long one the beginning, where the cause stands, and the end."""
        assert record.exc_info is not None
        text = self.formatException(record.exc_info)
        if len(text) > 2 * TOTAL_MOST:
            text = f"{text[:TOTAL_MOST]}\n… [cut, {len(text) - 2 * TOTAL_MOST} characters]\n{text[-TOTAL_MOST:]}"
        lines = [bounded(line) for line in own()(text).split("\n")]
        if sum(map(len, lines)) <= TOTAL_MOST:
            return lines
        first, last = _fitting(lines, TOTAL_MOST // 4), _fitting(lines[::-1], TOTAL_MOST // 2)[::-1]
        return [*first, f"… [cut, {len(lines) - len(first) - len(last)} more lines]", *last]


class _Text(_Line):
    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(
            f" {field(bounded(name))}={field(_text_of(value))}" for name, value in self.fields(record).items()
        )
        level = field(bounded(record.levelname.lower()))
        line = f"{self.moment(record)} {level:7} {self.service}: {phrase(bounded(record.getMessage()))}{fields}"
        if record.exc_info and record.exc_info[0] is not None:
            line = "\n    ".join([line, *map(escaped, self.traceback(record))])
        return own()(line)


class _Json(_Line):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": self.moment(record),
            "level": bounded(record.levelname.lower()),
            "service": self.service,
            "event": bounded(record.getMessage()),
            "logger": bounded(record.name),
        }
        for name, value in self.fields(record).items():
            name = bounded(name)
            line[f"{name}_" if name in line else name] = _json_of(value)
        if record.exc_info and record.exc_info[0] is not None:
            line["traceback"] = "\n".join(self.traceback(record))
        return own()(escaped(json.dumps(line, ensure_ascii=False, allow_nan=False)))


def bounded(text: str) -> str:
    """A value's text, not longer than a value may be, and without a secret that is cut in two."""
    if cut(text) is text:
        return text
    return cut(own()(text[:_LOOKED_AT]), beyond=max(0, len(text) - _LOOKED_AT))


def _text_of(value: object) -> str:
    try:
        return bounded(str(value))
    except Exception as error:  # noqa: BLE001 - others' values; also a number of too many digits
        return f"[it cannot be written: {type(error).__name__}]"


def _json_of(value: object) -> object:
    """A value as JSON has it; one that is large or odd as a text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < 2**63 else _text_of(value)  # NaN is not, either
    if isinstance(value, str):
        return bounded(value)
    try:
        text = json.dumps(value, default=str, allow_nan=False)
    except Exception:  # noqa: BLE001 - others' values
        return _text_of(value)
    return json.loads(text) if cut(text) is text else bounded(text)


def _fitting(lines: list[str], most: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        most -= len(line)
        if most < 0:
            break
        kept.append(line)
    return kept

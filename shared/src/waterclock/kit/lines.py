"""Log lines: a name and fields, `log.info("run claimed", extra={"run": run_id})`, as text or as one JSON object."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime

from opentelemetry import trace

from waterclock.kit.concealing import own
from waterclock.kit.settings import TelemetrySettings

_standard = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def lead_lines(service: str, settings: TelemetrySettings) -> None:
    """To standard error, from the level that is set: ours, and warnings of libraries."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(service) if settings.log_format == "json" else _Text(service))
    handler.addFilter(_Seldom("opentelemetry"))
    handler.addFilter(_Seldom("psycopg.pool"))  # it alone says why: the certificate, the password
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for package in ("waterclock", "waterclock_api", "waterclock_scheduler", "waterclock_worker", "waterclock_dev"):
        logging.getLogger(package).setLevel(settings.log_level.upper())


class Sparing:
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
    """The lines about what may be away for a thousand calls: one when it is found away, one when it is back."""

    def __init__(self, log: logging.Logger, away: str, back: str, **about: object) -> None:
        """`about`: fields of both lines."""
        self._log = log
        self._away = away
        self._back = back
        self._about = about
        self.failures = 0  # since it is away

    def failed(self, error: object, *, level: int = logging.WARNING) -> None:
        self.failures += 1
        if self.failures == 1:
            self._log.log(level, self._away, extra=self._about | {"error": " ".join(str(error).split())})

    def over(self) -> None:
        """It answers, as it may always have done."""
        if self.failures:
            self._log.info(self._back, extra=self._about | {"failures": self.failures})
            self.failures = 0


class _Seldom(logging.Filter):
    """Of a library that complains each time it tries: what it says in one place comes once a minute."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._sparing: dict[tuple[str, int], Sparing] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):  # another's
            return True
        return self._sparing.setdefault((record.pathname, record.lineno), Sparing(60)).may(time.monotonic())


class _Line(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """What the line says beside its text, and the span in which it says it, under the names that OpenTelemetry
        gives them outside OTLP."""
        said = {name: value for name, value in vars(record).items() if name not in _standard}
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            said |= {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
        return said

    def moment(self, record: logging.LogRecord) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Text(_Line):
    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in self.fields(record).items())
        line = f"{self.moment(record)} {record.levelname.lower():7} {self.service}: {record.getMessage()}{fields}"
        return own()(f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line)


class _Json(_Line):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": self.moment(record),
            "level": record.levelname.lower(),
            "service": self.service,
            "event": record.getMessage(),
            "logger": record.name,
            **self.fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return own()(json.dumps(line, default=str, ensure_ascii=False))

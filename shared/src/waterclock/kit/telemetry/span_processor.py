"""Ended spans, handed to a collector by a thread of their own: bounded, counted, never waited for.

The SDK's own processor does not tell what it drops, and at the end of the process may wait half a minute for a
collector that hangs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.otel_settings import Batching
from waterclock.kit.telemetry.sending_times import END_MOST_S

_USUAL = Batching()

log = logging.getLogger(__name__)


class Sender(SpanProcessor):
    """`on_end` may be called from any thread, and takes no longer whatever the collector does."""

    def __init__(self, exporter: SpanExporter, batching: Batching = _USUAL) -> None:
        self._exporter = exporter
        self._most, self._at_once, self._every = batching.queue, batching.batch, batching.delay_ms / 1000
        self._waiting: deque[ReadableSpan] = deque()
        self._counting = threading.Lock()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._ending = False
        self._ends_at: float | None = None
        self._failing = False
        self._thread = threading.Thread(target=self._send_on, name="send spans", daemon=True)
        self._thread.start()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        pass

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if len(self._waiting) >= self._most or self._ending:
            with self._counting:
                catalog.SPANS_DROPPED.add(1, "queue")
            return
        self._waiting.append(span)
        self._idle.clear()
        if len(self._waiting) >= self._at_once:
            self._wake.set()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whether all that waits was handed over within the time."""
        self._wake.set()
        return self._idle.wait(timeout_millis / 1000)

    def hurry(self) -> None:
        """The end begins: what waits is sent at once, and the time for the rest begins to run out."""
        if self._ends_at is None:
            self._ends_at = time.monotonic() + END_MOST_S
        self._wake.set()

    def shutdown(self) -> None:
        """Send what is left, for a bounded time since `hurry`; what then still waits is dropped."""
        self._ending = True
        self.hurry()
        assert self._ends_at is not None
        self._thread.join(max(0.0, self._ends_at - time.monotonic()))
        self._exporter.shutdown()
        if self._waiting:
            with self._counting:
                catalog.SPANS_DROPPED.add(len(self._waiting), "queue")
            self._waiting.clear()

    def _send_on(self) -> None:
        began_at = time.monotonic()
        while True:
            if len(self._waiting) < self._at_once and not self._ending:
                self._wake.wait(max(0.0, began_at + self._every - time.monotonic()))
            self._wake.clear()
            began_at = time.monotonic()
            if not self._waiting:
                self._idle.set()
                if self._waiting:  # came between the two
                    self._idle.clear()
                elif self._ending:
                    return
                continue
            self._send(self._taken())

    def _taken(self) -> list[ReadableSpan]:
        """The oldest that wait; none where `shutdown` has given them up meanwhile."""
        taken: list[ReadableSpan] = []
        with suppress(IndexError):
            while len(taken) < self._at_once:
                taken.append(self._waiting.popleft())
        return taken

    def _send(self, spans: list[ReadableSpan]) -> None:
        try:
            taken = self._exporter.export(spans) is SpanExportResult.SUCCESS
        except Exception:  # an exporter is another's code: whatever it raises must not end the thread
            log.exception("spans not sent")
            taken = False
        if taken:
            catalog.SPANS_SENT.add(len(spans))
        else:
            catalog.SPANS_DROPPED.add(len(spans), "collector")
        if taken == self._failing:
            self._failing = not taken
            log.warning("spans are sent again" if taken else "spans are not taken, and dropped")

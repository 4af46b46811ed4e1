"""Ended spans, handed to a collector in batches by the SDK of OpenTelemetry: bounded, counted, never waited for.

    ended ── room? ──► BatchSpanProcessor ──► what counts ──► exporter
               └── no: dropped (queue)              └── not taken: dropped (collector)

The SDK's processor tells nothing of ours what it drops, and its end may take half a minute where a collector hangs. So
what waits is counted here, and its end is left to a thread that is waited for a bounded time.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.otel_settings import END_MOST_S, Batching

_USUAL = Batching()

log = logging.getLogger(__name__)


class Sender(BatchSpanProcessor):
    """`on_end` may be called from any thread, and takes no longer whatever the collector does."""

    def __init__(self, exporter: SpanExporter, batching: Batching = _USUAL) -> None:
        self._room = _Room(batching.queue)
        self._counted = _Counted(exporter, self._room)
        self._ends_at: float | None = None
        super().__init__(
            self._counted,
            max_queue_size=batching.queue,
            max_export_batch_size=batching.batch,
            schedule_delay_millis=batching.delay_ms,
        )

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if self._room.take():
            super().on_end(span)

    def hurry(self) -> None:
        """The end begins: what waits is sent at once, and the time for the rest begins to run out."""
        if self._ends_at is None:
            self._ends_at = time.monotonic() + END_MOST_S
            threading.Thread(target=self.force_flush, name="send spans", daemon=True).start()

    def shutdown(self) -> None:
        """Send what is left, for a bounded time since `hurry`; what then still waits is dropped."""
        if self._ends_at is None:
            self._ends_at = time.monotonic() + END_MOST_S
        ending = threading.Thread(target=super().shutdown, name="send last spans", daemon=True)
        ending.start()
        ending.join(max(0.0, self._ends_at - time.monotonic()))
        self._room.close()
        self._counted.shutdown()


class _Room:
    """For so many spans: the queue behind it never overflows. What finds none is dropped, and counted."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting = 0
        self._closed = False
        self._lock = threading.Lock()
        forked = weakref.WeakMethod(self._begin_anew)

        def in_copy() -> None:
            if (begin_anew := forked()) is not None:
                begin_anew()

        os.register_at_fork(after_in_child=in_copy)

    def take(self) -> bool:
        with self._lock:
            if self._closed or self._waiting >= self._most:
                catalog.SPANS_DROPPED.add(1, "queue")
                return False
            self._waiting += 1
            return True

    def leave(self, count: int) -> bool:
        """Whether those that waited may go on: once it is closed nobody may."""
        with self._lock:
            if not self._closed:
                self._waiting -= count
            return not self._closed

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._waiting:
                catalog.SPANS_DROPPED.add(self._waiting, "queue")
            self._waiting = 0

    def _begin_anew(self) -> None:
        """What waits is not a forked copy's to send: its queue is emptied too."""
        self._lock = threading.Lock()
        self._waiting = 0


class _Counted(SpanExporter):
    """What it hands on is counted, by whether it was taken."""

    def __init__(self, exporter: SpanExporter, room: _Room) -> None:
        self._exporter = exporter
        self._room = room
        self._failing = False
        self._ended = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if not self._room.leave(len(spans)):
            return SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        except Exception:  # an exporter is another's code: whatever it raises must not go uncounted
            log.exception("spans not sent")
            result = SpanExportResult.FAILURE
        taken = result is SpanExportResult.SUCCESS
        if taken:
            catalog.SPANS_SENT.add(len(spans))
        else:
            catalog.SPANS_DROPPED.add(len(spans), "collector")
        if taken == self._failing:
            self._failing = not taken
            log.warning("spans sent again" if taken else "spans dropped")
        return result

    def shutdown(self) -> None:
        if not self._ended:
            self._ended = True
            self._exporter.shutdown()

"""What is sent by OTLP, as a receiver that decodes it finds it; and one that never answers."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from tests.support.certificates import Authority
from tests.support.terminator import terminated
from tests.support.traces import GrpcReceiver, receiving, receiving_grpc
from waterclock.kit.settings import TelemetrySettings
from waterclock.kit.telemetry import catalog, span_processor, traces
from waterclock.kit.telemetry.catalog import exposed
from waterclock.kit.telemetry.exporters import span_exporter
from waterclock.kit.telemetry.metrics import Exposition, Gauge
from waterclock.kit.telemetry.otel_settings import Batching, OtelSettings, read_otel
from waterclock.kit.telemetry.otlp_metrics import pushing
from waterclock.kit.telemetry.span_processor import Sender

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OF_PROCESS = {
    "process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes",
    "process_start_time_seconds", "process_open_fds", "process_max_fds", "python_info",
    "python_gc_collections_total", "python_gc_objects_collected_total", "python_gc_objects_uncollectable_total",
}  # fmt: skip


def sent_to(url: str) -> OtelSettings:
    return read_otel(TelemetrySettings(otlp_endpoint=url), instance="one")


def exporter_to(url: str) -> SpanExporter:
    traces = sent_to(url).traces
    assert traces is not None
    return span_exporter(traces)


def dropped(reason: str) -> float:
    return catalog.SPANS_DROPPED.series.get((reason,), 0)


async def test_a_gauge_that_says_yes_or_no_is_sent_with_the_others() -> None:
    yes = Gauge("open", "Whether it is.", by="api")
    yes.set(True)
    with receiving() as receiver:
        async with pushing(Exposition("api", [yes]), sent_to(receiver.url)):
            pass

    assert [point.as_double for point in receiver.metrics()["waterclock_open"].gauge.data_points] == [1.0]


async def test_a_receiver_finds_the_metrics_that_a_process_tells() -> None:
    with receiving() as receiver:
        exposition = exposed("worker")
        catalog.START_DELAY.observe(0.02, "q")
        catalog.START_DELAY.exemplify(PARENT, 0.02, "q")
        async with pushing(exposition, sent_to(receiver.url)):
            told = {metric.convention or metric.name for metric in exposition.metrics if metric.series}

    assert told
    found = receiver.metrics()
    assert set(found) - OF_PROCESS == told
    assert set(found) >= OF_PROCESS
    assert found["process_cpu_seconds_total"].sum.is_monotonic
    assert found["process_resident_memory_bytes"].gauge.data_points[0].as_double > 1 << 20
    assert found["waterclock_claims_total"].sum.is_monotonic
    exemplars = [
        exemplar
        for point in found["waterclock_start_delay_seconds"].histogram.data_points
        for exemplar in point.exemplars
    ]
    assert PARENT[3:35] in {exemplar.trace_id.hex() for exemplar in exemplars}


async def test_a_collector_is_reached_by_tls_with_a_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = Authority(tmp_path)
    client = ca.issue("client")
    for overruling in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(overruling, raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(ca.file))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", str(client.certificate))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", str(client.key))
    yes = Gauge("open", "Whether it is.", by="api")
    yes.set(True)
    with receiving() as receiver:
        port = urlsplit(receiver.url).port or 0
        with terminated(port, ca.issue("collector"), clients=ca.file) as before:
            url = f"https://127.0.0.1:{before.port}"
            async with pushing(Exposition("api", [yes]), sent_to(url)):
                traces.install("test", Sender(exporter_to(url)))
                traces.past("work", seconds=0, parent=PARENT)
                traces.shutdown()
        assert set(before.peers) == {"client"}

    assert set(receiver.metrics()) - OF_PROCESS == {"waterclock_open"}
    assert [span.name for span in receiver.spans()] == ["work"]


def test_a_collector_that_hangs_holds_nobody_up_and_what_is_dropped_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(span_processor, "END_MOST_S", 0.2)
    hanging = threading.Event()
    most, made = 1_000, 5_000
    sent, before = catalog.SPANS_SENT.series.get((), 0), dropped("queue")
    with receiving(hanging=hanging) as receiver:
        traces.install("test", Sender(exporter_to(receiver.url), Batching(queue=most)))
        for _ in range(made):  # while nothing is answered: had one of them waited for that, it would for ever
            traces.past("work", seconds=0, parent=PARENT)
        traces.shutdown()
        assert catalog.SPANS_SENT.series.get((), 0) == sent

    # One batch at most was on its way. The others found no room, or waited and were given up in the end.
    assert made - Batching().batch <= dropped("queue") - before <= made


def test_a_collector_that_is_away_costs_its_spans_which_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.3")
    with receiving() as receiver:
        nobody = receiver.url
    before = dropped("collector")
    traces.install("test", Sender(exporter_to(nobody)))
    traces.past("work", seconds=0, parent=PARENT)
    traces.shutdown()

    assert dropped("collector") == before + 1


def test_what_is_sampled_follows_the_parent_then_the_links_then_the_share() -> None:
    unsampled = PARENT[:-2] + "00"
    with receiving() as receiver:
        traces.install("test", exporter_to(receiver.url), OtelSettings(share=0))
        traces.past("by its parent", seconds=0, parent=PARENT)
        traces.past("by its link", seconds=0, parent=None, links=(PARENT,))
        traces.past("not by its parent", seconds=0, parent=unsampled)
        traces.past("not by its share", seconds=0, parent=None)
        assert traces.sampled(traces.origin("run", (PARENT,)))
        assert not traces.sampled(traces.origin("run", (unsampled,)))
        traces.shutdown()

    assert sorted(span.name for span in receiver.spans()) == ["by its link", "by its parent"]


def test_a_run_s_own_trace_begins_the_same_wherever_it_is_asked_for() -> None:
    with receiving() as receiver:
        traces.install("test", exporter_to(receiver.url), OtelSettings(share=0.5))
        found = [traces.origin(f"run-{number}") for number in range(200)]
        again = [traces.origin(f"run-{number}") for number in range(200)]
        at = next(one for one in found if traces.sampled(one))
        told = traces.past("begins", seconds=0, parent=None, at=at)
        traces.shutdown()

    assert found == again
    assert len(set(found)) == 200
    assert 20 < sum(map(traces.sampled, found)) < 180
    (span,) = receiver.spans()
    assert told == at == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"


async def test_metrics_do_not_wait_for_ever_for_a_collector_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.3")
    hanging = threading.Event()
    with receiving(hanging=hanging) as receiver:
        async with asyncio.timeout(60), pushing(exposed("worker"), sent_to(receiver.url)):
            pass
        assert receiver.metrics() == {}


@pytest.fixture
def otlp_by_grpc() -> Iterator[GrpcReceiver]:
    with receiving_grpc() as receiver:
        yield receiver


@pytest.fixture
def nothing_of_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


async def told_with(service: str) -> None:
    """As a process tells of itself with what its environment says, and nothing else."""
    otel = traces.setup(service, TelemetrySettings(), instance="one")
    yes = Gauge("open", "Whether it is.", by=service)
    yes.set(True)
    async with pushing(Exposition(service, [yes]), otel):
        with traces.span("work"):
            pass
    traces.shutdown()


@pytest.mark.usefixtures("nothing_of_theirs")
async def test_their_endpoint_alone_turns_traces_and_metrics_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=billing")
        await told_with("api")

    assert [span.name for span in receiver.spans()] == ["work"]
    assert set(receiver.metrics()) - OF_PROCESS == {"waterclock_open"}
    traced, measured = receiver.resources("traces"), receiver.resources("metrics")
    assert traced == measured == [traced[0]]
    assert (traced[0]["service.name"], traced[0]["service.instance.id"], traced[0]["team"]) == (
        "waterclock-api", "one", "billing",
    )  # fmt: skip
    assert traced[0]["service.version"]


@pytest.mark.usefixtures("nothing_of_theirs")
async def test_a_collector_is_reached_by_grpc(monkeypatch: pytest.MonkeyPatch, otlp_by_grpc: GrpcReceiver) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", otlp_by_grpc.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=clock")
    await told_with("worker")

    assert [span.name for span in otlp_by_grpc.spans] == ["work"]
    assert set(otlp_by_grpc.metrics) - OF_PROCESS == {"waterclock_open"}
    assert otlp_by_grpc.tenants == {"clock"}


@pytest.mark.usefixtures("nothing_of_theirs")
async def test_what_is_told_to_the_console_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "console")
    await told_with("api")
    told = capsys.readouterr().out
    assert '"name": "work"' in told
    assert '"name": "waterclock_open"' in told


def test_a_sampler_that_follows_no_parent_decides_for_every_trace() -> None:
    unsampled = PARENT[:-2] + "00"
    for share, told in ((1.0, ["a", "b"]), (0.0, [])):
        with receiving() as receiver:
            traces.install("test", exporter_to(receiver.url), OtelSettings(share=share, follows_parent=False))
            given = [traces.past("a", seconds=0, parent=PARENT), traces.past("b", seconds=0, parent=unsampled)]
            assert {traces.sampled(one) for one in (*given, PARENT, unsampled, traces.origin("r", (PARENT,)))} == {
                bool(told)
            }
            assert {(one or "")[-2:] for one in given} == {"01" if told else "00"}
            assert not traces.begun("c", parent=PARENT).is_recording() or told
            traces.shutdown()
        assert sorted(span.name for span in receiver.spans()) == told


def test_what_ends_is_sent_in_batches_of_the_size_that_is_set() -> None:
    sizes: list[int] = []
    full = threading.Event()

    class Kept(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            sizes.append(len(spans))
            full.set()
            return SpanExportResult.SUCCESS

    sent = catalog.SPANS_SENT.series.get((), 0)
    traces.install("test", Kept(), OtelSettings(batching=Batching(queue=100, batch=3, delay_ms=3_600_000)))
    for _ in range(3):
        traces.past("work", seconds=0, parent=PARENT)
    assert full.wait(20)  # at once, long before the delay has passed
    traces.past("work", seconds=0, parent=PARENT)
    traces.shutdown()
    assert sizes == [3, 1]
    assert catalog.SPANS_SENT.series.get((), 0) == sent + 4


def test_an_exporter_that_breaks_costs_its_spans_which_are_counted() -> None:
    class Broken(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002
            raise RuntimeError("broken")

    before = dropped("collector")
    traces.install("test", Broken())
    traces.past("work", seconds=0, parent=PARENT)
    traces.shutdown()
    assert dropped("collector") == before + 1


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_copy_has_all_the_room_and_sends_nothing_of_its_parent() -> None:
    hanging, taken = threading.Event(), threading.Event()

    class Hanging(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            names.extend(span.name for span in spans)
            taken.set()
            if os.getpid() == parent:
                hanging.wait()
            return SpanExportResult.SUCCESS

    names: list[str] = []
    parent = os.getpid()
    traces.install("test", Hanging(), OtelSettings(batching=Batching(queue=2, batch=1, delay_ms=60_000)))
    traces.past("sent", seconds=0, parent=PARENT)
    assert taken.wait(20)
    for _ in range(2):  # for which there is room, and then no more
        traces.past("waits", seconds=0, parent=PARENT)
    copy = os.fork()
    if not copy:
        names.clear()
        for _ in range(2):
            traces.past("of the copy", seconds=0, parent=PARENT)
        traces.shutdown()
        os._exit(0 if names == ["of the copy"] * 2 else 1)
    _, status = os.waitpid(copy, 0)
    hanging.set()
    traces.shutdown()
    assert os.waitstatus_to_exitcode(status) == 0
    assert names == ["sent", "waits", "waits"]

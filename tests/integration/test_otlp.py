"""What is sent by OTLP, as a receiver that decodes it finds it; and one that never answers."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.certificates import Authority
from tests.support.terminator import terminated
from tests.support.traces import receiving
from waterclock.kit.telemetry import catalog, otlp_metrics, provider, span_processor, traces
from waterclock.kit.telemetry.catalog import exposed
from waterclock.kit.telemetry.metrics import Exposition, Gauge
from waterclock.kit.telemetry.otlp_metrics import pushing
from waterclock.kit.telemetry.provider import exporter_to
from waterclock.kit.telemetry.span_processor import Sender

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def dropped(reason: str) -> float:
    return catalog.SPANS_DROPPED.series.get((reason,), 0)


async def test_a_gauge_that_says_yes_or_no_is_sent_with_the_others() -> None:
    yes = Gauge("open", "Whether it is.", by="api")
    yes.set(True)
    with receiving() as receiver:
        async with pushing(Exposition("api", [yes]), receiver.url, instance="one"):
            pass

    assert [point.as_double for point in receiver.metrics()["waterclock_open"].gauge.data_points] == [1.0]


async def test_a_receiver_finds_the_metrics_that_a_process_tells() -> None:
    with receiving() as receiver:
        exposition = exposed("worker")
        catalog.START_DELAY.observe(0.02, "q")
        catalog.START_DELAY.exemplify(PARENT, 0.02, "q")
        async with pushing(exposition, receiver.url, instance="one"):
            told = {metric.convention or metric.name for metric in exposition.metrics if metric.series}

    assert told
    found = receiver.metrics()
    assert set(found) == told
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
            async with pushing(Exposition("api", [yes]), url, instance="one"):
                traces.install("test", Sender(exporter_to(url)))
                traces.past("work", seconds=0, parent=PARENT)
                traces.shutdown()
        assert set(before.peers) == {"client"}

    assert set(receiver.metrics()) == {"waterclock_open"}
    assert [span.name for span in receiver.spans()] == ["work"]


def test_a_collector_that_hangs_holds_nobody_up_and_what_is_dropped_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(span_processor, "END_MOST_S", 0.2)
    hanging = threading.Event()
    most, made = 1_000, 5_000
    sent, before = catalog.SPANS_SENT.series.get((), 0), dropped("queue")
    with receiving(hanging=hanging) as receiver:
        traces.install("test", Sender(exporter_to(receiver.url), most=most))
        for _ in range(made):  # while nothing is answered: had one of them waited for that, it would for ever
            traces.past("work", seconds=0, parent=PARENT)
        traces.shutdown()
        assert catalog.SPANS_SENT.series.get((), 0) == sent

    # One batch at most was on its way. The others found no room, or waited and were given up in the end.
    assert made - span_processor.AT_ONCE <= dropped("queue") - before <= made


def test_a_collector_that_is_away_costs_its_spans_which_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "SEND_MOST_S", 0.3)
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
        traces.install("test", exporter_to(receiver.url), sample=0)
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
        traces.install("test", exporter_to(receiver.url), sample=0.5)
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
    monkeypatch.setattr(otlp_metrics, "SEND_MOST_S", 0.3)
    hanging = threading.Event()
    with receiving(hanging=hanging) as receiver:
        async with asyncio.timeout(60), pushing(exposed("worker"), receiver.url, instance="one"):
            pass
        assert receiver.metrics() == {}

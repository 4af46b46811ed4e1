"""What a process counts, as it is told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import parser as open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from tests.support.repository import DOCS
from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.metrics import (
    CONTENT_TYPE,
    OPEN_METRICS,
    SERIES_MOST,
    AnyMetric,
    Counter,
    Exposition,
    Gauge,
    Histogram,
)
from waterclock.kit.telemetry.traces import given as given_trace

PAGE = DOCS / "reference" / "metrics.md"


def told(*metrics: AnyMetric) -> list[str]:
    """Of our own."""
    return [
        line for line in whole(*metrics).splitlines() if " process_" not in f" {line}" and " python_" not in f" {line}"
    ]


parse_open_metrics: Callable[[str], Iterable[Family]] = getattr(open_metrics, "text_string_to_metric_families")  # noqa: B009 - it has no types


def whole(*metrics: AnyMetric, accept: str = "") -> str:
    async def text() -> bytes:
        return (await Exposition("api", metrics).text(accept))[0]

    return asyncio.run(text()).decode()


def test_the_docs_have_a_row_for_each_metric() -> None:
    rows = re.findall(r"^\| `((?:waterclock|http)_\w+)`", PAGE.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(metric.name for metric in catalog.ALL)


def test_a_metric_is_declared_once_and_its_name_says_its_unit() -> None:
    assert len({metric.name for metric in catalog.ALL}) == len(catalog.ALL)
    for metric in catalog.ALL:
        assert metric.by <= {"api", "projector", "scheduler", "worker", "notifier", "publisher"}
        assert metric.name.endswith("_total") is (metric.kind == "counter")
        ends = {"s": "_seconds", "By": "_bytes"}
        assert metric.unit not in ends or metric.name.endswith(ends[metric.unit])
        assert not {"run", "run_id", "job_id"} & set(metric.labels)
        assert ("job" in metric.labels) is metric.name.startswith("waterclock_job_"), "monitored ones alone"


def test_a_counter_is_told_before_it_counts() -> None:
    counter = Counter("things_total", "Things.", by="api")

    assert told(counter)[-1] == "waterclock_things_total 0.0"
    counter.add(2)
    assert told(counter) == [
        "# HELP waterclock_things_total Things.",
        "# TYPE waterclock_things_total counter",
        "waterclock_things_total 2.0",
    ]


def test_what_another_service_tells_is_not_told() -> None:
    assert told(Counter("things_total", "Things.", by="worker")) == []


def test_a_label_is_escaped() -> None:
    gauge = Gauge("things", "Things.", by="api", labels=("name",))
    gauge.set(1, 'a"b\\c\nd')

    assert told(gauge)[-1] == 'waterclock_things{name="a\\"b\\\\c\\nd"} 1.0'


def test_a_gauge_forgets_what_is_no_longer_known() -> None:
    gauge = Gauge("things", "Things.", by="api", labels=("partition",))
    gauge.set(1, "0")
    gauge.replace({("1",): 2})

    assert gauge.series == {("1",): 2}
    gauge.replace({})
    assert told(gauge) == []


@given(st.lists(st.tuples(st.floats(0, 10_000), st.integers(1, 5))))
def test_every_value_falls_under_the_bounds_that_it_does_not_exceed(values: list[tuple[float, int]]) -> None:
    histogram = Histogram("delay_seconds", "Delay.", by="api", bounds=(0.5, 1, 60))
    for value, times in values:
        histogram.observe(value, times=times)

    lines = told(histogram)
    for bound in (0.5, 1, 60, float("inf")):
        under = sum(times for value, times in values if value <= bound)
        name = "+Inf" if bound == float("inf") else float(bound)
        assert not values or f'waterclock_delay_seconds_bucket{{le="{name}"}} {under}.0' in lines
    assert not values or f"waterclock_delay_seconds_count {sum(times for _, times in values)}.0" in lines


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text"])
def test_memory_processor_time_and_descriptors_are_told_under_the_names_that_all_have(accept: str) -> None:
    text = whole(accept=accept)

    families = parse_open_metrics(text) if accept else parse_plain(text)
    found = {sample.name: sample.value for family in families for sample in family.samples}
    assert {
        "process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes",
        "process_start_time_seconds", "process_open_fds", "process_max_fds", "python_info",
        "python_gc_collections_total", "python_gc_objects_collected_total", "python_gc_objects_uncollectable_total",
    } == set(found)  # fmt: skip
    assert found["process_resident_memory_bytes"] > 1 << 20


def test_open_metrics_has_exemplars_and_no_lines_of_when_series_began() -> None:
    histogram = Histogram("delay_seconds", "Delay.", by="api", labels=("queue",), bounds=(0.5, 1))
    histogram.observe(0.7, 'a"b', times=3)
    histogram.exemplify(f"00-{_IDS}-01", 0.7, 'a"b')
    counter = Counter("things_total", "Things.", by="api")

    text = whole(histogram, counter, accept="application/openmetrics-text")

    families = {family.name: family for family in parse_open_metrics(text)}
    samples = families["waterclock_delay_seconds"].samples
    assert [(sample.labels.get("le"), sample.value) for sample in samples] == [
        ("0.5", 0), ("1.0", 3), ("+Inf", 3), (None, 3), (None, 0.7 * 3),
    ]  # fmt: skip
    (shown,) = [sample.exemplar for sample in samples if sample.exemplar is not None]
    assert shown.labels == {"trace_id": _IDS[:32], "span_id": _IDS[33:]}
    assert [sample.name for sample in families["waterclock_things"].samples] == ["waterclock_things_total"]
    assert "_created" not in text


def test_series_beyond_the_bound_are_counted_together() -> None:
    counter = Counter("things_total", "Things.", by="api", labels=("name",))
    for number in range(SERIES_MOST + 50):
        counter.add(1, str(number))

    assert len(counter.series) == SERIES_MOST + 1
    assert counter.series["other",] == 50


PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;"
    "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", CONTENT_TYPE),
        ("*/*", CONTENT_TYPE),
        ("text/html", CONTENT_TYPE),
        ("application/openmetrics-text", OPEN_METRICS),
        ("application/openmetrics-text;q=0", CONTENT_TYPE),
        ("APPLICATION/OpenMetrics-Text;Q=0.0", CONTENT_TYPE),
        ("text/plain;q=0.9, application/openmetrics-text;q=0.1", CONTENT_TYPE),
        ("text/plain;q=0.1, application/openmetrics-text;q=0.9", OPEN_METRICS),
        ("text/plain, application/openmetrics-text", OPEN_METRICS),
        ("application/openmetrics-text;q=0.5, */*", CONTENT_TYPE),
        ("application/openmetrics-text, */*;q=0.5", OPEN_METRICS),
        ("application/*, text/plain;q=0.2", OPEN_METRICS),
        ("application/openmetrics-text;q=0, application/*, text/*;q=0.1", CONTENT_TYPE),
        ("application/openmetrics-text;version=0.0.1", CONTENT_TYPE),
        ('application/openmetrics-text; version="1.0.0"; charset=utf-8', OPEN_METRICS),
        ("application/openmetrics-text;q=2", CONTENT_TYPE),
        ("x/application/openmetrics-text", CONTENT_TYPE),
        ('text/plain;a="b, application/openmetrics-text"', CONTENT_TYPE),
        (PROMETHEUS, OPEN_METRICS),
    ],
)
async def test_the_kind_that_is_liked_better_is_told(accept: str, kind: str) -> None:
    text, told_as = await Exposition("api", [Gauge("things", "Things.", by="api")]).text(accept)
    assert told_as == kind
    assert text.endswith(b"# EOF\n") == (kind == OPEN_METRICS)


_IDS = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (f"00-{_IDS}-01", "01"),
        (f"00-{_IDS}-00", "00"),
        (f"01-{_IDS}-01-extra", "01"),
        (f"01-{_IDS}-00-extra", "00"),
        (f"01-{_IDS}-03", "01"),
        (f"cc-{_IDS}-09-what-the-future-holds", "01"),
        (f"01-{_IDS}-01-", "01"),
    ],
)
def test_a_trace_goes_on_by_the_first_fields_of_a_later_version(text: str, flags: str) -> None:
    assert given_trace(text) == f"00-{_IDS}-{flags}"


@pytest.mark.parametrize(
    "text",
    [
        *(f"00-{_IDS}-01-extra", f"ff-{_IDS}-01", f"01-{_IDS}-01extra", f"01-{_IDS}", f"0A-{_IDS}-01", f"01-{_IDS}-0"),
        *(f"01-{'0' * 32}-b7ad6b7169203331-01", f"01-{_IDS[:33]}{'0' * 16}-01-x", f"01-{_IDS.upper()}-01", "", "01"),
    ],
)
def test_what_is_no_traceparent_of_any_version_begins_a_trace_of_its_own(text: str) -> None:
    assert given_trace(text) is None


async def test_a_look_that_takes_too_long_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waterclock.kit.telemetry.metrics.LOOK_MOST_S", 0.01)
    gauge = Gauge("things", "Things.", by="api")

    async def never() -> None:
        await asyncio.Event().wait()

    async def soon() -> None:
        gauge.set(1)

    exposition = Exposition("api", [gauge])
    exposition.looks += [never, soon]

    assert b"waterclock_things 1.0" in (await exposition.text())[0]

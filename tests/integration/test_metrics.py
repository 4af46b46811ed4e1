"""Metrics of all services, as they are told over HTTP after runs that went well and one that did not."""

from __future__ import annotations

import httpx

from tests.integration.api.rig import RUNS
from tests.integration.test_trace import ended, everything
from waterclock.kit.health import Report, served
from waterclock.kit.telemetry.catalog import ALL, exposed
from waterclock.kit.telemetry.metrics import Counter
from waterclock.log.commands.aside import count_aside
from waterclock_dev.servers.ports import LOOPBACK


def value(text: str, series: str) -> float:
    (line,) = (line for line in text.splitlines() if line.startswith(f"{series} "))
    return float(line.rpartition(" ")[2])


async def test_what_happened_is_counted_where_it_happened(
    redis_url: str, migrated_postgres_url: str, key_prefix: str
) -> None:
    worker = exposed("worker")
    async with (
        everything(redis_url, migrated_postgres_url, key_prefix) as api,
        served(LOOPBACK, 0, lambda: Report(ready=True, said={}), worker) as port,
        httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}") as http,
    ):
        await api.caught_up()
        before = (await http.get("/metrics")).text
        job = await api.create(jobName="counted")
        for _ in range(3):
            await ended(api, await api.trigger(job["id"]))
        lacked = {"invokeTarget": "nobody.has"}
        await api.http.post(RUNS, json=lacked, params={"allowUnknownExecutor": "true"})
        while not (await count_aside(api.log, 0)).groups:
            continue
        await api.caught_up()
        after = await http.get("/metrics")
        seen = await api.http.get("/metrics")

    assert after.headers["content-type"] == seen.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for series, more in {
        'waterclock_attempts_ended_total{outcome="succeeded",queue="default"}': 3,
        'waterclock_runs_claimed_total{queue="default"}': 3,
        'waterclock_start_delay_seconds_count{queue="default"}': 3,
        'waterclock_attempt_duration_seconds_count{executor="demo.noop"}': 3,
        "waterclock_late_writes_refused_total": 0,
    }.items():
        began = value(before, series) if f"\n{series} " in before else 0
        assert value(after.text, series) - began == more, series
    for series, now in {
        'waterclock_partition_open{partition="0"}': 1,
        'waterclock_partition_has_leader{partition="0"}': 1,
        'waterclock_queue_runs{queue="default"}': 0,
        'waterclock_queue_oldest_age_seconds{queue="default"}': 0,
        'waterclock_executor_waiting_runs{executor="nobody.has"}': 1,
        'waterclock_queue_paused{queue="low"}': 0,
        'waterclock_store_up{store="log"}': 1,
        'waterclock_store_up{store="archive"}': 1,
        'waterclock_projection_lag_events{partition="0"}': 0,
        "waterclock_sse_clients": 0,
    }.items():
        assert value(seen.text, series) == now, series
    assert value(seen.text, 'waterclock_stream_bytes{partition="0"}') > 0
    assert value(seen.text, 'waterclock_log_memory_used_bytes{server="0"}') > 0
    projected = next(metric for metric in ALL if metric.name == "waterclock_events_projected_total")
    assert isinstance(projected, Counter)
    assert projected.series["run.succeeded",] >= 3


async def test_a_process_answers_metrics_probes_and_nothing_else() -> None:
    exposition = exposed("scheduler")
    async with (
        served(LOOPBACK, 0, lambda: Report(ready=False, said={"leads": []}), exposition) as port,
        httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}") as http,
    ):
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
        assert 'waterclock_process_info{service="scheduler",version=' in (await http.get("/metrics?x=1")).text
        assert (await http.head("/metrics")).text == ""
        assert (await http.get("/other")).status_code == (await http.post("/metrics")).status_code == 404

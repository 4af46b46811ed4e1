"""The dashboards, as code: `python deploy/grafana/dashboards.py` writes them beside it, for Grafana to provision.

A panel is a title, a unit and queries. Each graph leads to the traces of what it shows, by TraceQL in Tempo; on one
of a histogram dots are exemplars, each of which leads to the one trace that it is of.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

HERE = Path(__file__).parent
PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}  # deploy/compose/grafana.yaml names them so
TEMPO = "tempo"
Query = tuple[str, str]
"""PromQL and the legend."""

ATTEMPTS, CLAIMS, DECISIONS, PROJECTIONS = (
    f'{{ span.messaging.operation.name = "{name}" }}' for name in ("attempt", "claim", "decide", "project")
)
FAILURES = '{ span.messaging.operation.name = "attempt" && status = error }'
REQUESTS, FAULTS = "{ kind = server && span.http.route != nil }", "{ kind = server && status = error }"


def quantiles(metric: str, by: str = "", *, ends: Sequence[str] = ("0.5", "0.99")) -> list[Query]:
    also, legend = (f", {by}", f"{{{{{by}}}}} ") if by else ("", "")
    return [
        (
            f"histogram_quantile({end}, sum by (le{also}) (rate({metric}_bucket[$__rate_interval])))",
            f"{legend}p{float(end) * 100:g}",
        )
        for end in ends
    ]


def rate(metric: str, by: str = "", *, where: str = "") -> Query:
    return f"sum by ({by}) (rate({metric}{where}[$__rate_interval]))", f"{{{{{by}}}}}" if by else "a second"


def greatest(metric: str, by: str) -> Query:
    return f"max by ({by}) ({metric})", f"{{{{{by}}}}}"


W, HTTP = "waterclock_", "http_server_request_duration_seconds"
DELAYS = [
    ("Decisions after their instants", "s", quantiles(f"{W}decision_delay_seconds"), DECISIONS),
    ("Starts after they could", "s", quantiles(f"{W}start_delay_seconds", "queue", ends=("0.99",)), CLAIMS),
]
ENDINGS = ("Attempts ended", "ops", [rate(f"{W}attempts_ended_total", "outcome")], FAILURES)
UNDECIDED = ("Oldest undecided instant", "s", [greatest(f"{W}oldest_undecided_seconds", "partition")], DECISIONS)
WAITING = ("Runs that could start", "short", [greatest(f"{W}queue_runs", "queue")], CLAIMS)
LAG = ("Reads behind the log", "s", [greatest(f"{W}projection_lag_seconds", "partition")], PROJECTIONS)
MEMORY = ("Memory of the log's server", "bytes",
    [greatest(f"{W}log_memory_used_bytes", "server"),
     (f"max by (server) ({W}log_memory_limit_bytes)", "limit {{server}}")], None)  # fmt: skip


def of_process(expression: str) -> Query:
    """What clients of Prometheus tell of any process, for ours."""
    return f"{expression} and on (job, instance) {W}process_info", "{{job}} {{instance}}"


BOARDS: dict[str, tuple[str, list[tuple[str, str, list[Query], str | None]]]] = {
    "overview": ("Overview", [
        ("Processes", "short", [(f"count by (service) ({W}process_info)", "{{service}}")], None),
        ("Partitions open", "short", [greatest(f"{W}partition_open", "partition")], None),
        UNDECIDED, *DELAYS, ENDINGS, WAITING, LAG, MEMORY,
        ("Runs lost, died; late writes refused", "ops",
         [rate(f"{W}events_projected_total", "type", where='{type=~"run.lost|run.died|result.refused"}')], FAILURES),
        ("Live streams", "short", [(f"sum({W}sse_clients)", "streams")], None),
        ("Stores that answer", "short", [greatest(f"{W}store_up", "store")], REQUESTS),
        ("Servers of the log that take writes", "short", [(f"min by (server) ({W}log_writable)", "{{server}}")], None),
        ("Clocks of the log before an api's", "s", [(f"{W}log_clock_offset_seconds", "{{server}} {{instance}}")], None),
        ("Partitions' clocks before their servers'", "s",
         [greatest(f"{W}partition_clock_ahead_seconds", "partition")], None),
        ("Monitored jobs: runs that did not succeed", "short",
         [(f'sum by (job, outcome) (increase({W}job_ended_total{{outcome!="succeeded"}}[1h]))', "{{job}} {{outcome}}")],
         FAILURES),
        ("Monitored jobs: since the last success, failure, end", "s",
         [(f"time() - max by (job) ({W}job_last_{what}_timestamp_seconds)", f"{{{{job}}}} {what}")
          for what in ("success", "failure", "end")], None),
        ("Monitored jobs: until the next scheduled time; jobs left out", "s",
         [(f"max by (job) ({W}job_next_fire_timestamp_seconds) - time()", "{{job}}"),
          (f"sum({W}unmonitored_jobs)", "left out")], None),
        ("Losses of events that processes knew", "short",
         [(f"sum by (job) (increase({W}event_losses_total[1h]))", "{{job}}")], None),
        ("Memory of each process", "bytes", [of_process("process_resident_memory_bytes")], None),
        ("Cores that each process uses", "short",
         [of_process("rate(process_cpu_seconds_total[$__rate_interval])")], None),
        ("Descriptors in use", "percentunit", [of_process("process_open_fds / process_max_fds")], None),
    ]),
    "api": ("API", [
        ("Requests", "reqps", [rate(f"{HTTP}_count", "http_route")], REQUESTS),
        ("Answers by status", "reqps", [rate(f"{HTTP}_count", "http_response_status_code")], REQUESTS),
        ("Requests take, p99", "s", quantiles(HTTP, "http_route", ends=("0.99",)), REQUESTS),
        ("All requests take", "s", quantiles(HTTP), REQUESTS),
        ("Faults of ours", "reqps",
         [(rate(f"{HTTP}_count", "http_route", where='{http_response_status_code=~"5.."}')[0] + " or vector(0)",
           "{{http_route}}")], FAULTS),
        ("Live streams", "short", [(f"{W}sse_clients", "{{instance}}")], None),
        ("Spans sent", "ops", [rate(f"{W}spans_sent_total", "job")], None),
        ("Spans dropped", "ops", [rate(f"{W}spans_dropped_total", "reason")], None),
        ("Log lines lost", "ops", [rate(f"{W}log_lines_lost_total", "job")], None),
    ]),
    "scheduler": ("Scheduler", [
        UNDECIDED, DELAYS[0],
        ("Jobs decided", "ops", [rate(f"{W}decided_jobs_total", "result")], DECISIONS),
        ("Partitions with a leader", "short", [greatest(f"{W}partition_has_leader", "partition")], None),
        ("Partitions led by each", "short", [(f"{W}partitions_led", "{{instance}}")], None),
        ("Terms taken", "ops", [rate(f"{W}terms_taken_total")], None),
        ("Fired, skipped, coalesced", "ops",
         [rate(f"{W}events_projected_total", "type", where='{type=~"run.requested|fire.skipped|fire.coalesced"}')],
         DECISIONS),
    ]),
    "queues": ("Queues", [
        WAITING,
        ("Oldest wait", "s", [greatest(f"{W}queue_oldest_age_seconds", "queue")], CLAIMS),
        ("Runs that wait for an executor", "short", [greatest(f"{W}executor_waiting_runs", "executor")], None),
        ("Oldest wait for an executor", "s", [greatest(f"{W}executor_oldest_age_seconds", "executor")], None),
        ("Paused", "short", [greatest(f"{W}queue_paused", "queue")], None),
        ("Starts", "ops", [rate(f"{W}runs_claimed_total", "queue")], CLAIMS),
        ("Starts after they could", "s", quantiles(f"{W}start_delay_seconds", "queue"), CLAIMS),
        ("Ends", "ops", [rate(f"{W}attempts_ended_total", "queue")], ATTEMPTS),
    ]),
    "workers": ("Workers", [
        ("Slots and attempts", "short",
         [(f"sum({W}worker_slots)", "slots"), (f"sum({W}worker_attempts)", "attempts"),
          (f"sum({W}worker_overdue_attempts)", "go on though asked to stop"),
          (f"sum({W}worker_own_loops)", "executors with a loop of their own")], ATTEMPTS),
        ("Attempts take", "s", quantiles(f"{W}attempt_duration_seconds", "executor"), ATTEMPTS),
        ENDINGS,
        ("Ends not answered", "short", [(f"sum({W}worker_unanswered_ends)", "ends")], None),
        ("Claims", "ops", [rate(f"{W}claims_total")], CLAIMS),
        ("Renewals failed", "ops", [rate(f"{W}renewals_failed_total")], None),
        ("Workers swept, their runs, sessions lost", "ops",
         [(rate(f"{W}workers_swept_total")[0], "workers"), (rate(f"{W}runs_swept_total")[0], "runs"),
          (rate(f"{W}sessions_lost_total")[0], "sessions")], None),
        ("Late writes refused", "ops", [rate(f"{W}late_writes_refused_total")], None),
    ]),
    "notifier": ("Notifier", [
        ("Not judged for", "s", [greatest(f"{W}judged_lag_seconds", "partition")], None),
        ("Notices told", "ops", [rate(f"{W}notices_total", "kind")], None),
        ("Messages delivered", "ops",
         [rate(f"{W}notice_deliveries_total", "channel", where='{outcome="delivered"}')], None),
        ("Messages that a channel did not take", "ops",
         [rate(f"{W}notice_deliveries_total", "channel", where='{outcome!="delivered"}')], None),
        ("Oldest message that waits", "s", [greatest(f"{W}notice_outbox_oldest_seconds", "channel")], None),
        ("Channels that deliver nothing", "s", [greatest(f"{W}notice_channel_failing_seconds", "channel")], None),
        ("Heartbeats", "ops", [rate(f"{W}heartbeats_total", "outcome")], None),
        ("Events published", "ops", [rate(f"{W}published_events_total")], None),
        ("Last event published, age", "s",
         [(f"time() - min by (partition) ({W}published_event_timestamp_seconds)", "{{partition}}")], None),
    ]),
    "projector": ("Projector", [
        LAG,
        ("Events not projected", "short",
         [greatest(f"{W}projection_lag_events", "partition"),
          (f"max by (partition) ({W}archive_ahead_events)", "archive ahead {{partition}}")], PROJECTIONS),
        ("Events projected", "ops", [rate(f"{W}events_projected_total", "type")], PROJECTIONS),
        ("A transaction takes", "s", quantiles(f"{W}projection_seconds"), PROJECTIONS),
        ("Partitions followed by each", "short", [(f"{W}partitions_followed", "{{instance}}")], None),
        ("Streams", "bytes", [greatest(f"{W}stream_bytes", "partition")], None),
        MEMORY,
        ("Events that cannot be read", "short", [(f"max({W}events_quarantined)", "events")], None),
        ("Jobs that do not fit their executor", "short", [greatest(f"{W}unfit_jobs", "executor")], None),
    ]),
}  # fmt: skip


def board(name: str) -> dict[str, Any]:
    title, panels = BOARDS[name]
    return {
        "uid": f"waterclock-{name}",
        "title": f"Waterclock: {title}",
        "tags": ["waterclock"],
        "schemaVersion": 41,
        "version": 1,
        "editable": True,
        "timezone": "browser",
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": []},
        "annotations": {"list": []},
        "links": [
            {
                "title": "Waterclock",
                "type": "dashboards",
                "icon": "external link",
                "tooltip": "",
                "url": "",
                "tags": ["waterclock"],
                "asDropdown": True,
                "targetBlank": False,
                "includeVars": False,
                "keepTime": True,
            }
        ],
        "panels": [panel(place, *each) for place, each in enumerate(panels)],
    }


def panel(place: int, title: str, unit: str, queries: list[Query], traces: str | None) -> dict[str, Any]:
    links = [] if traces is None else [{"title": "Traces", "url": explore(traces), "targetBlank": True}]
    return {
        "id": place + 1,
        "title": title,
        "type": "timeseries",
        "datasource": PROMETHEUS,
        "gridPos": {"x": 8 * (place % 3), "y": 8 * (place // 3), "w": 8, "h": 8},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "links": links}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": PROMETHEUS,
                "expr": expr,
                "legendFormat": legend,
                "range": True,
                "exemplar": "_bucket" in expr,
            }
            for at, (expr, legend) in enumerate(queries)
        ],
    }


def explore(traceql: str) -> str:
    """Where Grafana shows the traces of the time that the graph shows."""
    query = {"refId": "A", "datasource": {"type": "tempo", "uid": TEMPO}, "queryType": "traceql", "query": traceql}
    pane = {"datasource": TEMPO, "queries": [query], "range": {"from": "FROM", "to": "TO"}}
    told = quote(json.dumps({"t": pane})).replace("FROM", "${__from}").replace("TO", "${__to}")
    return f"/explore?schemaVersion=1&orgId=1&panes={told}"


def text(name: str) -> str:
    return json.dumps(board(name), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name in BOARDS:
        (HERE / f"{name}.json").write_text(text(name), "utf-8")

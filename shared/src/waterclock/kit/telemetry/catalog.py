"""Every metric, declared once; `docs/reference/metrics.md` is made from it. It is long: there are many.

Labels have few values, known beforehand: services, queues, executors, partitions, types of event; never a run, and a
job only where an operator has said so by its label `monitor`.

It is long: all metrics of all services, so that no two have a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from waterclock.kit.telemetry.metrics import AnyMetric, Counter, Exposition, Gauge, Histogram, Look

PROCESS = Gauge(
    "process_info",
    "Always 1; its labels name the service and its version.",
    by="api projector scheduler worker notifier publisher",
    labels=("service", "version"),
)

# traces
_ALL = "api projector scheduler worker notifier publisher"
SPANS_SENT = Counter("spans_sent_total", "Spans that the collector accepted.", by=_ALL)
SPANS_DROPPED = Counter(
    "spans_dropped_total",
    "Spans that were dropped, by reason: too many waited (queue), or the collector did not accept them (collector).",
    by=_ALL,
    labels=("reason",),
)

LINES_LOST = Counter(
    "log_lines_lost_total", "Log lines that were dropped because standard error was not read fast enough.", by=_ALL
)
LOSSES = Counter(
    "event_losses_total",
    "Times that this process noticed that the event log had lost events that it knew, without a repair.",
    by=_ALL,
)

# scheduler
DECISION_DELAY = Histogram(
    "decision_delay_seconds",
    "Time from the oldest undecided scheduled time of a job to its decision, by the clock of Redis.",
    by="scheduler",
)
DECISIONS = Counter(
    "decided_jobs_total",
    "Jobs decided by this scheduler, by result: done, or refused and decided again (raced, future).",
    by="scheduler",
    labels=("result",),
)
LED = Gauge("partitions_led", "Partitions that this scheduler leads.", by="scheduler")
TERMS = Counter("terms_taken_total", "Times that this scheduler became the leader of a partition.", by="scheduler")
UNDECIDED = Gauge(
    "oldest_undecided_seconds",
    "Age of the oldest undecided scheduled time. A scheduler tells it of partitions that it leads, the API of all.",
    by="scheduler api",
    unit="s",
    labels=("partition",),
)

# api
HTTP_DURATION = Histogram(
    "http_server_request_duration_seconds",
    "Duration of HTTP requests, without event streams.",
    by="api",
    labels=("http.request.method", "http.route", "http.response.status_code"),
    bounds=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    convention="http.server.request.duration",
)

# seen from the api
OPEN = Gauge(
    "partition_open",
    "1 if a projector has opened the partition on the Redis server in use, else 0.",
    by="api",
    labels=("partition",),
)
HAS_LEADER = Gauge(
    "partition_has_leader", "1 if a scheduler leads the partition, else 0.", by="api", labels=("partition",)
)
QUEUED = Gauge("queue_runs", "Runs that could start now.", by="api", labels=("queue",))
QUEUE_AGE = Gauge(
    "queue_oldest_age_seconds",
    "How long the oldest of these runs has waited; 0 if there is none.",
    by="api",
    unit="s",
    labels=("queue",),
)
QUEUE_PAUSED = Gauge("queue_paused", "1 while the queue is paused.", by="api", labels=("queue",))
EXECUTOR_WAITING = Gauge(
    "executor_waiting_runs",
    "Runs that wait for a worker with their executor; of the 50 executors with the most.",
    by="api",
    labels=("executor",),
)
EXECUTOR_AGE = Gauge(
    "executor_oldest_age_seconds",
    "How long the oldest of these runs has waited for its executor.",
    by="api",
    unit="s",
    labels=("executor",),
)
STREAM_BYTES = Gauge(
    "stream_bytes",
    "Memory of the partition's event stream, as Redis estimates it.",
    by="api",
    unit="By",
    labels=("partition",),
)
MEMORY_USED = Gauge(
    "log_memory_used_bytes", "Memory that the Redis server uses.", by="api", unit="By", labels=("server",)
)
MEMORY_LIMIT = Gauge(
    "log_memory_limit_bytes",
    "`maxmemory` of the Redis server, at which new runs are refused; absent if it is not set.",
    by="api",
    unit="By",
    labels=("server",),
)
LOG_WRITABLE = Gauge(
    "log_writable",
    "1 if the Redis server accepts writes, else 0: disk, replicas or memory prevent them.",
    by="api",
    labels=("server",),
)
LOG_CLOCK_OFFSET = Gauge(
    "log_clock_offset_seconds",
    "How far the clock of the Redis server is ahead of this process; negative: behind.",
    by="api",
    unit="s",
    labels=("server",),
)
CLOCK_AHEAD = Gauge(
    "partition_clock_ahead_seconds",
    "How far the partition's clock is ahead of its Redis server, whose clock was set back; 0 if it was not.",
    by="api",
    unit="s",
    labels=("partition",),
)
STORE_UP = Gauge(
    "store_up", "1 if the store responds, else 0: Redis (log) or Postgres (archive).", by="api", labels=("store",)
)
QUARANTINED = Gauge("events_quarantined", "Unreadable events, without those that an operator acknowledged.", by="api")
CLIENTS = Gauge("sse_clients", "Open event streams.", by="api")

# projector
LAG_EVENTS = Gauge(
    "projection_lag_events", "Events in Redis that are not projected yet.", by="projector api", labels=("partition",)
)
LAG_SECONDS = Gauge(
    "projection_lag_seconds",
    "Age of the oldest event that is not projected yet; 0 if there is none.",
    by="projector api",
    unit="s",
    labels=("partition",),
)
ARCHIVE_AHEAD = Gauge(
    "archive_ahead_events",
    "Events at least that the archive has and the end of the Redis stream lacks; 0 if none.",
    by="projector api",
    labels=("partition",),
)
PROJECTED = Counter(
    "events_projected_total",
    "Projected events, by type: ends of runs, run.lost, result.refused, and other.",
    by="projector",
    labels=("type",),
)
PROJECTION = Histogram("projection_seconds", "Duration of a transaction of the projector.", by="projector")
UNFIT_JOBS = Gauge(
    "unfit_jobs",
    "Enabled jobs whose parameters do not match the schema of their executor; of the 50 executors with the most.",
    by="projector",
    labels=("executor",),
)
FOLLOWED = Gauge("partitions_followed", "Partitions that this projector follows.", by="projector")

# jobs with the label `monitor`: each is told by the projector that follows its partition
MONITORED_MOST = 500
JOB_SUCCESS = Gauge(
    "job_last_success_timestamp_seconds",
    "When a run of the job last succeeded; absent if none has.",
    by="projector",
    unit="s",
    labels=("job",),
    most=MONITORED_MOST,
)
JOB_FAILURE = Gauge(
    "job_last_failure_timestamp_seconds",
    "When a run of the job last failed, timed out or died; absent if none has.",
    by="projector",
    unit="s",
    labels=("job",),
    most=MONITORED_MOST,
)
JOB_END = Gauge(
    "job_last_end_timestamp_seconds",
    "When a run of the job last ended, with any status; absent if none has.",
    by="projector",
    unit="s",
    labels=("job",),
    most=MONITORED_MOST,
)
JOB_ENDED = Counter(
    "job_ended_total",
    "Ended runs of the job, by outcome: `succeeded`, `failed`, `timedOut`, `cancelled`, `died`.",
    by="projector",
    labels=("job", "outcome"),
    most=5 * MONITORED_MOST,
)
JOB_NEXT = Gauge(
    "job_next_fire_timestamp_seconds",
    "First undecided scheduled time of the job; absent if it is disabled or has none to come.",
    by="projector",
    unit="s",
    labels=("job",),
    most=MONITORED_MOST,
)
UNMONITORED = Gauge(
    "unmonitored_jobs",
    "Jobs with the label `monitor` beyond the first 500: they have no metrics.",
    by="projector",
)

# worker
CLAIMS = Counter("claims_total", "Claims that were answered.", by="worker")
CLAIMED = Counter("runs_claimed_total", "Attempts that this worker was given.", by="worker", labels=("queue",))
START_DELAY = Histogram(
    "start_delay_seconds",
    "Time from when a run could start until a worker was given it, by the clock of Redis.",
    by="worker",
    labels=("queue",),
)
DURATION = Histogram("attempt_duration_seconds", "Duration of attempts.", by="worker", labels=("executor",))
ENDED = Counter("attempts_ended_total", "Ended attempts, by outcome.", by="worker", labels=("queue", "outcome"))
REFUSED = Counter(
    "late_writes_refused_total", "Results of attempts that had lost their run: they were refused.", by="worker"
)
RENEWALS_FAILED = Counter("renewals_failed_total", "Renewals of the lease that failed.", by="worker")
SESSIONS_LOST = Counter(
    "sessions_lost_total", "Times that this worker counted as dead, and went on with a new session.", by="worker"
)
SWEPT = Counter("workers_swept_total", "Sessions of dead workers that this process cleaned up.", by="worker scheduler")
RUNS_SWEPT = Counter("runs_swept_total", "Runs that this process took from dead workers.", by="worker scheduler")
SLOTS = Gauge("worker_slots", "Maximum number of runs at once in this worker.", by="worker")
EXECUTING = Gauge("worker_attempts", "Running attempts.", by="worker")
UNANSWERED = Gauge("worker_unanswered_ends", "Ended attempts whose result Redis has not confirmed yet.", by="worker")
OVERDUE = Gauge(
    "worker_overdue_attempts",
    "Attempts that keep running after they were asked to stop; each occupies its slot.",
    by="worker",
)
OWN_LOOPS = Gauge(
    "worker_own_loops",
    "Executors that have their own event loop, because they ended or blocked the shared one.",
    by="worker",
)

# notifier
NOTICES = Counter("notices_total", "Notices that this notifier has told, by kind.", by="notifier", labels=("kind",))
DELIVERIES = Counter(
    "notice_deliveries_total",
    "Messages sent, by channel and outcome: `delivered`, `failed` (it is sent again), or `givenUp`.",
    by="notifier",
    labels=("channel", "outcome"),
    most=300,
)
HEARTBEATS = Counter(
    "heartbeats_total",
    "Heartbeats, by outcome: delivered, failed, or withheld because not all was well.",
    by="notifier",
    labels=("outcome",),
)
JUDGED_LAG = Gauge(
    "judged_lag_seconds",
    "Age of the oldest event that is not judged yet; 0 if there is none. Each notifier tells it of all partitions.",
    by="notifier",
    unit="s",
    labels=("partition",),
)
OUTBOX_AGE = Gauge(
    "notice_outbox_oldest_seconds",
    "How long the oldest message of the channel has waited; 0 if there is none.",
    by="notifier",
    unit="s",
    labels=("channel",),
)
CHANNEL_FAILING = Gauge(
    "notice_channel_failing_seconds",
    "For how long the channel has delivered nothing that was sent to it; 0 if it delivers.",
    by="notifier",
    unit="s",
    labels=("channel",),
)

# publisher
PUBLISHED = Counter("published_events_total", "Events that this publisher has published.", by="publisher")
PUBLISHED_AT = Gauge(
    "published_event_timestamp_seconds",
    "Time of the last event that was published or passed over, Unix seconds, by partition.",
    by="publisher",
    unit="s",
    labels=("partition",),
)

ALL: tuple[AnyMetric, ...] = tuple(
    metric for metric in list(globals().values()) if isinstance(metric, Counter | Gauge | Histogram)
)


def exposed(service: str, *, looks: Iterable[Look] = ()) -> Exposition:
    """What a process of this service exposes."""
    exposition = Exposition(service, ALL)
    exposition.looks.extend(looks)
    PROCESS.set(1, service, version("waterclock"))
    for reason in ("queue", "collector"):
        SPANS_DROPPED.add(0, reason)  # so that the first one is seen to come
    return exposition

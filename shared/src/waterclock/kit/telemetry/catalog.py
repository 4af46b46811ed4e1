"""Every metric, declared once. docs/reference/telemetry.md holds the same as a table; a test compares them.

Labels have few values, known beforehand: services, queues, executors, partitions, types of event; never a run, and a
job only where an operator has said so by its label `monitor`.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from waterclock.kit.telemetry.metrics import AnyMetric, Counter, Exposition, Gauge, Histogram, Look

PROCESS = Gauge(
    "process_info", "1 while the process lives.", by="api projector scheduler worker", labels=("service", "version")
)

# traces
_ALL = "api projector scheduler worker"
SPANS_SENT = Counter("spans_sent_total", "Spans that a collector has taken.", by=_ALL)
SPANS_DROPPED = Counter(
    "spans_dropped_total",
    "Spans that were not sent: too many waited (queue), or they were not taken in time (collector).",
    by=_ALL,
    labels=("reason",),
)

LINES_LOST = Counter(
    "log_lines_lost_total", "Log lines that were not written: nobody read them, and too many waited.", by=_ALL
)
LOSSES = Counter(
    "event_losses_total",
    "Times that this process knew events of an earlier epoch that are in the log no more, nor kept by a repair.",
    by=_ALL,
)

# scheduler
DECISION_DELAY = Histogram(
    "decision_delay_seconds",
    "From the oldest instant that a job owed to its decision, by the store's clock.",
    by="scheduler",
)
DECISIONS = Counter(
    "decided_jobs_total",
    "Jobs whose owed instants were decided (done), or were refused (raced, future) and are decided again.",
    by="scheduler",
    labels=("result",),
)
LED = Gauge("partitions_led", "Partitions that this scheduler leads.", by="scheduler")
TERMS = Counter("terms_taken_total", "Leaderships of a partition that this scheduler has taken.", by="scheduler")
UNDECIDED = Gauge(
    "oldest_undecided_seconds",
    "How long the oldest undecided instant has been due: of partitions led, and as their leaders said last, of all.",
    by="scheduler api",
    unit="s",
    labels=("partition",),
)

# api
HTTP_DURATION = Histogram(
    "http_server_request_duration_seconds",
    "From a request to the end of its answer, live streams left out.",
    by="api",
    labels=("http.request.method", "http.route", "http.response.status_code"),
    bounds=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    convention="http.server.request.duration",
)

# seen from the api
OPEN = Gauge(
    "partition_open",
    "1 if a projector has opened the partition on the server that now answers, else 0.",
    by="api",
    labels=("partition",),
)
HAS_LEADER = Gauge(
    "partition_has_leader", "1 if the term of a scheduler is under way, else 0.", by="api", labels=("partition",)
)
QUEUED = Gauge("queue_runs", "Runs that could start now.", by="api", labels=("queue",))
QUEUE_AGE = Gauge(
    "queue_oldest_age_seconds",
    "How long the first of them has waited; 0 when there is none.",
    by="api",
    unit="s",
    labels=("queue",),
)
QUEUE_PAUSED = Gauge("queue_paused", "1 while the queue is paused.", by="api", labels=("queue",))
EXECUTOR_WAITING = Gauge(
    "executor_waiting_runs",
    "Runs that wait for an executor that no live worker has, or were set aside; of the 50 executors with the most.",
    by="api",
    labels=("executor",),
)
EXECUTOR_AGE = Gauge(
    "executor_oldest_age_seconds",
    "How long the first of them has waited for its executor.",
    by="api",
    unit="s",
    labels=("executor",),
)
STREAM_BYTES = Gauge(
    "stream_bytes",
    "Memory of the partition's event stream, as the server estimates it.",
    by="api",
    unit="By",
    labels=("partition",),
)
MEMORY_USED = Gauge(
    "log_memory_used_bytes", "Memory that the server of the log uses.", by="api", unit="By", labels=("server",)
)
MEMORY_LIMIT = Gauge(
    "log_memory_limit_bytes",
    "Its maxmemory, at which new runs are refused; left out where none is set.",
    by="api",
    unit="By",
    labels=("server",),
)
LOG_WRITABLE = Gauge(
    "log_writable",
    "1 if the server of the log takes writes, else 0: its disk or replicas keep it from them, or its memory is full.",
    by="api",
    labels=("server",),
)
LOG_CLOCK_OFFSET = Gauge(
    "log_clock_offset_seconds",
    "By how much the clock of the log's server is ahead of this process's; below 0 it is behind.",
    by="api",
    unit="s",
    labels=("server",),
)
CLOCK_AHEAD = Gauge(
    "partition_clock_ahead_seconds",
    "By how much the partition's clock is ahead of its server's, which was set back; 0 where it was not.",
    by="api",
    unit="s",
    labels=("partition",),
)
STORE_UP = Gauge("store_up", "1 if the store answers (log, archive), else 0.", by="api", labels=("store",))
QUARANTINED = Gauge(
    "events_quarantined", "Events that nobody can read, but for those that an operator said are known.", by="api"
)
CLIENTS = Gauge("sse_clients", "Live streams that are served.", by="api")

# projector
LAG_EVENTS = Gauge(
    "projection_lag_events", "Events in the log that are not projected yet.", by="projector api", labels=("partition",)
)
LAG_SECONDS = Gauge(
    "projection_lag_seconds",
    "Age of the oldest of them; 0 when there is none.",
    by="projector api",
    unit="s",
    labels=("partition",),
)
ARCHIVE_AHEAD = Gauge(
    "archive_ahead_events",
    "Events that are archived and that the stream lacks at its end, at least; 0 where it has them.",
    by="projector api",
    labels=("partition",),
)
PROJECTED = Counter(
    "events_projected_total",
    "Events projected, by type: endings, losses (run.lost), refused late writes (result.refused), and all others.",
    by="projector",
    labels=("type",),
)
PROJECTION = Histogram("projection_seconds", "What one transaction of the projector took.", by="projector")
UNFIT_JOBS = Gauge(
    "unfit_jobs",
    "Enabled jobs whose parameters do not fit what workers announced last of their executor; of the 50 with the most.",
    by="projector",
    labels=("executor",),
)
FOLLOWED = Gauge("partitions_followed", "Partitions that this projector follows.", by="projector")

# jobs with the label `monitor`: each is told by the projector that follows its partition
MONITORED_MOST = 500
JOB_SUCCESS = Gauge(
    "job_last_success_timestamp_seconds",
    "When a run of the job succeeded last; left out where none has.",
    by="projector",
    unit="s",
    labels=("job",),
    most=MONITORED_MOST,
)
JOB_FAILURE = Gauge(
    "job_last_failure_timestamp_seconds",
    "When a run of the job failed, timed out or died last; left out where none has.",
    by="projector",
    unit="s",
    labels=("job",),
    most=MONITORED_MOST,
)
JOB_END = Gauge(
    "job_last_end_timestamp_seconds",
    "When a run of the job ended last, however it did; left out where none has.",
    by="projector",
    unit="s",
    labels=("job",),
    most=MONITORED_MOST,
)
JOB_ENDED = Counter(
    "job_ended_total",
    "Runs of the job that ended: succeeded, failed, timedOut, cancelled, died.",
    by="projector",
    labels=("job", "outcome"),
    most=5 * MONITORED_MOST,
)
JOB_NEXT = Gauge(
    "job_next_fire_timestamp_seconds",
    "The job's first scheduled time that is not decided yet; left out of a job that is disabled, or has none to come.",
    by="projector",
    unit="s",
    labels=("job",),
    most=MONITORED_MOST,
)
UNMONITORED = Gauge(
    "unmonitored_jobs",
    "Jobs with the label `monitor` that are not told, for there are 500 that were created before.",
    by="projector",
)

# worker
CLAIMS = Counter("claims_total", "Claims that were answered.", by="worker")
CLAIMED = Counter("runs_claimed_total", "Attempts granted to this worker.", by="worker", labels=("queue",))
START_DELAY = Histogram(
    "start_delay_seconds",
    "From when a run could start to its grant, by the store's clock.",
    by="worker",
    labels=("queue",),
)
DURATION = Histogram(
    "attempt_duration_seconds", "From the grant of an attempt to its end.", by="worker", labels=("executor",)
)
ENDED = Counter("attempts_ended_total", "Attempts that ended, by how.", by="worker", labels=("queue", "outcome"))
REFUSED = Counter(
    "late_writes_refused_total", "Ends of attempts that had lost their run: they changed nothing.", by="worker"
)
RENEWALS_FAILED = Counter("renewals_failed_total", "Renewals of a lease that were not answered.", by="worker")
SESSIONS_LOST = Counter(
    "sessions_lost_total", "Times that this worker was found dead, and went on as a new one.", by="worker"
)
SWEPT = Counter("workers_swept_total", "Dead workers' sessions that this process swept up.", by="worker scheduler")
RUNS_SWEPT = Counter("runs_swept_total", "Runs that were taken from them.", by="worker scheduler")
SLOTS = Gauge("worker_slots", "Runs that this worker executes at once.", by="worker")
EXECUTING = Gauge("worker_attempts", "Attempts that execute.", by="worker")
UNANSWERED = Gauge(
    "worker_unanswered_ends", "Attempts that have ended, and whose end the log has not answered.", by="worker"
)
OVERDUE = Gauge(
    "worker_overdue_attempts",
    "Attempts that go on although they were asked to stop: threads that do not return, each with its slot.",
    by="worker",
)
OWN_LOOPS = Gauge(
    "worker_own_loops",
    "Executors that have an event loop of their own here, for they have ended that of all twice, or held it up.",
    by="worker",
)

ALL: tuple[AnyMetric, ...] = tuple(
    metric for metric in list(globals().values()) if isinstance(metric, Counter | Gauge | Histogram)
)


def exposed(service: str, *, looks: Iterable[Look] = ()) -> Exposition:
    """What a process of this service tells."""
    exposition = Exposition(service, ALL)
    exposition.looks.extend(looks)
    PROCESS.set(1, service, version("waterclock"))
    for reason in ("queue", "collector"):
        SPANS_DROPPED.add(0, reason)  # so that the first one is seen to come
    return exposition

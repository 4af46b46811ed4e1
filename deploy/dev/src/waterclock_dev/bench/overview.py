"""What it costs to show all jobs at once: strips, the index of jobs, upcoming times, over a store that has grown.

The store is filled past the projector: a job of each minute with half of the runs, fifty of each hour for thirty days,
and as many others of each day as there are to be jobs.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
import psycopg

from waterclock.model.definition import Definition
from waterclock.model.events import JobCreated
from waterclock.model.ids import JobId, created_job
from waterclock.model.timestamps import stamp
from waterclock.wire.envelope import encode_body
from waterclock_dev.bench.latency import Latency, summed
from waterclock_dev.bench.projection import stores
from waterclock_dev.bench.spent import spent
from waterclock_dev.servers.ports import LOOPBACK, free_port
from waterclock_dev.servers.server import ServerError

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
HOURLY, DAYS = 50, 30
LONGEST = 60.0  # s
FAILED = 50  # one run of so many
_FIRST = 1_000  # the place of the first event that is filled in; those of the log come before


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """One route: how long it took, s of the API's processor time for each, bytes as they were sent."""

    what: str
    latency: Latency
    first: float  # ms
    cpu: float | None
    size: int


class Store(msgspec.Struct, frozen=True, kw_only=True):
    ids: Sequence[JobId]
    now: int  # ms: the last instant
    minutes: int  # runs of the first job
    runs: int


async def measure(*, runs: int, jobs: int, samples: int) -> tuple[Store, list[Read]]:
    async with stores() as (stage, url, _):
        store = filled(url, runs=runs, jobs=jobs)
        port = free_port()
        async with stage.api(url, port=port, env={"WATERCLOCK_READ_TIMEOUT": "60"}) as api:
            base = f"http://{LOOPBACK}:{port}/v1/monitor"
            async with httpx.AsyncClient(base_url=base, timeout=LONGEST, headers={"Accept-Encoding": "gzip"}) as client:
                found = [
                    await _read(client, api.pid, what, path, query, samples) for what, path, query in _asked(store)
                ]
        return store, found


def _asked(store: Store) -> list[tuple[str, str, Mapping[str, Any]]]:
    hourly = store.ids[1 : HOURLY + 1]
    year = {"from": stamp(store.now - store.minutes * MINUTE), "bins": 365}
    return [
        (f"strips: {len(hourly)} hourly jobs, {DAYS} days, 720 bins", "/ledger/strips", _strips(store, hourly, 720)),
        (f"strips: {len(hourly)} hourly jobs, {DAYS} days, 30 bins", "/ledger/strips", _strips(store, hourly, 30)),
        (f"strips: {store.minutes} minutes of a job", "/ledger/strips", {"jobId": store.ids[:1], **year}),
        (f"jobs-index: {len(store.ids)} jobs", "/jobs-index", {}),
        (f"fires: an hour of {len(store.ids)} jobs", "/fires", {}),
        (f"fires: 14 days of {len(store.ids)} jobs in 400 bins", "/fires", {"bins": 400, "for": 14 * DAY}),
    ]


def _strips(store: Store, job_ids: Sequence[JobId], bins: int) -> Mapping[str, Any]:
    return {"jobId": job_ids, "from": stamp(store.now - DAYS * DAY), "bins": bins}


async def _read(
    client: httpx.AsyncClient, pid: int, what: str, path: str, query: Mapping[str, Any], samples: int
) -> Read:
    """No two ask for the same range, so none is answered with what was kept."""
    took: list[float] = []
    size, before = 0, spent(pid)
    now = time.time_ns() // 1_000_000
    for number in range(samples + 1):
        asked = {name: value for name, value in query.items() if name != "for"}
        if path != "/jobs-index":
            asked["to"] = stamp(now + query.get("for", HOUR if path == "/fires" else 0) + number)
            asked.setdefault("from", stamp(now + number))
        if "for" in query:
            asked["from"] = stamp(now + number)
        began = time.perf_counter()
        async with client.stream("GET", f"{path}?{urlencode(asked, doseq=True)}") as response:
            size = sum([len(part) async for part in response.aiter_raw()])
        took.append((time.perf_counter() - began) * 1_000)
        if response.status_code != 200:
            raise ServerError(f"{path} answered {response.status_code}")
    after = spent(pid)
    cpu = None if before is None or after is None else (after - before) / len(took)
    return Read(what=what, latency=summed(took[1:]), first=took[0], cpu=cpu, size=size)


def filled(url: str, *, runs: int, jobs: int) -> Store:
    """Fill a migrated, empty database."""
    now = time.time_ns() // 1_000_000 // HOUR * HOUR
    ids = [created_job(f"bench {number}") for number in range(jobs)]
    minutes = min(runs // 2, 365 * 1_440)
    daily = max(1, (runs - minutes - HOURLY * DAYS * 24) // max(1, jobs - HOURLY - 1))
    with psycopg.connect(url, autocommit=True) as connection:
        with connection.transaction():
            for number, job_id in enumerate(ids):
                _add(connection, number, job_id, _cron(number), began=now - 366 * DAY, mark=now)
            connection.execute("CREATE TEMP TABLE due (number int, at timestamptz) ON COMMIT DROP")
            _due(connection, 0, now - (minutes - 1) * MINUTE, now, MINUTE)
            for number in range(1, min(HOURLY, jobs - 1) + 1):
                _due(connection, number, now - DAYS * DAY, now, HOUR)
            for number in range(HOURLY + 1, jobs):
                last = now // DAY * DAY + number % 24 * HOUR + number % 60 * MINUTE
                last -= DAY if last > now else 0
                _due(connection, number, last - (daily - 1) * DAY, last, DAY)
            count = connection.execute(_FILL, {"ids": list(ids), "failed": FAILED}).rowcount
            connection.execute(_LAST)
        for table in ("runs", "jobs", "events"):
            connection.execute(f"VACUUM ANALYZE {table}".encode())
    return Store(ids=ids, now=now, minutes=minutes, runs=count)


def _cron(number: int) -> str:
    if number > HOURLY:
        return f"{number % 60} {number % 24} * * *"
    return "0 * * * *" if number else "* * * * *"


def _add(connection: psycopg.Connection, number: int, job_id: JobId, cron: str, *, began: int, mark: int) -> None:
    definition = Definition(
        job_name=f"job {number}", job_group=f"group {number % 40}", invoke_target="http.request", cron_expression=cron
    )
    row = {"job_id": job_id, "name": definition.job_name, "group": definition.job_group, "number": _FIRST + number}
    row |= {"definition": msgspec.json.encode(definition).decode(), "began": began, "mark": mark}
    connection.execute(_JOB, row)
    document = encode_body(JobCreated(job_id=job_id, version=1, definition=definition))
    connection.execute(_CREATED, {"job_id": job_id, "number": _FIRST + number, "began": began, "document": document})


def _due(connection: psycopg.Connection, number: int, first: int, last: int, step: int) -> None:
    connection.execute(_DUE, {"number": number, "first": first, "last": last, "step": step})


_JOB = """
INSERT INTO jobs (
    job_id, partition, version, job_name, job_group, invoke_target, status, queue, labels, definition, created_at,
    updated_at, mark
)
SELECT
    %(job_id)s, 0, 1, %(name)s, %(group)s, 'http.request', '0', 'default', '{}', %(definition)s::jsonb, began, began,
    to_timestamp(%(mark)s::bigint / 1000.0)
FROM to_timestamp(%(began)s::bigint / 1000.0) AS began
"""
_CREATED = """
INSERT INTO events (partition, epoch, seq, prev, at, type, job_id, document)
VALUES (0, 1, %(number)s, '', to_timestamp(%(began)s::bigint / 1000.0), 'job.created', %(job_id)s, %(document)s)
"""
_DUE = """
INSERT INTO due
SELECT %(number)s, to_timestamp(at / 1000.0)
FROM generate_series(%(first)s::bigint, %(last)s::bigint, %(step)s::bigint) AS at
"""
_FILL = """
INSERT INTO runs (
    run_id, partition, requested_epoch, requested_seq, job_id, job_name, job_group, invoke_target, params, queue,
    trigger, status, nominal_at, requested_at, started_at, finished_at, attempt, max_attempts, worker, result, labels
)
SELECT
    job_id || '-' || (extract(epoch FROM at) * 1000)::bigint, 0, 1, 100000 + place, job_id, 'job ' || number,
    'group ' || number %% 40, 'http.request', '{"url": "https://example.org/"}', 'default', 'schedule',
    CASE WHEN place %% %(failed)s = 0 THEN 'failed' ELSE 'succeeded' END, at, at + interval '8 ms',
    at + interval '20 ms', at + place %% 5000 * interval '1 ms' + interval '1 s', 1, 3, 'worker-1',
    '{"status": 200}', '{}'
FROM (
    SELECT (%(ids)s::text[])[number + 1] AS job_id, number, at, row_number() OVER (ORDER BY at, number) AS place
    FROM due
) AS every
ORDER BY place
"""
_LAST = """
UPDATE jobs SET last_run_id = (
    SELECT run_id FROM runs WHERE runs.job_id = jobs.job_id ORDER BY requested_at DESC, run_id DESC LIMIT 1
)
"""

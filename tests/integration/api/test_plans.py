"""How Postgres reads what grows: with many runs in the past, a page must not cost all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support import servers
from tests.support.servers import Shared
from waterclock.store.connection.statements import statement
from waterclock_api.queries.events import LOOKED_AT, Wanted, beginnings, page_of
from waterclock_api.queries.read_models import PACKAGE

RUNS = 100_000
NOW = 1_800_000_000_000  # ms
FILTERS: dict[str, Any] = {
    "now": NOW,
    "job_ids": [],
    "invoke_targets": [],
    "queues": [],
    "triggers": [],
    "statuses": [],
    "from": None,
    "to": None,
    "q": None,
    "ended_by": None,
    "labels": Jsonb({}),
    "label_names": [],
    "unfinished": False,
    "badly": [],
    "heard_at": None,
    "brief": False,
    "before_at": None,
    "before_id": None,
    "limit": 51,
}
FILL = """
INSERT INTO runs (
    run_id, partition, requested_epoch, requested_seq, job_id, invoke_target, params, queue, trigger, status,
    nominal_at, requested_at, started_at, finished_at, max_attempts, labels
)
SELECT
    'job' || n %% 300 || '-' || n, 0, 1, n, 'job' || n %% 300, 'demo.noop', '{}', 'default', 'schedule',
    CASE WHEN n <= %(runs)s - 20 THEN 'succeeded' WHEN n = %(runs)s - 19 THEN 'running' ELSE 'waiting' END,
    to_timestamp(%(now)s::bigint / 1000.0) - (%(runs)s - n) * interval '1 second',
    to_timestamp(%(now)s::bigint / 1000.0) - (%(runs)s - n) * interval '1 second',
    to_timestamp(%(now)s::bigint / 1000.0) - (%(runs)s - n) * interval '1 second',
    CASE WHEN n <= %(runs)s - 20 THEN to_timestamp(%(now)s::bigint / 1000.0) - (%(runs)s - n) * interval '1 second' END,
    3, '{}'
FROM generate_series(1, %(runs)s) AS n
"""

LINES = 20_000
FILL_LINES = """
INSERT INTO log_lines
SELECT 0, 1, 1000 + n / 100, n %% 100, 'job1', 'job1-long', 1, NULL, to_timestamp(n), 'info', 'line ' || n
FROM generate_series(0, %(lines)s - 1) AS n
"""

EVENTS = 100_000
FILL_EVENTS = """
INSERT INTO events (partition, epoch, seq, prev, at, type, job_id, run_id, document)
SELECT
    n %% 2, 1, n, '', to_timestamp(%(now)s::bigint / 1000.0) - (%(events)s - n) * interval '1 second',
    CASE WHEN n < 300 THEN 'job.created' WHEN n %% 2 = 0 THEN 'run.requested' ELSE 'run.started' END,
    'job' || n %% 300, 'job' || n %% 300 || '-' || n, '{"actor": "scheduler"}'
FROM generate_series(1, %(events)s) AS n
"""


@pytest.fixture
def filled(filled_url: str) -> Iterator[psycopg.Connection]:
    """To be read alone."""
    with psycopg.connect(filled_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def filled_url(postgres_server: Shared, postgres_template: str) -> Iterator[str]:
    with servers.fresh_database(postgres_server, template=postgres_template) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(FILL, {"runs": RUNS, "now": NOW})
            connection.execute(FILL_EVENTS, {"events": EVENTS, "now": NOW})
            connection.execute(FILL_LINES, {"lines": LINES})
            connection.execute("VACUUM ANALYZE runs, events, log_lines")
        yield url


def test_a_page_of_runs_costs_a_page(filled: psycopg.Connection) -> None:
    for given in (
        {},
        {"before_at": NOW - 30_000_000, "before_id": "x"},
        {"from": NOW - 600_000},
        {"to": NOW - 40_000_000},
        {"job_ids": ["job7"]},
        {"job_ids": ["job7"], "before_at": NOW - 30_000_000, "before_id": "x"},
        {"statuses": ["running"], "unfinished": True},
        {"statuses": ["waiting", "queued"], "unfinished": True},
        {"statuses": ["failed", "died"], "badly": ["failed", "died"]},
        {"statuses": ["failed"], "badly": ["failed"], "before_at": NOW - 30_000_000, "before_id": "x"},
        {"statuses": ["succeeded"], "queues": ["default"], "triggers": ["schedule"]},
    ):
        for brief in (False, True):
            assert _read(filled, "runs", FILTERS | given | {"brief": brief}) < 1_000, given


def test_what_can_be_cancelled_is_found_among_what_is_unfinished(filled: psycopg.Connection) -> None:
    for given in ({}, {"heard_at": NOW - 60_000}, {"statuses": ["running"]}, {"job_ids": ["job7"]}):
        assert _read(filled, "cancellable_runs", FILTERS | given) < 1_000, given


def test_counting_queues_costs_what_is_unfinished_and_what_ended_in_a_minute(filled: psycopg.Connection) -> None:
    for executors in (None, ["demo.noop"]):
        assert _read(filled, "queues", {"now": NOW, "executors": executors}) < 1_000


def test_a_page_of_the_audit_costs_what_it_may_look_at(filled: psycopg.Connection) -> None:
    filled.execute(statement("prefer_order", PACKAGE).replace(b"true)", b"false)"))
    newest: dict[str, Any] = {"partitions": [0, 1], "epochs": [2**62] * 2, "seqs": [0] * 2, "most": LOOKED_AT}
    newest |= {"tos": [2 * NOW] * 2}
    for most, given in (
        (2 * LOOKED_AT, {}),
        (2 * LOOKED_AT + 2_000, {"tos": [NOW - 1_000_000] * 2}),
        (2 * LOOKED_AT, {"types": ["job.deleted"], "actor": "nobody", "actor_at": "nobody@"}),
        (2 * LOOKED_AT, {"epochs": [1, 1], "seqs": [EVENTS // 2, EVENTS // 2]}),
        (1_000, {"partitions": [0], "epochs": [2**62], "seqs": [0], "tos": [2 * NOW], "job_id": "job4"}),
        (10, {"partitions": [0], "epochs": [2**62], "seqs": [0], "tos": [2 * NOW], "run_id": "job4-4"}),
    ):
        wanted = newest | {"job_id": None, "run_id": None, "types": [], "actor": None, "actor_at": None} | given
        assert _read(filled, "newest_events", wanted | {"from": 0}) <= most, given


async def test_a_page_of_the_audit_is_planned_for_what_it_asks(store_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(store_url, autocommit=True) as connection:
        for _ in range(10):
            await page_of(connection, Wanted(), beginnings([0]))
        found = await connection.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%job_id%'")
        assert await found.fetchone() == (0,)


def test_a_page_of_a_log_costs_a_page(filled: psycopg.Connection) -> None:
    filled.execute(statement("prefer_order", PACKAGE).replace(b"true)", b"false)"))
    wanted: dict[str, Any] = {
        "run_id": "job1-long",
        "attempt": None,
        "step": None,
        "levels": [],
        "q": None,
        "limit": 51,
    }
    for place in ({"epoch": -1, "seq": -1, "line": -1}, {"epoch": 1, "seq": 1150, "line": 7}):
        assert _read(filled, "run_lines", wanted | place | {"number": 0}) <= 60, place
    for place in ({"epoch": 2**62, "seq": 0, "line": 0}, {"epoch": 1, "seq": 1150, "line": 7}):
        assert _read(filled, "run_lines_back", wanted | place | {"number": 0}) <= 60, place
        before = {"number": 0, "from_epoch": -1, "from_seq": -1, "bytes": 1 << 20}
        assert _read(filled, "lines_before", wanted | place | before) <= 60, place
    assert _read(filled, "log_floor", {"run_id": "job1-long"}) <= 10
    assert _read(filled, "cleared_lines", {"run_id": "job4-4", "epoch": 1, "seq": 1 << 40}) <= 10


def test_lines_are_counted_in_an_index_alone(filled: psycopg.Connection) -> None:
    filled.execute(statement("prefer_order", PACKAGE).replace(b"true)", b"false)"))
    end = {"from_epoch": 1, "from_seq": 0, "epoch": 2**62, "seq": 0, "line": 0}
    for name, arguments in (("count_lines", end), ("nth_line", {"epoch": 1, "seq": 0, "before": LINES // 2})):
        text = b"EXPLAIN (FORMAT JSON) " + statement(name, PACKAGE)
        row = filled.execute(text, {"run_id": "job1-long", **arguments}).fetchone()
        assert row is not None
        assert set(_scans(row[0][0]["Plan"])) == {"Index Only Scan"}, name


def test_a_job_as_it_was_costs_no_history(filled: psycopg.Connection) -> None:
    for name in ("job_then", "job_life", "runs_then"):
        assert _read(filled, name, {"job_id": "job4", "at": NOW}) <= 1_100, name


def test_strips_cost_the_instants_of_their_range(filled: psycopg.Connection) -> None:
    filled.execute(statement("prefer_order", PACKAGE).replace(b"true)", b"false)"))
    wanted: dict[str, Any] = {"job_ids": ["job7", "job8"], "from": NOW - 30_000_000, "to": NOW - 15_000_000}
    assert _read(filled, "strip_fires", wanted | {"most": 1_000}) <= 110
    assert _read(filled, "strip_ranges", wanted | {"most": 1_000, "wide": False}) <= 10
    edges = list(range(wanted["from"], wanted["to"] + 1, 1_000_000))
    assert _read(filled, "strip_numbers", {"job_ids": wanted["job_ids"], "edges": edges}) <= 110


def _read(connection: psycopg.Connection, name: str, arguments: dict[str, Any]) -> int:
    """The most rows that a node of the plan has looked at, those that it dropped included."""
    text = b"EXPLAIN (ANALYZE, FORMAT JSON) " + statement(name, PACKAGE)
    row = connection.execute(text, arguments).fetchone()
    assert row is not None
    return max(_looked_at(row[0][0]["Plan"]))


def _scans(node: dict[str, Any]) -> Iterator[str]:
    if "Scan" in node["Node Type"] and node.get("Relation Name"):
        yield node["Node Type"]
    for inner in node.get("Plans", ()):
        yield from _scans(inner)


def _looked_at(node: dict[str, Any]) -> Iterator[int]:
    dropped = sum(node.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Index Recheck"))
    yield round((node["Actual Rows"] + dropped) * node["Actual Loops"])
    for inner in node.get("Plans", ()):
        yield from _looked_at(inner)

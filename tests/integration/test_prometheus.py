"""Every query of the dashboards and every alert rule, by a real Prometheus that scrapes real processes' metrics.

The binary is that of `WATERCLOCK_TEST_PROMETHEUS`, or `prometheus` on the path (Debian: `apt install prometheus`), with
`promtool` beside it. Where there is none the test says so and only reads the queries with a parser of PromQL.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from promql_parser import parse  # pyright: ignore[reportMissingModuleSource, reportUnknownVariableType]

from tests.integration.api.rig import RUNS
from tests.integration.api.rig import served as served_api
from tests.integration.test_trace import ended, everything
from tests.support.traces import collected, trace_of
from tests.unit.deploy.test_watching import RULES, queries, rules
from waterclock.kit.health import Report, served
from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.catalog import exposed
from waterclock.model.events import TAGS
from waterclock_dev.servers.ports import LOOPBACK, free_port

PATIENCE_S = 30.0
EMPTY = {"waterclock_log_memory_limit_bytes"}
"""Told by nobody here: the server of the tests has no maxmemory."""


def prometheus() -> Path | None:
    found = os.environ.get("WATERCLOCK_TEST_PROMETHEUS") or shutil.which("prometheus")
    return Path(found) if found else None


@asynccontextmanager
async def watching(program: Path, folder: Path, targets: Sequence[str]) -> AsyncGenerator[httpx.AsyncClient]:
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "waterclock", "static_configs": [{"targets": list(targets)}]}],
    }
    (folder / "prometheus.yaml").write_text(json.dumps(config))  # JSON is YAML
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--enable-feature=exemplar-storage",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}/api/v1") as http:
            yield http
    finally:
        process.terminate()
        await process.wait()


async def asked(http: httpx.AsyncClient, query: str) -> list[Any]:
    answer = (await http.get("/query", params={"query": query})).json()
    assert answer["status"] == "success", (query, answer)
    return answer["data"]["result"]


async def exemplars(http: httpx.AsyncClient, metric: str) -> set[str]:
    """The traces that its dots lead to."""
    now = time.time()
    told = (await http.get("/query_exemplars", params={"query": metric, "start": now - 600, "end": now + 600})).json()
    return {one["labels"]["trace_id"] for series in told["data"] for one in series["exemplars"]}


async def until_scraped(http: httpx.AsyncClient, count: int) -> None:
    """Until each target was scraped three times: a rate needs two."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                if len(await asked(http, "count_over_time(up[30s]) >= 3 and up == 1")) == count:
                    return
            except (httpx.TransportError, json.JSONDecodeError):  # it has not started, or replays its files
                pass
            await asyncio.sleep(0.2)


async def test_prometheus_answers_every_query_and_evaluates_every_rule(
    redis_url: str, migrated_postgres_url: str, key_prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = prometheus()
    if program is None:
        with capsys.disabled():
            print("\nno prometheus on the path: queries and rules are only parsed")  # noqa: T201
        for expression in [*queries(), *(rule["expr"] for rule in rules())]:
            parse(expression)
        return
    for tag in TAGS:
        catalog.PROJECTED.add(0, tag)  # as the projector does at its start
    async with everything(redis_url, migrated_postgres_url, key_prefix) as api, AsyncExitStack() as stack:
        spans = stack.enter_context(collected())
        await api.caught_up()
        targets = [(await stack.enter_async_context(served_api(api))).removeprefix("http://")]
        for service in ("projector", "scheduler", "worker", "notifier"):
            listening = served(LOOPBACK, 0, lambda: Report(ready=True, said={}), exposed(service))
            targets.append(f"{LOOPBACK}:{await stack.enter_async_context(listening)}")
        job = await api.create(jobName="watched", cronExpression="* * * * * *")
        await ended(api, await api.trigger(job["id"]))
        lacked = {"invokeTarget": "nobody.has"}
        await api.http.post(RUNS, json=lacked, params={"allowUnknownExecutor": "true"})  # which the worker sets aside
        http = await stack.enter_async_context(watching(program, tmp_path, targets))
        await until_scraped(http, len(targets))
        for query in queries():
            found = await asked(http, query)
            assert found or any(name in query for name in EMPTY | UNSET), query
        answer = (await http.get("/rules")).json()
        evaluated = [rule for group in answer["data"]["groups"] for rule in group["rules"]]

        assert {rule["name"] for rule in evaluated} == {rule["alert"] for rule in rules()}
        assert {rule["health"] for rule in evaluated} == {"ok"}
        assert not [rule["name"] for rule in evaluated if rule["state"] == "firing"]
        assert await exemplars(http, "waterclock_attempt_duration_seconds_bucket") & {
            trace_of(attempt) for attempt in spans.operations("attempt")
        }


UNSET = {
    "waterclock_partitions_led", "waterclock_partitions_followed", "waterclock_worker_", "waterclock_job_",
    "waterclock_unmonitored_jobs", "waterclock_unfit_jobs", "waterclock_notice", "waterclock_heartbeats",
    "waterclock_judged_lag",
}  # fmt: skip
"""Set by the looks of `main`, which do not run here."""


async def test_the_rules_fire_when_they_should_and_only_then(capsys: pytest.CaptureFixture[str]) -> None:
    program = prometheus()
    promtool = program and (shutil.which("promtool", path=str(program.parent)) or shutil.which("promtool"))
    if promtool is None:
        with capsys.disabled():
            print("\nno promtool on the path: the tests of the alert rules are not run, only that each rule has one")  # noqa: T201
        tested = (RULES.parent / "rules_test.yaml").read_text()
        assert all(f'"{rule["alert"]}"' in tested for rule in rules())
        return
    process = await asyncio.create_subprocess_exec(
        promtool,
        "test",
        "rules",
        RULES.parent / "rules_test.yaml",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()

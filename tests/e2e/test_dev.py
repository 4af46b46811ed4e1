"""`waterclock dev`: what it starts, keeps and stops."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from redis import Redis
from redis.exceptions import AuthenticationError

from tests.support.installation import Installation, clean_environment, is_alive, running
from tests.support.servers import wait_for
from waterclock_dev.servers import record

SERVICES = {"api", "projector", "scheduler-1", "worker-1", "notifier"}
SERVERS = {"redis", "postgres", "s3"}
SURROUNDINGS = {
    "PGSSLMODE": "require",
    "PGSERVICE": "work",
    "PGOPTIONS": "-csearch_path=app",
    "PGCLIENTENCODING": "LATIN1",
    "PYTHONIOENCODING": "latin-1",
    "OTEL_PYTHON_TRACER_PROVIDER": "bogus",
}
"""What a shell may say of other servers and programs."""
ALARMING = re.compile(r"Z (warning|error|critical) |\b(WARNING|ERROR|FATAL|PANIC|Traceback)\b")
"""A level of ours, or a server's."""


def accepted(answer: httpx.Response) -> dict[str, Any] | None:
    return answer.json() if answer.status_code == 202 else None


def words_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def warnings_in(output: str) -> list[str]:
    return [line for line in output.splitlines() if ALARMING.search(line)]


def test_a_job_that_fails_is_told_by_the_metrics_that_dev_json_names(installation: Installation) -> None:
    job = {"jobName": "watched", "invokeTarget": "demo.fail", "labels": {"monitor": ""}, "retry": {"maxAttempts": 1}}
    made = installation.api.post("/jobs", json=job)
    assert made.status_code == 201, made.text
    installation.api.post(f"/jobs/{made.json()['id']}/trigger")
    failed = 'waterclock_job_ended_total{job="DEFAULT/watched",outcome="failed"} 1.0'

    def told() -> bool:
        return failed in httpx.get(installation.record.metrics["projector"], trust_env=False).text

    installation.until(told)
    assert httpx.get(installation.record.metrics["api"], trust_env=False).is_success
    assert any("run ended job=DEFAULT/watched" in line for line in installation.lines)


def test_every_pid_in_dev_json_is_the_process_that_does_the_work(installation: Installation) -> None:
    found = installation.record
    assert found.pids.keys() == SERVICES | SERVERS
    for name in SERVICES:
        assert words_of(found.pids[name])[1:5] == ["-P", "-m", "waterclock.cli", name.partition("-")[0]]
    programs = {name: Path(words_of(found.pids[name])[0]).name.partition(" ")[0] for name in SERVERS}
    assert programs == {"redis": "valkey-server", "postgres": "postgres", "s3": "rclone"}


def test_a_killed_worker_is_started_again_and_dev_json_says_so(installation: Installation) -> None:
    before = installation.record.pids
    os.kill(before["worker-1"], signal.SIGKILL)
    installation.until(lambda: installation.record.pids["worker-1"] != before["worker-1"])
    after = installation.record.pids
    assert {name for name in before if before[name] != after[name]} == {"worker-1"}

    job = installation.post("/jobs", {"jobName": "after-the-kill", "jobGroup": "e2e", "invokeTarget": "demo.noop"})
    run_id = installation.post(f"/jobs/{job['id']}/trigger")["runId"]
    assert installation.ended_run(run_id)["status"] == "succeeded"


def test_a_changed_executor_is_loaded_by_a_new_worker(installation: Installation) -> None:
    before = installation.record.pids["worker-1"]
    with (installation.folder / "tides.py").open("a") as file:
        file.write("\n\n@executor('tides.ebb')\ndef ebb(ctx: RunContext) -> str:\n    return 'low'\n")
    installation.until(lambda: "tides.ebb" in {each["key"] for each in installation.get("/executors")["items"]})
    assert installation.record.pids["worker-1"] != before

    job = installation.post("/jobs", {"jobName": "ebb", "jobGroup": "e2e", "invokeTarget": "tides.ebb"})
    run = installation.ended_run(installation.post(f"/jobs/{job['id']}/trigger")["runId"])
    assert (run["status"], run["result"]) == ("succeeded", "low")


def test_its_stores_ask_for_a_password_that_only_its_owner_can_read(installation: Installation) -> None:
    at = urlsplit(installation.record.redis)
    with Redis.from_url(installation.record.redis) as known:  # pyright: ignore[reportUnknownMemberType]
        untyped: Any = known
        assert untyped.ping() is True
    with Redis(host=at.hostname or "", port=at.port or 0) as nobody:
        untyped = nobody
        with pytest.raises(AuthenticationError):
            untyped.ping()
    secrets = [at.password, urlsplit(installation.record.postgres).password]
    assert all(secrets)
    for pid in installation.record.pids.values():
        words = Path(f"/proc/{pid}/cmdline").read_text()
        assert not [secret for secret in secrets if secret and secret in words]


def test_its_backups_are_made_by_a_role_that_reads_the_database_and_no_password(installation: Installation) -> None:
    words = Path(f"/proc/{installation.record.pids['worker-1']}/environ").read_text().split("\0")
    (url,) = [word.partition("=")[2] for word in words if word.startswith("WATERCLOCK_DEV_DATABASE_URL=")]
    with psycopg.connect(installation.record.postgres, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA later")
        admin.execute("CREATE TABLE later.tides (number bigint GENERATED ALWAYS AS IDENTITY)")
        try:
            with psycopg.connect(url, autocommit=True) as reader:
                for table in ("migrations", "later.tides", "later.tides_number_seq"):
                    assert reader.execute(f"SELECT count(*) FROM {table}".encode()).fetchone(), table
                for beyond in ("SELECT FROM pg_authid", "DELETE FROM migrations", "CREATE TABLE mine (word text)"):
                    with pytest.raises(InsufficientPrivilege):
                        reader.execute(beyond.encode())
        finally:
            admin.execute("DROP SCHEMA later CASCADE")


def test_a_killed_redis_is_started_again_and_its_log_goes_on(installation: Installation) -> None:
    job = installation.post("/jobs", {"jobName": "over-the-restart", "jobGroup": "e2e", "invokeTarget": "demo.noop"})
    before = installation.record.pids
    os.kill(before["redis"], signal.SIGKILL)
    installation.until(lambda: installation.record.pids["redis"] != before["redis"])

    answer = installation.until(lambda: accepted(installation.api.post(f"/jobs/{job['id']}/trigger", json={})))
    assert installation.ended_run(answer["runId"])["status"] == "succeeded"
    assert {name for name, pid in installation.record.pids.items() if before[name] != pid} == {"redis"}


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        command = [sys.executable, "-m", "waterclock.cli", "dev", "--port", str(port)]
        done = subprocess.run(
            command, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_it_leaves_no_process_behind_and_finds_its_data_again(tmp_path: Path) -> None:
    with running(tmp_path, surroundings=SURROUNDINGS) as first:
        pids = first.record.pids
        names = {job["jobName"] for job in first.get("/jobs")["items"]}
        assert len(names) == 2, "two demo jobs on an empty store"
        assert warnings_in(first.said) == [], "a first start"
        assert f"export WATERCLOCK_API_URL={first.record.api}\n" in first.said
        assert "nobody is told of runs that fail: write notices.yaml beside your executors" in first.said
        assert "notifier" not in pids
        assert first.stop(signal.SIGHUP) == 0, first.said
        assert not [name for name, pid in pids.items() if is_alive(pid)]
        assert record.read(tmp_path / ".waterclock") is None

    with running(tmp_path) as second:
        assert {job["jobName"] for job in second.get("/jobs")["items"]} == names
        told = [line for line in warnings_in(second.said) if "schedule decision late" not in line]  # nobody was there
        assert told == [], "a start on data that is there"
        pids = second.record.pids
        wait_for(second.child.kill())
        second.until(lambda: not any(map(is_alive, pids.values())), timeout=10)

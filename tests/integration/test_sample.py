"""`waterclock dev --sample`: what it fills in is what the log, the archive and the read models agree on.

A picture that stands still is looked at with the operator's verbs; in another installation services go on from there.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.installation import OURS, Installation, clean_environment, running
from tests.support.servers import wait_for
from waterclock.kit.clock import SystemClock
from waterclock.model.timestamps import parse_moment, stamp
from waterclock_dev.sample import catalog
from waterclock_dev.sample.clockwork import DAY, HOUR, MINUTE, SECOND

DAYS = 30  # proved at once


@pytest.fixture(scope="module")
def until() -> int:
    """Yesterday: what a picture shows is the past."""
    return SystemClock().now_ms() // HOUR * HOUR - DAY - 13 * MINUTE + 30 * SECOND


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory, until: int) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("sample")
    with running(folder, "--sample", "--until", stamp(until)) as started:
        yield started


def verb(installation: Installation, *words: str) -> tuple[int, str]:
    """The exit code of a verb for operators, and what it says."""
    found = installation.record
    env = {
        "WATERCLOCK_API_URL": found.api,
        "WATERCLOCK_REDIS_URL": found.redis,
        "WATERCLOCK_POSTGRES_URL": found.postgres,
        "WATERCLOCK_KEYLESS": "loopback",
    }
    done = subprocess.run(
        [*OURS, *words], env={**clean_environment(), **env}, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def verified(installation: Installation, from_ms: int, to_ms: int) -> dict[str, Any]:
    return installation.get(f"/ledger/verify?from={stamp(from_ms)}&to={stamp(to_ms)}")


def proved(installation: Installation, until: int) -> Counter[str]:
    """What the proof of ninety days counts."""
    counts: Counter[str] = Counter()
    for begin in range(until - 90 * DAY, until, DAYS * DAY):
        proof = verified(installation, begin, min(begin + DAYS * DAY, until) - 1)
        assert proof["ok"], proof
        counts += Counter({name: proof[name] for name in ("instants", "fired", "skipped", "coalesced", "pending")})
    return counts


def job_of(installation: Installation, name: str) -> dict[str, Any]:
    (found,) = [
        one for one in installation.get("/jobs?limit=100")["items"] if f"{one['jobGroup']}/{one['jobName']}" == name
    ]
    return found


def runs(installation: Installation, query: str) -> list[dict[str, Any]]:
    return installation.get(f"/runs?limit=100&{query}")["items"]


def test_it_says_what_there_is_and_starts_nobody_who_would_change_it(picture: Installation, until: int) -> None:
    assert "sample: 22 jobs, " in picture.said
    assert f"here it stays {stamp(until)}: no scheduler and no worker is started" in picture.said
    assert set(picture.record.pids) == {"api", "projector", "redis", "postgres", "s3"}
    assert " warning " not in picture.said
    assert " error " not in picture.said


def test_stores_and_read_models_agree_and_the_chain_is_whole(picture: Installation) -> None:
    assert verb(picture, "reconcile")[0] == 0
    code, said = verb(picture, "rebuild")
    assert code == 0, said
    code, said = verb(picture, "ledger", "verify", "--chain")
    assert code == 0, said
    _, said = verb(picture, "doctor")
    assert "problem " not in said, said
    assert "kept forever" in said


def test_every_instant_of_ninety_days_has_its_decision(picture: Installation, until: int) -> None:
    counts = proved(picture, until)
    assert counts["instants"] == counts["fired"] + counts["skipped"] + counts["coalesced"]
    assert counts["fired"] > 10_000
    assert counts["skipped"] > 20
    assert not counts["pending"]


def test_what_ran_and_waited_does_so_still(picture: Installation, until: int) -> None:
    states = Counter(run["status"] for run in runs(picture, "status=running&status=queued&status=waiting"))
    assert states["running"] >= 8
    assert states["queued"] >= 5
    assert states["waiting"] >= 1
    workers = [one for one in picture.get("/workers")["items"] if one["leftAt"] is None]
    assert {one["status"] for one in workers} == {"live"}
    assert sum(one["running"] for one in workers) == states["running"]
    assert all(until - MINUTE <= parse_moment(one["lastReadAt"]) <= until for one in workers)
    queues = {one["name"]: one for one in picture.get("/queues")["items"]}
    assert queues["low"]["paused"]
    assert queues["low"]["oldestWaitMs"] == 35 * MINUTE
    assert queues["default"]["oldestWaitMs"] == 48 * SECOND


def test_the_api_tells_it_as_of_that_moment(picture: Installation, until: int) -> None:
    ping = job_of(picture, catalog.PING)
    assert until < parse_moment(ping["nextFireAt"]) <= until + HOUR
    assert ping["lastRun"]["status"] == "succeeded"
    assert picture.get("/me")["now"] == stamp(until)
    _, _, pulse = next(picture.stream("/pulse/stream"))
    assert (pulse["at"], pulse["lagMs"], pulse["workers"]["live"]) == (stamp(until), 0, 2)
    ready = httpx.get(f"{picture.record.api}/readyz", trust_env=False).json()
    assert set(ready["checks"].values()) == {"ok"}


def test_a_log_at_its_limit_is_read_to_its_end(picture: Installation) -> None:
    job = job_of(picture, catalog.STOCK)
    (run,) = [one for one in runs(picture, f"jobId={job['id']}&trigger=manual") if one["status"] == "succeeded"]
    page = picture.get(f"/runs/{run['id']}/logs?limit=1000")
    lines = [one["text"] for one in page["items"]]
    while page["nextCursor"] is not None:
        page = picture.get(f"/runs/{run['id']}/logs?limit=1000&cursor={page['nextCursor']}")
        lines += [one["text"] for one in page["items"]]
    assert len(lines) > 5_000
    assert any(line.startswith("the first 4 MiB") for line in lines)
    assert any("are missing here" in line for line in lines)


def test_a_folder_that_holds_an_installation_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".waterclock" / "postgres").mkdir(parents=True)
    refused = Installation(tmp_path, "--sample")
    assert wait_for(refused.child.exited()) == 1
    assert "holds an installation already, and --sample fills a new one" in refused.child.last_lines


def test_services_live_on_from_the_past_and_so_they_do_when_started_again(tmp_path: Path) -> None:
    slots = {"WATERCLOCK_SLOTS": "60"}  # so that nothing waits for what takes a minute
    with running(tmp_path, "--sample", surroundings=slots) as first:
        taken_over = first.until(lambda: [one for one in runs(first, "status=running") if one["attempt"] == 2])
        assert {one["attempts"][0]["outcome"] for one in taken_over} == {"returned"}
        assert runs(first, "status=running&trigger=backfill")
        assert pinged(first)["status"] == "succeeded"
    with running(tmp_path, "--sample", surroundings=slots) as second:
        assert pinged(second)["status"] == "succeeded"
        now = parse_moment(second.get("/runs?limit=1")["items"][0]["requestedAt"])
        assert proved(second, now - 60_000)["fired"] > 10_000


def pinged(installation: Installation) -> dict[str, Any]:
    """A run by hand of the job that takes less than a second, once it has ended."""
    found = installation.post(f"/jobs/{job_of(installation, catalog.PING)['id']}/trigger")
    return installation.ended_run(found["runId"])

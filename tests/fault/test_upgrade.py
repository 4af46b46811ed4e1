"""The release before and this one side by side on the same stores, replaced part by part under load.

Nothing is lost, no attempt is used up, and no client notices more than a connection that ends.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from random import Random  # noqa: TID251  a campaign that its seed repeats
from typing import Any

import httpx
import msgspec
import pytest

from tests.fault.test_kills import chosen_seed
from tests.support import beyond, waiting
from tests.support.asking import ask
from tests.support.byhand import put_in
from tests.support.entrance import entrance
from tests.support.evidence import Evidence, connected
from tests.support.listening import Listener
from tests.support.load import Load
from tests.support.relay import Relay
from tests.support.replicas import replicated
from tests.support.rollout import ORDER, Release, rolling
from tests.support.verdict import broken, misheard
from waterclock.kit.clock import SystemClock
from waterclock.model.definition import Definition
from waterclock.model.events import ResultRefused, RunLost, WorkerLeft
from waterclock.model.timestamps import stamp
from waterclock.store.connection.pool import open_pool
from waterclock.store.readmodels.shadow_tables import Difference
from waterclock_api.operator.diagnostics.places import of_jobs
from waterclock_dev.servers.ports import LOOPBACK

FLOWING, QUIET = 60.0, 90.0  # s
NEW: dict[str, tuple[str, ...]] = {}
"""Columns of this release, and members of columns, of a column that is new as a whole none.

Until its projector has taken over they are not written, and `rebuild --swap` fills them.
"""
REACHING: dict[str, tuple[str, dict[str, Any]]] = {
    "own bucket": ("db.backup", {"bucket": "kept", "connection": "env:OLD_URL", "accessKey": "env:OLD_KEY"}),
    "other database": ("db:backup", {"database": "orders", "retentionDays": 0}),
    "onto the source": ("db.restore-drill", {}),
    "own target": ("db.restore-drill", {"target": "env:OLD_SCRATCH"}),
    "with a secret": ("http.request", {"url": "https://x.example", "headers": {"A": {"from": "env:OLD_TOKEN"}}}),
    "signed": ("http.request", {"url": "https://x.example", "sign": {"key": "env:OLD_KEY"}}),
}
"""Jobs of a release before places that workers would stop: none of them names a place or lists a reference.

The API of the release before refuses them; what was stored earlier is put into the log as it was then.
"""
MISCOUNTED = """
WITH ended AS (
    SELECT
        job_id, max(finished_at) AS last_end, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE status IN ('failed', 'timedOut', 'died')) AS wrong
    FROM runs
    WHERE job_id IS NOT NULL AND finished_at IS NOT NULL
    GROUP BY job_id
)
SELECT job_id, ended, job_ends
FROM ended
FULL JOIN job_ends USING (job_id)
WHERE (ended.last_end, ended.succeeded, ended.cancelled, ended.wrong) IS DISTINCT FROM (
    job_ends.last_end_at, job_ends.succeeded, job_ends.cancelled, job_ends.failed + job_ends.timed_out + job_ends.died
)
"""
UPGRADE: list[tuple[str, Release]] = [(part, "present") for part in ORDER]
MIDDLE = "api"
LATER = "scheduler"
"""When the one has been replaced, schedulers and workers are still of the release before; after the other, workers."""
DOWNGRADE: list[tuple[str, Release]] = [(part, "previous") for part in reversed(ORDER)]


@pytest.mark.timeout(300)
async def test_an_upgrade_part_by_part_loses_nothing_and_burns_no_attempt(
    key_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    """In the middle of it, when parts of both releases are at work, the log's primary dies and its replica follows.

    Then it comes back, and they change places once more, as planned.
    """
    async with replicated(tmp_path) as replicas, Relay(replicas.members[0].port) as address:
        old, new = replicas.members

        async def fail_over() -> None:
            await ask(old, "CLIENT", "PAUSE", "60000", "WRITE")  # what is written from here on would be lost
            await replicas.in_step(new, old)
            await old.kill()
            await replicas.promote(new)
            address.lead_to(new.port, cut=True)

        async def switch_over() -> None:
            await old.start()
            await replicas.follow(old, new)
            await replicas.in_step(old, new)
            await replicas.switch(new, old)
            address.lead_to(old.port, cut=True)

        url = f"redis://{LOOPBACK}:{address.port}/0"
        after = {MIDDLE: fail_over, LATER: switch_over}
        await replace(stores(url, key_prefix, postgres_url), tmp_path, UPGRADE, seed=chosen_seed(), after=after)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_upgrades_and_downgrades_in_any_order_lose_nothing(
    redis_url: str, key_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    seed = chosen_seed()
    chance = Random(seed)
    releases: list[Release] = ["previous", "present"]
    anyhow: list[tuple[str, Release]] = [(chance.choice(list(ORDER)), chance.choice(releases)) for _ in range(60)]
    steps = UPGRADE + DOWNGRADE + anyhow
    await replace(stores(redis_url, key_prefix, postgres_url), tmp_path, steps, seed=seed)


def stores(redis_url: str, prefix: str, postgres_url: str) -> dict[str, str]:
    return {
        "WATERCLOCK_REDIS_URL": redis_url,
        "WATERCLOCK_KEY_PREFIX": prefix,
        "WATERCLOCK_POSTGRES_URL": postgres_url,
        "WATERCLOCK_PARTITIONS": "2",
    }


async def replace(
    stores: dict[str, str],
    folder: Path,
    steps: Sequence[tuple[str, Release]],
    *,
    seed: int,
    after: Mapping[str, Callable[[], Awaitable[None]]] = {},
) -> None:
    """`after`: what happens when a part has been replaced."""
    print(f"seed {seed}; all that was said: {folder}/output.log")  # noqa: T201  shown if it fails
    urls = stores["WATERCLOCK_REDIS_URL"], stores["WATERCLOCK_POSTGRES_URL"]
    async with entrance() as place, rolling(folder, stores, place) as rollout:
        await rollout.migrate("previous")
        await rollout.begin("previous")
        load = await Load.begin(place.url, seed=seed)
        reaching = await stored(place.url, urls, stores["WATERCLOCK_KEY_PREFIX"])
        async with connected(*urls, prefix=stores["WATERCLOCK_KEY_PREFIX"]) as reached:
            odd = await beyond.store(reached.log, place.url)
        load.answered[beyond.REASON] = odd.deep
        heard = {name: load.stream_of(name) for name in ("tick", "serial", "by-hand")}
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(load.go_on(), name="load")
            listening = [tasks.create_task(one.listen(), name="listen") for one in heard.values()]
            await rollout.migrate("present")
            for part, release in steps:
                await rollout.replace(part, release)
                await flows(load, heard["tick"])
                if part in after:
                    await after[part]()
                    await flows(load, heard["tick"])
            if steps == UPGRADE:
                assert await named(urls[1]) == dict.fromkeys(reaching, "problem")
                await written_back(place.url, reaching)
                await beyond.goes_on(place.url, odd, folder)
            assert not rollout.ended()
            load.stop()
            await asking
            await load.end_schedules()
            async with connected(*urls, prefix=stores["WATERCLOCK_KEY_PREFIX"]) as reached:
                await waiting.until(reached.settled, within=QUIET, what="every run has ended, and all is archived")
                evidence = await reached.gather()
                newer = [one for one in evidence.differences if not is_older(one)]
                evidence = msgspec.structs.replace(evidence, differences=newer)
            await waiting.until(
                lambda: caught_up(heard, load, evidence), within=QUIET, what="streams are at their ends"
            )
            for task in listening:
                task.cancel()
    faults = [*broken(load, evidence), *burnt(evidence)]
    if steps[-1][1] == "present":  # the projector of before counts nothing, and the next one catches up
        faults += await miscounted(urls[1])
    for name, listener in heard.items():
        faults += misheard(f"stream of {name}", listener, evidence.of_job(load.jobs[name]))
    assert not faults, "\n".join([f"seed {seed}", *faults[:100]])


async def stored(url: str, urls: tuple[str, str], prefix: str) -> list[str]:
    """The ids of jobs that reach out, and run on demand only; the API of the release before reads them."""
    made: list[str] = []
    async with connected(*urls, prefix=prefix) as reached:
        for name, (target, params) in REACHING.items():
            made.append(
                await put_in(reached.log, Definition(job_name=name, invoke_target=target, invoke_params=params))
            )
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        for job_id in made:
            await waiting.until(lambda: _readable(http, job_id), within=QUIET, what=f"{job_id} can be read")  # noqa: B023
    return made


async def named(postgres_url: str) -> dict[str, str]:
    """The jobs that `waterclock doctor` names for where they reach, and how bad it calls that."""
    async with await open_pool(postgres_url, name="doctor", max_size=1) as pool, pool.connection() as connection:
        found = [one async for one in of_jobs(connection) if one.level != "ok"]
    assert all(one.do for one in found)
    return {one.said.partition("(")[2].partition(")")[0]: one.level for one in found}


async def written_back(url: str, job_ids: Sequence[str]) -> None:
    """Each is read, told of, edited, and written back with what it says of places unchanged."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        for job_id in job_ids:
            job = (await http.get(f"/v1/monitor/jobs/{job_id}")).json()
            assert job["notes"], job
            answered = await http.put(f"/v1/monitor/jobs/{job_id}", json=job | {"remark": "edited"})
            assert answered.status_code in {200, 202}, answered.text
            assert answered.json()["invokeParams"] == job["invokeParams"]


async def miscounted(postgres_url: str) -> list[str]:
    """Jobs whose ends are not counted as their runs have ended, whichever release has projected which."""
    async with await open_pool(postgres_url, name="counts", max_size=1) as pool, pool.connection() as connection:
        rows = await (await connection.execute(MISCOUNTED)).fetchall()
    return [f"ends are not counted right: {row}" for row in rows]


async def _readable(http: httpx.AsyncClient, job_id: str) -> bool:
    return (await http.get(f"/v1/monitor/jobs/{job_id}")).status_code == 200


async def flows(load: Load, tick: Listener) -> None:
    """What is due from now on is decided, executed, and read to have succeeded."""
    since = stamp(SystemClock().now_ms())
    await tick.first("run.requested", since=since, within=FLOWING)
    run_id = (await tick.first("run.succeeded", since=since, within=FLOWING))["runId"]
    await waiting.until(lambda: load.succeeded(run_id), within=FLOWING, what=f"{run_id} is read to have succeeded")


async def caught_up(heard: dict[str, Listener], load: Load, evidence: Evidence) -> bool:
    ends = {name: str(evidence.of_job(load.jobs[name])[-1].position) for name in heard}
    return {name: one.heard[-1]["id"] for name, one in heard.items()} == ends


def is_older(difference: Difference) -> bool:
    """The row is as the release before projects it: without what that does not know."""
    live, rebuilt = difference.live, difference.rebuilt
    if live is None or rebuilt is None:
        return False
    return {name: _as_before(value, NEW.get(name)) for name, value in rebuilt.items()} == live


def _as_before(value: Any, new: tuple[str, ...] | None) -> Any:
    if new is None or value is None:
        return value
    return {name: each for name, each in value.items() if name not in new} if new else None


def burnt(evidence: Evidence) -> list[str]:
    """Runs were handed back by those that left, and in no other way lost; nobody was late with a result, or died."""
    events = [entry.event for entry in evidence.entries]
    lost = {event.reason for event in events if isinstance(event, RunLost)}
    faults = [] if lost <= {"handedBack"} else [f"runs were lost by {lost}"]  # none, if those that left held none
    faults += [f"a result was refused: {event}" for event in events if isinstance(event, ResultRefused)]
    left = {event.reason for event in events if isinstance(event, WorkerLeft)}
    return faults if left == {"drained"} else [*faults, f"workers left by {left}"]

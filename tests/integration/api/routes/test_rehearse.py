"""What rules would have told, over HTTP: the same as was told, where the same rules judged."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.judging import PATIENCE, due, judging
from tests.integration.api.rig import JOBS, Rig, Worker, served
from tests.integration.api.terminal import Terminal
from tests.support import waiting
from waterclock.cli.notices.rehearse import rehearse
from waterclock.kit.randomness import token
from waterclock.log.clock import server_time
from waterclock.model.ids import RunId
from waterclock.model.timestamps import stamp
from waterclock_api.queries.notices import rehearsal

REHEARSE = "/v1/monitor/notices/rehearse"
NOTICES = "/v1/monitor/notices"
EVERYTHING = """
channels:
  ops: {webhook: "https://ops.example/hook", secret: "env:OPS_SECRET"}
rules:
  - name: all
    on: [failed, timedOut, died, cancelled, skipped, missing, late, tooLong, silent, recovered]
    channels: [ops]
  - {name: third, on: [failed], after: 2, channels: [ops]}
"""


async def now(api: Rig) -> int:
    return await server_time(api.log, api.log.keys.partition(0, "meta"))


def by_time(one: dict[str, Any]) -> tuple[str, str]:
    return one["at"], one["id"]


async def rehearsed(api: Rig, **body: Any) -> dict[str, Any]:
    response = await api.http.post(REHEARSE, json={"rules": EVERYTHING} | body)
    assert response.status_code == 200, response.text
    return response.json()


async def told(api: Rig) -> list[dict[str, Any]]:
    """Notices as they were recorded, oldest first, without how they were delivered."""
    response = await api.http.get(NOTICES, params={"limit": 1000})
    found: list[dict[str, Any]] = response.json()["items"]
    for one in found:
        del one["deliveries"]
    return found[::-1]


async def until_told(api: Rig, *kinds: str) -> None:
    """Until so many notices of each of the kinds are recorded, and no others."""

    async def is_told() -> bool:
        return sorted(one["kind"] for one in await told(api)) == sorted(kinds)

    await waiting.until(is_told, within=PATIENCE, what=f"{kinds}")


async def failing(api: Rig, worker: Worker, job_id: str) -> None:
    await api.trigger(job_id)
    await worker.fail(await worker.claim_one(), "no")
    await api.caught_up()


async def succeeding(api: Rig, worker: Worker, job_id: str) -> None:
    await api.trigger(job_id)
    await worker.succeed(await worker.claim_one())
    await api.caught_up()


async def story(api: Rig, folder: Path) -> int:
    """A late run, failures, a cancel and recoveries, told by a notifier; when it had begun."""
    worker = await api.worker()
    yearly, once = {"cronExpression": "0 0 1 1 *"}, {"retry": {"maxAttempts": 1}}
    prompt = (await api.create(jobName="prompt", promise={"startWithin": 2, "runsAtMost": 3}, **yearly))["id"]
    shaky = (await api.create(jobName="shaky", **once))["id"]
    await failing(api, worker, shaky)  # before it begins
    async with judging(api, folder, EVERYTHING):
        begun = await now(api)
        await failing(api, worker, shaky)
        await until_told(api, "failed")
        late = await due(api, prompt, 1, await now(api))
        await until_told(api, "failed", "late")
        grant = await worker.claim_one()
        assert grant.run_id == late
        await until_told(api, "failed", "late", "recovered", "tooLong")
        await worker.succeed(grant)
        await failing(api, worker, shaky)
        await succeeding(api, worker, shaky)
        kinds = Counter(failed=2, late=1, tooLong=1, recovered=3)
        await until_told(api, *kinds.elements())
    return begun


async def test_a_rehearsal_of_a_stretch_tells_what_was_told_in_it_item_by_item(rig: MakeRig, tmp_path: Path) -> None:
    async with rig() as api:
        begun = await story(api, tmp_path)
        recorded = await told(api)
        found = await rehearsed(api, **{"from": stamp(begun)})
        items = [{name: value for name, value in one.items() if name != "channels"} for one in found["items"]]
        assert sorted(items, key=by_time) == sorted(recorded, key=by_time)
        assert [one["at"] for one in items] == sorted(one["at"] for one in items)
        assert {one["channels"][0] for one in found["items"]} == {"ops"}
        assert found["notices"] == len(recorded)
        assert sum(one["count"] for one in found["counts"]) == len(recorded)
        assert not found["more"]


async def test_other_rules_tell_other_things_of_the_same_past(rig: MakeRig, tmp_path: Path) -> None:
    async with rig() as api:
        begun = await story(api, tmp_path)
        rules: dict[str, Any] = {
            "channels": {"mail": {}},
            "rules": [{"name": "late", "match": {"job": "prompt"}, "on": ["late"], "channels": ["mail"]}],
        }
        found = await rehearsed(api, rules=rules, **{"from": stamp(begun)})
        assert found["counts"] == [{"rule": "late", "kind": "late", "count": 1}]
        (one,) = found["items"]
        assert (one["kind"], one["channels"], one["jobName"]) == ("late", ["mail"], "prompt")


async def test_without_a_notifier_the_clock_is_that_of_the_events_and_of_the_end(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(jobName="prompt", cronExpression="0 0 1 1 *", promise={"startWithin": 1})
        await api.caught_up()
        begun = await now(api)
        run_id: RunId = await due(api, job["id"], 1, begun - 60_000)
        await api.caught_up()
        found = await rehearsed(api, **{"from": stamp(begun), "to": stamp(await now(api))})
        (late,) = found["items"]
        assert (late["kind"], late["runId"], late["due"]) == ("late", run_id, stamp(begun - 59_000))


async def test_what_was_open_before_is_known_and_not_told(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        kept = await api.create(jobName="kept", cronExpression="0 0 1 1 *", promise={"startWithin": 3600})
        await api.create(jobName="off", status="1", promise={"successWithin": 1})
        gone = await api.create(jobName="gone", promise={"successWithin": 1})
        assert (await api.http.delete(f"{JOBS}/{gone['id']}")).status_code == 204
        run_id = await due(api, kept["id"], 1, await now(api) - 3_000_000)
        await api.caught_up()
        begun = await now(api)
        grant = await worker.claim_one()
        assert grant.run_id == run_id
        await worker.fail(grant, "no")
        await api.caught_up()
        found = await rehearsed(api, **{"from": stamp(begun)})
        (failed,) = found["items"]
        assert (failed["kind"], failed["runId"], failed["jobName"]) == ("failed", run_id, "kept")
        assert failed["instant"] is not None


async def test_all_partitions_are_rehearsed_and_told_in_the_order_of_time(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        worker = await api.worker()
        jobs: dict[int, str] = {}
        while len(jobs) < 2:
            job_id = (await api.create(jobName=f"shaky-{len(jobs)}-{token(6)}", retry={"maxAttempts": 1}))["id"]
            jobs[api.log.partition_of(job_id)] = job_id
        begun = await now(api)
        for partition in (1, 0, 1):
            await api.trigger(jobs[partition])
            await worker.fail(await worker.claim_one(partition), "no")
            await api.caught_up(partition)
        rules = EVERYTHING.replace("failed, timedOut", "timedOut").replace("after: 2", "after: 1")
        found = await rehearsed(api, rules=rules, **{"from": stamp(begun)})
        assert [one["jobId"] for one in found["items"]] == [
            jobs[1],
            jobs[0],
        ]  # the third is the same trouble as the first
        first = await rehearsed(api, rules=rules, limit=1, **{"from": stamp(begun)})
        assert [one["jobId"] for one in first["items"]] == [jobs[1]]
        assert (first["notices"], first["more"]) == (2, True)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"from": "soon"}, "/from"),
        ({"from": "2026-01-01T00:00:00Z"}, "/from"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "/from"),
        ({"to": "2999-01-01T00:00:00Z"}, "/to"),
        ({"rules": "rules: [{name: a, on: [lat], channels: [ops]}]"}, "/rules/rules/0/on/0"),
        ({"rules": {"rule": []}}, "/rules/rule"),
        ({"rules": "channels: ["}, "/rules"),
        ({"rules": "rules: []"}, "/rules"),
        ({"rules": 7}, "/rules"),
        ({"limit": 0}, "/limit"),
        ({"rule": ""}, "/rule"),
    ],
)
async def test_what_cannot_be_rehearsed_is_refused_by_its_field(
    rig: MakeRig, body: dict[str, Any], pointer: str
) -> None:
    async with rig() as api:
        whole = {"rules": EVERYTHING, "from": stamp(await now(api) - 1_000)} | body
        response = await api.http.post(REHEARSE, json=whole)
        assert response.status_code == 422, response.text
        assert pointer in [flaw["pointer"] for flaw in response.json()["errors"]]


async def test_too_many_events_are_refused_by_the_end_of_the_range(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "EVENTS_MOST", 2)
    async with rig() as api:
        begun = await now(api)
        worker = await api.worker()
        job_id = (await api.create())["id"]
        await succeeding(api, worker, job_id)
        response = await api.http.post(REHEARSE, json={"rules": EVERYTHING, "from": stamp(begun)})
        assert response.status_code == 422
        (flaw,) = response.json()["errors"]
        assert flaw["pointer"] == "/to"
        assert "at most 2" in flaw["message"]


async def test_a_terminal_shows_it(rig: MakeRig, tmp_path: Path) -> None:
    async with rig() as api:
        worker = await api.worker()
        shaky = (await api.create(jobName="shaky", retry={"maxAttempts": 1}))["id"]
        await failing(api, worker, shaky)
        rules = tmp_path / "notices.yaml"
        rules.write_text(EVERYTHING)
        async with served(api) as url:
            done = await Terminal(url).run(rehearse, str(rules), "--from", "1h")
            wrong = await Terminal(url).run(rehearse, str(tmp_path / "none"), "--from", "1h")
        assert done.exit_code == 0, done.output
        assert "DEFAULT/shaky" in done.stdout
        assert "notices: 1; events: " in done.stdout
        assert (wrong.exit_code, "none: No such file" in wrong.stderr) == (2, True)

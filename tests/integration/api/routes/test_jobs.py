"""Jobs over HTTP: written, read back at once, and settled when they change."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, RUNS, Rig
from tests.support.byhand import put_in
from waterclock.log.clock import now
from waterclock.log.commands import jobs as log_jobs
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import Appended, load_job
from waterclock.log.commands.names import NameTaken, odd_names, reserve_name
from waterclock.log.tail import read
from waterclock.model.definition import Definition
from waterclock.model.events import FireSkipped, JobChanged, JobCreated, JobDeleted, JobDisabled, RunRequested
from waterclock.model.ids import JobId
from waterclock.model.names import normal
from waterclock.model.timestamps import millis

EVERYTHING: dict[str, Any] = {
    "jobName": "all of it",
    "jobGroup": "REPORTS",
    "invokeTarget": "demo.sleep",
    "invokeParams": {"seconds": 2},
    "cronExpression": "0 30 2 ? * MON-FRI",
    "status": "1",
    "misfirePolicy": "2",
    "concurrent": "0",
    "remark": "nightly",
    "queue": "low",
    "timezone": "Europe/Berlin",
    "cronDialect": "quartz",
    "dstGap": "skip",
    "dstFold": "both",
    "overlapPolicy": "cancel_other",
    "misfireThreshold": "PT2M",
    "catchupWindow": 3600,
    "catchupLimit": 7,
    "catchupPace": 0.5,
    "jitter": "PT1.5S",
    "startAt": "2030-01-01T00:00:00+02:00",
    "endAt": "2031-01-01T00:00:00Z",
    "timeout": 0,
    "retry": {"maxAttempts": 5, "initial": "PT30S"},
    "labels": {"team": "ops", "tier/x": "1"},
    "promise": {"startWithin": "PT5M", "finishBy": "06:30", "successWithin": 345600, "disableAfter": 5},
}


async def test_a_created_job_is_answered_whole_and_read_the_same(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        created = await api.http.post(JOBS, json=EVERYTHING)
        job = created.json()
        assert created.status_code == 201, job
        assert created.headers["location"] == f"{JOBS}/{job['id']}"
        assert created.headers["etag"] == '"1"'
        assert job == EVERYTHING | {
            "misfireThreshold": 120,
            "jitter": 1.5,
            "startAt": "2029-12-31T22:00:00.000Z",
            "endAt": "2031-01-01T00:00:00.000Z",
            "retry": {"maxAttempts": 5, "backoff": "exponential", "initial": 30, "max": 3600},
            "promise": {"startWithin": 300, "finishBy": "06:30", "successWithin": 345600, "disableAfter": 5},
            "promiseStanding": {"state": "unjudged", "broken": [], "nextDueAt": None},
            "id": job["id"],
            "version": 1,
            "nextFireAt": None,
            "isRunning": False,
            "lastRun": None,
            "lastSuccessAt": None,
            "createdAt": job["createdAt"],
            "updatedAt": job["createdAt"],
            "notes": [],
            "inForce": {
                "timeout": job["timeout"],
                "timeoutFrom": "job",
                "retry": job["retry"],
                "retryFrom": "job",
            },
        }
        read_back = await api.http.get(f"{JOBS}/{job['id']}")
        assert (read_back.json(), read_back.headers["etag"]) == (job, '"1"')
        enabled = await api.http.put(f"{JOBS}/{job['id']}/status", json={"status": "0"})
        assert enabled.json()["nextFireAt"] == "2030-01-01T01:30:00.000Z"


async def test_what_is_left_out_takes_its_default_and_is_null_where_it_has_none(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create()
        for name, value in {
            "jobGroup": "DEFAULT",
            "invokeParams": {},
            "cronExpression": None,
            "status": "0",
            "misfirePolicy": "3",
            "concurrent": "1",
            "remark": None,
            "queue": "default",
            "timezone": "UTC",
            "cronDialect": None,
            "overlapPolicy": None,
            "misfireThreshold": 60,
            "catchupWindow": 86400,
            "catchupLimit": 100,
            "catchupPace": 0.1,
            "jitter": 0,
            "timeout": None,
            "retry": {"maxAttempts": 3, "backoff": "exponential", "initial": 10, "max": 3600},
            "labels": {},
            "nextFireAt": None,
        }.items():
            assert job[name] == value, name


async def test_a_job_that_was_read_can_be_changed_and_sent_back(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(**EVERYTHING)
        changed = await api.http.put(f"{JOBS}/{job['id']}", json=job | {"remark": "changed"})
        assert changed.status_code == 200, changed.text
        assert changed.headers["etag"] == '"2"'
        after = changed.json()
        assert after == job | {"remark": "changed", "version": 2, "updatedAt": after["updatedAt"]}
        again = await api.http.put(f"{JOBS}/{job['id']}", json=after)
        assert (again.status_code, again.json()) == (200, after)
        bare = await api.http.put(f"{JOBS}/{job['id']}", json=JOB)
        assert (bare.json()["remark"], bare.json()["labels"], bare.json()["version"]) == (None, {}, 3)


async def test_if_match_lets_only_the_version_seen_be_changed(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        path = f"{JOBS}/{(await api.create())['id']}"
        for method, suffix, body in (
            ("PUT", "", JOB | {"remark": "x"}),
            ("PUT", "/status", {"status": "1"}),
            ("DELETE", "", None),
        ):
            refused = await api.http.request(method, path + suffix, json=body, headers={"If-Match": '"9"'})
            assert refused.status_code == 412, refused.text
            assert refused.headers["etag"] == '"1"'
        for others in ('"none,of,ours"', 'W/"1"', '"a", W/"1", "7"'):
            refused = await api.http.put(path, json=JOB, headers={"If-Match": others})
            assert (refused.status_code, refused.headers["etag"]) == (412, '"1"'), others
        taken = await api.http.put(path, json=JOB | {"remark": "x"}, headers={"If-Match": '"1"'})
        assert (taken.status_code, taken.json()["version"]) == (200, 2)
        either = await api.http.put(path, json=JOB | {"remark": "y"}, headers={"If-Match": '"a,b", "2"'})
        assert either.json()["version"] == 3
        assert (await api.http.delete(path, headers={"If-Match": "*"})).status_code == 204


async def test_many_edits_at_once_all_succeed_one_after_another(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        path = f"{JOBS}/{(await api.create())['id']}"
        async with asyncio.TaskGroup() as tasks:
            edits = [tasks.create_task(api.http.put(path, json=JOB | {"remark": f"{n}"})) for n in range(10)]
        assert {edit.result().status_code for edit in edits} == {200}
        assert (await api.http.get(path)).json()["version"] == 11


async def test_a_name_belongs_to_one_job_of_its_group(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        first = await api.create(jobName="a")
        taken = await api.http.post(JOBS, json=JOB | {"jobName": "a"})
        assert taken.status_code == 409
        assert taken.json()["type"] == "/problems#name-taken"
        second = await api.create(jobName="a", jobGroup="OTHER")
        moved = await api.http.put(f"{JOBS}/{second['id']}", json=JOB | {"jobName": "a"})
        assert moved.status_code == 409
        assert (await api.http.put(f"{JOBS}/{first['id']}", json=JOB | {"jobName": "b"})).status_code == 200
        assert (await api.http.put(f"{JOBS}/{second['id']}", json=JOB | {"jobName": "a"})).status_code == 200
        assert (await api.http.delete(f"{JOBS}/{second['id']}")).status_code == 204
        await api.create(jobName="a")


async def test_of_many_creates_of_one_name_one_succeeds(rig: MakeRig) -> None:
    async with rig(partitions=3) as api:
        await api.worker()
        async with asyncio.TaskGroup() as tasks:
            creates = [tasks.create_task(api.http.post(JOBS, json=JOB)) for _ in range(8)]
        assert sorted(create.result().status_code for create in creates) == [201] + [409] * 7


async def test_two_names_are_one_where_nothing_that_is_seen_sets_them_apart(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        await api.worker()
        for first, *others in (("caf\u00e9", "cafe\u0301"), ("می\u200cخواهم", "میخواهم"), ("❤\ufe0f", "❤")):
            job = await api.create(jobName=first)
            for name in (first, *others):
                taken = await api.http.post(JOBS, json=JOB | {"jobName": name})
                assert (taken.status_code, taken.json()["type"]) == (409, "/problems#name-taken"), name
            renamed = await api.http.put(f"{JOBS}/{job['id']}", json=JOB | {"jobName": others[0]})
            assert renamed.status_code == 200, renamed.text
            assert (await api.http.post(JOBS, json=JOB | {"jobName": first})).status_code == 409
            moved = await api.http.put(f"{JOBS}/{job['id']}", json=JOB | {"jobName": f"{first} moved"})
            assert moved.status_code == 200, moved.text
            assert (await api.create(jobName=others[0]))["jobName"] == normal(others[0])
            assert (await api.http.post(JOBS, json=JOB | {"jobName": first})).status_code == 409
        assert (await api.create(jobName="caf\u00e9", jobGroup="other"))["jobGroup"] == "other"


async def test_a_name_that_is_kept_only_by_itself_is_found_by_one_that_looks_the_same(rig: MakeRig) -> None:
    """As an earlier release reserved and stored it; and so it goes on."""
    async with rig(partitions=2) as api:
        await api.worker()
        odd = await _stored_by_hand(api, "twi\u200bn")
        taken = await api.http.post(JOBS, json=JOB | {"jobName": "twin"})
        assert (taken.status_code, "twi\\u200bn" in taken.json()["detail"]) == (409, True), taken.text
        for body in (odd, odd | {"remark": "edited"}):
            kept = await api.http.put(f"{JOBS}/{odd['id']}", json=body)
            assert (kept.status_code, kept.json()["jobName"]) == (200, "twi\u200bn"), kept.text
        refused = await api.http.put(f"{JOBS}/{odd['id']}", json=odd | {"jobName": "twi\u200bns"})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/jobName")
        plain = await api.http.put(f"{JOBS}/{odd['id']}", json=odd | {"jobName": "twin"})
        assert plain.status_code == 200, plain.text
        assert (await api.http.delete(f"{JOBS}/{odd['id']}")).status_code == 204
        assert await odd_names(api.log) == {}
        await api.create(jobName="twin")


async def _stored_by_hand(api: Rig, name: str) -> dict[str, Any]:
    job_id = await put_in(api.log, Definition(job_name=name, invoke_target="demo.noop"))
    await api.caught_up(api.log.partition_of(job_id))
    return (await api.http.get(f"{JOBS}/{job_id}")).json()


async def test_a_reservation_that_no_job_bears_is_void_and_its_command_can_do_nothing_any_more(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        lost = JobId("lost0000")
        await reserve_name(api.log, "DEFAULT", "nightly", lost, "a command that crashed")
        created = await api.create()
        late = await log_jobs.define(
            api.log,
            lost,
            command=Command(id="a command that crashed"),
            expected_version=0,
            expected_mark=None,
            through=None,
            units=(),
            event=JobCreated(job_id=lost, version=1, definition=(await _stored(api, created["id"])).definition),
            job=await _stored(api, created["id"]),
        )
        assert not isinstance(late, Appended)
        again = await reserve_name(api.log, "DEFAULT", "nightly", lost, "another")
        assert isinstance(again, NameTaken)
        assert again.job_id == created["id"]


async def test_a_deleted_job_is_gone_and_its_runs_stay_readable(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job = await api.create()
        run_id = await api.trigger(job["id"])
        await worker.succeed(await worker.claim_one())
        assert (await api.http.delete(f"{JOBS}/{job['id']}")).status_code == 204
        for path in ("", "/detail", "/logs/stream"):
            assert (await api.http.get(f"{JOBS}/{job['id']}{path}")).status_code == 404
        assert (await api.http.delete(f"{JOBS}/{job['id']}")).status_code == 404
        assert (await api.http.get(f"{RUNS}/{run_id}")).json()["status"] == "succeeded"
        assert [run["id"] for run in await _runs(api, jobId=job["id"])] == [run_id]


async def test_the_same_key_creates_one_job_and_is_answered_the_same(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        key = {"Idempotency-Key": "order-1"}
        first = await api.http.post(JOBS, json=JOB | {"cronExpression": "0 0 1 1 *"}, headers=key)
        again = await api.http.post(JOBS, json={"cronExpression": "0 0 1 1 *"} | JOB, headers=key)
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert (again.status_code, again.json()) == (201, first.json())
        assert (again.headers["location"], again.headers["etag"]) == (first.headers["location"], '"1"')
        assert len((await api.http.get(JOBS)).json()["items"]) == 1
        other = await api.http.post(JOBS, json=JOB | {"remark": "other"}, headers=key)
        assert other.status_code == 422
        assert other.json()["type"] == "/problems#key-reused"
        assert (await api.http.delete(first.headers["location"])).status_code == 204
        late = await api.http.post(JOBS, json=JOB | {"cronExpression": "0 0 1 1 *"}, headers=key)
        assert (late.status_code, late.json()) == (201, first.json())


async def test_the_same_key_at_once_creates_one_job(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        async with asyncio.TaskGroup() as tasks:
            creates = [
                tasks.create_task(api.http.post(JOBS, json=JOB, headers={"Idempotency-Key": "k"})) for _ in range(6)
            ]
        answers = [create.result() for create in creates]
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert ["idempotency-replayed" in answer.headers for answer in answers].count(False) == 1


async def test_an_edit_settles_what_the_old_schedule_owes(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(cronExpression="* * * * * *", cronDialect="unix", concurrent="0")
        await _owing(api, job["id"], 5_000)
        changed = await api.http.put(f"{JOBS}/{job['id']}", json=JOB | {"cronExpression": "0 0 1 1 *"})
        assert changed.status_code == 200, changed.text
        events = await _events(api)
        fired = [event for event in events if isinstance(event, RunRequested)]
        assert len(fired) >= 5
        assert {event.trigger for event in fired} == {"schedule"}
        assert fired[0].actor == "anonymous@127.0.0.1"
        assert isinstance(events[-1], JobChanged)
        assert events[-1].through is not None
        assert (await _stored(api, job["id"])).mark == millis(events[-1].through)


@pytest.mark.parametrize(("how", "reason"), [("disable", "disabled"), ("put", "disabled"), ("delete", "deleted")])
async def test_disabling_and_deleting_fire_nothing_and_account_for_what_was_owed(
    rig: MakeRig, how: str, reason: str
) -> None:
    async with rig() as api:
        await api.worker()
        fields: dict[str, Any] = {"cronExpression": "* * * * * *", "cronDialect": "unix"}
        path = f"{JOBS}/{(await api.create(**fields))['id']}"
        await _owing(api, path.rsplit("/", 1)[1], 3_000)
        match how:
            case "disable":
                done = await api.http.put(f"{path}/status", json={"status": "1", "reason": "quiet"})
            case "put":
                done = await api.http.put(path, json=JOB | fields | {"status": "1"})
            case _:
                done = await api.http.delete(path)
        assert done.is_success
        skipped, last = (await _events(api))[-2:]
        assert isinstance(skipped, FireSkipped)
        assert (skipped.reason, skipped.count >= 3) == (reason, True)
        assert isinstance(last, JobDisabled | JobChanged | JobDeleted)
        assert (skipped.through, last.after) == (last.after, last.through)


async def test_enabling_causes_no_catch_up(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(cronExpression="* * * * * *", cronDialect="unix", status="1")
        await _owing(api, job["id"], 60_000)
        before = await now(api.log, 0)
        assert (await api.http.put(f"{JOBS}/{job['id']}/status", json={"status": "0"})).status_code == 200
        assert (await _stored(api, job["id"])).mark >= before
        assert not [event for event in await _events(api) if isinstance(event, RunRequested | FireSkipped)]


async def test_a_change_of_other_fields_leaves_what_is_owed_owed(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(cronExpression="* * * * * *", cronDialect="unix")
        mark = await _owing(api, job["id"], 5_000)
        await api.http.put(f"{JOBS}/{job['id']}", json=job | {"remark": "new"})
        assert (await _stored(api, job["id"])).mark == mark


async def test_jobs_are_listed_in_pages_and_by_filter(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        for number in range(5):
            await api.create(jobName=f"Report {number}", labels={"team": "ops", "n": str(number)})
        await api.create(jobName="Backup", jobGroup="NIGHT", queue="low", invokeTarget="demo.sleep", status="1")

        async def names(**query: Any) -> list[str]:
            response = await api.http.get(JOBS, params=query)
            assert response.status_code == 200, response.text
            return [job["jobName"] for job in response.json()["items"]]

        everything = await names()
        assert everything == [*(f"Report {number}" for number in range(5)), "Backup"]
        assert await names(order="newest") == everything[::-1]
        assert await names(jobName="port") == everything[:5]
        assert await names(jobGroup="NIGHT") == ["Backup"]
        assert await names(status="1") == ["Backup"]
        assert await names(queue=["low", "default"]) == everything
        assert await names(invokeTarget="demo.sleep") == ["Backup"]
        assert await names(label="team") == everything[:5]
        assert await names(label=["team=ops", "n=3"]) == ["Report 3"]
        for order, wanted in (("oldest", everything), ("newest", everything[::-1])):
            pages: list[str] = []
            query = {"limit": "4", "order": order}
            while not pages or query.get("cursor"):
                page = (await api.http.get(JOBS, params=query)).json()
                pages += [job["jobName"] for job in page["items"]]
                query["cursor"] = page["nextCursor"]
            assert pages == wanted


async def test_the_detail_shows_next_instants_last_runs_and_their_lines(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job = await api.create(cronExpression="@daily")
        for number in range(22):
            await api.trigger(job["id"])
            grant = await worker.claim_one()
            await worker.step(grant, "Work", *(f"{number}.{line}" for line in range(10)))
            await worker.succeed(grant)
        await api.caught_up()
        detail = (await api.http.get(f"{JOBS}/{job['id']}/detail")).json()
        assert set(detail) == {"job", "nextFires", "runs", "logs"}
        assert (len(detail["nextFires"]), len(detail["runs"]), len(detail["logs"])) == (10, 20, 200)
        assert detail["nextFires"][0] == detail["job"]["nextFireAt"]
        assert detail["runs"][0]["id"] == detail["job"]["lastRun"]["id"]
        assert detail["runs"][0]["steps"][0]["name"] == "Work"
        assert [line["text"] for line in detail["logs"]] == [f"{n}.{line}" for n in range(2, 22) for line in range(10)]


async def test_clearing_logs_deletes_lines_and_nothing_else(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job = await api.create()
        run_id = await api.trigger(job["id"])
        grant = await worker.claim_one()
        await worker.step(grant, "Work", "secret")
        await worker.succeed(grant)
        cleared = await api.http.delete(f"{JOBS}/{job['id']}/logs")
        assert (cleared.status_code, cleared.content) == (204, b"")
        detail = (await api.http.get(f"{JOBS}/{job['id']}/detail")).json()
        assert (detail["logs"], detail["job"]["version"]) == ([], 1)
        assert detail["runs"][0]["steps"][0]["status"] == "succeeded"
        nothing: dict[str, Any] = {"items": [], "nextCursor": None, "previousCursor": None}
        assert (await api.http.get(f"{RUNS}/{run_id}/logs")).json() == nothing


async def _stored(api: Rig, job_id: str) -> log_jobs.StoredJob:
    stored = await load_job(api.log, job_id)
    assert stored is not None
    return stored


async def _owing(api: Rig, job_id: str, ms: int) -> int:
    """Set the job's mark back, as if no scheduler had been there for that long."""
    key = api.log.keys.partition(0, "marks")
    mark = await now(api.log, 0) - ms
    await api.log.execute(key, "HSET", key, job_id, mark)
    return mark


async def _events(api: Rig) -> list[Any]:
    return [entry.event for entry in await read(api.log, 0, None, count=10_000, block=None, archive=None)]


async def _runs(api: Rig, **query: Any) -> list[dict[str, Any]]:
    return (await api.http.get(RUNS, params=query)).json()["items"]

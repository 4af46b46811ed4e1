"""The way of a job over HTTP: defined, fired or triggered, executed, read back."""

import itertools
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.installation import Installation

names = (f"job-{number}" for number in itertools.count())


def create(installation: Installation, **fields: Any) -> dict[str, Any]:
    return installation.post("/jobs", {"jobName": next(names), "jobGroup": "e2e", **fields})


def trigger(installation: Installation, job: dict[str, Any]) -> str:
    return installation.post(f"/jobs/{job['id']}/trigger")["runId"]


def test_a_scheduled_job_fires_and_its_steps_and_lines_are_read_back(installation: Installation) -> None:
    job = create(
        installation,
        invokeTarget="demo.steps",
        invokeParams={"steps": 2, "lines": 3, "delay": 0.01},
        cronExpression="* * * * * *",
        misfirePolicy="3",
        concurrent="1",
        status="0",
    )
    assert job["version"] == 1
    assert job["nextFireAt"] is not None

    fired = installation.until(lambda: installation.get(f"/runs?jobId={job['id']}")["items"])[-1]
    run = installation.ended_run(fired["id"])
    installation.delete(f"/jobs/{job['id']}")

    assert run["status"] == "succeeded", run
    assert run["trigger"] == "schedule"
    assert run["nominalAt"].endswith(".000Z")
    assert (run["jobName"], run["jobGroup"]) == (job["jobName"], "e2e")
    assert [(step["number"], step["status"]) for step in run["steps"]] == [(1, "succeeded"), (2, "succeeded")]
    assert [(each["number"], each["outcome"]) for each in run["attempts"]] == [(1, "succeeded")]
    lines = installation.get(f"/runs/{run['id']}/logs")["items"]
    assert [line["step"] for line in lines] == [1, 1, 1, 2, 2, 2]


def test_a_triggered_run_is_followed_live_from_its_first_event_to_its_end(installation: Installation) -> None:
    job = create(installation, invokeTarget="demo.steps", invokeParams={"steps": 1, "lines": 2, "delay": 0.05})
    run_id = trigger(installation, job)

    events = list(installation.stream(f"/runs/{run_id}/logs/stream"))

    tags = [name for _, name, _ in events]
    assert (tags[0], tags[1], tags[-2], tags[-1]) == ("run.requested", "run.started", "run.succeeded", "end")
    assert {"step.started", "step.log", "step.finished"} <= set(tags)
    documents = [document for _, name, document in events if name != "end"]
    assert {document["runId"] for document in documents} == {run_id}
    lines = [line["text"] for document in documents for line in document.get("lines", [])]
    assert len(lines) == 2
    ids = [position for position, name, _ in events if name != "end"]
    again = list(installation.stream(f"/runs/{run_id}/logs/stream?after={ids[1]}"))
    assert [position for position, name, _ in again if name != "end"] == ids[2:]


def test_an_executor_of_ones_own_gets_its_parameters_and_gives_its_result(installation: Installation) -> None:
    job = create(installation, invokeTarget="tides.read", invokeParams={"harbour": "Emden"})
    run = installation.ended_run(trigger(installation, job))
    assert (run["status"], run["result"]) == ("succeeded", {"harbour": "Emden", "high": True})
    assert [step["name"] for step in run["steps"]] == ["Read the gauge"]
    assert [line["text"] for line in installation.get(f"/runs/{run['id']}/logs")["items"]] == ["Emden stands at 1.5 m"]


def test_an_executor_that_gives_up_leaves_its_reason(installation: Installation) -> None:
    job = create(installation, invokeTarget="tides.drown")
    run = installation.ended_run(trigger(installation, job))
    assert run["status"] == "failed"
    assert (run["error"]["type"], run["error"]["message"]) == ("GiveUp", "the water is too high")
    assert [step["status"] for step in run["steps"]] == ["failed"]


def test_a_backup_needs_no_parameters_for_the_worker_knows_database_and_bucket(installation: Installation) -> None:
    job = create(installation, invokeTarget="db.backup")
    run = installation.ended_run(trigger(installation, job))
    assert run["status"] == "succeeded", run
    assert (run["result"]["database"], run["result"]["verified"]) == ("waterclock", True)
    assert (run["result"]["bucket"], run["result"]["size"] > 0) == (installation.record.s3.bucket, True)
    secrets = {installation.record.s3.secret_key, installation.record.postgres.split(":")[2].split("@")[0]}
    stored = "".join(line["text"] for line in installation.get(f"/runs/{run['id']}/logs")["items"]) + str(run)
    assert not [secret for secret in secrets if secret in stored]


def test_who_backs_up_and_who_restores_is_no_superuser(installation: Installation) -> None:
    asked = {"compareWithSource": False}
    installation.ended_run(trigger(installation, create(installation, invokeTarget="db.backup")))

    run = installation.ended_run(
        trigger(installation, create(installation, invokeTarget="db.restore-drill", invokeParams=asked))
    )

    assert run["status"] == "succeeded", run
    assert run["result"]["rows"] > 0
    with psycopg.connect(installation.record.postgres) as connection:
        found = connection.execute(
            "SELECT rolname, rolsuper, has_database_privilege(rolname, 'waterclock', 'CONNECT') FROM pg_roles"
            " WHERE rolname IN ('waterclock_reader', 'waterclock_scratch') ORDER BY rolname"
        ).fetchall()
    assert found == [("waterclock_reader", False, True), ("waterclock_scratch", False, False)]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"invokeTarget": "demo.nop"}, "/invokeTarget"),
        ({"invokeTarget": "tides.read", "invokeParams": {"harbor": "Emden"}}, "/invokeParams"),
        ({"invokeTarget": "demo.noop", "cronExpression": "61 * * * *"}, "/cronExpression"),
        ({"invokeTarget": "demo.noop", "colour": "blue"}, "/colour"),
    ],
)
def test_what_is_wrong_with_a_job_is_named_and_nothing_is_stored(
    installation: Installation, wrong: dict[str, Any], pointer: str
) -> None:
    name = next(names)
    answer = installation.api.post("/jobs", json={"jobName": name, "jobGroup": "e2e", **wrong})
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert any(error["pointer"].startswith(pointer) for error in answer.json()["errors"]), answer.text
    assert installation.get(f"/jobs?jobName={name}&jobGroup=e2e")["items"] == []


def test_what_is_not_json_is_a_bad_request(installation: Installation) -> None:
    answer = installation.api.post("/jobs", content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert answer.headers["content-type"].startswith("application/problem+json")

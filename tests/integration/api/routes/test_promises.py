"""The promise of a job over HTTP: written, refused, read, and what it changes of what is owed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, Rig
from waterclock.log.commands.jobs import load_job
from waterclock.log.tail import read
from waterclock.model.events import JobChanged, JobCreated
from waterclock.wire.envelope import Entry

DAILY = JOB | {"cronExpression": "0 2 * * *", "timezone": "Europe/Berlin"}


async def post(api: Rig, promise: Any, *, code: int = 201, **more: Any) -> Any:
    answer = await api.http.post(JOBS, json=DAILY | {"promise": promise} | more)
    assert answer.status_code == code, answer.text
    return answer.json()


async def entries(api: Rig) -> list[Entry]:
    return await read(api.log, 0, None, count=1000, block=None, archive=None)


async def test_a_promise_is_written_in_either_form_and_read_in_seconds(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        written = {
            "startWithin": "PT5M",
            "finishWithin": 7200,
            "finishBy": "06:30",
            "runsAtMost": "PT1H30M",
            "successWithin": "P1DT2H",
            "disableAfter": 5,
        }
        told = written | {"startWithin": 300, "runsAtMost": 5400, "successWithin": 93_600}
        job = await post(api, written)
        assert (job["promise"], job["notes"]) == (told, [])
        path = f"{JOBS}/{job['id']}"
        assert (await api.http.get(path)).json()["promise"] == told
        assert (await api.http.get(f"{path}/detail")).json()["job"]["promise"] == told
        assert [one["promise"] for one in (await api.http.get(JOBS)).json()["items"]] == [told]
        (created,) = [e.event for e in await entries(api) if isinstance(e.event, JobCreated)]
        assert msgspec.to_builtins(created.definition.promise) == told

        changed = (await api.http.put(path, json=job | {"promise": {"finishBy": "07:00", "startWithin": None}})).json()
        assert (changed["version"], changed["promise"]) == (2, {"finishBy": "07:00"})
        then = {"asOf": job["updatedAt"]}
        assert (await api.http.get(path, params=then)).json()["promise"] == told


@pytest.mark.parametrize("nothing", [None, {}, {"startWithin": None, "finishBy": None}])
async def test_a_job_that_promises_nothing_is_stored_as_one_of_an_earlier_release(rig: MakeRig, nothing: Any) -> None:
    async with rig() as api:
        await api.worker()
        job = await post(api, nothing)
        path = f"{JOBS}/{job['id']}"
        assert job["promise"] is None
        assert (await api.http.get(path)).json()["promise"] is None
        created = next(entry for entry in await entries(api) if isinstance(entry.event, JobCreated))
        assert b"promise" not in created.document
        stored = await load_job(api.log, job["id"])
        assert b"promise" not in msgspec.json.encode(stored)
        assert (await api.http.put(path, json=job)).json()["version"] == 1


@pytest.mark.parametrize(
    ("promise", "more", "pointers"),
    [
        ({"startWithin": -1, "finishWithin": "soon"}, {}, ["/promise/startWithin", "/promise/finishWithin"]),
        ({"startWithin": 0}, {}, ["/promise/startWithin"]),
        ({"finishBy": "half past six"}, {}, ["/promise/finishBy"]),
        ({"finishBy": 630}, {}, ["/promise/finishBy"]),
        ({"startWithin": 120, "finishWithin": 60}, {}, ["/promise/startWithin"]),
        ({"successWithin": 3600}, {}, ["/promise/successWithin"]),
        ({"disableAfter": 1001}, {}, ["/promise/disableAfter"]),
        ({"startsWithin": 60}, {}, ["/promise/startsWithin"]),
        ({"finishBy": "06:30", "runsAtMost": 60}, {"cronExpression": None}, ["/promise/finishBy"]),
        ("soon", {}, ["/promise"]),
    ],
)
async def test_a_promise_with_a_flaw_is_refused_by_member(
    rig: MakeRig, promise: Any, more: dict[str, Any], pointers: list[str]
) -> None:
    async with rig() as api:
        await api.worker()
        refused = await post(api, promise, code=422, **more)
        assert [flaw["pointer"] for flaw in refused["errors"]] == pointers


async def test_what_is_kept_on_most_days_only_is_noted(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await post(api, {"successWithin": 86_400, "startWithin": 30}, jitter=60)
        assert [note["pointer"] for note in job["notes"]] == ["/promise/startWithin", "/promise/successWithin"]
        assert "1 d 1 h" in job["notes"][1]["message"]


async def test_a_change_of_the_promise_alone_settles_nothing(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await post(api, {"runsAtMost": 60}, cronExpression="* * * * * *")
        before = await load_job(api.log, job["id"])
        changed = await api.http.put(f"{JOBS}/{job['id']}", json=job | {"promise": {"runsAtMost": 90}})
        assert changed.json()["promise"] == {"runsAtMost": 90}
        after = await load_job(api.log, job["id"])
        assert before is not None
        assert after is not None
        assert after.mark == before.mark
        last = (await entries(api))[-1].event
        assert isinstance(last, JobChanged)
        assert last.through is None


async def test_the_status_of_a_job_is_changed_and_its_promise_stays(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await post(api, {"finishBy": "06:30"})
        path = f"{JOBS}/{job['id']}"
        assert (await api.http.put(f"{path}/status", json={"status": "disabled"})).json()["promise"] == job["promise"]
        assert (await api.http.get(path)).json()["promise"] == job["promise"]

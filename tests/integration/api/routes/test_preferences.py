"""What a client may wish: how long to wait for the read models, and a log as text."""

from __future__ import annotations

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, RUNS
from waterclock_api.queries.logs import transcript


async def test_a_change_that_is_not_waited_for_is_answered_by_the_log_with_a_place_to_look(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        wish = {"Prefer": "respond-async"}
        created = await api.http.post(JOBS, json=JOB, headers=wish)
        place = created.headers["location"]
        changed = await api.http.put(place, json=JOB | {"remark": "x"}, headers=wish)
        status = await api.http.put(f"{place}/status", json={"status": "1"}, headers=wish)
        cleared = await api.http.delete(f"{place}/logs", headers=wish)
        deleted = await api.http.delete(place, headers=wish)
        for answer in (created, changed, status, cleared, deleted):
            assert answer.status_code == 202, answer.text
            assert answer.headers["location"] == place
            assert answer.headers["preference-applied"] == "respond-async"
        assert (created.json()["version"], changed.json()["remark"], status.json()["status"]) == (1, "x", "1")
        described = (await api.http.get("/schema/openapi.json")).json()["paths"][JOBS]["post"]["responses"]["202"]
        assert {name.lower() for name in described["headers"]} == {
            *("etag", "location", "preference-applied", "idempotency-replayed")
        }
        assert {"etag", "location", "preference-applied"} <= set(created.headers)
        assert "preference-applied" not in (await api.http.post(JOBS, json=JOB)).headers


async def test_a_change_waits_as_long_as_it_is_told_to(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        done = await api.http.post(JOBS, json=JOB, headers={"Prefer": "wait=20"})
        assert (done.status_code, done.headers["preference-applied"]) == (201, "wait=20")
        gone = await api.http.delete(f"{JOBS}/{done.json()['id']}", headers={"Prefer": "respond-async, wait=20"})
        assert (gone.status_code, gone.headers["preference-applied"]) == (204, "wait=20")


async def test_a_log_is_text_to_whoever_accepts_that(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "PAGE", 2)
    async with rig() as api:
        worker = await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        grant = await worker.claim_one()
        await worker.step(grant, "First", *(f"line {n}" for n in range(5)), "äöü")
        await worker.step(grant, "Second", "line 6", number=2)
        await api.caught_up()
        path, text = f"{RUNS}/{run_id}/logs", {"Accept": "text/plain"}
        items = (await api.http.get(path)).json()["items"]

        whole = await api.http.get(path, headers=text)
        assert whole.headers["content-type"] == "text/plain; charset=utf-8"
        assert whole.text.splitlines() == [f"{one['at']} {one['level']:<7} {one['text']}" for one in items]
        assert "link" not in whole.headers

        part = await api.http.get(path, params={"limit": 4, "step": 1}, headers=text)
        assert part.text.splitlines() == whole.text.splitlines()[:4]
        following = part.links["next"]["url"]
        rest = await api.http.get(following, headers=text)
        assert rest.text.splitlines() == whole.text.splitlines()[4:6]

        async def found(**query: str) -> list[str]:
            response = await api.http.get(path, params=query)
            assert response.status_code == 200, response.text
            return [one["text"] for one in response.json()["items"]]

        assert await found(step="2") == await found(q="LINE 6") == ["line 6"]
        assert await found(attempt="2") == await found(level="error") == []
        assert len(await found(level="info", attempt="1")) == 7
        refused = await api.http.get(path, params={"level": "loud"}, headers=text)
        assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")

"""Small requests that ask for much: told soon, in a small answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, NOOP, RUNS, Rig
from tests.support import announced
from waterclock.model.events import ExecutorSpec
from waterclock_api.limits import offload

V1 = "/v1/monitor"
NEVER = {
    "cronExpression": "0 30 2 ? 3 SUNL",
    "timezone": "Europe/Berlin",
    "dstGap": "skip",
    "cronDialect": "quartz",
}
PATTERN = ExecutorSpec(
    key="theirs.pattern",
    description="",
    params_schema={
        "type": "object",
        "properties": {
            "slow": {"type": "string", "pattern": "^(a+)+$"},
            "odd": {"type": "string", "pattern": "^(?=a)"},
        },
    },
)
LIMIT = 64 << 10  # bytes of an answer that names flaws


def flaws_of(answer: httpx.Response, status: int = 422) -> dict[str, str]:
    assert answer.status_code == status, answer.text[:500]
    assert len(answer.content) < LIMIT
    return {flaw["pointer"]: flaw["message"] for flaw in answer.json()["errors"]}


@contextmanager
def turns_counted(monkeypatch: pytest.MonkeyPatch) -> Generator[list[str]]:
    """The functions that were computed beside the loop."""
    seen: list[str] = []
    run = offload.Offload.run

    async def counted(self: Any, caller: str, function: Any, *rest: Any, **named: Any) -> Any:
        seen.append(getattr(function, "__name__", "?"))
        return await run(self, caller, function, *rest, **named)

    monkeypatch.setattr(offload.Offload, "run", counted)
    yield seen


@asynccontextmanager
async def with_executors(rig: MakeRig) -> AsyncGenerator[Rig]:
    async with rig() as api:
        http = next(one for one in announced.specs() if one.key == "http.request")
        await api.worker(PATTERN, http, NOOP)
        yield api


async def test_a_schedule_that_never_fires_is_refused_wherever_it_is_written(rig: MakeRig) -> None:
    async with with_executors(rig) as api:
        assert "/cronExpression" in flaws_of(await api.http.post(JOBS, json=JOB | NEVER))
        job = await api.create(cronExpression="@daily")
        where = f"{JOBS}/{job['id']}"
        assert "/cronExpression" in flaws_of(await api.http.put(where, json=JOB | NEVER))
        outage = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z", "definition": NEVER}
        assert "/definition/cronExpression" in flaws_of(await api.http.post(f"{where}/simulate", json=outage))
        preview = await api.http.post(f"{V1}/schedules/preview", json=NEVER | {"count": 1000})
        assert preview.json()["items"] == []


async def test_a_body_of_unknown_members_is_answered_in_a_few_of_them(rig: MakeRig) -> None:
    async with with_executors(rig) as api:
        job = await api.create()
        where = f"{JOBS}/{job['id']}"
        whole = {f"m{number}": 0 for number in range(95_000)}
        assert flaws_of(await api.http.post(JOBS, json=whole))
        assert flaws_of(await api.http.post(f"{V1}/schedules/preview", json=whole))
        wide = {f"m{number}": 0 for number in range(30_000)}
        for method, path in (
            *(("POST", JOBS), ("PUT", where), ("POST", f"{where}/trigger"), ("POST", RUNS)),
            *(("POST", f"{V1}/schedules/preview"), ("POST", f"{where}/simulate"), ("POST", f"{where}/backfill")),
        ):
            assert len(flaws_of(await api.http.request(method, path, json=wide))) <= 101
        inner = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z", "definition": wide}
        assert flaws_of(await api.http.post(f"{where}/simulate", json=inner))


async def test_patterns_and_parameters_of_executors_are_checked_at_a_bounded_cost(rig: MakeRig) -> None:
    async with with_executors(rig) as api:
        asked = JOB | {
            "concurrent": "0",
            "invokeTarget": "theirs.pattern",
            "invokeParams": {"slow": "a" * 26 + "!", "odd": "b"},
        }
        assert list(flaws_of(await api.http.post(JOBS, json=asked))) == ["/invokeParams/slow"]
        asked["invokeParams"] = {"slow": "a" * 27, "odd": "b"}
        made = await api.http.post(JOBS, json=asked)
        assert made.status_code == 201, made.text
        job = made.json()
        assert [note["pointer"] for note in job["notes"]] == ["/invokeParams/odd"]
        where = f"{JOBS}/{job['id']}"
        read = (await api.http.get(where)).json()
        listed = (await api.http.get(JOBS)).json()["items"]
        detail = (await api.http.get(f"{where}/detail")).json()["job"]
        assert read["notes"] == detail["notes"] == listed[0]["notes"] == job["notes"]
        triggered = await api.http.post(f"{where}/trigger", headers={"Idempotency-Key": "k"})
        assert (triggered.status_code, triggered.json()["notes"]) == (202, job["notes"])
        again = await api.http.post(f"{where}/trigger", headers={"Idempotency-Key": "k"})
        assert again.json() == triggered.json()
        own = await api.http.post(f"{where}/trigger", json={"params": {"odd": "c"}})
        assert [note["pointer"] for note in own.json()["notes"]] == ["/params/odd"]
        alone = await api.http.post(RUNS, json={"invokeTarget": "theirs.pattern", "params": {"odd": "c"}})
        assert [note["pointer"] for note in alone.json()["notes"]] == ["/params/odd"]
        back = await api.http.put(where, json=read)
        assert (back.status_code, back.json()["version"]) == (200, job["version"])


async def test_many_wrong_parameters_are_looked_at_beside_other_requests(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_executors(rig) as api:
        params = {"url": "https://a.example/", "expect": ["x"] * 12_000}
        with turns_counted(monkeypatch) as seen:
            asked = JOB | {"invokeTarget": "http.request", "invokeParams": params}
            assert "/invokeParams/expect/0" in flaws_of(await api.http.post(JOBS, json=asked))
            assert seen == ["errors_in"]


async def test_a_caller_who_asks_for_many_computations_is_told_to_wait(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offload, "ASKED_MOST", 1)
    async with with_executors(rig) as api:
        ask = {"cronExpression": "0 0 29 2 *", "count": 1000}
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(api.http.post(f"{V1}/schedules/preview", json=ask)) for _ in range(8)]
        answers = [one.result() for one in asked]
        assert {one.status_code for one in answers} == {200, 429}
        for refused in (one for one in answers if one.status_code == 429):
            assert refused.headers["Retry-After"] == "1"
            assert refused.json()["type"].endswith("too-many-requests")

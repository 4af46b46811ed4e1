"""What an executor answers stops neither its worker nor the projector, nor can anything of it not be read."""

from __future__ import annotations

from typing import Any

import httpx

from tests.redteam.attack import attack, fell_unless
from tests.redteam.field import Field

KIND = "results"
BAD = "BadResult"


async def _run(field: Field, http: httpx.AsyncClient, target: str, params: dict[str, Any]) -> dict[str, Any]:
    body = {"invokeTarget": target, "params": params, "retry": {"maxAttempts": 1}}
    answer = await http.post("/runs", json=body)
    fell_unless(answer.status_code == 202, answer.text)
    return await field.ended(http, answer.json()["runId"], within=40)


async def _same_processes(field: Field, act: Any) -> str:
    pids = {verb: service.child.pid for verb, service in field.running.items()}
    said = await act()
    gone = [
        verb for verb, service in field.running.items() if not service.child.running or pids[verb] != service.child.pid
    ]
    fell_unless(not gone, f"{gone} ended: {said}")
    return said


@attack(KIND, "lists within lists, from a coroutine and from a child", quick=True)
async def nested(field: Field) -> str:
    async def act() -> str:
        async with field.client("admin") as http:
            for target in ("red.nested", "red.nested-child"):
                for depth in (33, 200, 964, 970, 985, 9_985, 9_990):
                    run = await _run(field, http, target, {"depth": depth})
                    fell_unless(run["status"] == "failed", f"{target} {depth}: {run['status']}")
                run = await _run(field, http, target, {"depth": 20})
                fell_unless(run["status"] == "succeeded", f"{target} 20: {run['error']}")
            run = await _run(field, http, "red.nested", {"depth": 9_000, "raised": True})
            fell_unless(run["status"] == "failed", f"with a raised limit: {run['status']}")
            answer = await http.get("/runs", params={"limit": 100})
            fell_unless(answer.is_success, answer.status_code)
        return f"{run['error']['type']}: {run['error']['message']}"

    return await _same_processes(field, act)


@attack(KIND, "raw results that are no JSON", quick=True)
async def raw(field: Field) -> str:
    async def act() -> str:
        async with field.client("admin") as http:
            for text in ("{", "1e200000", '"\\ud800"', '1,"status":"succeeded"', "", "nul", "[" * 970 + "]" * 970):
                run = await _run(field, http, "red.raw", {"text": text})
                fell_unless(run["status"] == "failed", f"{text[:40]!r}: {run['status']} {run['result']}")
        return f"{run['error']['type']}: {run['error']['message']}"

    return await _same_processes(field, act)

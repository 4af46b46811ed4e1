"""The log: nobody forges a line of it, floods it, or stops a process by it."""

from __future__ import annotations

import asyncio
import subprocess
import time

import httpx

from tests.redteam.attack import attack, fell_unless
from tests.redteam.field import API, Field, bearer
from tests.support.waiting import until

KIND = "logs"
FORGED = "2026-11-28T00:00:00.000Z info api: key accepted"
_LONG = "x" * 60_000


@attack(KIND, "a line is forged by a path", quick=True)
async def forged(field: Field) -> str:
    before = len(field.running["api"].lines)
    async with httpx.AsyncClient(base_url=field.direct, timeout=10, trust_env=False) as http:
        for path in (
            f"{API}/jobs/x%0a2026-11-28T00:00:00.000Z%20info%20api:%20key%20accepted%20%1b%5b2J",
            f"{API}/jobs/x%0d%0a2026-11-28T00:00:00.000Z%20info%20api:%20key%20accepted",
            f"{API}/jobs/x%c2%85%e2%80%a8%e2%80%ae2026-11-28T00:00:00.000Z%20info%20api:%20key%20accepted%c2%9b2J",
        ):
            answer = await http.get(path, headers=bearer("wrong"))
            fell_unless(answer.status_code in {401, 404, 429}, answer.status_code)
    await field.recover()
    lines = field.running["api"].lines[before:]
    fell_unless(not any(line.startswith(FORGED) for line in lines), lines)
    odd = [line for line in lines if any(ord(sign) < 32 or sign in "\x7f\x85\x9b\u2028\u202e" for sign in line)]
    fell_unless(not odd, [ascii(line) for line in odd])
    return f"{len(lines)} lines"


@attack(KIND, "a long path is logged whole, again and again", quick=True)
async def flooded(field: Field) -> str:
    before = len(field.running["api"].lines)
    async with httpx.AsyncClient(base_url=field.direct, timeout=10, trust_env=False) as http:
        for n in range(16):
            await http.get(f"{API}/jobs/{_LONG[: (60_000, 6_000)[n % 2]]}", headers=bearer("wrong"))
        await asyncio.sleep(1)  # of one kind and caller one line a second is told
        await http.get(f"{API}/jobs/{_LONG[:6_000]}", headers=bearer("wrong"))

    async def told() -> bool:
        return any("refused" in line for line in field.running["api"].lines[before:])

    await until(told, within=10, what="a line about the refusals")
    lines = field.running["api"].lines[before:]
    longest = max(map(len, lines), default=0)
    fell_unless(longest < 8192, f"a line of {longest} characters")
    fell_unless(sum("refused" in line for line in lines) <= 8, f"{len(lines)} lines for 16 requests")
    return f"{len(lines)} lines, the longest of {longest}"


@attack(KIND, "nobody reads the log's pipe")
async def blocked(field: Field) -> str:
    async with (
        field.another_api(output=subprocess.PIPE) as (where, process),
        httpx.AsyncClient(base_url=where, timeout=5, trust_env=False) as http,
    ):
        slowest, deadline = 0.0, time.monotonic() + 15
        while time.monotonic() < deadline:
            await http.get(f"{API}/jobs/{_LONG[:6_000]}", headers=bearer("wrong"))
            began = time.monotonic()
            answer = await http.get(f"{API}/jobs", headers=field.key("list"))
            slowest = max(slowest, time.monotonic() - began)
            fell_unless(answer.is_success, answer.status_code)
        process.terminate()
        async with asyncio.timeout(20):
            code = await process.wait()
    fell_unless(code == 0, f"it ended with {code}")
    return f"slowest answer {slowest:.2f} s, ended with {code}"

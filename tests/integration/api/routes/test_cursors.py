"""Pages of lists that grow while they are read."""

from __future__ import annotations

from typing import Any

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS


async def test_whoever_pages_sees_what_was_there_once_whatever_comes_meanwhile(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()

        async def add(number: int) -> None:
            job = await api.create(jobName=f"job {number}", concurrent="0")
            await api.trigger(job["id"])
            await api.caught_up()

        for number in range(7):
            await add(number)
        for path in (JOBS, RUNS):
            before = [item["id"] for item in (await api.http.get(path)).json()["items"]]
            seen: list[str] = []
            query: dict[str, Any] = {"limit": 2}
            for number in range(100, 100 + len(before)):
                page = (await api.http.get(path, params=query)).json()
                seen += [item["id"] for item in page["items"]]
                if page["nextCursor"] is None or len(seen) >= len(before):
                    break
                query["cursor"] = page["nextCursor"]
                await add(number + (path == RUNS) * 1000)
            assert seen[: len(before)] == before
            assert len(seen) == len(set(seen))

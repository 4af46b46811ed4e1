"""Pages that see the jobs of one group alone: what other tests have left in the installation is not theirs."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, Route


async def narrow(page: Page, group: str) -> None:
    """Leave of the index of jobs, of lists of runs and of what is due what belongs to the group."""

    async def index(route: Route) -> None:
        answer = await route.fetch()
        body = await answer.json()
        kept = [n for n, name in enumerate(body["columns"]["group"]) if name == group]
        columns = {name: [column[n] for n in kept] for name, column in body["columns"].items()}
        await route.fulfill(response=answer, json={**body, "count": len(kept), "columns": columns})

    async def runs(route: Route) -> None:
        answer = await route.fetch()
        body: dict[str, Any] = await answer.json()
        kept = [run for run in body["items"] if run["jobGroup"] == group]
        await route.fulfill(response=answer, json={**body, "items": kept})

    async def fires(route: Route) -> None:
        answer = await route.fetch()
        body: dict[str, Any] = await answer.json()
        kept = [fire for fire in body["items"] if fire["jobGroup"] == group]
        await route.fulfill(response=answer, json={**body, "items": kept, "total": len(kept), "counts": None})

    await page.route("**/v1/monitor/jobs-index", index)
    await page.route("**/v1/monitor/fires?*", fires)
    await page.route("**/v1/monitor/runs?*", runs)

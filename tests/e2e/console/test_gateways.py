"""Behind real gateways and below a path prefix, in a browser: the same screens, live, with nothing asked elsewhere."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.console.conftest import Open, Serve
from tests.integration.api.access.test_grants import token_settings
from tests.integration.api.conftest import MakeRig
from tests.integration.api.gateway.test_requests import before
from tests.integration.api.rig import JOBS, Rig, served
from tests.support.gateways import KINDS, Kind
from tests.unit.api.access.test_jwt import token

pytestmark = pytest.mark.soak


class Reached(NamedTuple):
    """An API behind a gateway, with a job and a run of it that goes on."""

    api: Rig
    url: str
    job: str
    run: str


@asynccontextmanager
async def reached(
    rig: MakeRig, open_page: Open, kind: Kind, folder: Path, changes: dict[str, str] | None = None
) -> AsyncGenerator[Reached]:
    async with (
        rig(keyed=True, proxies=("127.0.0.1",), tokens=token_settings(folder / "jwks")) as api,
        served(api) as url,
    ):
        if changes is not None:
            changes = {old: new.replace("KEY", api.http.headers["Authorization"]) for old, new in changes.items()}
        async with before(kind, folder, url, changes) as front:
            worker = await api.worker()
            job = (await api.create())["id"]
            run = await api.trigger(job)
            await worker.step(await worker.claim_one(), "One", "line one")
            await api.caught_up()
            try:
                yield Reached(api, front.url, job, run)
            finally:
                await open_page.close()


def live(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("Changes: live"))


async def sign_in(page: Page, credential: str) -> None:
    await page.get_by_label("Key or token").fill(credential)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_label("Key or token")).to_have_count(0)


async def walk(page: Page, there: Reached) -> None:
    """Each screen by its address, with and without a slash at the end, and again after a reload; then by links."""
    shown = {
        "": page.get_by_role("region", name="Waterline"),
        "jobs": page.get_by_role("row", name=re.compile("nightly")),
        f"jobs/{there.job}": page.get_by_role("heading", level=1, name="nightly"),
        "jobs/by-name/DEFAULT/nightly": page.get_by_role("heading", level=1, name="nightly"),
        f"runs/{there.run}": page.get_by_role("log").get_by_text("line one"),
    }
    for path, sign in shown.items():
        await page.goto(f"{there.url}/console/{path}")
        await expect(sign.first).to_be_visible()
        await page.reload()
        await expect(sign.first).to_be_visible()
        await expect(live(page)).to_be_visible()
    await page.goto(f"{there.url}/console/jobs/")
    await page.get_by_role("link", name="nightly").first.click()
    await expect(page).to_have_url(f"{there.url}/console/jobs/{there.job}")
    await page.get_by_role("link", name="running").first.click()
    await expect(page).to_have_url(f"{there.url}/console/runs/{there.run}")
    await page.go_back()
    await expect(page.get_by_role("heading", level=1, name="nightly")).to_be_visible()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("credential", ["key", "token"])
async def test_every_screen_is_there_and_live_below_a_prefix(
    rig: MakeRig, open_page: Open, tmp_path: Path, kind: Kind, credential: str
) -> None:
    async with reached(rig, open_page, kind, tmp_path) as there:
        given = await there.api.key("admin", name="ann") if credential == "key" else token(scope="list query run")
        asked: list[str] = []
        page = await open_page("about:blank", ignore_https_errors=True)
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{there.url}/console/jobs/{there.job}")
        await sign_in(page, given)
        await walk(page, there)
        assert [one for one in asked if one.startswith("http") and not one.startswith(f"{there.url}/")] == []

        # A change is seen, a command is done, and what is refused leads on: all below the prefix.
        await page.get_by_role("button", name="Run now…").click()
        await page.get_by_role("button", name="Run now", exact=True).click()
        dialog = page.get_by_role("dialog", name=re.compile("Run "))
        blocker = dialog.get_by_role("link", name="See the run that blocks")
        await expect(blocker).to_have_attribute("href", f"runs/{there.run}")
        kind_of = dialog.get_by_role("link", name="Another run of the job is not finished")
        await expect(kind_of).to_have_attribute("href", f"{there.url}/problems#run-blocked")
        await blocker.click()
        await expect(page).to_have_url(f"{there.url}/console/runs/{there.run}")
        await page.get_by_role("button", name="Cancel…").click()
        await page.get_by_role("button", name="Cancel the run").click()
        await expect(page.get_by_role("main")).to_contain_text("Somebody asked to stop it")


HEADER = {
    "nginx": {
        'proxy_set_header Connection "";': 'proxy_set_header Connection ""; proxy_set_header Authorization "KEY";'
    }
}


async def test_where_a_gateway_adds_the_key_nobody_is_asked(rig: MakeRig, open_page: Open, tmp_path: Path) -> None:
    async with reached(rig, open_page, "nginx", tmp_path, HEADER["nginx"]) as there:
        page = await open_page(f"{there.url}/console/", ignore_https_errors=True)
        await expect(page.get_by_role("button", name="rig : sign out")).to_be_visible()
        await walk(page, there)
        await expect(page.get_by_label("Key or token")).to_have_count(0)
        assert await page.evaluate("JSON.stringify({...sessionStorage})") == "{}"


async def test_tabs_below_a_prefix_have_a_stream_each_and_the_fourth_asks_by_requests(
    rig: MakeRig, open_page: Open, tmp_path: Path
) -> None:
    async with reached(rig, open_page, "nginx", tmp_path) as there:
        key = await there.api.key("admin", name="ann")
        first = await open_page(f"{there.url}/console/jobs", ignore_https_errors=True)
        pages = [first, *[await first.context.new_page() for _ in range(3)]]
        streams: list[int] = []
        for n, page in enumerate(pages):
            page.on("request", lambda one, n=n: streams.append(n) if one.url.endswith("pulse/stream") else None)
            await page.goto(f"{there.url}/console/jobs")
            await sign_in(page, key)
            if n < 3:
                await expect(live(page)).to_be_visible()
        fourth = pages[3]
        polling = fourth.get_by_role("button", name=re.compile("Changes: polling. This browser has as many streams"))
        await expect(polling).to_be_visible()
        assert sorted({*streams}) == [0, 1, 2]
        await there.api.http.post(JOBS, json={"jobName": "later", "invokeTarget": "demo.noop"})
        for page in pages:
            await expect(page.get_by_role("row", name=re.compile("later"))).to_be_visible()
        await pages[0].close()
        await expect(live(fourth)).to_be_visible()


async def test_tabs_without_a_prefix_share_one_stream(serve: Serve, open_page: Open) -> None:
    async with serve(keyed=True) as (api, url):
        await api.worker()
        await api.create()
        first = await open_page(f"{url}/console/jobs")
        await sign_in(first, await api.key("admin", name="ann"))
        await expect(live(first)).to_be_visible()
        second = await first.context.new_page()
        streams: list[str] = []
        second.on("request", lambda one: streams.append(one.url) if one.url.endswith("pulse/stream") else None)
        await second.goto(f"{url}/console/jobs")
        await expect(live(second)).to_be_visible()
        assert api.parts.hub.subscriptions == 1
        assert streams == []
        await api.create(jobName="later")
        for page in (first, second):
            await expect(page.get_by_role("row", name=re.compile("later"))).to_be_visible()
        await first.close()
        await api.create(jobName="latest")
        await expect(second.get_by_role("row", name=re.compile("latest"))).to_be_visible()
        await expect(live(second)).to_be_visible()
        assert len(streams) == 1

"""A store is gone, full or busy, and is back, in a browser: what goes on and what waits, and nothing is done twice."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
import redis.asyncio
from playwright.async_api import Locator, Page, expect

from tests.e2e.console.conftest import Open, Serve
from tests.integration.api.rig import JOBS, RUNS, Rig, assembled_rig, served
from tests.support.servers import OwnPostgres, OwnValkey
from waterclock.store.connection.migrate import migrate
from waterclock_dev.servers.postgres import Postgres
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.valkey import Valkey

pytestmark = pytest.mark.soak


class Stage:
    """An API whose stores are its own, with a job and a run of it that goes on."""

    def __init__(self, api: Rig, url: str, postgres: Server[Postgres], valkey: Server[Valkey]) -> None:
        self.api, self.url, self.postgres, self.valkey = api, url, postgres, valkey
        self.job = self.run = ""

    async def begin(self) -> None:
        worker = await self.api.worker()
        self.job = (await self.api.create(concurrent="0"))["id"]
        self.run = await self.api.trigger(self.job)
        await worker.step(await worker.claim_one(), "One", "line one")
        await self.api.caught_up()

    async def runs(self) -> list[dict[str, Any]]:
        await self.api.caught_up()
        answer = await self.api.http.get(RUNS, params={"jobId": self.job})
        return answer.json()["items"]


@pytest_asyncio.fixture(loop_scope="session")
async def stage(own_valkey: OwnValkey, own_postgres: OwnPostgres, key_prefix: str) -> AsyncGenerator[Stage]:
    valkey, postgres = await own_valkey(), await own_postgres()
    await migrate(postgres.url)
    async with assembled_rig(valkey.url, postgres.url, key_prefix) as api, served(api) as url:
        made = Stage(api, url, postgres, valkey)
        await made.begin()
        yield made


async def screens(stage: Stage, open_page: Open) -> dict[str, Page]:
    """Each in a tab, and live."""
    paths = {"now": "", "jobs": "jobs", "job": f"jobs/{stage.job}", "run": f"runs/{stage.run}"}
    now = await open_page(f"{stage.url}/console/")
    pages = {"now": now}
    for name in ("jobs", "job", "run"):
        pages[name] = await now.context.new_page()
        await pages[name].goto(f"{stage.url}/console/{paths[name]}")
    for page in pages.values():
        await expect(live(page)).to_be_visible()
    await expect(pages["jobs"].get_by_role("row", name=re.compile("nightly"))).to_be_visible()
    await expect(pages["run"].get_by_text("Lines are shown as they are written.")).to_be_visible()
    return pages


def live(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("Changes: live"))


def away(page: Page) -> Locator:
    return page.get_by_role("region", name="What is away")


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name=re.compile("Run "))


def stored(page: Page) -> Locator:
    return page.get_by_role("main").get_by_text("It is stored; the run begins")


async def test_without_postgres_commands_go_and_what_is_known_stays(stage: Stage, open_page: Open) -> None:
    pages = await screens(stage, open_page)
    await stage.postgres.stop()
    for page in pages.values():
        await expect(away(page)).to_contain_text("Postgres is away since")
        await expect(away(page)).to_contain_text("commands still go")
    await expect(pages["jobs"].get_by_role("row", name=re.compile("nightly"))).to_be_visible()
    await expect(pages["run"].get_by_role("log")).to_contain_text("line one")

    await pages["job"].get_by_role("button", name="Run now…").click()
    await dialog(pages["job"]).get_by_role("button", name="Run now", exact=True).click()
    await expect(stored(pages["job"])).to_be_visible()
    fresh = await pages["now"].context.new_page()
    await fresh.goto(f"{stage.url}/console/runs/{stage.run}")
    shown = fresh.get_by_role("group", name="The run cannot be shown")
    await expect(shown).to_contain_text(re.compile("Next try in|Trying again"))
    await expect(shown).not_to_contain_text("asks to wait")

    await stage.postgres.start()
    for page in (*pages.values(), fresh):
        await expect(away(page)).to_have_count(0)
        await expect(page.get_by_role("group", name=re.compile("cannot be|may be old"))).to_have_count(0)
        await expect(live(page)).to_be_visible()
    await expect(fresh.get_by_role("log")).to_contain_text("line one")
    await expect(pages["job"].get_by_role("table")).to_contain_text("queued")
    assert len(await stage.runs()) == 2


async def test_without_redis_what_is_stored_is_read_and_commands_are_off(stage: Stage, open_page: Open) -> None:
    pages = await screens(stage, open_page)
    await stage.valkey.stop()
    for page in pages.values():
        await expect(away(page)).to_contain_text("Redis is away since")
        await expect(away(page)).not_to_contain_text("..")
        await expect(live(page)).to_be_visible()  # the page is, for the API answers
    run_now = pages["job"].get_by_role("button", name="Run now…")
    await expect(run_now).to_be_disabled()
    await expect(run_now).to_have_accessible_description("Redis is away, so the API can store no command.")
    fresh = await pages["now"].context.new_page()
    await fresh.goto(f"{stage.url}/console/runs/{stage.run}")
    await expect(fresh.get_by_role("log")).to_contain_text("line one")
    await expect(fresh.get_by_text("The stream is lost since")).to_be_visible()

    await stage.valkey.start()
    for page in (*pages.values(), fresh):
        await expect(away(page)).to_have_count(0)
        await expect(live(page)).to_be_visible()
    for page in (pages["run"], fresh):
        await expect(page.get_by_text("Lines are shown as they are written.")).to_be_visible()
    await run_now.click()
    await dialog(pages["job"]).get_by_role("button", name="Run now", exact=True).click()
    await expect(stored(pages["job"])).to_be_visible()
    assert len(await stage.runs()) == 2


@asynccontextmanager
async def full(valkey: Server[Valkey]) -> AsyncGenerator[None]:
    """At its memory limit: it refuses what is new, and answers all else."""
    client: Any = redis.asyncio.Redis.from_url(valkey.url)  # pyright: ignore[reportUnknownMemberType]
    try:
        await client.config_set("maxmemory", 1)
        yield
        await client.config_set("maxmemory", 0)
    finally:
        await client.aclose()


async def test_a_command_counts_down_while_redis_is_full_and_is_done_once(stage: Stage, open_page: Open) -> None:
    page = await open_page(f"{stage.url}/console/jobs/{stage.job}")
    keys: list[str | None] = []
    page.on(
        "request", lambda sent: keys.append(sent.headers.get("idempotency-key")) if "/trigger" in sent.url else None
    )
    await page.get_by_role("button", name="Run now…").click()
    await dialog(page).get_by_label("Reason").fill("spring tide")
    async with full(stage.valkey):
        await dialog(page).get_by_role("button", name="Run now", exact=True).click()
        waits = dialog(page).get_by_role("group", name="It waits, and is sent again by itself")
        await expect(waits).to_contain_text("Redis is at its memory limit")
        await expect(waits).to_contain_text(re.compile("Next try in [1-5] s"))
        await expect(dialog(page).get_by_role("button", name="Run now", exact=True)).to_have_attribute(
            "aria-busy", "true"
        )
    await expect(stored(page)).to_be_visible()
    assert len(keys) > 1
    assert len(set(keys)) == 1
    runs = await stage.runs()
    assert [run["reason"] for run in runs] == ["spring tide", None]


async def test_a_command_that_is_left_while_it_waits_is_not_sent_again(stage: Stage, open_page: Open) -> None:
    page = await open_page(f"{stage.url}/console/jobs/{stage.job}")
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.url) if "/trigger" in one.url else None)
    await page.get_by_role("button", name="Run now…").click()
    async with full(stage.valkey):
        await dialog(page).get_by_role("button", name="Run now", exact=True).click()
        await expect(dialog(page)).to_contain_text("Next try in")
        await dialog(page).get_by_role("button", name="Leave it").click()
        tried = len(sent)
    await page.get_by_role("button", name="Run now…").click()
    await expect(dialog(page)).not_to_contain_text("It may have been done")
    await page.keyboard.press("Escape")
    await expect(dialog(page)).to_have_count(0)
    assert len(sent) == tried
    assert len(await stage.runs()) == 1


async def test_many_commands_wait_each_and_stop_waiting_when_told(stage: Stage, open_page: Open) -> None:
    page = await open_page(f"{stage.url}/console/jobs")
    await page.get_by_role("button", name=re.compile("Choose all")).click()
    await page.get_by_role("button", name=re.compile(r"^Run \d+…")).click()
    sheet = page.get_by_role("dialog")
    async with full(stage.valkey):
        await sheet.get_by_role("button", name="Run 1").click()
        each = sheet.get_by_role("list", name="What happens to each")
        await expect(each).to_contain_text(re.compile("Redis is at its memory limit: sent again in"))
        await sheet.get_by_role("button", name="Stop").click()
        await expect(sheet.get_by_role("status")).to_contain_text("1 refused")
    await sheet.get_by_role("button", name=re.compile("^Try the 1 again")).click()
    await expect(sheet.get_by_role("link", name="its run")).to_be_visible()
    assert len(await stage.runs()) == 2


async def test_a_key_that_asks_too_often_waits_and_its_command_is_sent(serve: Serve, open_page: Open) -> None:
    async with serve(keyed=True) as (api, url):
        await api.worker()
        job = await api.create()
        key = await api.key("admin", name="slow", rate=0.5)
        page = await open_page(f"{url}/console/jobs/{job['id']}")
        await page.get_by_label("Key or token").fill(key)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.get_by_role("button", name="Run now…").click()
        for _ in range(12):  # whatever the page has left of its share
            await api.http.get(JOBS, headers={"Authorization": f"Bearer {key}"})
        await dialog(page).get_by_role("button", name="Run now", exact=True).click()
        await expect(dialog(page)).to_contain_text("Too many requests")
        await expect(dialog(page)).to_contain_text(re.compile("Next try in"))
        await expect(stored(page)).to_be_visible()
        await api.caught_up()
        assert len((await api.http.get(RUNS)).json()["items"]) == 1


async def test_a_log_and_a_pulse_that_got_no_stream_take_one_that_is_free(serve: Serve, open_page: Open) -> None:
    async with serve(streams=1, streams_per_client=1) as (api, url):
        worker = await api.worker()
        job = (await api.create())["id"]
        run = await api.trigger(job)
        grant = await worker.claim_one()
        await worker.step(grant, "One", "line one")
        await api.caught_up()
        first = await open_page(f"{url}/console/jobs")
        await expect(live(first)).to_be_visible()
        page = await open_page(f"{url}/console/runs/{run}")
        polling = page.get_by_role("button", name=re.compile("Changes: polling. The API has no stream to spare"))
        await expect(polling).to_be_visible()
        await expect(page.get_by_text("No stream is free, so the page asks for lines")).to_be_visible()
        await expect(page.get_by_role("button", name="Cancel…")).to_be_enabled()
        await worker.step(grant, "Two", "line two", number=2)
        await expect(page.get_by_role("log")).to_contain_text("line two")
        await first.context.close()
        await expect(page.get_by_text("Lines are shown as they are written.").or_(live(page)).first).to_be_visible()
        await worker.step(grant, "Three", "line three", number=3)
        await worker.succeed(grant)
        await expect(page.get_by_role("log")).to_contain_text("line three")
        await expect(page.get_by_text("The log is complete.")).to_be_visible()
        lines = page.get_by_role("log").locator(".line")
        await expect(lines).to_have_count(3)

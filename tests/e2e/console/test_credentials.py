"""Who asks, in a browser: tokens, keys that end, keys that may do more, and which control takes which scope."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.console.conftest import Open, Serve
from tests.integration.api.access.test_grants import token_settings
from tests.integration.api.rig import RUNS, Rig
from tests.support.watched import flaws
from tests.unit.api.access.test_jwt import token
from waterclock.store import api_keys
from waterclock_api.access import api_keys as keyring
from waterclock_api.access.scopes import SCOPES
from waterclock_api.live import hub

pytestmark = pytest.mark.soak


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API looks often whether a key still holds."""
    monkeypatch.setattr(hub, "_TEND_EVERY", 0.05)
    monkeypatch.setattr(keyring, "EVERY", 0.05)


def field(page: Page) -> Locator:
    return page.get_by_label("Key or token")


async def sign_in(page: Page, credential: str) -> None:
    await field(page).fill(credential)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(field(page)).to_have_count(0)


async def revoke(rig: Rig, key: str) -> None:
    async with rig.parts.reading() as connection:
        assert await api_keys.revoke(connection, key.split("_")[1])
    await rig.parts.access.keyring.read()


def live(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("Changes: live"))


def stored(page: Page) -> Locator:
    return page.get_by_role("main").get_by_text("It is stored; the run begins")


async def test_a_token_acts_and_when_it_ends_another_goes_on(serve: Serve, open_page: Open, tmp_path: Path) -> None:
    async with serve(keyed=True, tokens=token_settings(tmp_path / "jwks")) as (api, url):
        await api.worker()
        job = (await api.create(concurrent="0"))["id"]
        short = token(scope="list query run", exp=int(time.time()) + 15)
        page = await open_page(f"{url}/console/jobs/{job}")
        await sign_in(page, short)
        await expect(page.get_by_role("button", name="bob : sign out")).to_be_visible()
        await expect(live(page)).to_be_visible()
        await page.get_by_role("button", name="Run now…").click()
        await page.get_by_label("Reason").fill("before")
        await page.get_by_role("button", name="Run now", exact=True).click()
        await expect(stored(page)).to_be_visible()

        await page.get_by_role("button", name="Run now…").click()
        await page.get_by_label("Reason").fill("after its end")
        await expect(page.get_by_text("bob has expired or was revoked")).to_be_visible()
        await sign_in(page, token(scope="list query run"))
        await expect(page.get_by_label("Reason")).to_have_value("after its end")
        await page.get_by_role("button", name="Run now", exact=True).click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(live(page)).to_be_visible()
        await api.caught_up()
        runs = (await api.http.get(RUNS)).json()["items"]
        assert [run["reason"] for run in runs] == ["after its end", "before"]
        told = (await api.http.get(f"{RUNS}/{runs[0]['id']}/history")).json()["items"]
        assert told[-1]["actor"] == "jwt:bob@127.0.0.1"


async def test_what_is_typed_and_chosen_outlives_a_key_on_every_screen(serve: Serve, open_page: Open) -> None:
    async with serve(keyed=True) as (api, url):
        worker = await api.worker()
        job = (await api.create(concurrent="0"))["id"]
        run = await api.trigger(job)
        await worker.step(await worker.claim_one(), "One", "line one")
        await api.caught_up()
        keys = [await api.key("admin", name=f"key{n}") for n in range(4)]
        page = await open_page(f"{url}/console/jobs")
        await sign_in(page, keys[0])
        search = page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first
        await search.fill("night")
        await page.get_by_role("button", name=re.compile("Choose all")).click()
        await revoke(api, keys[0])
        await expect(page.get_by_text("key:key0 has expired or was revoked")).to_be_visible()
        await sign_in(page, keys[1])
        await expect(search).to_have_value("night")
        await expect(page.get_by_role("region", name="Jobs that are chosen")).to_contain_text("1 of 1 job")

        await page.goto(f"{url}/console/runs/{run}")
        await page.get_by_role("searchbox").or_(page.get_by_role("search").get_by_role("textbox")).first.fill("line")
        await expect(page.get_by_role("log").locator("mark")).to_have_text("line")
        await revoke(api, keys[1])
        await expect(page.get_by_text("key:key1 has expired or was revoked")).to_be_visible()
        assert await flaws(page) == []
        await sign_in(page, keys[2])
        await expect(page.get_by_role("log").locator("mark")).to_have_text("line")
        await expect(page.get_by_text("Lines are shown as they are written.")).to_be_visible()
        await expect(live(page)).to_be_visible()


async def test_a_tab_whose_key_ended_takes_that_of_its_sibling(serve: Serve, open_page: Open) -> None:
    async with serve(keyed=True) as (api, url):
        await api.worker()
        await api.create()
        keys = [await api.key("list", "query", name=f"key{n}") for n in range(2)]
        page = await open_page(f"{url}/console/jobs")
        await sign_in(page, keys[0])
        await expect(live(page)).to_be_visible()
        beside = await page.context.new_page()
        await beside.goto(f"{url}/console/jobs")
        await expect(beside.get_by_role("button", name="key0 : sign out")).to_be_visible()
        await revoke(api, keys[0])
        await expect(page.get_by_text("key:key0 has expired or was revoked")).to_be_visible()
        await sign_in(page, keys[1])
        await beside.get_by_role("link", name="nightly").first.click()
        await expect(beside.get_by_role("heading", level=1)).to_have_text("nightly")
        await expect(beside.get_by_role("button", name="key1 : sign out")).to_be_visible()
        for one in (page, beside):
            await expect(live(one)).to_be_visible()
            await expect(field(one)).to_have_count(0)


async def test_signing_in_with_more_scopes_starts_what_the_former_key_lacked(serve: Serve, open_page: Open) -> None:
    async with serve(keyed=True) as (api, url):
        await api.worker()
        job = (await api.create())["id"]
        await api.caught_up()
        few, many = await api.key("query", name="few"), await api.key("list", "query", name="many")
        page = await open_page(f"{url}/console/jobs/{job}")
        await sign_in(page, few)
        await expect(page.get_by_role("heading", level=1)).to_have_text("nightly")
        await expect(page.get_by_role("button", name=re.compile("Changes: off"))).to_be_visible()
        await page.keyboard.press("Control+k")
        await page.keyboard.type("nightly")
        await expect(page.get_by_role("dialog", name="Go to")).to_contain_text("Needs the scope list; you are key:few")
        await page.keyboard.press("Escape")
        await page.get_by_role("link", name="Jobs", exact=True).click()
        await expect(page.get_by_role("main")).to_contain_text("Needs the scope list; you are key:few")
        await revoke(api, few)
        await page.go_back()  # what it asks for is refused
        await expect(page.get_by_text("key:few has expired or was revoked")).to_be_visible()
        await sign_in(page, many)
        await expect(page.get_by_role("heading", level=1)).to_have_text("nightly")
        await expect(live(page)).to_be_visible()
        await page.get_by_role("link", name="Jobs", exact=True).click()
        await expect(page.get_by_role("row", name=re.compile("nightly"))).to_be_visible()


class Control(NamedTuple):
    """A button of a screen, and the operation behind it; `knows`: one of these it takes besides."""

    screen: str
    name: str
    method: str
    path: str
    knows: tuple[str, ...] = ()


J, R = "/v1/monitor/jobs/{id}", "/v1/monitor/runs/{id}"
ALONE = (
    Control("job", "Run now…", "post", f"{J}/trigger"),
    Control("job", "Backfill…", "post", f"{J}/backfill"),
    Control("job", "Disable…", "put", f"{J}/status"),
    Control("going", "Cancel…", "post", f"{R}/cancel"),
    Control("ended", "Retry…", "post", f"{R}/retry"),
    Control("ended", "Run the job now…", "post", f"{J}/trigger", ("list", "query")),
)
LISTED = (
    Control("jobs", "Disable 1…", "put", f"{J}/status"),
    Control("jobs", "Run 1…", "post", f"{J}/trigger"),
    Control("now", "Resume…", "post", "/v1/monitor/queues/{id}/resume"),
)


@pytest.mark.parametrize("held", [(), *((scope,) for scope in SCOPES)], ids=lambda held: "".join(held) or "none")
async def test_a_control_is_enabled_where_its_scope_is_held_and_says_why_it_is_not(
    serve: Serve, open_page: Open, held: tuple[str, ...]
) -> None:
    async with serve(keyed=True) as (api, url):
        document = (await api.http.get("/schema/openapi.json")).json()
        scopes = {
            (method, path): operation["security"][0]["bearer"]
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if "security" in operation
        }
        worker = await api.worker()
        job = (await api.create(concurrent="0"))["id"]
        ended, going = await api.trigger(job), await api.trigger(job)
        first, _ = await worker.claim()
        await worker.succeed(first)
        ended, going = (ended, going) if first.run_id == ended else (going, ended)
        await api.http.post("/v1/monitor/queues/default/pause")
        await api.trigger(job)  # which waits, so that the queue is spoken of
        await api.caught_up()
        paths = {"job": f"jobs/{job}", "ended": f"runs/{ended}", "going": f"runs/{going}", "jobs": "jobs", "now": ""}
        may = set[str](SCOPES if "admin" in held else held)
        page = await open_page(f"{url}/console/")
        await sign_in(page, await api.key(*held, name="one"))
        await check(page, url, paths, ALONE, may, scopes)
        if "list" not in may:
            await page.get_by_role("button", name="one : sign out").click()
            await sign_in(page, await api.key("list", *held, name="one"))
            may.add("list")
        await check(page, url, paths, LISTED, may, scopes)


async def check(
    page: Page,
    url: str,
    paths: dict[str, str],
    controls: tuple[Control, ...],
    may: set[str],
    scopes: Mapping[tuple[str, str], list[str]],
) -> None:
    at = ""
    for control in controls:
        if control.screen != at:
            at = control.screen
            await page.goto(f"{url}/console/{paths[at]}")
            if at == "jobs":
                await page.get_by_role("button", name=re.compile("Choose all")).click()
        (needed,) = scopes[control.method, control.path]
        button = page.get_by_role("main").get_by_role("button", name=control.name, exact=True)
        await expect(button).to_be_visible()
        if needed in may and (not control.knows or may & {*control.knows}):
            await expect(button).to_be_enabled()
            continue
        await expect(button).to_be_disabled()
        lacked = needed if needed not in may else "query"
        await expect(button).to_have_accessible_description(re.compile(f"Needs the scope {lacked}; you are key:one"))
        await button.focus()
        await expect(button).to_be_focused()

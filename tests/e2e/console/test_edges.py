"""In a browser: single keys that are off, names of every kind in bulk, a log at its cap, refusals at their field."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.console.conftest import Open
from tests.support.installation import Installation

pytestmark = pytest.mark.soak

NAMES = (
    "ASCII",
    "İstanbul ıI ß ſ",
    "cafe\u0301 nai\u0308ve",
    "日本語 한국어 ไทย हिन्दी",
    "שלום עולם مرحبا",
    "👩‍🚀👨‍👩‍👧‍👦🏳️‍🌈 🇩🇪",
    "<b>bold</b> & \"quoted\" 'too'",
    "a/b?c=d#e%2F\\f",
    "𝕬𝖑𝖕𝖍𝖆 ℵ₀ ½ ﬁ",
    "__proto__",
)


def made(installation: Installation, group: str, name: str, **more: Any) -> dict[str, Any]:
    return installation.post("jobs", {"jobName": name, "jobGroup": group, "invokeTarget": "demo.noop", **more})


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


async def test_single_keys_that_are_off_do_nothing(installation: Installation, open_page: Open) -> None:
    job = made(installation, "edges", "keys", cronExpression="0 3 * * *")
    run = installation.post(f"jobs/{job['id']}/trigger")["runId"]
    installation.ended_run(run)
    page = await open_page(f"{installation.record.api}/console/jobs?group=edges")
    await page.get_by_role("button", name="Help").click()
    listed = await dialog(page).locator("dt").all_inner_texts()
    assert len(listed) > 10
    await dialog(page).get_by_label("Use single keys").uncheck()
    await page.keyboard.press("Escape")
    kept = "JSON.stringify({...localStorage})"  # zone and colours
    for path in ("jobs?group=edges", f"jobs/{job['id']}", f"runs/{run}", ""):
        await page.goto(f"{installation.record.api}/console/{path}")
        await expect(page.get_by_role("button", name=re.compile("Changes: live"))).to_be_visible()
        before = (page.url, await page.evaluate(kept))
        await page.locator("h1").focus()
        for key in "abcdefghijklmnopqrstuvwxyz/?[].+-, XGN":
            await page.keyboard.press(key)
        await expect(page.get_by_role("button", name=re.compile("Changes: live"))).to_be_visible()
        assert (page.url, await page.evaluate(kept)) == before, path
        await expect(dialog(page)).to_have_count(0)
        await expect(page.get_by_role("region", name="Jobs that are chosen")).to_have_count(0)
    await page.keyboard.press("Control+k")  # with Ctrl they act
    await expect(page.get_by_role("combobox")).to_be_focused()


async def test_names_of_every_kind_are_disabled_in_bulk_and_exactly_those_come_back(
    installation: Installation, open_page: Open
) -> None:
    jobs = [made(installation, "ednames", name, cronExpression="0 3 * * *") for name in NAMES]
    off = made(installation, "ednames", "was off before", status="1")
    page = await open_page(f"{installation.record.api}/console/jobs?group=ednames")
    await page.get_by_role("button", name=f"Choose all {len(NAMES) + 1}").click()
    await page.get_by_role("button", name=f"Disable {len(NAMES)}…").click()
    sheet = dialog(page)
    await expect(sheet.get_by_role("listitem")).to_have_count(len(NAMES) + 1)
    listed = await sheet.locator(".job bdi:last-child").all_text_contents()
    assert sorted(listed) == sorted([job["jobName"] for job in jobs] + [off["jobName"]])
    await sheet.get_by_label("Reason").fill("Größe 日本 👩‍🚀")
    await sheet.get_by_role("button", name=f"Disable {len(NAMES)}", exact=True).click()
    await expect(sheet.get_by_role("status")).to_contain_text(f"{len(NAMES)} of {len(NAMES)} disabled")
    states = {one["id"]: one["status"] for one in installation.get("jobs?jobGroup=ednames&limit=100")["items"]}
    assert {states[job["id"]] for job in jobs} == {"1"}
    told = installation.get(f"jobs/{jobs[3]['id']}/history?type=job.disabled")["items"][0]
    assert told["reason"] == "Größe 日本 👩‍🚀"

    await sheet.get_by_role("button", name="Undo").click()
    await expect(sheet.get_by_role("status")).to_contain_text(f"{len(NAMES)} of {len(NAMES)} enabled")
    await sheet.get_by_role("button", name="Close").last.click()
    now = {one["id"]: one["status"] for one in installation.get("jobs?jobGroup=ednames&limit=100")["items"]}
    assert {now[job["id"]] for job in jobs} == {"0"}
    assert now[off["id"]] == "1"


async def test_a_log_at_its_cap_has_its_beginning_its_gap_and_its_end(
    installation: Installation, open_page: Open
) -> None:
    wanted = {"invokeTarget": "tides.tell", "params": {"more": 6000, "width": 1000}}
    run = installation.post("runs", wanted)["runId"]
    installation.ended_run(run, timeout=120)
    outline = installation.get(f"runs/{run}/logs/outline")
    (gap,) = (one for one in outline["gaps"] if one["lines"] > 0)
    page = await open_page(f"{installation.record.api}/console/runs/{run}")
    log = page.get_by_role("log")
    await expect(log).to_contain_text("wave 6000 of 6000")
    await expect(page.get_by_text(re.compile(r"[\d ]+ lines missing"))).to_be_visible()
    await page.goto(f"{installation.record.api}/console/runs/{run}#L1")
    await expect(log).to_contain_text("the water rises")
    await page.goto(f"{installation.record.api}/console/runs/{run}#L{gap['after']}")
    await expect(log.locator(".gap b").first).to_be_visible()
    told = await log.locator(".gap b").all_text_contents()
    assert str(gap["lines"]) in {re.sub(r"\D", "", one) for one in told}


async def test_a_job_that_another_has_changed_is_refused_by_its_version(
    installation: Installation, open_page: Open
) -> None:
    job = made(installation, "edstale", "changed meanwhile")
    page = await open_page(f"{installation.record.api}/console/jobs?group=edstale")
    await page.get_by_role("button", name="Choose all 1").click()
    await page.get_by_role("button", name="Disable 1…").click()
    await page.route("**/status", lambda route: _change_first(installation, job, route))
    await dialog(page).get_by_role("button", name="Disable 1", exact=True).click()
    each = dialog(page).get_by_role("list", name="What happens to each")
    await expect(each).to_contain_text("The job has another version")
    await expect(dialog(page).get_by_role("status")).to_contain_text("1 refused")


async def _change_first(installation: Installation, job: dict[str, Any], route: Any) -> None:
    body = {name: job[name] for name in ("jobName", "jobGroup", "invokeTarget")} | {"remark": "another was quicker"}
    assert installation.api.put(f"jobs/{job['id']}", json=body).status_code in (200, 202)
    await route.continue_()


async def test_what_is_wrong_with_a_member_stands_at_its_field(installation: Installation, open_page: Open) -> None:
    job = made(installation, "edges", "refused", cronExpression="* * * * *")
    page = await open_page(f"{installation.record.api}/console/jobs/{job['id']}")
    await page.get_by_role("button", name="Backfill…").click()
    await dialog(page).get_by_label("From").fill("2026-11-29 03:00")
    await dialog(page).get_by_label("To, inclusive").fill("2036-11-29 03:00")
    to = dialog(page).get_by_label("To, inclusive")
    await expect(to).to_have_attribute("aria-invalid", "true")
    await expect(to).to_have_accessible_description(re.compile("future|past|now|later"))
    await to.fill("2026-11-29 03:10")
    await expect(to).not_to_have_attribute("aria-invalid", "true")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Run now…").click()
    await page.evaluate("document.querySelector('dialog[open] input').removeAttribute('maxlength')")
    await dialog(page).get_by_label("Reason").fill("x" * 1001)
    await dialog(page).get_by_role("button", name="Run now", exact=True).click()
    await expect(dialog(page).get_by_label("Reason")).to_have_attribute("aria-invalid", "true")
    assert installation.get(f"runs?jobId={job['id']}&trigger=manual")["items"] == []

"""The console as browsers and gateways ask for it: below any prefix the same page, which finds its files."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.integration.api.access.test_access import bearer
from tests.integration.api.conftest import MakeRig
from tests.integration.api.gateway.test_requests import before
from tests.integration.api.rig import served
from tests.support.gateways import KINDS, PREFIX, bare_nginx
from waterclock_api.access.guard import Limits
from waterclock_api.routes.system.console import CSP

PATHS = ("console", "console/", "console/jobs", "console/jobs/", "console/jobs/a%20b", "console/runs/1/logs/")
WAYS = ("alone", "kept", *KINDS, "stripped in silence")
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def referred(page: httpx.Response) -> list[str]:
    """The files of a page, and the API, as a browser resolves them."""
    (base,) = re.findall(r'<base href="([^"]+)"', page.text)
    folder = urljoin(str(page.url), base)
    names = re.findall(r'(?:src|href)="(\.?/?[\w./-]+\.(?:js|css|svg))"', page.text)
    assert names
    return [urljoin(folder, name) for name in (*names, "../v1/monitor/jobs")]


@asynccontextmanager
async def reached(rig: MakeRig, way: str, folder: Path) -> AsyncGenerator[tuple[httpx.AsyncClient, str]]:
    """A client of the API, and the URL at which it is."""
    async with AsyncExitStack() as stack:
        options = {"path_prefix": PREFIX} if way == "kept" else {"proxies": ("127.0.0.1",)} if way in KINDS else {}
        api = await stack.enter_async_context(rig(keyed=True, **options))
        url = await stack.enter_async_context(served(api))
        if way in KINDS:
            front = await stack.enter_async_context(before(way, folder, url))
            http = await stack.enter_async_context(front.client(headers=api.credentials))
            yield http, front.url
            return
        if way == "stripped in silence":
            url = await stack.enter_async_context(bare_nginx(folder, f"{url.removeprefix('http://')}/", f"{PREFIX}/"))
        http = httpx.AsyncClient(headers=api.credentials, trust_env=False)
        yield await stack.enter_async_context(http), url if way == "alone" else url + PREFIX


@pytest.mark.parametrize("way", WAYS)
async def test_each_path_answers_the_page_and_it_finds_its_files(rig: MakeRig, way: str, tmp_path: Path) -> None:
    async with reached(rig, way, tmp_path) as (http, url):
        escaped = ["console/jobs/a%2Fb"] if way in ("alone", "kept", "traefik") else []  # nginx makes a slash of it
        for path in (*PATHS, *escaped):
            page = await http.get(f"{url}/{path}")
            assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8"), path
            assert page.headers["content-security-policy"] == CSP
            assert page.headers["content-encoding"] == "gzip"
            assert page.headers["x-content-type-options"] == "nosniff"
            for asset in referred(page):
                assert asset.startswith(f"{url}/"), path
                assert (await http.get(asset)).status_code == 200, asset


@pytest.mark.parametrize("way", WAYS)
async def test_the_root_leads_a_browser_to_the_console_and_others_to_the_reference(
    rig: MakeRig, way: str, tmp_path: Path
) -> None:
    async with reached(rig, way, tmp_path) as (http, url):
        led = await http.get(f"{url}/", headers=BROWSER)
        assert (led.status_code, led.headers["vary"]) == (303, "Accept")
        assert str(led.url.join(led.headers["location"])) == f"{url}/console/"
        for accept in ("*/*", "application/json", "text/html;q=0, */*"):
            page = await http.get(f"{url}/", headers={"Accept": accept})
            assert (page.status_code, page.content) == (200, (await http.get(f"{url}/api")).content)


async def test_a_file_is_sent_again_only_when_it_has_changed(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url, httpx.AsyncClient(base_url=f"{url}/console/") as http:
        tags: set[str] = set()
        for path in ("", "app.js", "app.css"):
            for coding in ("gzip", "identity"):
                asked = {"Accept-Encoding": coding}
                first = await http.get(path, headers=asked)
                tag = first.headers["etag"]
                assert (first.headers.get("content-encoding", "identity"), first.headers["cache-control"]) == (
                    coding,
                    "no-cache",
                )
                assert not tag.startswith("W/")
                tags.add(tag)
                for given in (tag, f'"other", W/{tag}', "*"):
                    again = await http.get(path, headers={**asked, "If-None-Match": given})
                    assert (again.status_code, again.content) == (304, b"")
                    assert again.headers["etag"] == tag
                    assert "content-length" not in again.headers
                assert (await http.get(path, headers={**asked, "If-None-Match": '"other"'})).status_code == 200
                head = await http.head(path, headers=asked)
                assert (head.status_code, head.headers["content-length"]) == (200, first.headers["content-length"])
        assert len(tags) == 6


@pytest.mark.parametrize(
    "path", ["nothing.js", "app.js.map", "deep/nothing.css", "jobs/app.js", "x/" * 17, "index.html"]
)
async def test_a_file_that_is_not_there_is_no_page(rig: MakeRig, path: str) -> None:
    async with rig() as api:
        answer = await api.http.get(f"/console/{path}")
        assert answer.status_code == 404
        assert answer.json()["type"] == "/problems#not-found"
        assert (await api.http.post("/console/")).status_code == 405


async def test_its_files_are_not_counted_among_the_requests_of_an_address(rig: MakeRig) -> None:
    async with rig(limits=Limits(address=1)) as api:
        await api.key("list")
        for _ in range(30):
            assert (await api.http.get("/console/app.js")).status_code == 200
            assert (await api.http.get("/console/")).status_code == 200
        assert (await api.http.get("/api", headers=bearer("none"))).status_code == 200

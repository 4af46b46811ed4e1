"""The site that `make docs` builds: whole, reachable, searchable, and of no other host."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from typing_extensions import override

from tests.support.repository import DOCS, ROOT, script

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    return script(ROOT / "deploy" / "docs" / "site.py")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from a copy of what `make docs` reads."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "deploy").mkdir()
    for name in ("docs", "deploy/docs"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "zensical.toml", folder)  # the builder works where the file really lies
    others = (*ROOT.glob("[!.]*"), *(ROOT / "deploy").iterdir())
    for path in others:
        here = folder / path.relative_to(ROOT)
        if not here.exists() and path.name != "build":
            here.symlink_to(path)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    words = [sys.executable, "deploy/docs/site.py", "--unchecked"]
    done = subprocess.run(
        words, cwd=folder, env={"PATH": path}, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build" / "site"


def test_every_page_is_built_under_its_version_and_under_latest(site: Path) -> None:
    (version,) = [one["version"] for one in json.loads((site / "versions.json").read_text())]
    for page in DOCS.rglob("*.md"):
        place = page.relative_to(DOCS).with_suffix("")
        built = place.parent if place.name == "index" else place
        assert (site / version / built / "index.html").is_file(), place
        assert (site / "latest" / built / "index.html").is_file(), place
    assert 'url=latest/"' in (site / "index.html").read_text()


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r'"([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text())
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_the_search_knows_every_page(site: Path) -> None:
    found = {
        item["location"].partition("#")[0]
        for item in json.loads((site / "latest" / "search.json").read_text())["items"]
    }
    assert len(found) >= len(list(DOCS.rglob("*.md")))


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/x.js">',
        "<link rel='stylesheet' href='//fonts.example/x.css'>",
        '<link href="https://x.example" rel="preconnect">',
        "<img alt='' src=https://x.example/y.png>",
        "body { background: url(https://x.example/y.png) }",
        '@import "https://x.example/y.css";',
        'fetch("https://x.example/y")',
        'import("https://x.example/y.js")',
    ],
)
def test_what_another_host_would_serve_is_found(text: str, builder: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(text)
    assert len(list(builder.foreign(tmp_path))) == 1


def test_a_link_that_a_reader_follows_is_no_such_thing(builder: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<a href="https://docs.celeryq.dev">x</a> <svg xmlns="http://www.w3.org/2000/svg"/>'
    )
    assert list(builder.foreign(tmp_path)) == []


@pytest.fixture
def served(site: Path) -> Iterator[tuple[str, list[str]]]:
    """Where the site is served, and the paths that were asked for and are not there."""
    missing: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        @override
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            if int(code) >= 400:
                missing.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, name="site").start()
    yield f"http://127.0.0.1:{server.server_address[1]}", missing
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path: the static check stands alone")
def test_a_browser_draws_the_pictures_and_asks_no_other_host(served: tuple[str, list[str]], tmp_path: Path) -> None:
    url, missing = served
    log = tmp_path / "net.json"
    words = [str(CHROMIUM), *OPTIONS, f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}"]
    words += ["--virtual-time-budget=10000", "--dump-dom", f"{url}/latest/"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    assert 'class="mermaid"' in done.stdout
    requests = [
        event["params"] for event in json.loads(log.read_text())["events"] if "initiator" in event.get("params", {})
    ]
    asked = [str(each["url"]) for each in requests if each["initiator"] == url]  # the browser's own have no page behind
    assert [each for each in asked if not each.startswith(f"{url}/")] == []
    assert any("mermaid" in each for each in asked)
    assert [path for path in missing if "favicon" not in path] == []

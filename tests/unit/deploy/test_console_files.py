"""The build of the console that is committed: of today's sources, whole, small, and of this host alone."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.repository import ROOT, script
from waterclock_api.routes.system.console import INDEX, KINDS, files_of

build = script(ROOT / "deploy" / "console" / "build.py")
BUILT: Path = build.BUILT
SOURCES: Path = build.SOURCES
FILES = sorted(one for one in BUILT.rglob("*") if one.is_file())
MOST = 200_000  # bytes of all files, compressed
MOST_AT_FIRST = 90_000  # bytes of script and style before a screen is there, compressed
STATIC = re.compile(r"(?:from|import)\s*[\"'`]\./([\w.-]+\.js)")
FIRST = 8  # files for the first screen, the page among them: each costs a round trip at every visit
ADDRESS = re.compile(r"(?:https?:)?//(?:[a-z0-9-]+\.)+[a-z]{2,}\b[^\s\"'`)<]*", re.IGNORECASE)
NAMESPACES = {"http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML"}
"""Names that only look like addresses; nothing is asked of them."""


def test_it_was_built_from_the_sources_as_they_are() -> None:
    built_from = (BUILT / build.HASH).read_text("ascii").strip()
    assert built_from == build.hash_of(SOURCES), "the console's sources have changed: run `make console`"


def test_the_page_names_files_that_are_there_and_few_of_them() -> None:
    page = (BUILT / INDEX).read_text("utf-8")
    named = re.findall(r'(?:src|href)="(?!\./")(?:\./)?([^"]+)"', page)
    assert named
    assert {name for name in named if not name.startswith("data:")} <= {
        one.relative_to(BUILT).as_posix() for one in FILES
    }
    assert len(named) + 1 <= FIRST


def test_each_file_is_served_but_what_tests_look_at() -> None:
    served = files_of(BUILT)
    assert {one.relative_to(BUILT).as_posix() for one in FILES} - served.keys() == {build.HASH, build.READS}
    assert {Path(name).suffix for name in served} <= KINDS.keys()


def test_a_name_stays_the_same_when_its_content_changes() -> None:
    hashed = re.compile(r"[-.][A-Za-z0-9_-]{8}\.(?:js|css)$")
    assert [one.name for one in FILES if hashed.search(one.name)] == []


def test_it_is_small() -> None:
    sizes = {one.name: len(gzip.compress(one.read_bytes(), mtime=0)) for one in FILES if one.name != build.LICENSES}
    assert sum(sizes.values()) <= MOST, sizes


@pytest.mark.parametrize("screen", ["Now", "Jobs", "Job", "Run"])
def test_what_a_first_screen_takes_is_small(screen: str) -> None:
    names, left = {"app.css"}, ["app.js", f"{screen}.js"]
    while left:
        name = left.pop()
        if name not in names:
            names.add(name)
            left += STATIC.findall((BUILT / name).read_text("utf-8"))
    sizes = {name: len(gzip.compress((BUILT / name).read_bytes(), mtime=0)) for name in names}
    assert sum(sizes.values()) <= MOST_AT_FIRST, sizes
    assert len(sizes) < FIRST, sizes


@pytest.mark.parametrize("file", [one for one in FILES if one.name != build.LICENSES], ids=lambda one: one.name)
def test_no_file_names_another_host_or_a_map_of_its_sources(file: Path) -> None:
    if file.suffix in (".png", ".ico", ".woff2"):
        return
    text = file.read_text("utf-8")
    assert "sourceMappingURL" not in text
    assert set(ADDRESS.findall(text)) - NAMESPACES == set()


def test_the_licences_of_what_it_is_made_of_lie_beside_it() -> None:
    told = (BUILT / build.LICENSES).read_text("utf-8")
    for name, version in json.loads((SOURCES / "package.json").read_text("utf-8"))["dependencies"].items():
        assert f"\n{name} {version} (" in told


def test_each_package_comes_by_its_hash_and_names_no_other_index_than_npms() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text("utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert len(packages) > 20
    for name, one in packages.items():
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", one.get("integrity", "")), name
        assert urlsplit(str(one.get("resolved", "https://registry.npmjs.org/"))).netloc == "registry.npmjs.org", name
    settings = (SOURCES / ".npmrc").read_text("utf-8").split()
    assert {"omit-lockfile-registry-resolved=true", "ignore-scripts=true"} <= set(settings)
    assert not any(one.startswith("registry=") or "_auth" in one for one in settings)


def test_what_ci_runs_builds_it_again() -> None:
    run = (ROOT / ".ci" / "run").read_text("utf-8")
    assert re.search(r"^make test$\n(?:#.*\n)*^exec make console-check$", run, re.MULTILINE)
    assert "make console-check" in (ROOT / "README.md").read_text("utf-8")

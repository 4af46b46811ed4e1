"""What is built of the console's sources: by which hash a change is seen, which licences go with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT, script

PROGRAM = ROOT / "deploy" / "console" / "build.py"
build = script(PROGRAM)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a console that uses one package, which brings another."""
    folder = tmp_path / "console"
    (folder / "src").mkdir(parents=True)
    (folder / "package.json").write_text('{"dependencies": {"tide": "1.0.0"}}')
    (folder / "src" / "main.ts").write_text("1")
    for name, license_of in {"tide": "MIT", "@sea/moon": "ISC"}.items():
        package = folder / "node_modules" / name
        package.mkdir(parents=True)
        (package / "package.json").write_text(json.dumps({"version": "1.0.0", "license": license_of}))
        (package / "LICENSE.md").write_text(f"of {name}\n")
    monkeypatch.setattr(build, "SOURCES", folder)
    return folder


@pytest.mark.parametrize("name", ["src/other.ts", "package-lock.json", ".npmrc", "public/mark.svg", "vite.config.ts"])
def test_each_source_changes_the_hash(sources: Path, name: str) -> None:
    before = build.hash_of(sources)
    (sources / name).parent.mkdir(exist_ok=True)
    (sources / name).write_text("1")
    one = build.hash_of(sources)
    (sources / name).write_text("2")
    assert len({before, one, build.hash_of(sources)}) == 3


@pytest.mark.parametrize(
    "name", ["src/main.test.ts", "eslint.config.js", ".gitignore", "src/.main.ts.swp", "src/main.ts~", "node_modules/x"]
)
def test_what_changes_nothing_in_the_build_does_not(sources: Path, name: str) -> None:
    before = build.hash_of(sources)
    (sources / name).write_text("1")
    assert build.hash_of(sources) == before


def test_a_source_under_another_name_is_another(sources: Path) -> None:
    before = build.hash_of(sources)
    (sources / "src" / "main.ts").rename(sources / "src" / "start.ts")
    assert build.hash_of(sources) != before


def test_the_packages_are_those_with_code_in_the_build(sources: Path, tmp_path: Path) -> None:
    inside = "../console/node_modules/tide/node_modules/@sea/moon/src/full.js"
    (tmp_path / "app.js.map").write_text(json.dumps({"sources": ["../console/src/main.ts", inside, "virtual:x"]}))
    assert build.packages_in(tmp_path) == ["@sea/moon", "tide"]


def test_each_licence_is_there_with_its_text(sources: Path) -> None:
    told = build.licenses(["@sea/moon", "tide"])
    assert "@sea/moon 1.0.0 (ISC)\n\nof @sea/moon\n" in told
    assert "tide 1.0.0 (MIT)\n\nof tide\n" in told


@pytest.mark.parametrize("license_of", ["GPL-3.0-only", None])
def test_a_licence_that_is_not_allowed_ends_the_build(sources: Path, license_of: str | None) -> None:
    about = {"version": "1", "license": license_of}
    (sources / "node_modules" / "tide" / "package.json").write_text(json.dumps(about))
    with pytest.raises(build.Flaw, match=f"tide: the licence {license_of!r} is not one of 0BSD, "):
        build.licenses(["tide"])


def test_a_licence_without_its_text_ends_the_build(sources: Path) -> None:
    (sources / "node_modules" / "tide" / "LICENSE.md").unlink()
    with pytest.raises(build.Flaw, match="tide: there is no text of its licence MIT"):
        build.licenses(["tide"])


def test_each_file_that_differs_is_named(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder, files in ((ours, {"a": "1", "b": "1", "c": "1"}), (theirs, {"a": "1", "b": "2", "d": "1"})):
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
    found = list(build.differences(ours, theirs))
    assert found == ["b is not what is built", "c is built no more", "d is not there"]
    assert list(build.differences(ours, ours)) == []


def test_without_npm_it_says_how_to_get_it(tmp_path: Path) -> None:
    """A Python beside which there is none."""
    (tmp_path / "python").symlink_to(Path(sys.executable).resolve())
    command = [tmp_path / "python", "-I", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "npm is not in the environment: use `make console`, or `uv sync --group node`\n"

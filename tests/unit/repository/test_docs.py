"""Every block of Python in the docs is run, as its reader would; and the changelog tells each change once."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.pages import README, save

DOCS = README.parent / "docs"
ANNOUNCE = "import {modules}; from waterclock_worker.registry import discover; print(len(discover([]).specs()))"


def python(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


PAGES_WITH_TESTS = ("how-to/secrets.md", "how-to/write-an-executor.md", "reference/executors.md")


@pytest.mark.parametrize("page", [*PAGES_WITH_TESTS, "reference/http-request.md"])
def test_every_block_of_python_is_saved_by_a_name(page: str, tmp_path: Path) -> None:
    assert len(save(tmp_path, DOCS / page)) == (DOCS / page).read_text().count("```python")


@pytest.mark.parametrize("page", PAGES_WITH_TESTS)
def test_the_executors_that_a_page_shows_work(page: str, tmp_path: Path) -> None:
    files = save(tmp_path, DOCS / page)
    tests = [file.name for file in files if file.name.startswith("test_")]
    modules = [file.stem for file in files if file.name not in tests]

    assert int(python(tmp_path, "-c", ANNOUNCE.format(modules=", ".join(modules)))) >= len(modules)
    said = python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "--rootdir=.", *tests)
    shown = sum(file.read_text().count("\ndef test_") for file in files)
    assert f"{shown} passed" in said


def test_a_receiver_can_check_a_signature_as_it_is_shown(tmp_path: Path) -> None:
    save(tmp_path, DOCS / "reference/http-request.md")
    check = """
import time
from hooks import is_genuine
from waterclock_worker.executors.http_request import signature
now = int(time.time())
assert is_genuine(signature("key", b"body", at=now), b"body", b"key")
assert not is_genuine(signature("key", b"other", at=now), b"body", b"key")
assert not is_genuine(signature("other", b"body", at=now), b"body", b"key")
assert not is_genuine(signature("key", b"body", at=now - 3600), b"body", b"key")
"""
    python(tmp_path, "-c", check)


def test_the_changelog_has_each_heading_and_each_entry_of_a_release_once() -> None:
    changes = (README.parent / "CHANGELOG.md").read_text()
    for release in re.split(r"^## ", changes, flags=re.MULTILINE)[1:]:
        parts = [part.strip() for part in re.split(r"^(?=- |### )", release, flags=re.MULTILINE)[1:]]
        assert [part for part, times in Counter(parts).items() if times > 1] == []
        headings = [part.split()[1] for part in parts if part.startswith("### ")]
        assert headings == [one for one in ("Breaking", "Security", "Added", "Changed", "Fixed") if one in headings]

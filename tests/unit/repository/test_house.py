"""The house as docs draw it: no path that is not there, no folder and no module that grows without a word."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.repository import DOCS, ROOT

SOURCES = [
    ROOT / folder
    for folder in (
        "shared/src",
        "shared/src/waterclock",
        "services/api/src/waterclock_api",
        "services/scheduler/src/waterclock_scheduler",
        "services/worker/src/waterclock_worker",
        "deploy/dev/src/waterclock_dev",
    )
]
PLACES = (ROOT, DOCS, *SOURCES, SOURCES[1] / "store")
MODULES_MOST, LINES_MOST = 16, 300
PATH = re.compile(r"(?<![\w/.])(?:[\w-]+/)+(?:[\w-]+\.(?:py|lua|sql|md|toml))?(?![\w/])|(?<![\w/.])[\w]+\.(?:py|lua)\b")


def product() -> list[Path]:
    packages = [one for one in SOURCES if one.name.startswith("waterclock")]
    return sorted(file for one in packages for file in one.rglob("*.py"))


@pytest.mark.parametrize("page", ["architecture.md", "development.md"])
def test_each_path_that_a_page_names_is_there(page: str) -> None:
    named = set(PATH.findall((DOCS / page).read_text()))
    assert len(named) > 20
    known = {file.name for file in product()} | {"conftest.py"}
    missing = {
        one
        for one in named
        if not any((place / one).exists() for place in PLACES)
        and not ("/" not in one and one in known)
        and not any(file.match(one) for file in product())
        and not any(folder.is_dir() for place in SOURCES[1:] for folder in place.rglob(one.rstrip("/")))
    }
    assert not missing


def test_no_folder_holds_more_modules_than_one_can_look_over() -> None:
    counts = Counter(file.parent for file in product() if file.name != "__init__.py" and file.parent.name != "bench")
    assert {str(folder): count for folder, count in counts.items() if count > MODULES_MOST} == {}


def test_a_long_module_says_why_in_its_first_lines() -> None:
    long = {file: text for file in product() if (text := file.read_text()).count("\n") > LINES_MOST}
    silent = [str(file) for file, text in long.items() if "long:" not in (ast.get_docstring(ast.parse(text)) or "")]
    assert not silent


def test_each_room_says_what_it_is_for() -> None:
    rooms = {file for file in product() if file.name == "__init__.py" and file.parent not in SOURCES}
    assert [str(file) for file in rooms if not ast.get_docstring(ast.parse(file.read_text()))] == []

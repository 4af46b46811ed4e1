"""Spelling and length of the pages, and that a misspelt word or a long sentence would be seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.repository import ROOT, script

SCRIPT = ROOT / "deploy" / "docs" / "prose.py"


@pytest.fixture(scope="module")
def judge() -> ModuleType:
    return script(SCRIPT)


def test_pages_are_spelt_and_short_as_they_are_meant_to_be() -> None:
    words = [sys.executable, str(SCRIPT)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_misspelt_is_found_and_code_is_not_looked_at(judge: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("A shedule of `nxtFireAt`, see [tyme](tiem.md).\n\n```sh\nwaterclok\n```\n\nWaterclock's cron.\n")
    assert [word for _, word in judge.misspelt([page])] == ["shedule", "tyme"]


def test_sentences_end_at_points_items_and_paragraphs(judge: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    items = "- seven eight\n- nine `a b` ten\n"
    text = f"# No sentence here\n\nOne two three. Four five: six.\n\n{items}\n| a | b |\n|---|---|\n"
    page.write_text(text)
    assert judge.sentences(page) == [3, 3, 2, 3]
    assert judge.length(page) == 16


def test_no_word_of_the_list_is_one_that_the_dictionary_has(judge: ModuleType) -> None:
    listed = [line for line in judge.WORDS.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert listed == sorted(set(listed), key=str.lower)

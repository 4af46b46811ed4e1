"""Each block that a reader types or saves says how it is tested; links of README lead somewhere.

Links between pages of docs/ are checked by the builder of the site.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.pages import COMMENT, NEEDS, README, blocks, every_block, pages, stage, staged
from tests.support.repository import ROOT

STAGES = ("dev", "operator", "project")
CREATED = re.compile(
    r'job create (?P<job>[\w-]+/[\w-]+)|"jobName": "(?P<name>[\w-]+)", "jobGroup": "(?P<group>[\w-]+)"'
)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_block_says_how_it_is_tested(page: Path) -> None:
    silent = [block.text.splitlines()[0] for block in blocks(page) if not COMMENT.fullmatch(block.test)]
    assert not silent, "no `<!-- test: … -->` before, or none that tests/support/pages.py knows"


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_block_names_its_language(page: Path) -> None:
    assert [block.text.splitlines()[0] for block in every_block(page) if not block.language] == []


@pytest.mark.parametrize("page", pages(), ids=named)
def test_a_test_that_is_named_is_there_and_reads_the_page_or_does_the_same(page: Path) -> None:
    tests = [test for block in blocks(page) for test in re.findall(r"tests/[\w./-]+\.py", block.test)]
    assert [test for test in tests if not (ROOT / test).is_file()] == []


@pytest.mark.parametrize("page", pages(), ids=named)
def test_a_page_with_commands_says_beside_what_they_are_run(page: Path) -> None:
    runs = any(block.test.startswith(("run", "each in")) for block in blocks(page))
    assert stage(page) in (STAGES if runs else ("", *STAGES))


def test_what_is_checked_by_its_form_alone_says_what_it_would_need() -> None:
    by_form = [block.test for page in pages() for block in blocks(page) if block.test.startswith("by form")]
    needed = Counter(test.partition(": ")[2] for test in by_form)
    assert needed.keys() <= set(NEEDS)


def test_no_two_pages_create_the_same_job_in_one_installation() -> None:
    created = Counter(
        job
        for page in staged("dev")
        for job in {
            found["job"] or f"{found['group']}/{found['name']}"
            for block in blocks(page)
            if block.test.startswith("run")
            for found in CREATED.finditer(block.text)
        }
    )
    assert len(created) > 10
    assert [job for job, times in created.items() if times > 1] == [], "pages are run in any order"


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_links_of_the_readme_lead_to_a_page_and_its_heading() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", README.read_text())
    local = [link for link in links if not link.startswith("http")]
    assert len(local) > 20
    broken = [
        link
        for link in local
        for path, _, anchor in [link.partition("#")]
        if not (ROOT / path).is_file() or (anchor and anchor not in anchors(ROOT / path))
    ]
    assert not broken


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 200

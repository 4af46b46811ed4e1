"""Every kind of problem that the code can answer is explained in the docs, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.repository import DOCS
from waterclock.client.errors import refusal
from waterclock_api.http import problems
from waterclock_api.http.problem_types import KINDS, TYPES

SOURCES = Path(problems.__file__).parent
PAGE = DOCS / "reference/problems.md"


def test_the_page_has_a_section_for_each_kind() -> None:
    sections = re.findall(r"^## ([a-z-]+)$", PAGE.read_text(), re.MULTILINE)
    assert sections == list(KINDS)


def test_every_kind_says_what_to_do() -> None:
    assert [kind.name for kind in KINDS.values() if not kind.remedy.endswith(".")] == []


def test_every_kind_is_answered_somewhere() -> None:
    """A kind is named where it is answered: in the table of refusals, or beside it."""
    named = set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', (SOURCES / "problems.py").read_text()))
    assert named >= set(KINDS)
    assert all(kind.type == f"{TYPES}{name}" for name, kind in KINDS.items())


def test_the_client_knows_every_kind_that_a_program_decides_by() -> None:
    told_by_status = {
        "cross-site",
        "proxied",
        "misdirected",
        "older-release",
        "method-not-allowed",
        "unsupported-body",
        "internal",
        "log-not-permitted",
        "unready",
    }
    for kind in KINDS.values():
        error = refusal(kind.status, {}, b'{"type": "%b", "title": "No"}' % kind.type.encode())
        assert (type(error).__name__ == "Refused") is (kind.name in told_by_status), kind.name


def test_the_guide_lists_every_kind_by_its_status() -> None:
    guide = (PAGE.parent / "http-api.md").read_text()
    table = guide[guide.index("after `/problems#`") :].split("\n\n")[0]
    for kind in KINDS.values():
        (row,) = [line for line in table.splitlines() if f"`{kind.name}`" in line]
        assert str(kind.status) in row.split("|")[1]

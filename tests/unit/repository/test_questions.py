"""What newcomers ask has a page and a heading that answer it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.support.repository import DOCS, GOLDEN

Question = dict[str, Any]
QUESTIONS: list[Question] = yaml.safe_load((GOLDEN / "questions.yaml").read_text())
SOURCE = re.compile(r"first-week|[\w.-]+/[\w.-]+#\d+")


def headings(page: str) -> set[str]:
    """Without what a block of code shows."""
    text = re.sub(r"^```.*?^```$", "", (DOCS / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^#{1,4} (.+)$", text, re.MULTILINE))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one["ask"])
def test_a_question_is_answered_where_it_says(question: Question) -> None:
    found, heading = headings(question["page"]), question.get("heading")
    assert found
    assert heading is None or heading in found
    assert SOURCE.fullmatch(question["from"])


def test_there_are_thirty_and_none_is_asked_twice() -> None:
    asked = [question["ask"] for question in QUESTIONS]
    assert len(set(asked)) == len(asked) >= 30


def test_a_question_of_the_faq_is_a_question() -> None:
    asked = re.findall(r"^### (.+)$", (DOCS / "faq.md").read_text(), re.MULTILINE)
    assert [one for one in asked if "?" not in one] == []
    assert len(asked) >= 30

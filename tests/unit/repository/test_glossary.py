"""The words of the glossary: those that it gives to JSON and code are there, and all are in order."""

from __future__ import annotations

import re

import pytest

from tests.support.repository import DOCS, ROOT


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.split("|")]


GLOSSARY = (DOCS / "glossary.md").read_text()
PAIRS, WORDS = (part.split("\n|---")[1] for part in GLOSSARY.split("\n## ")[1:])
CODE = {found for row in PAIRS.split("\n") if row.startswith("|") for found in re.findall(r"`([^`]+)`", cells(row)[2])}


def sources() -> str:
    files = (*ROOT.glob("shared/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py"))
    return "\n".join(file.read_text("utf-8") for file in files)


@pytest.fixture(scope="module")
def product() -> str:
    return sources()


@pytest.mark.parametrize("code", sorted(CODE))
def test_a_word_of_json_and_code_is_there(code: str, product: str) -> None:
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", code).lower()  # members are camelCase in JSON alone
    missing = [word for word in re.findall(r"\w+", code) if word not in product]
    assert not missing or snake in product


def test_words_are_in_order_and_each_is_there_once() -> None:
    words = [cells(row)[1].lower() for row in WORDS.split("\n") if row.startswith("| ")]
    assert words == sorted(set(words))
    assert len(words) > 40

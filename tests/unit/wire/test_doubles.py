"""Members that a JSON text has twice: none is missed, none is made up, and a small body is hardly looked at."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest

from waterclock.wire.doubles import Path, doubles, may_have_doubles

LEAVES = st.sampled_from(
    ["1", "null", "1e9", '"x"', '"a:b"', r'"\""', r'"\u0022"', r'"\\u0022"', r'"{\"a\":1}"', r'":\u003a"']
)
NAMES = st.sampled_from(["a", "b", r"\u0061", "a:", r"\"", r"\u0022", "é", ""])


def objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.tuples(NAMES, inner).map(lambda one: f'"{one[0]}": {one[1]}')
    return st.lists(members, max_size=4).map(lambda found: "{" + ",".join(found) + "}")


TEXTS = st.recursive(
    LEAVES, lambda inner: objects(inner) | st.lists(inner, max_size=3).map(lambda found: f"[{','.join(found)}]")
)


def looked(text: str) -> set[Path]:
    return set(doubles(text.encode())) if may_have_doubles(text.encode(), msgspec.json.decode(text)) else set()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"cronExpression": "0 3 * * *", "cronExpression": "0 4 * * *"}', ("cronExpression",)),
        (r'{"invokeParams": {"url": "a", "\u0075rl": "b"}}', ("invokeParams", "url")),
        ('{"invokeParams": {"rows": [1, {"x": 1, "x": 1}]}}', ("invokeParams", "rows", 1, "x")),
        (r'{"a": "\u0022\u0022", "a": "\"quoted\""}', ("a",)),
        ('{"a": 1, "a": 2, "a": 3}', ("a",)),
        ('{"": {}, "": {}}', ("",)),
        ('{"a": {"b": 1, "c": 2}, "a": {}}', ("a",)),
    ],
)
def test_it_is_found_wherever_it_stands(text: str, where: Path) -> None:
    assert looked(text) == {where}


@hypothesis.given(TEXTS)
def test_what_python_reads_without_a_loss_has_none(text: str) -> None:
    lost: list[Any] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        lost.extend([pairs] if len(dict(pairs)) < len(pairs) else [])
        return dict(pairs)

    json.loads(text, object_pairs_hook=members)

    assert bool(looked(text)) == bool(lost)

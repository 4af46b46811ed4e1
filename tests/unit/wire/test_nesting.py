"""How deep JSON is nested, told and cut without recursion."""

from __future__ import annotations

import json
from typing import Any, cast

import hypothesis
import pytest
from hypothesis import strategies as st

from waterclock.wire.nesting import CUT, READ_MOST, nested_deeper, shallow


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * depth + b"1" + closing * depth


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
@pytest.mark.parametrize("depth", [1, 99, 100, 101, 199, 200, 201, 963, 970, 9_990, 200_000])
def test_what_is_deeper_is_cut_at_the_bound_and_all_else_is_left(opening: bytes, closing: bytes, depth: int) -> None:
    text = nested(depth, opening, closing)
    deep = depth * (2 if b"[{" in opening else 1) > READ_MOST

    cut = shallow(text)

    assert nested_deeper(text, READ_MOST) is deep
    assert (cut is text) is not deep
    assert not nested_deeper(cut, READ_MOST)
    assert (CUT.encode() in cut) is deep
    json.loads(cut)


def test_brackets_in_texts_do_not_count() -> None:
    text = json.dumps({"a": "[" * 500 + '"{\\', '{"' * 300: [r"\"[", "]"]}).encode()

    assert shallow(text) is text


def test_what_stands_beside_the_deep_part_stays() -> None:
    assert json.loads(shallow(b'{"a":[[1]],"b":{"c":[],"d":2},"e":[[],3]}', 2)) == {
        "a": [CUT],
        "b": {"c": CUT, "d": 2},
        "e": [CUT, 3],
    }


def cut(found: Any, most: int) -> Any:
    if isinstance(found, list):
        return [cut(one, most - 1) for one in cast("list[Any]", found)] if most else CUT
    if isinstance(found, dict):
        members = cast("dict[str, Any]", found)
        return {name: cut(one, most - 1) for name, one in members.items()} if most else CUT
    return found


@hypothesis.given(
    value=st.recursive(
        st.none() | st.integers() | st.text('ab"[]{}\\'),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a"[]{}\\'), inner, max_size=3),
        max_leaves=20,
    ),
    most=st.integers(0, 6),
)
def test_any_value_is_cut_as_a_walk_over_it_would_cut_it(value: Any, most: int) -> None:
    assert json.loads(shallow(json.dumps(value).encode(), most)) == cut(value, most)


@pytest.mark.parametrize(
    "garbled", [b"", b"[" * 5_000, b"]" * 5_000, b'"' + b"[" * 5_000, b"{" * 300 + b"]" * 300, b"]" * 300 + b"[" * 300]
)
def test_what_is_no_json_is_no_error(garbled: bytes) -> None:
    assert not nested_deeper(shallow(garbled), READ_MOST)

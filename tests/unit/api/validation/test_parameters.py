"""Parameters against schemas that nobody here has written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support import announced
from waterclock.model.errors import Flaw
from waterclock.model.events import ExecutorSpec
from waterclock_api.http.flaw_limits import MOST
from waterclock_api.schemas.responses import Note
from waterclock_api.validation.check_budget import CheckBudget, TooMuch
from waterclock_api.validation.notes import Subject, left_to_workers
from waterclock_api.validation.parameters import errors_in, prepared
from waterclock_api.validation.values import check_params

LOOK_AHEAD = {"type": "string", "pattern": "^(?=a)"}


def spec_of(schema: dict[str, Any]) -> ExecutorSpec:
    return ExecutorSpec(key="theirs.odd", description="", params_schema=schema)


def of(**properties: Any) -> ExecutorSpec:
    return spec_of({"type": "object", "properties": properties})


def checked(spec: ExecutorSpec, params: dict[str, Any]) -> tuple[list[Flaw], list[Note]]:
    flaws: list[Flaw] = []
    notes: list[Note] = []
    asyncio.run(check_params(spec, params, flaws, notes, at="invokeParams", beside=asyncio.to_thread))
    subject = Subject(target=spec.key, params=params, at="invokeParams", spec=spec, queue="default")
    return flaws, [*notes, *left_to_workers(subject)]


def pointers(found: list[Flaw] | list[Note]) -> list[str | None]:
    return [one.pointer for one in found]


def spent(spec: ExecutorSpec, params: dict[str, Any]) -> int:
    """Units that a look takes."""
    least, most = 0, 1 << 20
    while most - least > 1:
        middle = (least + most) // 2
        try:
            errors_in(prepared(spec), params, CheckBudget(middle), 1 << 30)
            most = middle
        except TooMuch:
            least = middle
    return most


def test_a_pattern_that_takes_python_for_ever_is_checked() -> None:
    spec = of(name={"type": "string", "pattern": "^(a+)+$"})
    assert pointers(checked(spec, {"name": "a" * 26 + "!"})[0]) == ["/invokeParams/name"]
    assert checked(spec, {"name": "a" * 26}) == ([], [])


def test_many_wrong_entries_are_named_in_part() -> None:
    (spec,) = (one for one in announced.specs() if one.key == "http.request")
    flaws, _ = checked(spec, {"url": "https://a.example/", "expect": ["x"] * 12_000})
    assert len(flaws) == MOST
    assert flaws[0].pointer == "/invokeParams/expect/0"


def test_many_right_entries_are_taken() -> None:
    status = {"anyOf": [{"type": "integer", "minimum": 100}, {"type": "string", "pattern": "^[1-5]xx$"}]}
    spec = of(expect={"type": "array", "items": status})
    assert checked(spec, {"expect": [200] * 500}) == ([], [])
    flaws, notes = checked(spec, {"expect": [200] * 12_000})
    assert flaws == []
    assert pointers(notes) == ["/invokeParams"]  # the worker looks at all of them


@pytest.mark.parametrize("spec", announced.specs(), ids=lambda spec: spec.key)
def test_built_in_executors_leave_nothing_to_the_worker(spec: ExecutorSpec) -> None:
    assert prepared(spec).validator is not None
    assert not prepared(spec).odd
    flaws, notes = checked(spec, {"no such member": 1})
    assert "/invokeParams/no such member" in pointers(flaws)
    assert notes == []


def test_what_the_engine_has_no_word_for_is_a_note_and_no_flaw() -> None:
    schema = {
        "type": "object",
        "$defs": {"odd": LOOK_AHEAD},
        "properties": {
            "plain": {"type": "integer"},
            "straight": LOOK_AHEAD,
            "absent": LOOK_AHEAD,
            "list": {"type": "array", "items": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/odd"}]}},
            "map": {"type": "object", "additionalProperties": {"$ref": "#/$defs/odd"}},
        },
    }
    flaws, notes = checked(spec_of(schema), {"plain": "x", "straight": "b", "list": [None, "b"], "map": {"a/b": "b"}})
    assert pointers(flaws) == ["/invokeParams/plain"]
    told = {f"/invokeParams{place}" for place in ("/straight", "/list/1", "/map/a~1b")}
    assert told <= set(pointers(notes))
    assert told | {"/invokeParams"} >= set(pointers(notes))
    assert all("theirs.odd" in note.message and "worker" in note.message for note in notes)


@pytest.mark.parametrize(
    "schema",
    [
        {"not": LOOK_AHEAD},
        {"not": {"not": {"not": LOOK_AHEAD}}},
        {"oneOf": [LOOK_AHEAD, {"type": "string"}]},
        {"if": LOOK_AHEAD, "then": {"const": "never"}},
        {"if": LOOK_AHEAD, "else": {"const": "never"}},
        {"allOf": [LOOK_AHEAD, {"not": {"anyOf": [{"type": "null"}, LOOK_AHEAD]}}]},
    ],
)
def test_what_cannot_be_told_is_never_a_flaw(schema: dict[str, Any]) -> None:
    for text in ("a", "b"):
        flaws, notes = checked(of(x=schema), {"x": text})
        assert flaws == []
        assert notes


def test_names_that_a_pattern_tells_of_are_no_surplus() -> None:
    spec = spec_of({"patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": False})
    flaws, _ = checked(spec, {"x-a": 1, "x-b": "wrong", "other": 1})
    assert sorted(map(str, pointers(flaws))) == ["/invokeParams/other", "/invokeParams/x-b"]
    odd = spec_of({"patternProperties": {"^(?=x)": {"type": "integer"}}, "additionalProperties": False})
    assert checked(odd, {"x-a": "?", "other": 1})[0] == []


def doubling(deep: int) -> dict[str, Any]:
    """Each definition asks for the next one twice."""
    each = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(deep)}
    return {"$defs": each | {f"d{deep}": {"type": "object"}}, "$ref": "#/$defs/d0"}


def nested(deep: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(deep):
        schema = {"properties": {"x": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$dynamicAnchor": "a", "$dynamicRef": "#a"},
        doubling(40),
        {"anyOf": [{"properties": {"x": {"const": n}}} for n in range(10_000)]},
        {"properties": {"x": {"enum": list(range(100_000))}}},
        {"required": [f"x{n}" for n in range(100_000)]},
        nested(900),
        nested(60),
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/$defs/none"},
        {"$schema": "http://127.0.0.1:9/", "type": "object"},
        {"type": "whatever"},
        {"pattern": 5, "properties": 7},
        {"properties": {"x": {"pattern": "("}}},
        {"propertyNames": {"pattern": "((a?){90}){90}"}},
        {"unevaluatedProperties": False},
        {"multipleOf": 0},
    ],
)
def test_no_schema_takes_long_or_makes_a_fault(schema: dict[str, Any]) -> None:
    spec = spec_of(schema)
    flaws, _ = checked(spec, {"x": -1, "y": ["a" * 1_000] * 50})
    assert len(flaws) <= MOST


def test_elements_that_cannot_be_sorted_are_compared_once() -> None:
    spec = of(x={"type": "array", "uniqueItems": True})
    mixed: list[Any] = [{"a": n} if n % 2 else n for n in range(8_000)]
    assert checked(spec, {"x": mixed}) == ([], [])
    assert pointers(checked(spec, {"x": [*mixed, {"a": 1}]})[0]) == ["/invokeParams/x"]


def test_a_look_pays_for_what_it_takes() -> None:
    assert spent(of(x={"type": "integer"}), {"x": 1}) < 20
    many = of(x={"items": {"type": "integer"}})
    assert spent(many, {"x": [1] * 1_000}) > 1_000
    written_out = of(x={"anyOf": [{"type": "null"}] * 100})
    assert spent(written_out, {"x": ["a" * 60_000]}) > 100 * 32
    with pytest.raises(TooMuch):
        errors_in(prepared(many), {"x": [1] * 1_000}, CheckBudget(500), MOST)

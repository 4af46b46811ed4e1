"""What is told of a wrong value holds no pattern, but what was expected and an example."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
import pytest

from waterclock.kit.text.validation_messages import message_of, pointer_of
from waterclock.model.errors import Flaw
from waterclock.model.events import ExecutorSpec
from waterclock_api.http.request_body import read_struct
from waterclock_api.schemas import requests
from waterclock_api.validation.values import check_params
from waterclock_worker.registry import discover
from waterclock_worker.reporting.outcome import BadParams, params_for

OF_PATTERNS = ("^", "$(", "[^", "(?", "does not match", "regex", "\\")
ODD = "\x07 no ^such\n"

BODIES = [
    kind
    for kind in vars(requests).values()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == requests.__name__
]
EXECUTORS = discover([])
SPECS = EXECUTORS.specs()


class Told(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(pattern="^[a-z]+$", description="A word.", examples=["tide"])] | None = None
    bare: Annotated[str, msgspec.Meta(pattern="^x$")] = "x"
    level: Literal["debug", "info"] = "info"
    levels: tuple[Literal["debug", "info"], ...] = ()
    either: str | tuple[Literal["a", "b"], ...] = ()
    named: dict[Annotated[str, msgspec.Meta(pattern="^[a-z]$", description="a letter")], int] = {}
    deep: list[dict[str, Annotated[str, msgspec.Meta(pattern="^x$", examples=["x"])]]] = []


@pytest.mark.parametrize(
    ("value", "pointer", "said"),
    [
        ({"name": "7"}, "/name", "has the wrong form: A word; for example tide"),
        ({"bare": "7"}, "/bare", "has the wrong form"),
        ({"level": "Debug"}, "/level", "is not one of debug, info; did you mean debug?"),
        ({"level": 3}, "/level", 'expected str, got int; it is one of "debug", "info"'),
        ({"levels": ["loud"]}, "/levels/0", "is not one of debug, info"),
        ({"either": ["c"]}, "/either/0", "is not one of a, b"),
        ({"named": {"7": 1}}, "/named", "has the wrong form: a letter"),
        ({"deep": [{}, {"k": "y"}]}, "/deep/1", "has the wrong form; for example x"),
        ({"named": []}, "/named", "expected object, got array"),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_words(value: Any, pointer: str, said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.convert(value, Told)
    assert (pointer_of(error.value), message_of(error.value, Told)) == (pointer, said)


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
def test_no_member_of_a_body_is_answered_by_a_pattern(kind: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(kind):
        for odd in (ODD, [ODD], {ODD: ODD}, [[ODD]], -1, 1.5):
            flaws: list[Flaw] = []
            stand_ins = {each.name: None for each in msgspec.structs.fields(kind) if each.required}
            read_struct(kind, {field.encode_name: odd}, flaws, stand_ins=stand_ins)
            _check(flaw.message for flaw in flaws)


def places(spec: ExecutorSpec) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Parameters that are odd in one place which has a pattern, and the schema of that place."""
    schema: dict[str, Any] = dict(spec.params_schema)
    for name, inner in schema.get("properties", {}).items():
        for value, place in _odd(schema, inner):
            yield {name: value}, place


def _odd(root: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "pattern" in schema:
        yield ODD, schema
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _odd(root, one)
    if isinstance(schema.get("items"), dict):
        yield from (([value], place) for value, place in _odd(root, schema["items"]))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from (({"name": value}, place) for value, place in _odd(root, schema["additionalProperties"]))
    if isinstance(schema.get("propertyNames"), dict) and "pattern" in schema["propertyNames"]:
        yield {ODD: "value"}, schema["propertyNames"]
    for name, inner in schema.get("properties", {}).items():
        yield from (({name: value}, place) for value, place in _odd(root, inner))


PLACES = [(spec, params, place) for spec in SPECS for params, place in places(spec)]


def test_there_are_members_with_patterns() -> None:
    assert {next(iter(params)) for _, params, _ in PLACES} >= {
        "url",
        "headers",
        "expect",
        "bucket",
        "endpoint",
        "prefix",
    }


@pytest.mark.parametrize(
    ("spec", "params", "place"), PLACES, ids=[f"{spec.key} {next(iter(params))}" for spec, params, _ in PLACES]
)
def test_no_parameter_of_ours_is_answered_by_a_pattern(
    spec: ExecutorSpec, params: dict[str, Any], place: dict[str, Any]
) -> None:
    flaws: list[Flaw] = []
    asyncio.run(check_params(spec, params, flaws, [], at="invokeParams", beside=_never))
    told = [flaw.message for flaw in flaws if "required" not in flaw.message]
    _check(told)
    assert told, "it is refused"
    assert place.get("description"), "what is expected is said"
    assert place.get("examples"), "by an example, too"
    executor = EXECUTORS.find(spec.key)
    assert executor is not None
    with pytest.raises(BadParams) as bad:
        params_for(executor, params)
    _check([str(bad.value)])


async def _never(*_: Any) -> Any:
    raise AssertionError


_PATTERN = {"type": "string", "pattern": "^[^x]+$(?!\\n)"}


@pytest.mark.parametrize(
    "schema",
    [
        _PATTERN,
        {"not": {"pattern": "^\x07"}},
        {"oneOf": [{"pattern": "^\x07"}, {"pattern": "."}]},
        {"anyOf": [_PATTERN, {"type": "integer"}]},
        {"allOf": [{"not": {"pattern": "no"}}, {"pattern": "^[^n]*$"}]},
        {"if": {"pattern": "no"}, "then": {"pattern": "^$"}},
        {"type": "string", "format": "email", "pattern": "^.+@"},
        {"type": "array", "contains": {"pattern": "^x"}},
        {"type": "object", "propertyNames": {"pattern": "^[a-z]$"}},
        {"type": "object", "patternProperties": {"^.": {"pattern": "^[^a]$"}}},
        {"type": "object", "additionalProperties": {"pattern": "^(?!n)$"}},
    ],
    ids=lambda schema: next(iter(schema)),
)
@pytest.mark.parametrize("value", [ODD, [ODD], {ODD: ODD}, {"name": ODD}], ids=["text", "list", "names", "values"])
def test_no_schema_of_others_is_told_by_its_patterns(schema: dict[str, Any], value: Any) -> None:
    whole = {"type": "object", "properties": {"value": schema}}
    spec = ExecutorSpec(key="their.own", description="", params_schema=whole, result_schema=None)
    flaws: list[Flaw] = []
    asyncio.run(check_params(spec, {"value": value}, flaws, [], at="invokeParams", beside=_never))
    _check(flaw.message for flaw in flaws)


def _check(told: Any) -> None:
    for message in told:
        for sign in OF_PATTERNS:
            assert sign not in message.replace(ODD, "").replace(repr(ODD), "").replace(repr(ODD)[1:-1], ""), message

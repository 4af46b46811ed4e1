"""Parameters against the schema that workers announced, at a bounded cost.

    spec ── prepare, once ──► Schema ── flaws_in(parameters, budget) ──► flaws, and whether all could be told
                                    └── left_to_worker(parameters) ────► what only the worker checks

Schema and parameters are others' work: each keyword, each error and each pattern pays for what it takes from a budget,
in units of some 10 µs. What cannot be told here is never a flaw, for the worker checks again at each run.

It is long: one walk through a schema, whose steps share its bounds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from waterclock.model.events import ExecutorSpec
from waterclock.model.parameters.builtin_checks import Check, check_of
from waterclock_api.validation.check_budget import CheckBudget, TooMuch, current
from waterclock_api.validation.regex import understood

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

SCHEMA_BYTES_MOST = 256 << 10
SCHEMA_DEPTH_MOST = 64
PREPARING = 100_000  # units, for a look at a schema
_KEPT = 512
_LOOKS_MOST = 500  # places of parameters that are looked at for what is left to the worker


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """`validator` None: the schema cannot be read, or is too large. `odd`: it holds what only a worker can check.

    `check`: what else parameters must be, where the executor is one that comes with the worker.
    """

    spec: ExecutorSpec
    validator: Any
    odd: bool
    check: Check | None = None


_prepared: OrderedDict[int, Schema] = OrderedDict()


def prepared(spec: ExecutorSpec) -> Schema:
    """What was found out about an executor's schema; the first time that takes up to a second."""
    known = _prepared.get(id(spec))
    if known is not None and known.spec is spec:
        return known
    schema = _prepared[id(spec)] = _prepare(spec)
    while len(_prepared) > _KEPT:
        _prepared.popitem(last=False)
    return schema


def errors_in(schema: Schema, params: Mapping[str, Any], budget: CheckBudget, most: int) -> list[ValidationError]:
    """What does not fit, at most so many errors.

    Raises:
        TooMuch: to find them costs more than the budget; it has those that were found.
    """
    found: list[ValidationError] = []
    if schema.validator is None:
        budget.in_part = True
        return found
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - see keywords.py

    token = current.set(budget)
    try:
        for error in schema.validator.iter_errors(params):
            found.append(error)
            if len(found) == most:
                break
    except (RecursionError, Unresolvable):
        budget.in_part = True
    except TooMuch as error:
        raise TooMuch(*found) from error
    finally:
        current.reset(token)
    return found


def left_to_worker(schema: Schema, params: Mapping[str, Any]) -> Iterator[tuple[str | int, ...]]:
    """The paths of parameters with a pattern, or another rule, that only a worker can check."""
    if not schema.odd:
        return
    root: Any = schema.spec.params_schema
    waiting: list[tuple[Any, Any, tuple[str | int, ...]]] = [(root, params, ())]
    for _ in range(_LOOKS_MOST):
        if not waiting:
            return
        inner, value, path = waiting.pop()
        if not isinstance(inner, dict):
            continue
        if _is_odd(cast("dict[str, Any]", inner), value):
            yield path
        waiting += _below(root, cast("dict[str, Any]", inner), value, path)


def _prepare(spec: ExecutorSpec) -> Schema:
    import referencing  # noqa: PLC0415 - see keywords.py
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    from waterclock_api.validation.keywords import Bounded, of_schemas  # noqa: PLC0415

    schema: Any = spec.params_schema
    nowhere: Any = cast("Any", referencing).Registry()  # a schema refers to itself only: nothing is fetched
    unread = Schema(spec=spec, validator=None, odd=True)
    try:
        if len(msgspec.json.encode(schema)) > SCHEMA_BYTES_MOST or _is_deep(schema):
            return unread
        token = current.set(CheckBudget(PREPARING))
        try:
            if not of_schemas.is_valid(schema):
                return unread
        finally:
            current.reset(token)
    except (TooMuch, RecursionError, Unresolvable, msgspec.MsgspecError):
        return unread
    return Schema(
        spec=spec,
        validator=Bounded(schema, registry=nowhere),
        odd=any(map(_is_odd, _schemas_in(schema))),
        check=check_of(spec),
    )


def _is_deep(schema: Any) -> bool:
    level = [schema]
    for _ in range(SCHEMA_DEPTH_MOST):
        level = [each for one in level for each in _inner(one) if isinstance(each, dict | list)]
    return bool(level)


def _schemas_in(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object in it; some are no schemas, which does no harm."""
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield cast("dict[str, Any]", one)
        waiting += (each for each in _inner(one) if isinstance(each, dict | list))


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else []


_NOT_SAID: Any = object()


def _is_odd(schema: Mapping[str, Any], value: Any = _NOT_SAID) -> bool:
    """Whether it has a rule that is not checked here, about `value` if that is given."""
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and (value is _NOT_SAID or isinstance(value, str)) and understood(pattern) is None:
        return True
    if value is not _NOT_SAID and not isinstance(value, dict | list):
        return False
    names: Any = schema.get("patternProperties")
    if isinstance(names, dict) and any(understood(name) is None for name in cast("dict[str, Any]", names)):
        return True
    return "unevaluatedProperties" in schema or "unevaluatedItems" in schema


def _below(
    root: Any, schema: dict[str, Any], value: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[Any, Any, tuple[str | int, ...]]]:
    """The schemas within a schema, each with the part of the value that it is about."""
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        target: Any = root
        for name in reference[2:].split("/"):
            members = cast("dict[str, Any]", target) if isinstance(target, dict) else {}
            target = members.get(name.replace("~1", "/").replace("~0", "~"))
        yield target, value, path
    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from ((one, value, path) for one in schema.get(keyword, ()))
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for name, each in cast("dict[str, Any]", value).items():
            yield known.get(name, schema.get("additionalProperties")), each, (*path, name)
    elif isinstance(value, list):
        for place, each in enumerate(cast("list[Any]", value)[:_LOOKS_MOST]):
            yield schema.get("items"), each, (*path, place)

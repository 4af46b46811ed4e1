"""Parameters against the schema that workers announced, at a bounded cost.

    spec ── prepare, once ──► Schema ── flaws_in(parameters, budget) ──► flaws, and whether all could be told
                                    └── left_to_worker(parameters) ────► what only the worker checks

Schema and parameters are others' work: each keyword, each error and each pattern pays for what it takes from a budget,
in units of some 10 µs. What cannot be told here is never a flaw, for the worker checks again at each run.

It is long: one walk through a schema, whose steps share its bounds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, cast

import msgspec
import referencing
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from jsonschema_specifications import REGISTRY as SPECIFICATIONS
from referencing.exceptions import Unresolvable

from waterclock.model.events import ExecutorSpec
from waterclock.model.parameters.builtin_checks import Check, check_of
from waterclock_api.validation.regex import understood

SCHEMA_BYTES_MOST = 256 << 10
SCHEMA_DEPTH_MOST = 64
PREPARING = 100_000  # units, for a look at a schema
_KEPT = 512
_LOOKS_MOST = 500  # places of parameters that are looked at for what is left to the worker
_CONTAINER = 64  # units, for an error about an object or array: it is written out, at most 64 KiB

Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]


class TooMuch(Exception):
    """The budget is spent."""

    def __init__(self, *found: ValidationError) -> None:
        super().__init__("the budget is spent")
        self.found = found


class _CannotTell(Exception):
    pass


class Budget:
    """`in_part`: something could not be told."""

    __slots__ = ("_units", "in_part", "strict")

    def __init__(self, units: int) -> None:
        self._units = units
        self.in_part = False
        self.strict = 0  # of keywords within each other for which what cannot be told does not count as right

    def take(self, units: int) -> None:
        """
        Raises:
            TooMuch.
        """
        self._units -= units
        if self._units < 0:
            raise TooMuch

    def passed_over(self) -> None:
        """Something cannot be told, and is taken as right."""
        self.in_part = True
        if self.strict:
            raise _CannotTell


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """`validator` None: the schema cannot be read, or is too large. `odd`: it holds what only a worker can check.

    `check`: what else parameters must be, where the executor is one that comes with the worker.
    """

    spec: ExecutorSpec
    validator: Any
    odd: bool
    check: Check | None = None


_NOWHERE: Any = cast("Any", referencing).Registry()  # a schema refers to itself only: nothing is fetched
_budget: ContextVar[Budget] = ContextVar("budget")
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


def errors_in(schema: Schema, params: Mapping[str, Any], budget: Budget, most: int) -> list[ValidationError]:
    """What does not fit, at most so many errors.

    Raises:
        TooMuch: to find them costs more than the budget; it has those that were found.
    """
    found: list[ValidationError] = []
    if schema.validator is None:
        budget.in_part = True
        return found
    token = _budget.set(budget)
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
        _budget.reset(token)
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


def extra_members(instance: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """The members that neither `properties` nor `patternProperties` tell of; in doubt one is no extra."""
    known = schema.get("properties", {})
    found = [name for name in instance if name not in known]
    for pattern in schema.get("patternProperties", {}):
        found = [name for name in found if _fits(pattern, name) is False]
    return found


def _prepare(spec: ExecutorSpec) -> Schema:
    schema: Any = spec.params_schema
    unread = Schema(spec=spec, validator=None, odd=True)
    try:
        if len(msgspec.json.encode(schema)) > SCHEMA_BYTES_MOST or _is_deep(schema):
            return unread
        token = _budget.set(Budget(PREPARING))
        try:
            if not _of_schemas.is_valid(schema):
                return unread
        finally:
            _budget.reset(token)
    except (TooMuch, RecursionError, Unresolvable, msgspec.MsgspecError):
        return unread
    return Schema(
        spec=spec,
        validator=_Bounded(schema, registry=_NOWHERE),
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


def _fits(pattern: str, text: str) -> bool | None:
    """As `Pattern.fits`, paid for; None is noted."""
    budget, found = _budget.get(None), understood(pattern)
    if budget is not None and found is not None:
        budget.take(found.cost(text))
    fits = None if found is None else found.fits(text)
    if fits is None and budget is not None:
        budget.passed_over()
    return fits


def _pattern(validator: Any, value: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and _fits(value, instance) is False:
        yield ValidationError("does not match the pattern")


def _pattern_properties(validator: Any, value: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, inner in value.items():
        for name, each in instance.items():
            if _fits(pattern, name):
                yield from validator.descend(each, inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    extra = extra_members(instance, schema)
    if validator.is_type(value, "object"):
        for name in extra:
            yield from validator.descend(instance[name], value, path=name)
    elif not value and extra:
        yield ValidationError(f"{len(extra)} members are unknown")


def _unique_items(validator: Any, value: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if value and validator.is_type(instance, "array"):
        told = [msgspec.json.encode(each, order="deterministic") for each in instance]
        if len(set(told)) < len(told):
            yield ValidationError("has the same element more than once")


def _unevaluated(*_: Any) -> Iterator[ValidationError]:
    _budget.get().passed_over()
    return iter(())


def _paid(keyword: Keyword) -> Keyword:
    def paid(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget = _budget.get()
        budget.take(1 + _size(value) // 8 + _size(instance) // 32)
        for error in keyword(validator, value, instance, schema) or ():
            inner = isinstance(error.validator, str)  # it has been paid for
            budget.take(1 if inner else _CONTAINER if isinstance(instance, dict | list) else 1 + _size(instance) // 500)
            yield error

    return paid


def _strictly(keyword: Keyword) -> Keyword:
    """For a keyword that refuses what fits: where it cannot be told whether something does, nothing is refused."""

    def strictly(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget = _budget.get()
        budget.strict += 1
        try:
            return iter(list(keyword(validator, value, instance, schema) or ()))
        except _CannotTell:
            if budget.strict > 1:
                raise
            return iter(())
        finally:
            budget.strict -= 1

    return strictly


def _size(value: Any) -> int:
    return len(cast("str", value)) if isinstance(value, str | list | dict) else 0


def _keywords() -> dict[str, Keyword]:
    known = cast("dict[str, Keyword]", dict(Draft202012Validator.VALIDATORS))
    known |= {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
        "unevaluatedProperties": _unevaluated,
        "unevaluatedItems": _unevaluated,
    }
    known |= {name: _strictly(known[name]) for name in ("not", "oneOf", "if", "contains")}
    return {name: _paid(keyword) for name, keyword in known.items()}


_Bounded: Any = cast("Any", validators).extend(Draft202012Validator, _keywords())
_of_schemas: Any = _Bounded(Draft202012Validator.META_SCHEMA, registry=SPECIFICATIONS)

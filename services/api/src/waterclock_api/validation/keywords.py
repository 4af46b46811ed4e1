"""The keywords of JSON Schema, each of which pays from the budget; patterns by an engine that takes linear time.

Imported when the first schema is looked at, in a thread: the libraries take a tenth of each start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import msgspec
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from jsonschema_specifications import REGISTRY as SPECIFICATIONS

from waterclock_api.validation.check_budget import CannotTell, current, extra_members, fits

_CONTAINER = 64  # units, for an error about an object or array: it is written out, at most 64 KiB

Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]


def _pattern(validator: Any, value: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and fits(value, instance) is False:
        yield ValidationError("does not match the pattern")


def _pattern_properties(validator: Any, value: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, inner in value.items():
        for name, each in instance.items():
            if fits(pattern, name):
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
    current.get().passed_over()
    return iter(())


def _paid(keyword: Keyword) -> Keyword:
    def paid(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget = current.get()
        budget.take(1 + _size(value) // 8 + _size(instance) // 32)
        for error in keyword(validator, value, instance, schema) or ():
            inner = isinstance(error.validator, str)  # it has been paid for
            budget.take(1 if inner else _CONTAINER if isinstance(instance, dict | list) else 1 + _size(instance) // 500)
            yield error

    return paid


def _strictly(keyword: Keyword) -> Keyword:
    """For a keyword that refuses what fits: where it cannot be told whether something does, nothing is refused."""

    def strictly(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        budget = current.get()
        budget.strict += 1
        try:
            return iter(list(keyword(validator, value, instance, schema) or ()))
        except CannotTell:
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


Bounded: Any = cast("Any", validators).extend(Draft202012Validator, _keywords())
of_schemas: Any = Bounded(Draft202012Validator.META_SCHEMA, registry=SPECIFICATIONS)

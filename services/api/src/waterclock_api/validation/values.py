"""What a body must hold beyond its types: durations, schedules, queues, executors and their parameters.

Every check adds flaws to a list, so that one answer names them all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

from msgspec import UNSET, UnsetType

from waterclock.kit.text.validation_messages import wrong_form
from waterclock.model.definition import Definition
from waterclock.model.durations import moment, seconds
from waterclock.model.errors import Flaw, pointer_to
from waterclock.model.events import ExecutorSpec
from waterclock.model.names import common, name_flaw, normal
from waterclock.model.parameters.bounds import (
    RANGES,
    label_flaws,
    named_flaw,
    params_flaw,
    range_flaw,
)
from waterclock.model.parameters.builtin_checks import new_flaws
from waterclock.model.parameters.promise_bounds import promise_flaws
from waterclock.model.promise import Promise
from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import Stamp
from waterclock.model.words import CONCURRENT, MISFIRE, STATUS, coded
from waterclock_api.http.flaw_limits import MOST, full, guess
from waterclock_api.schemas.requests import JobWrite, PromiseWrite, RetryWrite
from waterclock_api.schemas.responses import Note
from waterclock_api.validation.check_budget import CheckBudget, TooMuch, extra_members
from waterclock_api.validation.parameters import errors_in, left_to_worker, prepared

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

T = TypeVar("T")

AT_ONCE, BESIDE = 500, 20_000  # units of 10 µs, for a look at parameters before other requests and beside them
Beside = Callable[..., Awaitable[Any]]
"""Calls a function where it holds nobody up."""
_NAMED = 20  # known executors named in a refusal


def definition_of(write: JobWrite, flaws: list[Flaw], *, before: Definition | None = None) -> Definition:
    """The definition that a body describes; wherever a flaw is added, the field holds its default.

    Names that the job has `before` stay as they are, whatever they hold.
    """
    check_params_size(write.invoke_params, flaws, at="invokeParams")
    flaws += label_flaws(write.labels, before=None if before is None else before.labels)
    durations = {
        "misfire_threshold": duration("misfireThreshold", write.misfire_threshold, flaws),
        "catchup_window": duration("catchupWindow", write.catchup_window, flaws),
        "catchup_pace": duration("catchupPace", write.catchup_pace, flaws),
        "jitter": duration("jitter", write.jitter, flaws),
    }
    definition = Definition(
        job_name=_named("jobName", write.job_name, flaws, before=before and before.job_name),
        job_group=_named("jobGroup", write.job_group, flaws, before=before and before.job_group, slash=False),
        invoke_target=write.invoke_target,
        invoke_params=write.invoke_params,
        cron_expression=write.cron_expression,
        status=coded(STATUS, write.status),
        misfire_policy=coded(MISFIRE, write.misfire_policy),
        concurrent=coded(CONCURRENT, write.concurrent),
        remark=write.remark,
        queue=write.queue,
        timezone=write.timezone,
        cron_dialect=write.cron_dialect,
        dst_gap=write.dst_gap,
        dst_fold=write.dst_fold,
        overlap_policy=write.overlap_policy,
        catchup_limit=write.catchup_limit,
        start_at=instant("startAt", write.start_at, flaws),
        end_at=instant("endAt", write.end_at, flaws),
        timeout=None if write.timeout is None else duration("timeout", write.timeout, flaws),
        retry=retry_policy(write.retry, flaws),
        promise=_promise(write.promise, flaws),
        labels=write.labels,
        **durations,
    )
    if definition.start_at is not None and definition.end_at is not None and definition.end_at < definition.start_at:
        flaws.append(Flaw("/endAt", "is before startAt"))
    flaws += promise_flaws(definition)
    return definition


def _named(member: str, written: str, flaws: list[Flaw], *, before: str | None, slash: bool = True) -> str:
    """A name as it is kept: in NFC, but as it was where it stays."""
    if (said := named_flaw(written, before=before, slash=slash)) is not None:
        flaws.append(Flaw(pointer_to(member), said))
    return written if written == before else normal(written)


def check_queue(name: str, known: Iterable[str], flaws: list[Flaw]) -> None:
    names = list(known)
    if name in names:
        return
    alike = next((one for one in names if common(one) == common(name)), None)
    if alike is None:
        flaws.append(Flaw("/queue", f"unknown queue {name!r}; known queues: {', '.join(names)}"))
    else:
        flaws.append(Flaw("/queue", f"there is no queue {name!a}: the one that looks the same is {alike!a}"))


def check_target(
    target: str, known: Mapping[str, ExecutorSpec], flaws: list[Flaw], *, unknown_too: bool = False
) -> None:
    """Whether a worker ever announced this executor, or, if that is enough, one could; `known` holds aliases too."""
    if target in known:
        return
    wrong = name_flaw(target) or (None if target == normal(target) else "is not in NFC: write it composed")
    if wrong is not None:
        flaws.append(Flaw("/invokeTarget", wrong))
        return
    if unknown_too:
        return
    names = sorted(known)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    told = f"known are {', '.join(names[:_NAMED])}{more}" if names else "no worker has announced any"
    said = f"no worker has announced {target!r}: {told}{guess(target, known, flaws, cutoff=0.5)}"
    flaws.append(Flaw("/invokeTarget", said))


async def check_params(
    spec: ExecutorSpec | None,
    params: Mapping[str, Any],
    flaws: list[Flaw],
    notes: list[Note],
    *,
    at: str,
    beside: Beside,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Whether the parameters fit the executor's schema and, if it comes with the worker, its check.

    Without a schema we cannot tell. What takes long is looked at `beside` other requests, and left to the worker if it
    takes too long. What a check would refuse stays as it is in `before`: what the job has by now, of the same executor.
    """
    if spec is None or any(flaw.pointer.startswith(pointer_to(at)) for flaw in flaws):
        return
    budget = CheckBudget(AT_ONCE)
    try:
        errors = errors_in(prepared(spec), params, budget, MOST)
    except TooMuch:
        budget = CheckBudget(BESIDE)
        try:
            errors = await beside(errors_in, prepared(spec), params, budget, MOST)
        except TooMuch as error:
            errors, budget.in_part = list(error.found), True
    for error in errors:
        if full(flaws):
            return
        flaws.extend(_named_by(error, at))
    schema = prepared(spec)
    if schema.check is not None and not errors:
        found = islice(new_flaws(schema.check, params, before), MOST)
        flaws.extend(Flaw(pointer_to(at) + flaw.pointer, flaw.message) for flaw in found)
    if budget.in_part and schema.validator is not None and next(left_to_worker(schema, params), None) is None:
        said = f"the API cannot check all of it: the worker checks it by the schema of {spec.key} at each run"
        notes.append(Note(pointer=pointer_to(at), message=said))


def stored_flaws(spec: ExecutorSpec, params: Mapping[str, Any], budget: CheckBudget, *, at: str) -> list[Flaw]:
    """What of parameters that were stored before this schema a run fails for, as `check_params` would find it.

    `budget.in_part`: not all of it could be told, which is no flaw.
    """
    schema = prepared(spec)
    try:
        errors = errors_in(schema, params, budget, MOST)
    except TooMuch as error:
        errors, budget.in_part = list(error.found), True
    flaws = [flaw for error in errors for flaw in _named_by(error, at)]
    if schema.check is not None and not errors:
        found = islice(schema.check(params, stored=True), MOST)
        flaws.extend(Flaw(pointer_to(at) + flaw.pointer, flaw.message) for flaw in found)
    return flaws


def check_params_size(params: Mapping[str, Any], flaws: list[Flaw], *, at: str) -> None:
    if (said := params_flaw(params)) is not None:
        flaws.append(Flaw(pointer_to(at), said))


def retry_policy(write: RetryWrite, flaws: list[Flaw]) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=write.max_attempts,
        backoff=write.backoff,
        initial=duration("retry/initial", write.initial, flaws),
        max=duration("retry/max", write.max, flaws),
    )


def _promise(write: PromiseWrite | None, flaws: list[Flaw]) -> Promise | UnsetType:
    """UNSET where nothing is promised; a duration with a flaw promises nothing."""
    if write is None:
        return UNSET
    promise = Promise(
        start_within=_within("promise/startWithin", write.start_within, flaws),
        finish_within=_within("promise/finishWithin", write.finish_within, flaws),
        finish_by=write.finish_by,
        runs_at_most=_within("promise/runsAtMost", write.runs_at_most, flaws),
        success_within=_within("promise/successWithin", write.success_within, flaws),
        disable_after=write.disable_after,
    )
    return UNSET if promise == Promise() else promise


def _within(name: str, written: float | str | None, flaws: list[Flaw]) -> float | None:
    if written is None:
        return None
    before = len(flaws)
    found = duration(name, written, flaws)
    return found if len(flaws) == before else None


def duration(name: str, written: float | str, flaws: list[Flaw]) -> float:
    """Seconds, within the field's range; `name` may be a path such as retry/max."""
    found = _read(seconds, written, name, flaws)
    low, high = RANGES[name]
    if found is None:
        return low
    if (said := range_flaw(name, found)) is not None:
        flaws.append(Flaw(f"/{name}", said))
    return min(max(found, low), high)  # within it also where it is refused: the caller reckons on, for further flaws


def instant(name: str, written: str | None, flaws: list[Flaw]) -> Stamp | None:
    return None if written is None else _read(moment, written, name, flaws)


def _read(reader: Callable[[Any], T], written: object, name: str, flaws: list[Flaw]) -> T | None:
    try:
        return reader(written)
    except ValueError as error:
        flaws.append(Flaw(f"/{name}", str(error)))
        return None


def _named_by(error: ValidationError, at: str) -> Iterable[Flaw]:
    return islice(_flaws_of(error, at), MOST)


def _flaws_of(error: ValidationError, at: str) -> Iterable[Flaw]:
    """A missing or surplus member is pointed at itself, not at the object around it."""
    place = pointer_to(at, *error.absolute_path)
    instance, schema = cast("Any", error.instance), cast("Any", error.schema)
    match error.validator:
        case "required":
            missing = (name for name in cast("list[str]", error.validator_value) if name not in instance)
            return (Flaw(place + pointer_to(name), "is required") for name in missing)
        case "additionalProperties":
            return (Flaw(place + pointer_to(name), "is unknown") for name in extra_members(instance, schema))
        case "anyOf" | "oneOf" if (nearest := _nearest(error)) not in (None, error):
            return _flaws_of(nearest, at)
        case _:
            return [Flaw(place, _said(error))]


def _nearest(error: ValidationError) -> ValidationError | None:
    from jsonschema import exceptions  # noqa: PLC0415 - see keywords.py

    return cast("Any", exceptions).best_match([error])


def _said(error: ValidationError) -> str:
    """What is wrong, without the value: it may be a secret that somebody wrote where only its reference belongs."""
    instance, schema = cast("Any", error.instance), cast("Any", error.schema)
    match error.validator:
        case "pattern":
            examples = schema.get("examples")
            shown = cast("list[object]", examples) if isinstance(examples, list) else []
            return wrong_form(_text(schema.get("description")), shown, whose="the executor's schema requires")
        case "not":
            return "is excluded by the executor's schema"
        case "oneOf" if "valid under each of" in str(error.message):
            return "matches more than one alternative of the executor's schema (oneOf)"
        case "propertyNames" | "dependentSchemas" | "contains" | "minContains" | "maxContains" | "format":
            return f"breaks the rule {error.validator} of the executor's schema"
        case _:
            text = str(error.message)
    if isinstance(instance, str | list | dict):
        text = text.replace(repr(cast("object", instance)), "").strip()
    return text


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

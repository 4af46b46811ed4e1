"""What a function's return or exception makes of its attempt."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, cast

import msgspec

from waterclock.executors import AnyExecutor, GiveUp, Retry
from waterclock.kit.concealing import Concealer
from waterclock.model.outcomes import AttemptOutcome, Error
from waterclock_worker.text import LINE_MOST, cleaned, error_of

RESULT_MOST = 64 * 1024  # bytes of JSON

Stop = Literal["cancelled", "timedOut", "returned"]
"""Why an attempt is asked to stop; `returned`: its run is given back, to be taken elsewhere."""


class Outcome(NamedTuple):
    """How an attempt ended."""

    kind: AttemptOutcome
    result: bytes = b"null"  # JSON; of one that succeeded
    error: Error | None = None  # of one that went wrong
    final: bool = False  # no other attempt, whatever the table says
    after: float | None = None  # seconds until the next attempt, where the executor chose


class BadParams(Exception):
    """The parameters do not fit the executor's struct."""


_encode_result = msgspec.json.Encoder().encode


def params_for(executor: AnyExecutor, params: dict[str, Any]) -> Any:
    """
    Raises:
        BadParams: they do not fit.
    """
    if executor.params_type is None:
        if params:
            raise BadParams(f"{executor.key} takes no parameters; there are {', '.join(sorted(params))}")
        return params
    try:
        return msgspec.convert(params, executor.params_type)
    except msgspec.ValidationError as error:
        raise BadParams(str(error)) from error


def succeeded(result: object, concealed: Concealer | None = None) -> Outcome:
    """What a returned value makes of an attempt: failed, for good, if it cannot be kept."""
    if result is None:
        return Outcome("succeeded")
    if inspect.iscoroutine(result):
        result.close()
        return _bad_result("the function returned a coroutine that nobody awaited: declare it as `async def`")
    try:
        body = _encode_result(result)
    except (TypeError, ValueError, RecursionError) as error:
        return _bad_result(f"the result cannot be written as JSON: {error}")
    if concealed is not None and concealed.known(text := body.decode()) != text:
        body = _encode_result(_without(msgspec.json.decode(body), concealed))
    if len(body) > RESULT_MOST:
        return _bad_result(f"the result takes {len(body)} bytes as JSON; {RESULT_MOST} are the limit")
    return Outcome("succeeded", result=body)


def outcome_of(error: BaseException, conceal: Callable[[str], str] = str) -> Outcome:
    """What an exception makes of an attempt that was not asked to stop."""
    match error:
        case BadParams():
            return Outcome("badParams", error=Error(type="BadParams", message=conceal(str(error))))
        case GiveUp():
            return Outcome("failed", error=error_of(error, skip=1, conceal=conceal), final=True)
        case Retry():
            return Outcome("failed", error=error_of(error, skip=1, conceal=conceal), after=error.after)
        case _:
            return Outcome("failed", error=error_of(error, skip=1, conceal=conceal))


def _bad_result(message: str) -> Outcome:
    return Outcome("failed", error=Error(type="BadResult", message=cleaned(message, LINE_MOST)), final=True)


def _without(result: Any, concealed: Concealer) -> Any:
    """What JSON holds, without secrets in its texts."""
    match result:
        case str():
            return concealed.known(result)
        case list():
            return [_without(one, concealed) for one in cast("list[Any]", result)]
        case dict():
            members = cast("dict[str, Any]", result)
            return {concealed.known(name): _without(one, concealed) for name, one in members.items()}
        case _:
            return result

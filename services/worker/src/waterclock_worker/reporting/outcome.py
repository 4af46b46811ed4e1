"""What a function's return or exception makes of its attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol, cast

import msgspec

from waterclock.executors.context import LATEST_RETRY, GiveUp, Retry
from waterclock.executors.definition import AnyExecutor
from waterclock.executors.descriptions import number_of
from waterclock.kit.redaction import Redactor
from waterclock.kit.text.validation_messages import message_of, pointer_of
from waterclock.model.events import Level
from waterclock.model.outcomes import AttemptOutcome, Error
from waterclock_worker.reporting.bounds import LINE_MOST, UNWRITTEN, cleaned, error_of, type_of
from waterclock_worker.reporting.results import BadResult, result_of

Stop = Literal["cancelled", "timedOut", "returned"]
"""Why an attempt is asked to stop; `returned`: its run is given back, to be taken elsewhere."""


class Outcome(NamedTuple):
    """How an attempt ended."""

    kind: AttemptOutcome
    result: bytes = b"null"  # JSON; of one that succeeded
    error: Error | None = None  # of one that went wrong
    final: bool = False  # no other attempt, whatever the table says
    after: float | None = None  # seconds until the next attempt, where the executor, or who returns it, chose


class HandedBack(Exception):
    """The run is given back unused, and not to be ready again before `after` s."""

    def __init__(self, after: float) -> None:
        super().__init__(after)
        self.after = after


class BadParams(Exception):
    """The parameters do not fit the executor's struct, or its check refuses them."""


def params_for(executor: AnyExecutor, params: dict[str, Any]) -> Any:
    """
    Raises:
        BadParams: they do not fit.
    """
    if executor.params_type is None:
        if params:
            raise BadParams(f"{executor.key} takes no parameters, but got {', '.join(sorted(params))}")
        return params
    fitting = _fitting(params, executor.params_type)
    try:
        executor.check_params(fitting)
    except ValueError as error:
        raise BadParams(str(error)) from error
    return fitting


def _fitting(params: dict[str, Any], kind: Any) -> Any:
    """
    Raises:
        BadParams: they do not fit the type.
    """
    try:
        return msgspec.convert(params, kind)
    except msgspec.ValidationError as error:
        try:
            return msgspec.convert(_whole(params), kind)  # to a JSON Schema 1.0 is an integer
        except msgspec.ValidationError:
            said = message_of(error, kind)
            raise BadParams(" ".join(filter(None, (pointer_of(error), said)))) from None


def _whole(value: Any) -> Any:
    """The same with whole numbers as integers, however they were written."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in cast("dict[str, Any]", value).items()}
    return [_whole(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


class Hearer(Protocol):
    """Who keeps the run's log."""

    @property
    def concealed(self) -> Redactor: ...
    def logged(self, step: int | None, level: Level, text: str) -> None: ...


def succeeded(returned: object, hearer: Hearer | None = None) -> Outcome:
    """What a returned value makes of an attempt: failed, for good, if it cannot be kept."""
    if returned is None:
        return Outcome("succeeded")
    try:
        if hearer is None:
            return Outcome("succeeded", result=result_of(returned))
        result = result_of(returned, hearer.concealed, lambda text: hearer.logged(None, "warning", text))
        return Outcome("succeeded", result=result)
    except BadResult as error:
        return bad_result(error)


def outcome_of(error: BaseException, conceal: Callable[[str], str] = str) -> Outcome:
    """What an exception makes of an attempt that was not asked to stop.

    It never raises: exceptions are others' code.
    """
    try:
        return _outcome_of(error, conceal)
    except BaseException:  # noqa: BLE001 - it ended with the first, and what that is by its bare type
        return Outcome("failed", error=Error(type=type_of(error), message=UNWRITTEN))


def _outcome_of(error: BaseException, conceal: Callable[[str], str]) -> Outcome:
    match error:
        case BadParams():
            message = cleaned(conceal(str(error)), LINE_MOST)
            return Outcome("badParams", error=Error(type="BadParams", message=message))
        case HandedBack():
            return Outcome("returned", after=error.after)
        case GiveUp():
            return Outcome("failed", error=error_of(error, skip=1, conceal=conceal), final=True)
        case Retry():
            after = wait_of(getattr(error, "after", None))  # a class of theirs may have set anything, or nothing
            return Outcome("failed", error=error_of(error, skip=1, conceal=conceal), after=after)
        case _:
            found = error_of(error, skip=1, conceal=conceal)
            said = _said_of(error)
            return Outcome("failed", error=found if said is None else msgspec.structs.replace(found, message=said))


def _said_of(error: BaseException) -> str | None:
    """What stands for the message of an exception that has none: those that are meant for others than us."""
    if type(error) is SystemExit and (error.code is None or isinstance(error.code, int)):
        return f"exit code {int(error.code or 0)}"
    if type(error) is KeyboardInterrupt and not error.args:
        return "raised by the executor's own code; the worker was not interrupted"
    if type(error) is asyncio.CancelledError and not error.args:
        return "cancelled by the executor's own code; the run was not cancelled"
    return None


def bad_result(error: BadResult) -> Outcome:
    message = cleaned(str(error), LINE_MOST)
    return Outcome("failed", error=Error(type=BadResult.__name__, message=message), final=True)


def wait_of(after: Any) -> float | None:
    """Seconds until the next attempt, as an executor asked; None for what is no such number."""
    try:
        seconds = number_of(after)
    except (TypeError, ValueError):
        return None
    return seconds if seconds is not None and 0 <= seconds <= LATEST_RETRY else None

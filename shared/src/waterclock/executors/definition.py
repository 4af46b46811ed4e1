"""Executors: typed functions that a worker runs when a run of their key is due.

A module of executors imports this and no worker. `@executor` leaves the function callable as it was and declares it; a
worker that loads the module finds what was declared. How a run reports (steps, lines, progress) is behind `Report`,
which the worker implements, and a test of an executor may too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Generic, Literal, ParamSpec, TypeVar, get_type_hints

from waterclock.executors.context import LONGEST_TIMEOUT, RunContext
from waterclock.executors.descriptions import number_of, written
from waterclock.model.names import name_flaw, normal

P = ParamSpec("P")
R = TypeVar("R")
Kind = Literal["async", "thread", "child"]
"""Where an executor runs: on the executors' loop, in a thread, or in a child process."""


class Executor(Generic[P, R]):
    """A declared executor; calling it calls the function."""

    def __init__(
        self,
        function: Callable[P, R],
        *,
        key: str,
        timeout: float | None,
        kind: Kind,
        aliases: tuple[str, ...],
        check: Callable[[Any], None] | None = None,
    ) -> None:
        self.function = function
        self.key = key
        self.timeout = timeout  # seconds; None: not said; 0: none
        self.kind: Kind = kind
        self.is_async = _kind(function) == "async"
        self.aliases = aliases
        self.module = function.__module__
        self.description = inspect.cleandoc(function.__doc__ or "")
        self.params_type, self.result_type = _types(key, function)
        self.check = check
        if check is not None and self.params_type is None:
            raise TypeError(f"executor {key}: it takes no parameters, so `check` has nothing to check")
        if inspect.iscoroutinefunction(check):
            raise TypeError(f"executor {key}: `check` must be a plain function, not async")

    def check_params(self, params: Any) -> None:
        """Have the executor's own `check` look at parameters that fit their type.

        Raises:
            ValueError: it refuses them.
            TypeError: it says anything but nothing.
        """
        if self.check is None:
            return
        said: object = self.check(params)
        if said is not None:
            kind = type(said).__name__
            raise TypeError(f"executor {self.key}: its `check` returned {kind}; to refuse, raise ValueError('…')")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)


AnyExecutor = Executor[..., Any]
NO_RESULT = inspect.Signature.empty
"""The result type of an executor whose function does not say."""

_declared: list[AnyExecutor] = []


def executor(
    key: str,
    *,
    timeout: timedelta | float | None = None,
    subprocess: bool = False,
    aliases: tuple[str, ...] | list[str] = (),
    check: Callable[[Any], None] | None = None,
) -> Callable[[Callable[P, R]], Executor[P, R]]:
    """Declare a function `(ctx)` or `(ctx, params: SomeStruct)` as the code behind `key`.

    `async def` runs on the executors' loop, plain `def` in a thread, either in a child process with `subprocess=True`.
    `timeout` bounds each attempt of a run whose job says nothing else (1 h without either; 0: no bound).
    `check` is given the parameters before the function is, and raises ValueError to refuse them: the run ends as
    `badParams`. It must be quick, and look at nothing but them.

    Raises:
        ValueError: the key or an alias is no name: one line of visible text; the timeout is no time.
        TypeError: one of them is of another kind.
    """
    key = _name(key)
    if isinstance(aliases, str):
        raise TypeError(f"executor {key!a}: `aliases` is a text; give a list of names")
    aliases = tuple(map(_name, aliases))
    seconds = _seconds(key, timeout)

    def declare(function: Callable[P, R]) -> Executor[P, R]:
        kind: Kind = "child" if subprocess else _kind(function)
        made: Executor[P, R] = Executor(function, key=key, timeout=seconds, kind=kind, aliases=aliases, check=check)
        _declared.append(made)
        return made

    return declare


def _name(given: object) -> str:
    """A name that an executor goes by; of a subclass of `str` (a member of an enumeration) its text."""
    if not isinstance(given, str):
        raise TypeError(f"executor {given!a}: its name is a {type(given).__name__}; it must be a text")
    name = str.__str__(given)
    wrong = name_flaw(name) or (None if name == normal(name) else "is not in NFC: write it composed")
    if wrong is not None:
        raise ValueError(f"executor {name!a}: its name {wrong}")
    return name


def _seconds(key: str, timeout: object) -> float | None:
    """A timeout as a plain number, whatever number it was given as."""
    if timeout is None:
        return None
    given: Any = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    try:
        found = None if isinstance(given, str | bytes) else number_of(given)
    except Exception:  # noqa: BLE001 - what it is, is others' code
        found = None
    if found is None or not 0 <= found <= LONGEST_TIMEOUT:
        raise ValueError(
            f"executor {key!a}: its timeout is {written(timeout, repr)}; it must be a timedelta or a number of "
            f"seconds, from 0 (none) to {LONGEST_TIMEOUT}"
        )
    return found


def declared() -> tuple[AnyExecutor, ...]:
    """Every executor declared in this process so far."""
    return tuple(_declared)


def _kind(function: Callable[..., Any]) -> Kind:
    return "async" if inspect.iscoroutinefunction(function) else "thread"


def _takes_context(annotated: Any) -> bool:
    """Whether a parameter that is annotated so may be a RunContext; what is no plain class is believed."""
    if annotated is Any or not isinstance(annotated, type) or getattr(annotated, "_is_protocol", False):
        return True
    return issubclass(RunContext, annotated)


def _types(key: str, function: Callable[..., Any]) -> tuple[Any, Any]:
    """The type of `params` (None without them) and of the result.

    Raises:
        TypeError: the function does not have the shape of an executor.
    """
    signature = inspect.signature(function)
    names = list(signature.parameters)
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(f"executor {key}: {function.__qualname__} is a generator: it must return, not yield")
    if len(names) not in (1, 2):
        raise TypeError(
            f"executor {key}: {function.__qualname__} must be a function of (ctx) or (ctx, params: SomeStruct)"
        )
    try:
        hints = get_type_hints(function)
    except NameError as error:
        raise TypeError(f"executor {key}: cannot read its annotations: {error}") from error
    first = hints.get(names[0], RunContext)
    if not _takes_context(first):
        raise TypeError(
            f"executor {key}: its first parameter {names[0]!r} is the RunContext, and is annotated as"
            f" {first.__qualname__}: write (ctx: RunContext, params: SomeStruct)"
        )
    if len(names) == 1:
        return None, hints.get("return", NO_RESULT)
    if names[1] not in hints:
        raise TypeError(f"executor {key}: its parameter {names[1]!r} needs a type, a msgspec.Struct")
    return hints[names[1]], hints.get("return", NO_RESULT)

"""Which executor stands behind which key, and what a worker announces of them."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from waterclock.executors.definition import NO_RESULT, AnyExecutor, declared
from waterclock.kit.service import Unfit
from waterclock.model.events import ExecutorSpec
from waterclock.model.places import PLACED, ReferenceSpec
from waterclock_worker.announcement import Unreadable, odd_defaults, readable
from waterclock_worker.module_loader import load_file, look_here_for
from waterclock_worker.reporting.bounds import LINE_MOST, cleaned, error_of

log = logging.getLogger(__name__)

GROUP = "waterclock.executors"
_NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


class Registry:
    """Executors by key and by alias."""

    def __init__(self, executors: Iterable[AnyExecutor]) -> None:
        """
        Raises:
            Unfit: two executors claim one key.
        """
        self._by_key: dict[str, AnyExecutor] = {}
        self.executors = tuple(executors)
        for one in self.executors:
            for key in (one.key, *one.aliases):
                other = self._by_key.setdefault(key, one)
                if other is not one:
                    raise Unfit(f"two executors are named {key!r}: one in {other.module}, one in {one.module}")

    def find(self, key: str) -> AnyExecutor | None:
        return self._by_key.get(key)

    @property
    def names(self) -> tuple[str, ...]:
        """All keys and aliases."""
        return tuple(self._by_key)

    def specs(
        self, references: Mapping[str, tuple[ReferenceSpec, ...]] = MappingProxyType({})
    ) -> tuple[ExecutorSpec, ...]:
        """`references`: those that parameters may hold, by executor."""
        return tuple(spec_of(one, references.get(one.key, ())) for one in self.executors)


def discover(modules: Iterable[str]) -> Registry:
    """What is declared once the installed modules of executors and these are loaded.

    Raises:
        Unfit: one cannot be loaded, or two claim one key.
    """
    return Registry(loaded(modules))


def loaded(modules: Iterable[str]) -> tuple[AnyExecutor, ...]:
    """Load the installed modules of executors and these, each a module's name or the path of a .py file.

    Returns all that is declared in this process. Raises Unfit where one cannot be loaded.
    """
    for point in entry_points(group=GROUP):
        with _told_if_empty(point.module):
            _guarded(point.value, point.load)
    for module in modules:
        with _told_if_empty(module):
            load(module)
    return declared()


@contextmanager
def _told_if_empty(module: str) -> Generator[None]:
    """Say so where a module, loaded within, declares no executor: it is another than was meant."""
    before = len(declared())
    yield
    name = Path(module).stem if module.endswith(".py") else module
    if len(declared()) == before and not any(f"{one.module}.".startswith(f"{name}.") for one in declared()):
        log.warning("module has no executors", extra={"executors": module, "expected": "a function with @executor"})


def load(module: str) -> None:
    """Load a module of executors by its name, or by its path if it ends in `.py`.

    Raises:
        Unfit: it cannot be loaded.
    """
    if module.endswith(".py"):
        _guarded(module, lambda: load_file(Path(module), name=Path(module).stem))
    else:
        look_here_for(module)
        _guarded(module, lambda: importlib.import_module(module))


def spec_of(executor: AnyExecutor, references: tuple[ReferenceSpec, ...] = ()) -> ExecutorSpec:
    """What is announced of an executor: such that whoever reads it can.

    Raises:
        Unfit: a type of its parameters or result has no JSON Schema that all can read.
    """
    params = _NOTHING if executor.params_type is None else _announced(executor, "parameters", executor.params_type)
    result = None if executor.result_type is NO_RESULT else _announced(executor, "result", executor.result_type)
    return ExecutorSpec(
        key=executor.key,
        description=cleaned(executor.description, LINE_MOST),
        params_schema=params,
        result_schema=result,
        timeout=executor.timeout,
        aliases=executor.aliases,
        placed=executor.key in PLACED,
        references=references,
    )


def _announced(executor: AnyExecutor, what: str, kind: Any) -> dict[str, Any]:
    try:
        return schema_of(kind)
    except Unreadable as error:
        raise Unfit(f"executor {executor.key!r}: the JSON Schema of its {what} cannot be announced: {error}") from error
    except Exception as error:  # types, defaults and what is annotated are others' code
        said = error_of(error, skip=0).message.rsplit("\n", 1)[-1]  # msgspec's advice before it is for its own callers
        why = "; ".join(_odd_defaults(kind)) or said or type(error).__name__
        raise Unfit(
            f"executor {executor.key!r}: its {what} cannot be described by a JSON Schema: {why}; "
            "annotate a msgspec.Struct, a dataclass, a type of JSON, or Any"
        ) from error


def _odd_defaults(kind: Any) -> list[str]:
    try:
        return list(odd_defaults(kind))
    except Exception:  # noqa: BLE001 - what cannot be looked at has said why itself
        return []


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a type, its own members at the top and only what they refer to under `$defs`.

    Raises:
        Unreadable: not all could read it.
        Exception: it has none; whatever msgspec, or the type's own code, raises.
    """
    (given,), named = msgspec.json.schema_components((kind,), ref_template="#/$defs/{name}")
    name = str(given.get("$ref", "")).rpartition("/")[2]
    parts = {
        one: readable(part) if one == name else readable({"$defs": {one: part}})["$defs"][one]
        for one, part in named.items()
    }
    top = readable(given)
    recursive = name and f"#/$defs/{name}" in msgspec.json.encode(parts).decode()
    if name and not recursive:
        top = parts.pop(name)
    return top | {"$defs": parts} if parts else top


def _guarded(name: str, loading: Any) -> None:
    try:
        loading()
    except (Unfit, KeyboardInterrupt):
        raise
    except BaseException as error:  # whatever a foreign module raises when it is loaded, `sys.exit` too
        said = error_of(error, skip=0)
        raise Unfit(f"cannot load the executors in {name}: {said.type}: {said.message}") from error

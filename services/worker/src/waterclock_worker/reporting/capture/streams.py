"""Standard streams while a worker works: each run has its own, whole, and what it does to them reaches no other.

    print ──► Leading, which `sys` really holds ──► what the run has put there, else RunOutput ──► lines of the run
    sys.stdout, read and set ──► a property of `sys`: per run

Without the property a `redirect_stdout` of one run would take the lines of all, and where two overlap it would stay.
Outside runs everything goes where it always went.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from waterclock_worker.reporting.capture.current_run import speaking
from waterclock_worker.reporting.capture.run_output import RunOutput, made_by
from waterclock_worker.reporting.capture.stream_parts import NAMES, NoInput, RunBytes
from waterclock_worker.reporting.step_log import StepLog

put_by: dict[StepLog | None, dict[str, Any]] = {}  # run → name → what it has put in a stream's place


class Leading:
    """What `sys` really holds under a stream's name: `print` and `input` find it there, past the property."""

    def __init__(self, name: str) -> None:
        self._name = name

    def write(self, text: str) -> int:
        target = _current(self._name)
        return len(text) if target is None else target.write(text)

    def flush(self) -> None:
        target = _current(self._name)
        if target is not None:
            target.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(_current(self._name), name)


def _current(name: str) -> Any:
    """The stream of this name, as the caller has it."""
    steps = speaking.get()
    if put_by:
        own = put_by.get(steps)
        if own is not None and name in own:
            return own[name]
    return _Kept.inside[name] if steps is not None else _Kept.outside[name]


class _Kept:
    """What stands in the streams' places while a worker works."""

    inside: dict[str, Any] = {}  # noqa: RUF012 - filled and emptied by `streams_led`
    outside: dict[str, Any] = {}  # noqa: RUF012


def _property(name: str) -> property:
    def read(_: ModuleType) -> Any:
        return _current(name)

    def put(_: ModuleType, value: Any) -> None:
        steps = speaking.get()
        if steps is not None and steps.closed:
            return  # something that a run has left behind
        own = put_by.setdefault(steps, {})
        if value is _Kept.inside[name] or value is _Kept.outside[name] or isinstance(value, Leading):
            own.pop(name, None)
            if not own:
                put_by.pop(steps, None)
        else:
            own[name] = value

    def leave(module: ModuleType) -> None:
        put(module, None)

    return property(read, put, leave)


class _Like(type):
    """`type(sys)` is taken for what modules are made by, also by the machinery of imports."""

    def __instancecheck__(cls, instance: Any, /) -> bool:
        return isinstance(instance, ModuleType)


class Module(ModuleType, metaclass=_Like):
    """For classes of single modules, which are given to them later: no other is made by one."""

    def __new__(cls, name: str, doc: str | None = None) -> Any:
        return ModuleType(name, doc)


class Sys(Module):
    """`sys`, with streams that are each run's own."""

    stdin = _property("stdin")
    stdout = _property("stdout")
    stderr = _property("stderr")


@contextmanager
def streams_led(kind: type[Sys] = Sys) -> Generator[None]:
    """While it lasts, runs have streams of their own. `kind`: what `sys` is meanwhile."""
    module: Any = sys
    real: dict[str, Any] = sys.__dict__
    before = {name: real[name] for name in (*NAMES, *(f"__{name}__" for name in NAMES))}
    out, err = RunOutput("stdout", before["stdout"], "info"), RunOutput("stderr", before["stderr"], "warning")
    _Kept.inside = {"stdin": NoInput(), "stdout": out, "stderr": err}
    _Kept.outside = {"stdin": before["stdin"], "stdout": out, "stderr": err}
    plain = module.__class__
    for name in NAMES:
        real[name] = Leading(name)
    real["__stdout__"], real["__stderr__"] = out, err
    module.__class__ = kind
    try:
        yield
    finally:
        module.__class__ = plain
        real.update(before | put_by.pop(None, {}))


def left(steps: StepLog) -> None:
    """The run has ended: what waits in streams of its own making is told, and they are forgotten."""
    own, made = put_by.pop(steps, None), made_by.pop(steps, None)
    if own is None and made is None:
        return
    token = speaking.set(steps)
    try:
        for name, stream in (own or {}).items():
            if name != "stdin" and stream is not None:
                _flush(steps, name, stream)
        for one in (made or {}).values():
            if one.buffer is not None:
                one.buffer.close()
    finally:
        made_by.pop(steps, None)
        put_by.pop(steps, None)
        speaking.reset(token)


def _flush(steps: StepLog, name: str, stream: Any) -> None:
    try:
        if not getattr(stream, "closed", False) and hasattr(stream, "flush"):
            stream.flush()
    except BaseException as error:  # noqa: BLE001 - others' code, after their function has returned
        steps.logged(None, "warning", f"the object that this run set as {name} cannot be flushed: {error!r}")


def is_ours(stream: object) -> bool:
    """Whether what is written there lands in a run's log."""
    return isinstance(stream, RunOutput | Leading) or isinstance(getattr(stream, "buffer", None), RunBytes)

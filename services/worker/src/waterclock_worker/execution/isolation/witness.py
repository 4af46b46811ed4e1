"""Who changes what belongs to the whole process: the usual ways to do so say for which run they are called.

What is changed otherwise is found all the same (state_watch.py), but then any run that ran meanwhile may have done it.

It is long: one wrapper for each way to change a process.
"""

from __future__ import annotations

import asyncio
import atexit
import builtins
import faulthandler
import functools
import gc
import json
import locale
import logging
import os
import resource
import signal
import socket
import subprocess  # nosec B404 # to look at, not to start anything
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

from waterclock_worker.execution.isolation.state_kinds import Faults, Once, Umask
from waterclock_worker.execution.isolation.watched_state import DESCRIPTORS, LATER, RANDOM, SEED
from waterclock_worker.reporting.capture.current_run import speaking
from waterclock_worker.reporting.capture.log_capture import LogCapture
from waterclock_worker.reporting.capture.streams import Module, Sys, streams_led
from waterclock_worker.reporting.step_log import StepLog

PROCESS: Any = "process"
"""For the owner of a change: the worker's own code."""
Note = tuple[str, str, StepLog]
"""Family, name, whose."""
_TIMERS = "timers of signals (signal.alarm, setitimer)"
_RING_BY: dict[int | None, int] = {
    signal.ITIMER_REAL: signal.SIGALRM,
    signal.ITIMER_VIRTUAL: signal.SIGVTALRM,
    signal.ITIMER_PROF: signal.SIGPROF,
}
_WATCHED = (  # module, its functions, family, name
    (os, ("chdir", "fchdir"), "settings", "working folder"),
    (time, ("tzset",), "settings", "time zone"),
    (socket, ("setdefaulttimeout",), "settings", "socket.setdefaulttimeout"),
    (sys, ("setrecursionlimit",), "settings", "recursion limit"),
    (sys, ("set_int_max_str_digits",), "settings", "limit of digits (sys.set_int_max_str_digits)"),
    (sys, ("setswitchinterval",), "settings", "switch interval"),
    (locale, ("setlocale",), "settings", "locale"),
    (gc, ("enable", "disable", "set_threshold", "set_debug"), "settings", "garbage collector"),
    (threading, ("settrace", "settrace_all_threads"), "hooks", "threading.settrace"),
    (threading, ("setprofile", "setprofile_all_threads"), "hooks", "threading.setprofile"),
    (asyncio, ("set_event_loop_policy",), "hooks", "the event loop policy"),
    (warnings, ("filterwarnings", "simplefilter", "resetwarnings"), "settings", "warnings.filters"),
    (logging, ("setLogRecordFactory",), "hooks", "logging.setLogRecordFactory"),
    (logging, ("setLoggerClass",), "hooks", "logging.setLoggerClass"),
    (RANDOM, ("seed", "setstate"), "calls", SEED),
    (faulthandler, ("dump_traceback_later",), "calls", LATER),
)
_MODULES: tuple[Any, ...] = (builtins, warnings, time, json, RANDOM, signal, socket, subprocess, threading)
"""Whose attributes are noted when they are set. Not those that are read all the time: that takes longer then."""
_STREAMS = {"stdin", "stdout", "stderr"}  # which are each run's own
_OF_LOGGERS = {"disabled", "propagate", "handlers", "level"}  # set up now and then, not all the time
LEFT_ALONE = "a log handler that other runs or the worker use was ignored: add a handler for this run"
AT_EXIT = (
    "this run has registered a function for the end of the process (atexit): a worker exits without "
    "calling it. Close resources in a lifespan, or in the run"
)


class Witness:
    """Notes of changes, in their order; taken by who watches."""

    def __init__(self, logs: LogCapture, umask: Umask, faults: Faults, calls: Once) -> None:
        self.notes: deque[Note] = deque(maxlen=100_000)
        self.timers: dict[int, StepLog] = {}  # by the signal that it rings by: the run that has set it last
        self.rung: set[StepLog] = set()  # runs whose timers have rung
        self._logs = logs
        self._umask = umask
        self._faults = faults
        self._calls = calls
        self.quiet = False  # what the main thread does now is to put things back
        self._main = threading.main_thread().ident

    def note(self, family: str, name: str) -> None:
        """Say for whom the caller runs, if that can be known: a thread that a run has started is nobody's."""
        steps = speaking.get()
        if steps is not None:
            self.notes.append((family, name, steps))
        elif threading.get_ident() == self._main and not self.quiet:
            self.notes.append((family, name, PROCESS))

    @contextmanager
    def in_place(self) -> Generator[None]:
        """While it lasts, what changes the process is noted. Within it runs have streams of their own."""
        with ExitStack() as put:
            for module, names, family, name in _WATCHED:
                for one in names:
                    if hasattr(module, one):
                        put.enter_context(_replaced(module, one, self._noting(getattr(module, one), family, name)))
            put.enter_context(_replaced(os, "dup2", self._leading(os.dup2)))
            put.enter_context(_replaced(os, "umask", self._setting_umask(os.umask)))
            put.enter_context(_replaced(faulthandler, "enable", self._telling_faults(faulthandler.enable, "elsewhere")))
            put.enter_context(_replaced(faulthandler, "disable", self._telling_faults(faulthandler.disable, None)))
            put.enter_context(_replaced(signal, "alarm", self._ringing(signal.alarm, signal.ITIMER_REAL)))
            put.enter_context(_replaced(signal, "setitimer", self._ringing(signal.setitimer)))
            put.enter_context(_replaced(resource, "setrlimit", self._limiting(resource.setrlimit)))
            put.enter_context(_replaced(atexit, "register", self._registering(atexit.register)))
            environ: Any = type(os.environ)
            for one in ("__setitem__", "__delitem__"):
                put.enter_context(_replaced(environ, one, self._keyed(getattr(environ, one), "environment")))
            kind: Any = logging.Logger
            kind.__setattr__ = self._attributing()
            put.callback(delattr, kind, "__setattr__")
            put.enter_context(_replaced(logging.Logger, "setLevel", self._leveling(logging.Logger.setLevel)))
            put.enter_context(_replaced(logging, "disable", self._disabling(logging.disable)))
            put.enter_context(_replaced(logging.Logger, "addHandler", self._adding(logging.Logger.addHandler)))
            put.enter_context(_replaced(logging.Logger, "removeHandler", self._removing(logging.Logger.removeHandler)))
            for place, one in ((logging.Handler, "setLevel"), (logging.Handler, "setFormatter"),
                               (logging.Filterer, "addFilter"), (logging.Filterer, "removeFilter")):  # fmt: skip
                put.enter_context(_replaced(place, one, self._sparing(getattr(place, one))))
            put.enter_context(streams_led(_noted_sys(self.note)))
            for module in _MODULES:
                plain = module.__class__
                module.__class__ = _noted_module(self.note)
                put.callback(setattr, module, "__class__", plain)
            yield

    def _noting(self, plain: Callable[..., Any], family: str, name: str) -> Callable[..., Any]:
        once = name if family == self._calls.title else None

        @functools.wraps(plain)
        def noting(*args: Any, **kwargs: Any) -> Any:
            answer = plain(*args, **kwargs)
            if once is not None and speaking.get() is not None:
                self._calls.done.add(once)
            self.note(family, name)
            return answer

        return noting

    def _setting_umask(self, plain: Callable[[int], int]) -> Callable[[int], int]:
        @functools.wraps(plain)
        def umask(mask: int, /) -> int:
            before = plain(mask)
            self._umask.value = mask & 0o777
            self.note("settings", "umask")
            return before

        return umask

    def _leading(self, plain: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(plain)
        def dup2(*args: Any, **kwargs: Any) -> int:
            made = plain(*args, **kwargs)
            if made < len(DESCRIPTORS):
                self.note("settings", f"process's {DESCRIPTORS[made]}")
            return made

        return dup2

    def _telling_faults(self, plain: Callable[..., Any], value: str | None) -> Callable[..., Any]:
        @functools.wraps(plain)
        def telling(*args: Any, **kwargs: Any) -> Any:
            answer = plain(*args, **kwargs)
            self._faults.value = value
            self.note("settings", "faulthandler")
            return answer

        return telling

    def _ringing(self, plain: Callable[..., Any], which: int | None = None) -> Callable[..., Any]:
        """`which` timer it sets; None: its first argument says."""

        @functools.wraps(plain)
        def setting(*args: Any) -> Any:
            number, steps = _RING_BY.get(which if which is not None or not args else args[0]), speaking.get()
            if number is not None and steps is not None:
                self.timers[number] = steps  # before it can ring
            answer = plain(*args)
            self.note("settings", _TIMERS)
            return answer

        return setting

    def _limiting(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        names = {getattr(resource, name): name for name in dir(resource) if name.startswith("RLIMIT_")}

        @functools.wraps(plain)
        def setrlimit(which: int, limits: Any, /) -> None:
            plain(which, limits)
            self.note("settings", f"limit {names.get(which)}")

        return setrlimit

    def _registering(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(plain)
        def register(function: Any, /, *args: Any, **kwargs: Any) -> Any:
            answer = plain(function, *args, **kwargs)
            steps = speaking.get()
            home = str(getattr(function, "__module__", None)).partition(".")[0]
            if steps is not None and home not in sys.stdlib_module_names:
                steps.logged(None, "warning", AT_EXIT)
            return answer

        return register

    def _keyed(self, plain: Callable[..., Any], family: str) -> Callable[..., Any]:
        @functools.wraps(plain)
        def changing(mapping: Any, key: Any, *value: Any) -> None:
            plain(mapping, key, *value)
            self.note(family, os.fsdecode(key))

        return changing

    def _attributing(self) -> Callable[[logging.Logger, str, Any], None]:
        def set_attribute(logger: logging.Logger, name: str, value: Any) -> None:
            object.__setattr__(logger, name, value)
            if name in _OF_LOGGERS:
                self.note("logging", logger.name)
            if name == "handlers":
                for handler in value:
                    self._own(handler, logger)

        return set_attribute

    def _leveling(self, plain: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(plain)
        def set_level(logger: logging.Logger, level: int | str) -> None:
            if speaking.get() is not None:
                self._logs.state.expect(logger)
            plain(logger, level)
            self._logged(logger.name)

        return set_level

    def _disabling(self, plain: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(plain)
        def disable(level: int = logging.CRITICAL) -> None:
            plain(level)
            self._logged("logging.disable")

        return disable

    def _logged(self, name: str) -> None:
        steps = speaking.get()
        if steps is not None:
            self._logs.chooses(steps)
            self.note("logging", name)
        elif threading.get_ident() == self._main:
            self._logs.state.adopt(name)

    def _sparing(self, plain: Callable[..., None]) -> Callable[..., None]:
        """A run may set handlers of its own; those that the lines of all pass stay as they are."""

        @functools.wraps(plain)
        def change(handler: Any, what: Any) -> None:
            steps = speaking.get()
            if steps is None or not self._logs.state.is_kept(handler):
                plain(handler, what)
            else:
                steps.logged(None, "warning", f"{plain.__name__} of {LEFT_ALONE}")

        return change

    def _adding(self, plain: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(plain)
        def add_handler(logger: logging.Logger, handler: logging.Handler) -> None:
            if handler not in logger.handlers:
                self._own(handler, logger)
            plain(logger, handler)

        return add_handler

    def _own(self, handler: logging.Handler, logger: logging.Logger) -> None:
        """If a run adds it, it is the run's own."""
        steps, state = speaking.get(), self._logs.state
        if steps is None or steps.closed or isinstance(handler, logging.NullHandler) or state.is_kept(handler):
            return
        state.added.setdefault(handler, (steps, logger))
        self.note("logging", logger.name)

    def _removing(self, plain: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(plain)
        def remove_handler(logger: logging.Logger, handler: logging.Handler) -> None:
            plain(logger, handler)
            self._logs.state.added.pop(handler, None)
            self.note("logging", logger.name)

        return remove_handler


@contextmanager
def _replaced(place: Any, name: str, by: Any) -> Generator[None]:
    plain = getattr(place, name)
    setattr(place, name, by)
    try:
        yield
    finally:
        if getattr(place, name) is by:
            setattr(place, name, plain)


def _noted_module(note: Callable[[str, str], None], kind: type[Module] = Module) -> Any:
    """A class of modules that tells which attribute is set, or deleted."""

    class Noted(kind):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            tell(self.__name__, name)

        def __delattr__(self, name: str) -> None:
            super().__delattr__(name)
            tell(self.__name__, name)

    def tell(module: str, name: str) -> None:
        if module != "sys" or name not in _STREAMS:
            family = "hooks" if module == "sys" else "settings" if name == "filters" else "functions"
            note(family, f"{module}.{name}")

    return Noted


def _noted_sys(note: Callable[[str, str], None]) -> type[Sys]:
    return _noted_module(note, Sys)

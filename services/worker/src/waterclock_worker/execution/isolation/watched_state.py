"""What is watched of the process.

Everything is taken from its module when the worker begins: what a run patches there does not reach us.
"""

from __future__ import annotations

import asyncio
import builtins
import decimal
import faulthandler
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
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from types import ModuleType
from typing import Any

from waterclock_worker.execution.isolation.state_kinds import (
    Faults,
    Objects,
    Once,
    Setting,
    Settings,
    Umask,
)
from waterclock_worker.execution.isolation.state_members import Members

RANDOM = import_module("random")  # to be watched: chance of ours comes from elsewhere
_PATCHABLE = (
    builtins, os, time, socket, subprocess, threading, signal, json, logging, warnings, asyncio, RANDOM,
)  # fmt: skip
SEED = "the state of `random` (random.Random(seed) is one of your own)"
LATER = "faulthandler.dump_traceback_later"
DESCRIPTORS = ("standard input", "standard output", "standard error")
_getcwd, _fstat, _setlocale = os.getcwd, os.fstat, locale.setlocale


def settings(umask: Umask, faults: Faults, spare: ExitStack) -> Settings:
    """All that are watched; `spare` holds the descriptors that are needed to put them back."""
    home = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    standard = [_spare(number) for number in range(3)]
    for one in (home, *standard):
        if one is not None:
            spare.callback(os.close, one)
    fchdir, dup2 = os.fchdir, os.dup2
    found = [
        Setting("working folder", _folder, _go_back(fchdir, home)),
        Setting("umask", lambda: umask.value, umask.put),
        Setting("time zone", lambda: (time.tzname, time.timezone), _set_time_zone),
        Setting("socket.setdefaulttimeout", socket.getdefaulttimeout, socket.setdefaulttimeout),
        Setting("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
        Setting("limit of digits (sys.set_int_max_str_digits)", sys.get_int_max_str_digits, sys.set_int_max_str_digits),
        Setting("switch interval", sys.getswitchinterval, sys.setswitchinterval),
        Setting("locale", _locale, _locale),
        Setting("garbage collector", lambda: (gc.isenabled(), gc.get_threshold(), gc.get_debug()), _collect),
        Setting("faulthandler", lambda: faults.value, faults.put),
        Setting("timers of signals (signal.alarm, setitimer)", _timers(), _stop_timers(signal.setitimer)),
        Setting("warnings.filters", _broad_filters, _filter_warnings, told=False),
        Setting("decimal.DefaultContext", _decimals, _set_decimals, told=False),
        *(
            Setting(f"process's {what}", _descriptor(number), _put_descriptor(dup2, saved, number), told=False)
            for number, (what, saved) in enumerate(zip(DESCRIPTORS, standard, strict=True))
            if saved is not None
        ),
    ]
    limits = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))
    return Settings([*found, *(_limit(name, getattr(resource, name)) for name in limits)])


def objects() -> Objects:
    """Hooks and lists that hold others' objects."""
    return Objects(
        {
            "sys.excepthook": _attribute(sys, "excepthook"),
            "sys.unraisablehook": _attribute(sys, "unraisablehook"),
            "sys.displayhook": _attribute(sys, "displayhook"),
            "sys.breakpointhook": _attribute(sys, "breakpointhook"),
            "threading.settrace": (threading.gettrace, threading.settrace),
            "threading.setprofile": (threading.getprofile, threading.setprofile),
            "the event loop policy": (_policy, _set_policy),
            "logging.setLogRecordFactory": (logging.getLogRecordFactory, logging.setLogRecordFactory),
            "logging.setLoggerClass": (logging.getLoggerClass, logging.setLoggerClass),
        },
        {
            "sys.path": _sequence(sys, "path"),
            "sys.meta_path": _sequence(sys, "meta_path"),
            "sys.path_hooks": _sequence(sys, "path_hooks"),
            "sys.argv": _sequence(sys, "argv"),
            "gc.callbacks": _sequence(gc, "callbacks"),
        },
    )


def calls() -> Once:
    return Once({SEED: RANDOM.seed, LATER: faulthandler.cancel_dump_traceback_later})


def functions() -> Members:
    """Functions and classes of modules that all use: `print` and `open`, `time.sleep`, `socket.socket`, …"""
    places = {f"{module.__name__}.": vars(module) for module in _PATCHABLE}
    return Members("functions", places, callable)


def _attribute(module: ModuleType, name: str) -> tuple[Callable[[], Any], Callable[[Any], object]]:
    members = vars(module)
    return lambda: members.get(name), lambda value: setattr(module, name, value)


def _sequence(module: ModuleType, name: str) -> tuple[Callable[[], Any], Callable[[Any], object]]:
    """A list that is changed in its place, or replaced."""
    members, its = vars(module), vars(module)[name]

    def put(values: Any) -> None:
        its[:] = values
        setattr(module, name, its)

    return lambda: tuple(members.get(name) or ()), put


def _folder() -> str:
    try:
        return _getcwd()
    except OSError:
        return "one that is gone"


def _go_back(fchdir: Callable[[int], None], home: int) -> Callable[[Any], None]:
    """By a descriptor: the folder may have another name by now."""

    def put(_: Any) -> None:
        fchdir(home)

    return put


def _set_time_zone(_: Any) -> None:
    """From the environment, which is put back before."""
    time.tzset()


def _locale(value: str | None = None) -> str:
    return _setlocale(locale.LC_ALL, value)


def _collect(kept: tuple[bool, tuple[int, int, int], int]) -> None:
    enabled, threshold, debug = kept
    (gc.enable if enabled else gc.disable)()
    gc.set_threshold(*threshold)
    gc.set_debug(debug)


def _timers() -> Callable[[], tuple[bool, ...]]:
    """Whether each runs: how long it still does changes by itself."""
    read, which = signal.getitimer, (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
    return lambda: tuple(read(one)[0] > 0 for one in which)


def _stop_timers(put: Callable[[int, float], object]) -> Callable[[tuple[bool, ...]], None]:
    which = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)

    def stop(kept: tuple[bool, ...]) -> None:
        for one, ran in zip(which, kept, strict=True):
            if not ran:
                put(one, 0)

    return stop


_TRAPS = (decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow, decimal.Inexact)


def _decimals() -> tuple[Any, ...]:
    its = decimal.DefaultContext
    traps = its.traps
    return its.prec, its.rounding, its.Emin, its.Emax, its.capitals, its.clamp, *[traps[one] for one in _TRAPS]


def _set_decimals(kept: tuple[Any, ...]) -> None:
    its = decimal.DefaultContext
    its.prec, its.rounding, its.Emin, its.Emax, its.capitals, its.clamp, *traps = kept
    for one, trapped in zip(_TRAPS, traps, strict=True):
        its.traps[one] = trapped


def _spare(number: int) -> int | None:
    try:
        return os.dup(number)
    except OSError:
        return None


def _descriptor(number: int) -> Callable[[], tuple[int, int] | None]:
    def read() -> tuple[int, int] | None:
        try:
            found = _fstat(number)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    return read


def _put_descriptor(dup2: Callable[..., int], saved: int, number: int) -> Callable[[Any], object]:
    return lambda _: dup2(saved, number)


def _limit(name: str, which: int) -> Setting:
    read, write = resource.getrlimit, resource.setrlimit

    def put(kept: tuple[int, int]) -> None:
        write(which, kept)

    return Setting(f"limit {name}", lambda: read(which), put)


def _policy() -> Any:
    """Without making one."""
    return asyncio.events.__dict__.get("_event_loop_policy")


def _set_policy(kept: Any) -> None:
    asyncio.events.__dict__["_event_loop_policy"] = kept


def _broad_filters() -> tuple[Any, ...]:
    """Those that concern more than one message or module, or make it an error: the others libraries add as they go."""
    return tuple(one for one in warnings.filters if not _is_narrow(one))


def _is_narrow(one: Any) -> bool:
    action, message, _, module, _ = one
    return action != "error" and (message is not None or module is not None)


def _filter_warnings(kept: tuple[Any, ...]) -> None:
    narrow = [one for one in warnings.filters if _is_narrow(one)]
    warnings.resetwarnings()  # which says that what was found for each place so far counts no more
    filters: Any = warnings.filters
    filters.extend([*narrow, *kept])

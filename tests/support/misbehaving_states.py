"""Executors that do to the process of their worker what would harm the runs beside and after them: one for each way.

`WAYS` says in which column of docs/explanation/isolation.md each stands and what the log of its own run then says.
Each ends at once, and leaves what it has changed to the worker.
"""

# ruff: noqa: T201, TID251, PTH109, PTH123 - what others write is what is tested

from __future__ import annotations

import asyncio
import atexit
import builtins
import contextlib
import decimal
import faulthandler
import gc
import io
import json
import locale
import logging
import logging.config
import os
import random
import resource
import signal
import socket
import sys
import threading
import time
import types
import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from waterclock import RunContext, executor
from waterclock.executors.definition import AnyExecutor

Column = Literal["contained", "undone and told", "only told"]
_log = logging.getLogger("shop.orders")
_nowhere = open(os.devnull, "w")  # noqa: SIM115
atexit.register(_nowhere.close)


class Way(NamedTuple):
    """`error`: the type of the error that its own run fails with; None: it succeeds. `told`: part of a line that its
    run's log then has."""

    executor: AnyExecutor
    column: Column
    error: str | None = None
    told: str | None = None


WAYS: list[Way] = []


def _nothing(*_: Any, **__: Any) -> Any:
    return None


def _way(
    column: Column, told: str | None = None, *, error: str | None = None
) -> Callable[[Callable[[], object]], AnyExecutor]:
    """A way to misbehave, in a thread and in a task."""

    def declare(harm: Callable[[], object]) -> AnyExecutor:
        name = harm.__name__

        @executor(f"states.{name}")
        def in_thread(ctx: RunContext) -> None:
            ctx.log("before")
            harm()

        @executor(f"states.async.{name}")
        async def in_task(ctx: RunContext) -> None:
            ctx.log("before")
            harm()

        WAYS.extend((Way(in_thread, column, error, told), Way(in_task, column, error, told)))
        return in_thread

    return declare


# Logging: what others log lands where it did, also while this one goes on.


@_way("undone and told", "level of the logger 'root'")
def root_level() -> None:
    logging.getLogger().setLevel(logging.ERROR)


@_way("undone and told", "logging.disable")
def logging_disabled() -> None:
    logging.disable()


@_way("undone and told", "disabled of the logger")
def dict_config() -> None:
    logging.config.dictConfig({"version": 1})


@_way("undone and told", "the logger 'root'")
def basic_config() -> None:
    logging.basicConfig(force=True, level=logging.WARNING)


@_way("undone and told", "handlers of the logger 'root'")
def cleared_handlers() -> None:
    logging.getLogger().handlers.clear()


@_way("undone and told", "handlers of the logger 'root'")
def other_handlers() -> None:
    logging.getLogger().handlers = [logging.StreamHandler()]


@_way("undone and told", "disabled of the logger 'shop.orders'")
def disabled_logger() -> None:
    _log.disabled = True


@_way("undone and told", "propagate of the logger 'shop.orders'")
def deaf_logger() -> None:
    _log.propagate = False


@_way("undone and told", "handlers of the logger 'shop.orders'")
def added_handler() -> None:
    _log.addHandler(logging.StreamHandler())


@_way("contained", "of a log handler that other runs or the worker use was ignored")
def rejecting_handlers() -> None:
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.CRITICAL)
        handler.addFilter(_nothing)


@_way("undone and told", "logging.setLogRecordFactory")
def record_factory() -> None:
    logging.setLogRecordFactory(logging.LogRecord)


# Streams: each run's own.


@_way("contained")
def redirected() -> None:
    contextlib.redirect_stdout(io.StringIO()).__enter__()


@_way("contained")
def stdout_replaced() -> None:
    sys.stdout = _nowhere


@_way("contained")
def streams_gone() -> None:
    sys.stdout = sys.stderr = sys.stdin = None  # pyright: ignore[reportAttributeAccessIssue]


@_way("contained")
def streams_closed() -> None:
    for stream in (sys.stdout, sys.stderr, sys.stdin, sys.__stdout__, sys.__stderr__):
        assert stream is not None
        stream.close()


@_way("contained")
def streams_detached() -> None:
    for stream in (sys.stdout, sys.stderr):
        whole: Any = stream
        whole.detach()


@_way("contained")
def streams_wrapped() -> None:
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="ascii")


@_way("contained", error="ValueError")
def printed_after_close() -> None:
    sys.stdout.close()
    print("nowhere")


@_way("contained")
def streams_deleted() -> None:
    del sys.stdout, sys.stderr


# The process.


@_way("undone and told", "working folder")
def folder() -> None:
    os.chdir("/")


@_way("undone and told", "umask")
def umask() -> None:
    os.umask(0o077)


@_way("undone and told", "environment variable SHOP_URL")
def environment() -> None:
    os.environ["SHOP_URL"] = "https://wrong.example"


@_way("undone and told", "environment variable")
def environment_cleared() -> None:
    os.environ.clear()


@_way("undone and told", "os.environ, which was replaced")
def environment_replaced() -> None:
    os.environ = {}  # noqa: B003 # pyright: ignore[reportAttributeAccessIssue]


@_way("undone and told", "time zone")
def time_zone() -> None:
    os.environ["TZ"] = "Pacific/Apia"
    time.tzset()


@_way("contained", error="ValueError")
def signal_handler() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


@_way("undone and told", "socket.setdefaulttimeout")
def socket_timeout() -> None:
    socket.setdefaulttimeout(0.001)


@_way("undone and told", "warnings.filters")
def warning_filters() -> None:
    warnings.simplefilter("always")


@_way("undone and told", "warnings.filters")
def warning_filters_left() -> None:
    warnings.catch_warnings(record=True).__enter__()
    warnings.simplefilter("ignore")


@_way("undone and told", "locale")
def other_locale() -> None:
    locale.setlocale(locale.LC_ALL, "C" if locale.setlocale(locale.LC_CTYPE) != "C" else "C.UTF-8")


@_way("contained")
def decimal_context() -> None:
    decimal.getcontext().prec = 3


@_way("undone and told", "decimal.DefaultContext")
def decimal_default() -> None:
    decimal.DefaultContext.prec = 3


@_way("undone and told", "state of `random`")
def random_seed() -> None:
    random.seed(0)


@_way("undone and told", "recursion limit")
def recursion_limit() -> None:
    sys.setrecursionlimit(sys.getrecursionlimit() + 5_000)


@_way("undone and told", "limit of digits")
def digits() -> None:
    sys.set_int_max_str_digits(0)


@_way("undone and told", "switch interval")
def switch_interval() -> None:
    sys.setswitchinterval(0.5)


@_way("undone and told", "garbage collector")
def collector_off() -> None:
    gc.disable()


@_way("undone and told", "garbage collector")
def collector_busy() -> None:
    gc.set_threshold(1, 1, 1)


@_way("undone and told", "sys.path")
def path() -> None:
    sys.path.clear()


@_way("undone and told", "sys.path")
def path_replaced() -> None:
    sys.path = ["/nowhere"]


@_way("undone and told", "sys.argv")
def arguments() -> None:
    sys.argv = ["script", "--all"]


@_way("undone and told", "the module 'json' (sys.modules), which was replaced")
def module_replaced() -> None:
    sys.modules["json"] = types.ModuleType("json")


@_way("undone and told", "the module 'json' (sys.modules), which was removed")
def module_removed() -> None:
    sys.modules.pop("json", None)


@_way("undone and told", "the module 'this' (sys.modules), which was hidden by another")
def module_hidden() -> None:
    sys.modules["this"] = types.ModuleType("this")


@_way("undone and told", "builtins.print")
def print_patched() -> None:
    builtins.print = _nothing


@_way("undone and told", "builtins.open")
def open_removed() -> None:
    if hasattr(builtins, "open"):
        del builtins.open


@_way("undone and told", "time.sleep")
def sleep_patched() -> None:
    time.sleep = _nothing


@_way("undone and told", "json.dumps")
def dumps_patched() -> None:
    json.dumps = _nothing


@_way("undone and told", "sys.excepthook")
def except_hook() -> None:
    sys.excepthook = _nothing


@_way("undone and told", "threading.excepthook")
def thread_except_hook() -> None:
    threading.excepthook = _nothing


@_way("undone and told", "sys.unraisablehook")
def unraisable_hook() -> None:
    sys.unraisablehook = _nothing


@_way("undone and told", "threading.settrace")
def trace_threads() -> None:
    threading.settrace(_nothing)


@_way("undone and told", "sys.setprofile")
def profiled() -> None:
    sys.setprofile(_nothing)


if sys.gettrace() is None and threading.gettrace() is None:  # else a debugger, or what measures coverage, traces all

    @_way("undone and told", "sys.settrace")
    def traced() -> None:
        sys.settrace(_nothing)


@_way("undone and told", "the faulthandler")
def faults_elsewhere() -> None:
    faulthandler.enable(_nowhere)


@_way("contained", error="UnsupportedOperation")
def faults_to_standard_error() -> None:
    faulthandler.enable()


@_way("undone and told", "timers of signals")
def timer_set() -> None:
    signal.setitimer(signal.ITIMER_VIRTUAL, 600)


@_way("contained", "has fired without effect")
def timer_rings() -> None:
    signal.setitimer(signal.ITIMER_PROF, 0.01)
    while signal.getitimer(signal.ITIMER_PROF)[0]:
        sum(range(10_000))


@_way("undone and told", "RLIMIT_NOFILE")
def limit_of_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))


@_way("undone and told", "process's standard output")
def descriptor_replaced() -> None:
    taken = os.open(os.devnull, os.O_WRONLY)
    os.dup2(taken, 1)
    os.close(taken)


@_way("undone and told", "event loop policy")
def loop_policy() -> None:
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())  # pyright: ignore[reportDeprecated]


@_way("undone and told", "faulthandler.dump_traceback_later")
def killed_later() -> None:
    with open(os.devnull, "w") as out:
        faulthandler.dump_traceback_later(60, exit=True, file=out)


@_way("only told", "(atexit)")
def at_exit() -> None:
    atexit.register(harmless)


def harmless() -> None:
    """Registered for the end of the process, and never called there."""


def in_column(column: Column) -> list[Way]:
    return [way for way in WAYS if way.column == column]


@executor("states.innocent")
def innocent(ctx: RunContext) -> dict[str, Any]:
    """Uses what others spoil: says what it finds, and leaves three lines."""
    print("printed")
    _log.info("logged")
    sys.stderr.write("written\n")
    return finds()


@executor("states.async.innocent")
async def async_innocent(ctx: RunContext) -> dict[str, Any]:
    print("printed")
    await asyncio.sleep(0)
    _log.info("logged")
    sys.stderr.write("written\n")
    return finds()


LINES = ["printed", "logged", "written"]
_print, _sleep = print, time.sleep  # which a run beside it may patch, and that is not contained


@executor("states.works")
def works(ctx: RunContext) -> None:
    """Leaves three lines, with runs beside it that misbehave."""
    _print("printed")
    _sleep(0.1)
    _log.info("logged")
    _sleep(0.1)
    sys.stderr.write("written\n")


@executor("states.async.works")
async def async_works(ctx: RunContext) -> None:
    _print("printed")
    await asyncio.sleep(0.1)
    _log.info("logged")
    await asyncio.sleep(0.1)
    sys.stderr.write("written\n")


def finds() -> dict[str, Any]:
    return {
        "folder": os.getcwd(),
        "shop": os.environ.get("SHOP_URL"),
        "path": len(os.environ.get("PATH", "")),
        "timeout": socket.getdefaulttimeout(),
        "third": str(decimal.Decimal(1) / 3),
        "json": json.dumps([1]),
        "gc": gc.isenabled(),
        "digits": sys.get_int_max_str_digits(),
        "zone": time.tzname[0],
        "sleep": time.sleep.__name__,
    }


EXECUTORS: tuple[AnyExecutor, ...] = (*(way.executor for way in WAYS), innocent, async_innocent)

"""A process from its start to its end: one loop, two signals, one line when it cannot start."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from importlib.util import find_spec

from waterclock.kit.settings import SettingsError
from waterclock.kit.telemetry import log_lines, traces

UNFIT = 2
"""Exit code of a process that could not start: a wrong setting, a server unreachable or not fit."""

DESCRIPTORS = 1 << 20
"""As many as anybody needs: without a limit, programs that go over all that they might have would never end."""


_STANDARD_ERROR = 2
_AT_ONCE_S = 0.2  # s for the last lines of a process that is to end at once


class Unfit(Exception):
    """The start cannot go on; the message is one line that says what to do."""


def run_service(
    serve: Callable[[asyncio.Event], Awaitable[None]],
    *,
    unfit: tuple[type[Exception], ...] = (),
    name: str = "waterclock",
) -> None:
    """Run `serve(stop)` until it returns; SIGTERM and SIGINT set `stop`, a second one ends the process at once.

    SIGHUP, of a terminal that has gone, sets `stop` too, unless we were told to ignore it (`nohup`); it often comes
    beside another signal, so it is never the second one.

    What cannot start (`SettingsError`, `Unfit`, and the classes in `unfit`) is said in one line on standard error, and
    the exit code is 2.
    """
    known = (SettingsError, Unfit, *unfit)
    _take_standard_descriptors()
    raise_descriptors()
    atexit.register(log_lines.flush)
    try:
        with log_lines.threads_told(), asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_until_signal(serve))
    except known as error:
        _say(name, error)
    except ExceptionGroup as group:
        matching, rest = group.split(known)
        if matching is None or rest is not None:
            sys.excepthook = log_lines.ended_by
            raise
        _say(name, _first(matching))
    except Exception:
        sys.excepthook = log_lines.ended_by
        raise
    finally:
        traces.shutdown()


def raise_descriptors() -> None:
    """Let this process have as many descriptors as it may have at all, of which it is given few at first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _until_signal(serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    was_asked = False

    def asked(number: int) -> None:
        nonlocal was_asked
        if was_asked:
            log_lines.flush(_AT_ONCE_S)
            os._exit(128 + number)
        was_asked = True
        stop.set()

    def hung_up() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _number, _frame: hung_up())  # not the loop's: it is to hold beyond its end
    await serve(stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the interpreter gives back what is ours before it ends


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed: the services bring it, the library does not ask for it."""
    if find_spec("uvloop") is None:
        return None
    return import_module("uvloop").new_event_loop


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _say(name: str, error: Exception) -> None:
    log_lines.last_words(f"{name}: {error}")
    sys.exit(UNFIT)


def _take_standard_descriptors() -> None:
    """Let nothing else get the number of one that we were started without: it would be sent what is meant for that."""
    taken = os.open(os.devnull, os.O_RDWR)
    while taken <= _STANDARD_ERROR:
        taken = os.dup(taken)
    os.close(taken)

"""Executors with `subprocess=True` that do to their own process what would keep our words from being told."""

# ruff: noqa: T201, PTH - what others write is what is tested

from __future__ import annotations

import builtins
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from waterclock import RunContext, executor


class Way(msgspec.Struct, frozen=True, kw_only=True):
    name: str


WAYS: dict[str, Callable[[], object]] = {}


def _way(harm: Callable[[], object]) -> None:
    WAYS[harm.__name__] = harm


def _nothing(*_: Any, **__: Any) -> Any:
    return None


@_way
def closes_stdout() -> None:
    sys.stdout.close()


@_way
def closes_all() -> None:
    for stream in (sys.stdin, sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        assert stream is not None
        stream.close()


@_way
def detaches_stdout() -> None:
    for stream in (sys.stdout, sys.stderr):
        whole: Any = stream
        whole.detach()


@_way
def drops_stdout() -> None:
    sys.stdout = None  # pyright: ignore[reportAttributeAccessIssue]


@_way
def deletes_stdout() -> None:
    del sys.stdout


class _Odd:
    def write(self, _: str) -> int:
        raise RuntimeError("no room")

    def flush(self) -> None:
        raise SystemExit("no room")


@_way
def odd_stdout() -> None:
    sys.stdout = _Odd()  # pyright: ignore[reportAttributeAccessIssue]


@_way
def descriptors_one_and_two() -> None:
    taken = os.open(os.devnull, os.O_WRONLY)
    os.dup2(taken, 1)
    os.dup2(taken, 2)


@_way
def closes_descriptors() -> None:
    os.closerange(0, 1024)


@_way
def reuses_descriptors() -> None:
    """Opens files of its own under the numbers of those it has closed."""
    os.closerange(3, 1024)
    for place in range(64):
        os.open(os.devnull if place % 2 else f"{os.environ['WRITTEN']}-{place}", os.O_WRONLY | os.O_CREAT)


@_way
def folder_and_signals() -> None:
    os.chdir("/")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)


@_way
def clears_modules() -> None:
    sys.modules.clear()
    sys.path.clear()


@_way
def patches() -> None:
    builtins.print = os.write = os.getpid = os.fstat = _nothing


@_way
def low_limits() -> None:
    sys.setrecursionlimit(60)


@_way
def logging_off() -> None:
    logging.disable()
    logging.getLogger().handlers.clear()


@executor("states.child", subprocess=True)
def child(ctx: RunContext, params: Way) -> str:
    """Misbehaves, and returns."""
    ctx.log("before")
    print("printed")
    WAYS[params.name]()
    return params.name


@executor("states.child.async", subprocess=True)
async def async_child(ctx: RunContext, params: Way) -> str:
    ctx.log("before")
    print("printed")
    WAYS[params.name]()
    return params.name


@executor("states.child.raises", subprocess=True)
def raising_child(ctx: RunContext, params: Way) -> None:
    WAYS[params.name]()
    raise LookupError(params.name)

"""Executors of the tests: for workers in the test's process and for those of their own."""

# ruff: noqa: T201 - what executors print is what is tested

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib
import locale
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import msgspec

from waterclock import GiveUp, Retry, RunContext, executor
from waterclock.model.ids import RunId


class Words(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    times: int = 1


@executor("t.echo")
async def echo(ctx: RunContext, params: Words) -> dict[str, str]:
    return {"said": params.text * params.times, "run": ctx.run_id}


def even(params: Words) -> None:
    if params.text == "ho":
        raise ValueError("text: ho is taken")
    if params.text == "leave":
        sys.exit(7)


@executor("t.checked", check=even)
async def checked(ctx: RunContext, params: Words) -> str:
    return params.text


@executor("t.child_checked", subprocess=True, check=even)
def child_checked(ctx: RunContext, params: Words) -> str:
    return params.text


@executor("t.raise")
async def raises(ctx: RunContext) -> None:
    raise ValueError(f"attempt {ctx.attempt} went wrong")


@executor("t.giveup")
async def gives_up(ctx: RunContext) -> None:
    raise GiveUp("there is no use")


@executor("t.retry")
async def retries(ctx: RunContext) -> str:
    if ctx.attempt == 1:
        raise Retry(0.2, "come again")
    return "second time lucky"


@executor("t.hang")
async def hangs(ctx: RunContext) -> None:
    ctx.log("hanging")
    await asyncio.Event().wait()


@executor("t.stubborn")
async def stubborn(ctx: RunContext) -> str:
    """Swallows the first cancel."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    return "done all the same"


@executor("t.block")
async def blocks(ctx: RunContext, params: Words) -> None:
    ctx.log("blocking")
    await asyncio.sleep(0.1)
    time.sleep(float(params.text))  # noqa: ASYNC251 - what must not be done


@executor("t.thread")
def in_thread(ctx: RunContext, params: Words) -> str:
    with ctx.step("Work") as step:
        step.log("in a thread: %s", params.text)
    return params.text


@executor("t.patient")
def patient(ctx: RunContext) -> str:
    """A thread that looks at `ctx.cancelled`."""
    ctx.log("patient")
    while not ctx.cancelled:
        time.sleep(0.01)
    return "stopped"


@executor("t.deaf")
def deaf(ctx: RunContext, params: Words) -> str:
    """A thread that does not."""
    ctx.log("deaf")
    time.sleep(float(params.text))
    return "finished"


@executor("t.kills_worker")
def kills_worker(ctx: RunContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@executor("t.large")
async def large(ctx: RunContext) -> str:
    return "x" * 70_000


@executor("t.steps")
async def steps(ctx: RunContext) -> None:
    ctx.log("before")
    async with ctx.step("First") as step:
        step.log("%d of %d", 1, 2)
        step.progress(1, 2)
        step.progress(2, 2)
        print("printed")
        logging.getLogger("library").warning("logged")
    with contextlib.suppress(RuntimeError):
        async with ctx.step("Second"):
            raise RuntimeError("no")


class Speechless(Exception):
    """One of those whose `__str__` has a fault of its own."""

    def __str__(self) -> str:
        raise LookupError("no words")


@executor("t.speechless")
async def speechless(ctx: RunContext) -> None:
    async with ctx.step("Say it"):
        raise Speechless


@executor("t.child_speechless", subprocess=True)
def child_speechless(ctx: RunContext) -> None:
    raise Speechless


@executor("t.odd_words")
async def odd_words(ctx: RunContext) -> str:
    """What libraries do: numbers that JSON has not, and a wrong format given to `logging`."""
    async with ctx.step("Count") as step:
        for done, total in ((1, 2), (float("nan"), 1), (10**400, 1), (1.5, float("inf"))):
            step.progress(done, total)
    logging.getLogger("library").warning("%d rows", "many")
    return "went on"


@executor("t.forks")
def forks(ctx: RunContext) -> int:
    """Forks the worker, and lets the copy return as it does itself."""
    return os.fork()


@executor("t.child_forks", subprocess=True)
def child_forks(ctx: RunContext) -> int:
    copied = os.fork()
    if copied:
        os.waitpid(copied, 0)  # so that the copy would speak first
    return copied


@executor("t.child", subprocess=True)
def child(ctx: RunContext, params: Words) -> dict[str, int]:
    with ctx.step("In the child") as step:
        step.log("pid %d", os.getpid())
        step.progress(1, 1)
    print(params.text)
    logging.getLogger("library").error("from the child")
    return {"pid": os.getpid()}


@executor("t.child_async", subprocess=True)
async def child_async(ctx: RunContext) -> None:
    async with ctx.step("Sleep"):
        await asyncio.sleep(0.01)
    raise LookupError("not in here")


@executor("t.child_exit", subprocess=True)
def child_exit(ctx: RunContext) -> None:
    sys.exit(3)


@executor("t.child_segv", subprocess=True)
def child_segv(ctx: RunContext) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


@executor("t.child_hang", subprocess=True)
def child_hang(ctx: RunContext) -> None:
    """Ignores SIGTERM, and so does the child of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    own = subprocess.Popen([sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()"])
    ctx.log("pid %d", own.pid)
    time.sleep(600)


@executor("t.child_leaves", subprocess=True)
def child_leaves(ctx: RunContext, params: Words) -> None:
    """Starts processes that leave its group, its session and its parent, and ends as `params` say."""
    for _ in range(params.times):
        starter = subprocess.run([sys.executable, "-c", _DAEMON], stdout=subprocess.PIPE, check=True)
        ctx.log("pid %s", starter.stdout.decode().strip())
    match params.text:
        case "return":
            return
        case "exit":
            os._exit(7)
        case "vanish":
            os._exit(0)
        case "crash":
            ctypes.string_at(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case _:
            time.sleep(600)


_DAEMON = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        os.closerange(0, 3)
        time.sleep(600)
    os._exit(0)
os.wait()
"""


@executor("t.child_greedy", subprocess=True)
def child_greedy(ctx: RunContext) -> int:
    """Asks for more memory than it may have, of a limit of its own."""
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    return len(bytearray(2**31))


@executor("t.child_reads", subprocess=True)
def child_reads(ctx: RunContext) -> str:
    return sys.stdin.read()


@executor("t.child_polite", subprocess=True)
def child_polite(ctx: RunContext) -> None:
    try:
        ctx.log("waiting")
        time.sleep(600)
    finally:
        ctx.log("cleaned up")


@executor("t.prints")
def prints(ctx: RunContext, params: Words) -> None:
    for _ in range(params.times):
        print(params.text)
        time.sleep(0.001)
    print("no end of line", end="")


@executor("t.chatters")
async def chatters(ctx: RunContext) -> None:
    for _ in range(300):
        ctx.log("x" * 20_000)
        await asyncio.sleep(0.002)
    ctx.log("the end")


@executor("t.mumbles")
async def mumbles(ctx: RunContext) -> None:
    ctx.log("a\0b \ud800")


@executor("t.time")
async def notes_time(ctx: RunContext) -> int:
    return time.time_ns() // 1_000_000


@executor("t.context")
async def tells_context(ctx: RunContext) -> dict[str, str | None]:
    return _told(ctx)


@executor("t.child_context", subprocess=True)
def child_context(ctx: RunContext) -> dict[str, str | None]:
    return _told(ctx)


def _told(ctx: RunContext) -> dict[str, str | None]:
    previous = ctx.previous_success
    return {"previous": None if previous is None else previous.isoformat(), "trace": ctx.traceparent}


order: list[RunId] = []
"""Runs of `t.order`, as they started; in the test's process only."""


@executor("t.order")
async def notes_order(ctx: RunContext) -> None:
    order.append(RunId(ctx.run_id))


_gates: dict[str, threading.Event] = {}
_stops: dict[str, threading.Event] = {}


@executor("t.waits")
async def waits(ctx: RunContext) -> None:
    """Until `go_on`; in the test's process only."""
    _gates.setdefault(ctx.run_id, threading.Event())
    _stops.setdefault(ctx.run_id, threading.Event())
    ctx.log("waiting")
    try:
        await asyncio.to_thread(_gates[ctx.run_id].wait)
    except asyncio.CancelledError:
        _stops[ctx.run_id].set()
        raise


@executor("t.waits_and_fails")
async def waits_and_fails(ctx: RunContext) -> None:
    """Until `go_on`; then it raises."""
    await gate(ctx.run_id)
    raise RuntimeError("no more")


async def gate(run_id: str) -> None:
    """Wait until `go_on`."""
    await asyncio.to_thread(_gates.setdefault(run_id, threading.Event()).wait)


def go_on(run_id: str) -> None:
    """Let a `t.waits` return, also one that has not begun."""
    _gates.setdefault(run_id, threading.Event()).set()


async def stopped(run_id: str) -> None:
    """Wait until a `t.waits` has been cancelled."""
    assert await asyncio.to_thread(_stops[run_id].wait, 10)


def is_stopped(run_id: str) -> bool:
    return _stops[run_id].is_set()


@executor("t.child_says", subprocess=True)
def child_says(ctx: RunContext, params: Words) -> list[str]:
    """Prints, and says in which encodings it does and would open a file."""
    importlib.import_module("email")
    importlib.import_module("queue")
    print(params.text)
    return [sys.stdout.encoding, locale.getpreferredencoding(False)]


@executor("t.past_head")
def past_head(ctx: RunContext) -> None:
    """Tells more than the head of a log holds, and waits."""
    for number in range(300):
        ctx.log("%d %s", number, "x" * 16_000)
    ctx.log("past the head")
    with ctx.step("Waits"):
        threading.Event().wait()


@executor("t.short_lines")
def short_lines(ctx: RunContext, params: Words) -> None:
    for number in range(params.times):
        print(number)


@executor("t.child_short_lines", subprocess=True)
def child_short_lines(ctx: RunContext, params: Words) -> None:
    for number in range(params.times):
        print(number)

"""Executors that return, raise and say what cannot be kept."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from waterclock import Retry, RunContext, executor
from waterclock_worker.execution.children import protocol as words

RAW = {
    "no json": b"nope",
    "nothing": b"",
    "members": b'1},"runId":"another","x":{',
    "more members": b'1,"runId":"another","type":"run.failed"',
    "number": b"1e200000",
    "digits": b"1" * 5_000,
    "surrogate": b'"\\ud800"',
    "not utf-8": b'"\xff"',
    "two": b"1 2",
    "line ends": b'1\n{"type":"ended"}\n',
    "deep": b"[" * 40 + b"]" * 40,
    "very deep": b"[" * 20_000 + b"]" * 20_000,
}
GOOD = {"spaces": b'{ "a" : [1, 2.50] }\n', "shallow": b"[" * 32 + b"]" * 32}


class Parsed(str):
    """As parsers return."""

    __slots__ = ("line",)


def digits() -> int:
    sys.set_int_max_str_digits(0)
    return 10**5_000


VALUES: dict[str, Callable[[], Any]] = {
    "not finite": lambda: {"a": [0.5, math.nan, {"b": -math.inf}]},
    "subclass": lambda: {Parsed("name"): [Parsed("text")]},
    "digits": digits,
    "header": lambda: {"headers": {"etag": b'"\xe9"'.decode(errors="surrogateescape")}},
}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """`depth`: of lists within each other; else what `raw` names."""

    depth: int = 0
    raw: str = ""
    value: str = ""
    limit: int = 0


class Wild(Retry):
    """Sets what it likes, and does not call what it stands on."""

    def __init__(self, after: Any) -> None:
        Exception.__init__(self, "wild")
        self.after = after


def result(wish: Wish) -> Any:
    if wish.limit:
        sys.setrecursionlimit(wish.limit)
    if wish.value:
        return VALUES[wish.value]()
    if wish.raw:
        return msgspec.Raw((RAW | GOOD)[wish.raw])
    found: list[Any] = []
    for _ in range(wish.depth - 1):
        found = [found]
    return found


@executor("t.odd")
async def odd(ctx: RunContext, params: Wish) -> Any:
    return result(params)


@executor("t.thread_odd")
def thread_odd(ctx: RunContext, params: Wish) -> Any:
    return result(params)


@executor("t.child_odd", subprocess=True)
def child_odd(ctx: RunContext, params: Wish) -> Any:
    return result(params)


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    number: int


def anything(ctx: RunContext, seed: Seed) -> Any:
    """Says and returns, or raises, whatever comes of the seed."""
    if (root := str(Path(__file__).parents[3])) not in sys.path:  # a child loads this file alone
        sys.path.append(root)
    from tests.support import odd_values

    pick = odd_values.picking(seed.number)
    with ctx.step("odd") as step:
        step.log(odd_values.value(pick), odd_values.value(pick), level=odd_values.value(pick, 1))
        logging.getLogger("odd").warning("%s", odd_values.TEXTS[pick(len(odd_values.TEXTS))])
        sys.stdout.write(odd_values.Text(odd_values.TEXTS[pick(4)]))
        with contextlib.suppress(TypeError, ValueError, RuntimeError, ArithmeticError):
            step.progress(odd_values.value(pick, 0), odd_values.value(pick, 0))
    if pick(3) == 0:
        raise odd_values.error(pick, Retry)
    return odd_values.value(pick)


@executor("t.any")
async def any_async(ctx: RunContext, params: Seed) -> Any:
    return anything(ctx, params)


@executor("t.thread_any")
def any_thread(ctx: RunContext, params: Seed) -> Any:
    return anything(ctx, params)


@executor("t.child_any", subprocess=True)
def any_child(ctx: RunContext, params: Seed) -> Any:
    return anything(ctx, params)


@executor("t.wild")
async def wild(ctx: RunContext) -> None:
    raise Wild([float("nan"), "soon"][ctx.attempt % 2])


class Bytes(msgspec.Struct, frozen=True, kw_only=True):
    name: str


ENDED = b'{"type":"ended","kind":"succeeded","result":%b,"error":null,"final":false,"after":null}\n'
FORGED = {
    "deep": ENDED % (b"[" * 9_985 + b"]" * 9_985),
    "not deep enough for an error": ENDED % (b"[" * 500 + b"]" * 500),
    "number": ENDED % b"1e200000",
    "large": ENDED % b'"%b"' % (b"x" * 100_000),
    "not utf-8": b'{"type":"said","step":null,"level":"info","text":"\xff"}\n',
    "no json": b"\x00" * 100 + b"[" * 50_000 + b"\n",
    "endless": b"x" * 3 * words.WORD_MOST,
    "steps": b"".join(
        b'{"type":"progressed","step":%d,"done":1,"total":null}\n{"type":"said","step":%d,"level":"info","text":"t"}\n'
        b'{"type":"finished","step":%d,"status":"failed","error":{"type":"%b","message":"m\\u0000","traceback":null}}\n'
        % (number, number, number, b"E" * 5_000)
        for number in (-1, 0, 7, 2**31, 10**30)
    ),
    "waits": b'{"type":"ended","kind":"failed","result":null,"error":{"type":"E","message":"m"},"final":false,'
    b'"after":1e308}\n',
    "cancelled": b'{"type":"ended","kind":"cancelled","result":null,"error":null,"final":false,"after":null}\n',
}


@executor("t.child_forges", subprocess=True)
def child_forges(ctx: RunContext, params: Bytes) -> None:
    """Writes into the pipe of its words, and then leaves without a word of its own."""
    told = FORGED[params.name]
    while told:
        told = told[os.write(int(sys.argv[1]), told) :]
    os._exit(0)

"""Executors that return, raise and say what cannot be kept."""

from __future__ import annotations

import os
import sys
from typing import Any

import msgspec

from waterclock import Retry, RunContext, executor
from waterclock_worker import childwords as words

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


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """`depth`: of lists within each other; else what `raw` names."""

    depth: int = 0
    raw: str = ""
    limit: int = 0


class Wild(Retry):
    """Sets what it likes, and does not call what it stands on."""

    def __init__(self, after: Any) -> None:
        Exception.__init__(self, "wild")
        self.after = after


def result(wish: Wish) -> Any:
    if wish.limit:
        sys.setrecursionlimit(wish.limit)
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

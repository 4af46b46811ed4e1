"""Executors whose authors meant well, or not."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import msgspec

from waterclock import RunContext, executor

Patterned = Annotated[str, msgspec.Meta(pattern="^(a+)+$")]


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    depth: int
    raised: bool = False


class Slow(msgspec.Struct, frozen=True, kw_only=True):
    text: Patterned


class Text(msgspec.Struct, frozen=True, kw_only=True):
    text: str


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    blob: str = ""


def nested(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


@executor("red.nested")
async def nested_result(ctx: RunContext, params: Depth) -> Any:
    """Answer lists within lists."""
    if params.raised:
        sys.setrecursionlimit(20_000)
    return nested(params.depth)


@executor("red.nested-child", subprocess=True)
def nested_of_child(ctx: RunContext, params: Depth) -> Any:
    """The same, from a child process."""
    return nested(params.depth)


@executor("red.raw")
async def raw(ctx: RunContext, params: Text) -> Any:
    """Answer what need not be JSON."""
    return msgspec.Raw(params.text.encode(errors="surrogatepass"))


@executor("red.pattern")
async def patterned(ctx: RunContext, params: Slow) -> None:
    """Take a text whose pattern backtracks."""


@executor("red.payload")
async def payload(ctx: RunContext, params: Payload) -> None:
    """Take much, do nothing."""

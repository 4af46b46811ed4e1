from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from waterclock_api.limits.thread_turns import TURN, in_thread, short_turns


async def test_turns_are_short_while_any_thread_computes_and_as_before_after_the_last() -> None:
    usual = sys.getswitchinterval()
    assert usual > TURN
    begun, free = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]

    def compute(one: int) -> float:
        begun[one].set()
        assert free[one].wait(30)
        return sys.getswitchinterval()

    async with asyncio.TaskGroup() as tasks:
        computing = [tasks.create_task(in_thread(compute, one)) for one in range(2)]
        for one in begun:
            assert await asyncio.to_thread(one.wait, 30)
        free[0].set()
        assert await computing[0] == pytest.approx(TURN)
        assert sys.getswitchinterval() == pytest.approx(TURN)
        free[1].set()
        assert await computing[1] == pytest.approx(TURN)
    assert sys.getswitchinterval() == pytest.approx(usual)


def test_an_error_gives_the_turns_back() -> None:
    usual = sys.getswitchinterval()
    with pytest.raises(ValueError, match="wrong"), short_turns():
        raise ValueError("wrong")
    assert sys.getswitchinterval() == pytest.approx(usual)

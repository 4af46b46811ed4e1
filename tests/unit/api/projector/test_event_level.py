"""When a projector says that no projector of an earlier release is at work."""

from __future__ import annotations

import pytest

from waterclock.log.connection.errors import LogUnavailable
from waterclock.wire.level import LEVEL
from waterclock_api.projector import event_level
from waterclock_api.projector.event_level import ALONE_FOR, Levels


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def now_ms(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    told: list[int] = []

    async def say(log: object, level: int) -> None:
        del log
        told.append(level)

    monkeypatch.setattr(event_level, "say_level", say)
    return told


@pytest.fixture
def one(time: Time, said: list[int]) -> Levels:
    del said
    return Levels(None, time)  # type: ignore[arg-type]


async def test_it_is_told_after_a_while_without_one_and_again_now_and_then(
    one: Levels, time: Time, said: list[int]
) -> None:
    for now, told in ((0.0, 0), (ALONE_FOR - 1, 0), (ALONE_FOR, 1), (ALONE_FOR + 1, 1), (2 * ALONE_FOR, 2)):
        time.now = now
        one.seen(0)
        await one.look()
        assert said == [LEVEL] * told, now


async def test_one_that_is_seen_is_told_at_once_and_the_while_begins_anew(
    one: Levels, time: Time, said: list[int]
) -> None:
    one.seen(0)
    for now, older, last in ((ALONE_FOR, 0, LEVEL), (ALONE_FOR + 1, 2, 0), (ALONE_FOR + 2, 0, 0)):
        time.now = now
        one.seen(older)
        await one.look()
        assert said[-1] == last
    time.now = 2 * ALONE_FOR + 1
    await one.look()
    assert said == [LEVEL, 0]
    time.now += 1
    await one.look()
    assert said == [LEVEL, 0, LEVEL]


async def test_who_does_not_see_the_others_says_nothing(one: Levels, time: Time, said: list[int]) -> None:
    one.seen(0)
    one.unseen()
    time.now = 2 * ALONE_FOR
    await one.look()
    one.seen(0)
    await one.look()
    assert said == []


async def test_what_did_not_arrive_is_told_again_with_the_next_look(
    one: Levels, time: Time, said: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(log: object, level: int) -> None:
        raise LogUnavailable("away")

    one.seen(1)
    with monkeypatch.context() as patch:
        patch.setattr(event_level, "say_level", away)
        with pytest.raises(LogUnavailable):
            await one.look()
    await one.look()
    assert said == [0]

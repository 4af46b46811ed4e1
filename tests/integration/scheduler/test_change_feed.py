"""What the change feed of a partition tells who looks at it."""

from __future__ import annotations

from tests.integration.scheduler.stage import Stage
from waterclock_scheduler.change_feed import ChangeFeed


async def test_it_tells_once_what_was_written_since_the_last_look(stage: Stage) -> None:
    await stage.create(None)
    change_feed = ChangeFeed(stage.log, 0)
    await change_feed.listen()
    first, second = await stage.create(None), await stage.create(None)

    assert await change_feed.rung() == {first.job_id, second.job_id}
    assert await change_feed.rung() == set()

    third = await stage.create(None)
    assert await change_feed.rung() == {third.job_id}


async def test_one_that_has_never_rung_is_heard_from_its_start(stage: Stage) -> None:
    change_feed = ChangeFeed(stage.log, 0)
    await change_feed.listen()
    job = await stage.create(None)

    assert await change_feed.rung() == {job.job_id}


async def test_it_says_when_it_has_rung_more_often_than_it_remembers(stage: Stage) -> None:
    await stage.create(None)
    change_feed = ChangeFeed(stage.log, 0)
    await change_feed.listen()
    await stage.create(None)
    await stage.create(None)
    key = stage.log.keys.partition(0, "changes")
    await stage.log.execute(key, "XTRIM", key, "MAXLEN", 1)

    assert await change_feed.rung() is None
    assert await change_feed.rung() == set()

    await stage.log.execute(key, "DEL", key)
    assert await change_feed.rung() is None

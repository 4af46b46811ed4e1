"""Notices are let go when they are old, but for what waits and what lasts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.contract.store.test_rebuild import rebuilt, rows
from waterclock.model.ids import JobId
from waterclock.model.notices.facts import Break, Trouble
from waterclock.model.notices.notice import ID_LENGTH
from waterclock.store.connection.pool import Connection, Pool
from waterclock.store.notices import facts, retention

AGE = timedelta(days=90)
JOB = JobId("j")


def id_of(name: str) -> str:
    return name.ljust(ID_LENGTH, "0")


async def told(connection: Connection, name: str, days: int, *, recorded: int | None = None) -> None:
    """A notice of so many days ago, recorded then or at another time."""
    said: dict[str, Any] = {"id": id_of(name), "days": days, "recorded": days if recorded is None else recorded}
    await connection.execute(
        "INSERT INTO notices (id, at, kind, rule, job_id, document, recorded_at)"
        " SELECT %(id)s, now() - make_interval(days => %(days)s), 'failed', 'r', 'j', '',"
        " now() - make_interval(days => %(recorded)s)",
        said,
    )


async def sent(connection: Connection, name: str, state: str, *, takes_back: str | None = None) -> None:
    said = {"id": id_of(name), "state": state, "of": None if takes_back is None else id_of(takes_back)}
    await connection.execute(
        "INSERT INTO notice_deliveries (channel, message, subject, notice_id, takes_back, state, settled_at)"
        " SELECT 'ops', id, 'j', id, %(of)s, %(state)s, at FROM notices WHERE id = %(id)s",
        said,
    )


async def left(connection: Connection) -> list[str]:
    return [row[0].rstrip("0") for row in await rows(connection, "SELECT id FROM notices ORDER BY id")]


async def test_old_notices_go_with_their_messages(connection: Connection) -> None:
    for name, days in (("old", 91), ("new", 89)):
        await told(connection, name, days)
        await sent(connection, name, "delivered")
    await told(connection, "late", 400, recorded=1)  # judged after an outage of the notifiers
    assert await retention.forget(connection, AGE) == 1
    assert await left(connection) == ["late", "new"]
    assert await rows(connection, "SELECT notice_id FROM notice_deliveries") == [(id_of("new"),)]
    assert await retention.forget(connection, AGE) == 0


async def test_what_waits_and_what_its_recovery_takes_back_stays(connection: Connection) -> None:
    for name in ("waits", "failed", "recovered", "given"):
        await told(connection, name, 100)
    await sent(connection, "waits", "waiting")
    await sent(connection, "failed", "delivered")
    await sent(connection, "recovered", "waiting", takes_back="failed")
    await sent(connection, "given", "givenUp")
    await retention.forget(connection, AGE)
    assert await left(connection) == ["failed", "recovered", "waits"]


async def test_the_notice_of_what_lasts_stays_until_it_is_over(connection: Connection) -> None:
    for name in ("opened", "before"):
        await told(connection, name, 100)
        await sent(connection, name, "delivered")
    lasts = Break(rule="r", kind="failed", opened=id_of("opened"), since=0, count=3)
    trouble = Trouble(job=JOB, bad=3, breaks=(lasts,))
    await facts.write(connection, {trouble.key: trouble}, partitions=1)
    await retention.forget(connection, AGE)
    assert await left(connection) == ["opened"]
    await facts.write(connection, {trouble.key: None}, partitions=1)
    await retention.forget(connection, AGE)
    assert await left(connection) == []


async def test_digests_readings_and_orders_of_the_breaker_go_too(connection: Connection) -> None:
    for days in (100, 80):
        said = {"days": days}
        await connection.execute(
            "INSERT INTO notice_deliveries (channel, message, subject, digest, state, settled_at)"
            " SELECT 'ops', state || %(days)s, '*', '{}', state, now() - make_interval(days => %(days)s)"
            " FROM unnest(ARRAY['delivered', 'waiting']) AS state",
            said,
        )
        await connection.execute(
            "INSERT INTO notice_readings (partition, epoch, seq, clock_at, document)"
            " VALUES (0, 1, %(days)s, now() - make_interval(days => %(days)s), '')",
            said,
        )
        await connection.execute(
            "INSERT INTO notice_trips (id, job_id, document, state, settled_at)"
            " SELECT state || %(days)s, 'j', '', state, now() - make_interval(days => %(days)s)"
            " FROM unnest(ARRAY['done', 'waiting']) AS state",
            said,
        )
    assert await retention.forget(connection, AGE) == 3
    assert await rows(connection, "SELECT message FROM notice_deliveries ORDER BY number") == [
        ("waiting100",),
        ("delivered80",),
        ("waiting80",),
    ]
    assert await rows(connection, "SELECT seq FROM notice_readings") == [(80,)]
    assert await rows(connection, "SELECT id FROM notice_trips ORDER BY id") == [
        ("done80",),
        ("waiting100",),
        ("waiting80",),
    ]


async def test_many_go_in_batches(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 10)
    for number in range(25):
        await told(connection, f"n{number}x", 100)
    await sent(connection, "n0x", "waiting")
    assert await retention.forget(connection, AGE) == 24
    assert await left(connection) == ["n0x"]


async def test_one_notifier_at_a_time_lets_go(pool: Pool) -> None:
    async with pool.connection() as one, pool.connection() as other:
        assert await retention.take(one)
        assert not await retention.take(other)
        await one.execute("SELECT pg_advisory_unlock_all()")
        assert await retention.take(other)


async def test_a_rebuild_leaves_notices_as_they_are(connection: Connection) -> None:
    await told(connection, "told", 1)
    await sent(connection, "told", "waiting")
    trouble = Trouble(job=JOB, bad=1)
    await facts.write(connection, {trouble.key: trouble}, partitions=1)
    held = "SELECT (SELECT count(*) FROM notices), (SELECT count(*) FROM notice_deliveries), count(*) FROM notice_facts"
    before = await rows(connection, held)
    await rebuilt(connection, swap=True)
    assert before == await rows(connection, held) == [(1, 1, 1)]


async def test_promises_that_were_broken_long_ago_go_too(connection: Connection) -> None:
    for name, days in (("old", 91), ("new", 89)):
        await connection.execute(
            "INSERT INTO broken_promises (id, kind, job_id, first_at, last_at, at, position, recorded_at)"
            " SELECT %(id)s, 'late', 'j', past, past, past, '0-1-1', past"
            " FROM (SELECT now() - make_interval(days => %(days)s) AS past) AS moment",
            {"id": name, "days": days},
        )
    assert await retention.forget(connection, AGE) == 1
    assert await rows(connection, "SELECT id FROM broken_promises") == [("new",)]

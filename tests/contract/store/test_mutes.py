"""Which messages are muted: by whom they are about, by when that came to pass, by what the channel was told before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from psycopg.types.json import Jsonb

from tests.contract.store.test_project import project
from tests.support.histories import entries_of
from waterclock.model.definition import Definition
from waterclock.model.events import JobCreated, JobDeleted, RunRequested
from waterclock.model.ids import JobId, RunId
from waterclock.store import archive
from waterclock.store.connection.pool import Connection
from waterclock.store.notices import deliveries, mutes

OF_JOB: Mapping[str, Any] = {"job_id": "j"}
OF_RUN: Mapping[str, Any] = {"run_id": "alone-x1"}
OF_NOBODY: Mapping[str, Any] = {}
MINUTE = 60
PAST, NOW, LATER = (-60, -30), (-10, 60), (10, 60)
"""From when to when a mute is in force, in minutes from now."""


class Whose(NamedTuple):
    job_id: str | None = None
    job_group: str | None = None
    labels: dict[str, str] | None = None
    everything: bool = False


async def jobs(connection: Connection) -> None:
    definition = Definition(job_name="n", job_group="reports", invoke_target="a", labels={"tier": "gold", "team": "x"})
    alone = RunRequested(
        run_id=RunId("alone-x1"), trigger="manual", invoke_target="a", queue="default", labels={"tier": "gold"}
    )
    events = [JobCreated(job_id=JobId("j"), version=1, definition=definition), alone]
    assert await project(connection, None, entries_of(events))


async def mute(connection: Connection, whose: Whose, when: tuple[int, int] = NOW, *, name: str = "mute") -> None:
    await connection.execute(
        "INSERT INTO mutes"
        " (mute_id, job_id, job_group, labels, everything, muted_at, until, partition, epoch, seq, reason)"
        " VALUES (%s, %s, %s, %s, %s, now() + %s * interval '1 min', now() + %s * interval '1 min', 0, 1, 1, 'r')",
        [name, whose.job_id, whose.job_group, whose.labels and Jsonb(whose.labels), whose.everything, *when],
    )


async def unmute(connection: Connection) -> None:
    await connection.execute("UPDATE mutes SET unmuted_at = now()")


async def message(
    connection: Connection,
    name: str,
    about: Mapping[str, Any] = OF_JOB,
    *,
    minutes_ago: float = 0,
    takes_back: str | None = None,
    repeats: str | None = None,
    state: str = "waiting",
    claimed: str | None = None,
) -> int:
    """A message of a notice of that name; its number."""
    await connection.execute(
        "INSERT INTO notices (id, at, kind, rule, job_id, run_id, document)"
        " VALUES (%s, now() - %s * interval '1 minute', 'failed', 'r', %s, %s, '')",
        [name, minutes_ago, about.get("job_id"), about.get("run_id")],
    )
    cursor = await connection.execute(
        "INSERT INTO notice_deliveries"
        " (channel, message, subject, notice_id, takes_back, repeats, state, claim, claimed_until)"
        " VALUES ('ops', %s, 's', %s, %s, %s, %s, %s, now() + CASE WHEN %s THEN interval '1 minute' END)"
        " RETURNING number",
        [name, name, takes_back, repeats, state, claimed, claimed is not None],
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0]


async def states(connection: Connection) -> dict[str, str]:
    rows = await connection.execute("SELECT message, state FROM notice_deliveries ORDER BY number")
    return dict(await rows.fetchall())


@pytest.mark.parametrize(
    ("whose", "job", "run", "nobody"),
    [
        (Whose(job_id="j"), True, False, False),
        (Whose(job_id="another"), False, False, False),
        (Whose(job_group="reports"), True, False, False),
        (Whose(job_group="DEFAULT"), False, False, False),
        (Whose(labels={"tier": "gold"}), True, True, False),
        (Whose(labels={"tier": "silver"}), False, False, False),
        (Whose(everything=True), True, True, True),
        (Whose(), False, False, False),
    ],
)
async def test_a_mute_covers_whom_it_names(
    connection: Connection, whose: Whose, job: bool, run: bool, nobody: bool
) -> None:
    await jobs(connection)
    await mute(connection, whose)
    for name, about in (("job", OF_JOB), ("run", OF_RUN), ("nobody", OF_NOBODY)):
        await message(connection, name, about)

    assert await mutes.settle_waiting(connection) == job + run + nobody

    found = {name: state == "muted" for name, state in (await states(connection)).items()}
    assert found == {"job": job, "run": run, "nobody": nobody}
    rows = await connection.execute("SELECT said FROM notice_deliveries WHERE state = 'muted'")
    assert {said for (said,) in await rows.fetchall()} <= {"mute"}


@pytest.mark.parametrize(
    ("when", "minutes_ago", "is_muted"),
    [
        (NOW, 0, True),
        (NOW, 600, True),  # it was to go out before, and did not: what is in force holds for all that is sent
        (PAST, 45, True),  # judged late: it came to pass while the mute was in force
        (PAST, 61, False),
        (PAST, 29, False),
    ],
)
async def test_a_mute_covers_what_is_sent_and_what_came_to_pass_while_it_is_in_force(
    connection: Connection, when: tuple[int, int], minutes_ago: float, is_muted: bool
) -> None:
    await jobs(connection)
    await mute(connection, Whose(job_id="j"), when)
    await message(connection, "one", minutes_ago=minutes_ago)

    await mutes.settle_waiting(connection)

    assert await states(connection) == {"one": "muted" if is_muted else "waiting"}


async def lasting(connection: Connection, *names: str) -> None:
    """These notices have opened something that lasts."""
    breaks = ",".join(f'{{"rule":"r","kind":"failed","opened":"{name}"}}' for name in names)
    await connection.execute(
        "INSERT INTO notice_facts (key, partition, job_id, document)"
        " VALUES ('trouble j', 0, 'j', convert_to(%s, 'UTF8'))",
        [f'{{"fact":"trouble","job":"j","breaks":[{breaks}]}}'],
    )


async def test_what_lasts_is_muted_only_while_a_mute_is_in_force(connection: Connection) -> None:
    await jobs(connection)
    await mute(connection, Whose(job_id="j"), PAST)
    await message(connection, "lasts", minutes_ago=45)
    await message(connection, "is over", minutes_ago=45)
    await lasting(connection, "lasts")

    await mutes.settle_waiting(connection)
    assert await states(connection) == {"lasts": "waiting", "is over": "muted"}

    await mute(connection, Whose(job_group="reports"), NOW, name="another")
    await mutes.settle_waiting(connection)
    assert await states(connection) == {"lasts": "muted", "is over": "muted"}


async def test_what_lasts_is_released_when_its_mute_is_over_and_by_no_other(connection: Connection) -> None:
    await jobs(connection)
    await mute(connection, Whose(job_id="j"))
    for name in ("lasts", "is over"):
        await message(connection, name)
    await message(connection, "reminded", repeats="lasts")
    await lasting(connection, "lasts")
    assert await mutes.settle_waiting(connection) == 3
    await mute(connection, Whose(job_id="another"), PAST, name="another")
    assert await mutes.release(connection) == 0

    await unmute(connection)

    assert await mutes.release(connection) == 1
    assert await mutes.settle_waiting(connection) == 0
    assert await states(connection) == {"lasts": "waiting", "is over": "muted", "reminded": "muted"}
    assert await mutes.release(connection) == 0


async def test_what_another_mute_holds_back_as_well_waits_for_the_end_of_that(connection: Connection) -> None:
    await jobs(connection)
    await mute(connection, Whose(job_id="j"))
    await message(connection, "lasts")
    await lasting(connection, "lasts")
    await mutes.settle_waiting(connection)
    await unmute(connection)
    await mute(connection, Whose(job_group="reports"), name="another")

    assert await mutes.release(connection) == 1
    assert await mutes.settle_waiting(connection) == 1
    rows = await connection.execute("SELECT state, said FROM notice_deliveries")
    assert await rows.fetchall() == [("muted", "another")]

    await unmute(connection)
    assert await mutes.release(connection) == 1


async def test_a_mute_that_has_been_over_for_a_while_is_looked_at_no_more(connection: Connection) -> None:
    await jobs(connection)
    await mute(connection, Whose(job_id="j"))
    await message(connection, "lasts")
    await lasting(connection, "lasts")
    await mutes.settle_waiting(connection)
    await connection.execute("UPDATE mutes SET unmuted_at = now() - interval '29 seconds'")
    assert await mutes.release(connection) == 1
    await connection.execute("UPDATE notice_deliveries SET state = 'muted', said = 'mute'")  # by one that was late
    await connection.execute("UPDATE mutes SET unmuted_at = now() - interval '31 seconds'")
    assert await mutes.release(connection) == 1
    await connection.execute("UPDATE notice_deliveries SET state = 'muted', said = 'mute'")
    assert await mutes.release(connection) == 0


async def test_what_comes_to_pass_after_a_mute_was_ended_is_sent(connection: Connection) -> None:
    await jobs(connection)
    await mute(connection, Whose(job_id="j"))
    await unmute(connection)
    await message(connection, "before", minutes_ago=1)
    await message(connection, "after", minutes_ago=-1)

    await mutes.settle_waiting(connection)

    assert await states(connection) == {"before": "muted", "after": "waiting"}


async def test_the_mute_of_a_job_that_is_deleted_is_over(connection: Connection) -> None:
    await jobs(connection)
    await mute(connection, Whose(job_id="j"))
    last = await archive.position(connection, 0)
    gone = JobDeleted(job_id=JobId("j"), version=2)
    assert await project(connection, last, entries_of([gone], after=last))
    await connection.execute("UPDATE jobs SET deleted_at = now() - interval '5 minutes'")
    await message(connection, "one")

    await mutes.settle_waiting(connection)

    assert await states(connection) == {"one": "waiting"}


@pytest.mark.parametrize(
    ("failed", "reminded", "in_force", "becomes"),
    [
        ("muted", None, True, "muted"),
        ("muted", None, False, "muted"),  # nobody knows of the failure
        ("muted", "muted", False, "muted"),
        ("muted", "delivered", False, "waiting"),  # somebody was reminded after the mute
        ("muted", "delivered", True, "waiting"),
        ("delivered", None, True, "waiting"),  # who was woken is told that it is over
        ("delivered", "muted", True, "waiting"),
        ("digested", None, True, "waiting"),
        ("waiting", None, False, "waiting"),
        (None, None, True, "muted"),
        (None, None, False, "waiting"),
    ],
)
async def test_a_recovery_is_sent_to_whom_the_failure_was(
    connection: Connection, failed: str | None, reminded: str | None, in_force: bool, becomes: str
) -> None:
    await jobs(connection)
    if in_force:
        await mute(connection, Whose(job_id="j"))
    if failed is not None:
        await message(connection, "failed", state=failed)
        await connection.execute("UPDATE notice_deliveries SET said = 'earlier' WHERE state = 'muted'")
    if reminded is not None:
        await message(connection, "reminded", repeats="failed", state=reminded)
        await connection.execute("UPDATE notice_deliveries SET said = 'earlier' WHERE state = 'muted'")
    await message(connection, "recovered", takes_back="failed")

    await mutes.settle_waiting(connection)

    assert (await states(connection))["recovered"] == becomes


async def test_what_stands_for_many_is_muted_only_with_everything(connection: Connection) -> None:
    await jobs(connection)
    await deliveries.put_digest(connection, "ops", "digest", b"{}")
    await mute(connection, Whose(job_group="reports"))
    assert await mutes.settle_waiting(connection) == 0
    await mute(connection, Whose(everything=True), name="all")
    assert await mutes.settle_waiting(connection) == 1
    assert await states(connection) == {"digest": "muted"}


async def test_what_somebody_has_claimed_is_settled_by_that_claim_alone(connection: Connection) -> None:
    await jobs(connection)
    number = await message(connection, "one", claimed="mine")
    other = await message(connection, "other")
    await mute(connection, Whose(job_id="j"))
    [mine, free] = [
        deliveries.Claimed(each, "ops", name, 0, None, None, 0.0) for each, name in ((number, "one"), (other, "other"))
    ]

    assert not await mutes.settle_claimed(connection, mine, "another's")
    assert not await mutes.settle_claimed(connection, free, "mine")
    assert await mutes.settle_waiting(connection) == 1
    assert await states(connection) == {"one": "waiting", "other": "muted"}
    assert await mutes.settle_claimed(connection, mine, "mine")
    assert await states(connection) == {"one": "muted", "other": "muted"}


async def test_muted_ones_are_counted_by_when_they_came_to_pass(connection: Connection) -> None:
    await jobs(connection)
    await mute(connection, Whose(job_id="j"))
    for place, minutes in enumerate((10, 5, 5, 1)):
        await message(connection, f"of {place}", minutes_ago=minutes)
    await message(connection, "of another", OF_NOBODY, minutes_ago=5)
    await mutes.settle_waiting(connection)
    row = await (await connection.execute("SELECT (extract(epoch FROM now()) * 1000)::bigint")).fetchone()
    assert row is not None
    (now,) = row
    minute = MINUTE * 1000

    assert await mutes.count(connection, "ops", now - 6 * minute, now) == 3
    assert await mutes.count(connection, "ops", now - 20 * minute, now - 2 * minute) == 3
    assert await mutes.count(connection, "other", 0, now) == 0

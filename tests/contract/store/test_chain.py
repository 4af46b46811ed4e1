"""Whatever is changed, removed or inserted in the archive breaks its chain, where it was done."""

from datetime import timedelta

import pytest

from tests.contract.store.test_project import project
from tests.contract.store.test_retention import LATER, J, history
from tests.support.histories import BEGAN, entries_of
from waterclock.model.events import LogsCleared
from waterclock.model.positions import Position
from waterclock.store import retention
from waterclock.store.chain import Chained, verify
from waterclock.store.connection.pool import Connection
from waterclock.store.retention import Keep
from waterclock.wire.envelope import read_entry, unreadable


async def put(connection: Connection, *, clear: bool = False) -> None:
    """A history, in three transactions."""
    events = [*history(), *([LogsCleared(job_id=J)] if clear else [])]
    entries = entries_of(events)
    at: Position | None = None
    for batch in (entries[:4], entries[4:9], entries[9:]):
        assert await project(connection, at, batch)
        at = batch[-1].position


async def proved(connection: Connection, anchors: dict[Position, str] | None = None) -> Chained:
    [one] = await verify(connection, anchors or {})
    return one


async def test_what_was_archived_is_proved_and_a_head_that_was_noted_is_found(connection: Connection) -> None:
    await put(connection)
    one = await proved(connection)
    assert (one.begins, one.blocks, one.entries, one.forgotten, one.broken) == ("0-1-0", 3, 15, 0, None)
    assert one.head is not None

    noted = {Position(0, 1, 15): one.head, Position(0, 1, 4): one.head, Position(0, 1, 5): one.head}

    assert (await proved(connection, noted)).anchors == {"0-1-15": True, "0-1-4": False, "0-1-5": False}


FORGERIES = {
    "UPDATE events SET document = replace(convert_from(document, 'UTF8'), 'no', 'ja')::bytea WHERE seq = 13": "0-1-13",
    "UPDATE events SET at = at + interval '1 ms' WHERE seq = 6": "0-1-6 is not",
    "UPDATE events SET prev = '1-4' WHERE seq = 6": "0-1-6 is not",
    "UPDATE events SET run_id = 'j-other' WHERE seq = 5": "0-1-5 is not",
    "DELETE FROM events WHERE seq = 6": "the events after 0-1-5 were removed",
    "DELETE FROM events WHERE seq = 5": "the events after the beginning of the block that ends at 0-1-9 were removed",
    "DELETE FROM events WHERE seq = 9": "the events after 0-1-8 were removed",
    "INSERT INTO events SELECT partition, epoch, 16, prev, at, type, job_id, run_id, document"
    " FROM events WHERE seq = 15;"
    "UPDATE partitions SET seq = 16": "the chain ends at 0-1-15, the archive at 0-1-16",
    "INSERT INTO events SELECT partition, epoch, seq, prev, at + interval '1 ms', type, job_id, run_id, document"
    " FROM events WHERE seq = 6": "0-1-6 is not",
    "UPDATE events SET seq = CASE seq WHEN 6 THEN 7 ELSE 6 END WHERE seq IN (6, 7)": "0-1-6 is not",
    "UPDATE chain SET leaves = set_byte(leaves, 3, 1 - get_byte(leaves, 3) % 2) WHERE seq = 9": "0-1-9 was changed",
    "DELETE FROM chain WHERE seq = 9": "ends at 0-1-15 does not follow the one that ends at 0-1-4",
    "DELETE FROM events WHERE seq > 9; DELETE FROM chain WHERE seq > 9": "chain ends at 0-1-9, the archive at 0-1-15",
    "UPDATE log_lines SET text = 'never said' WHERE seq = 6": "the lines of 0-1-6 are not",
    "UPDATE log_lines SET level = 'error' WHERE seq = 9": "the lines of 0-1-9 are not",
    "DELETE FROM log_lines WHERE seq = 6": "the lines of 0-1-6 were removed",
    "INSERT INTO log_lines SELECT partition, epoch, seq, 1, job_id, run_id, attempt, step, at, level, text"
    " FROM log_lines WHERE seq = 6": "the lines of 0-1-6 are not",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forgery_is_found_and_named(connection: Connection, forgery: str) -> None:
    await put(connection)
    for text in forgery.split(";"):
        await connection.execute(text.encode())

    broken = (await proved(connection)).broken

    assert broken is not None
    assert FORGERIES[forgery] in broken


async def test_lines_that_were_cleared_do_not_break_the_chain(connection: Connection) -> None:
    await put(connection, clear=True)
    assert await (await connection.execute("SELECT count(*) FROM log_lines")).fetchone() == (2,)

    one = await proved(connection)
    assert (one.broken, one.entries) == (None, 16)
    for _ in range(2):  # at each place that the deletion may have come to
        await connection.execute("DELETE FROM log_lines WHERE ctid IN (SELECT ctid FROM log_lines LIMIT 1)")
        one = await proved(connection)
        assert (one.broken, one.entries) == (None, 16)


@pytest.mark.parametrize("rest", [b'"x":' + b"[" * 4_000 + b"]" * 4_000, b'"linesDigest":7', b'"lines":"\\ud800"'])
async def test_lines_that_nobody_can_read_do_not_break_the_chain(connection: Connection, rest: bytes) -> None:
    await put(connection)
    body = b'{"type":"step.log","runId":"j-good","jobId":"j","attempt":1,"fence":1,' + rest + b"}"
    fields = {b"b": body, b"p": b"1-15", b"t": b"%d" % LATER}
    entry = unreadable(read_entry(0, "1-16", fields), "too deep")
    assert await project(connection, Position(0, 1, 15), [entry])

    one = await proved(connection)

    assert (one.broken, one.entries) == (None, 16)


async def test_what_is_not_kept_any_more_does_not_break_the_chain_and_the_rest_is_proved(
    connection: Connection,
) -> None:
    await connection.execute("SELECT make_archive_month(to_timestamp(%s))", [BEGAN / 1000])
    await put(connection)
    before = await proved(connection)
    assert await retention.take(connection)

    await retention.forget(connection, Keep(events=timedelta(days=60)), LATER)

    after = await proved(connection)
    assert (after.broken, after.head, after.blocks) == (None, before.head, 1)
    assert after.forgotten > 0
    left = await (await connection.execute("SELECT max(seq) FROM events WHERE type = 'fire.skipped'")).fetchone()
    assert left == (15,)
    await connection.execute("UPDATE events SET type = 'fire.coalesced' WHERE seq = 15")
    assert "0-1-15 is not" in str((await proved(connection)).broken)

"""Reading the tail: in order, without a hole, and what is missing is filled or said."""

import pytest

from tests.contract.log.build import ask, create, entries_of, wish
from waterclock.log.client import Log
from waterclock.log.connection.errors import BrokenChain
from waterclock.log.recovery.opening import open_partition
from waterclock.log.tail import delete_entries, read, tail_of, trim
from waterclock.model.positions import Position
from waterclock.wire.envelope import Entry


class Kept:
    """An archive that holds some entries."""

    def __init__(self, *entries: Entry) -> None:
        self._entries = entries

    async def entries(self, partition: int, after: Position | None, before: Position) -> list[Entry]:
        known = [one for one in self._entries if one.position.partition == partition]
        return [one for one in known if (after is None or after < one.position) and one.position < before]


async def history(log: Log) -> list[Entry]:
    """Six entries: the epoch, the job, four runs."""
    await create(log)
    await ask(log, *(wish(n) for n in range(4)))
    return await entries_of(log)


async def after(log: Log, position: Position | None, archive: Kept | None = None, count: int = 100) -> list[Entry]:
    return await read(log, 0, position, count=count, block=None, archive=archive)


async def test_each_entry_names_the_one_before(log: Log) -> None:
    entries = await history(log)
    assert [entry.position for entry in entries] == [Position(0, 1, seq) for seq in range(1, 7)]
    assert [entry.prev for entry in entries] == ["", "1-1", "1-2", "1-3", "1-4", "1-5"]
    assert await tail_of(log, 0) == entries[-1].position


async def test_reading_goes_on_from_a_position(log: Log) -> None:
    entries = await history(log)
    assert await after(log, entries[2].position) == entries[3:]
    assert await after(log, entries[2].position, count=2) == entries[3:5]
    assert await after(log, entries[-1].position) == []


async def test_a_reader_waits_for_what_comes(log: Log) -> None:
    entries = await history(log)
    reader = log.reader()
    last = entries[-1].position
    assert await read(reader, 0, last, count=10, block=0.01, archive=None) == []
    await ask(log, wish(9))
    [entry] = await read(reader, 0, last, count=10, block=1, archive=None)
    assert entry.position == Position(0, 1, 7)
    await reader.close()


async def test_what_was_trimmed_is_read_from_the_archive(log: Log) -> None:
    entries = await history(log)
    assert await trim(log, 0, archived=entries[3].position, keep_bytes=0, older_than_ms=0) > 0
    assert (await after(log, entries[3].position)) == entries[4:]
    assert await after(log, None, Kept(*entries)) == entries
    assert await after(log, entries[0].position, Kept(*entries)) == entries[1:]


async def test_a_hole_in_the_middle_is_filled(log: Log) -> None:
    entries = await history(log)
    assert await delete_entries(log, 0, ["1-4", "1-3"]) == 2
    assert await after(log, None, Kept(entries[2], entries[3])) == entries


async def test_what_nobody_has_is_a_break(log: Log) -> None:
    entries = await history(log)
    await delete_entries(log, 0, ["1-4"])
    with pytest.raises(BrokenChain) as broken:
        await after(log, entries[1].position)
    assert (broken.value.after, broken.value.found) == ("1-3", "1-5")
    with pytest.raises(BrokenChain):
        await after(log, None, Kept(*entries[:3]))


async def test_an_archive_of_another_history_is_a_break(log: Log) -> None:
    entries = await history(log)
    await delete_entries(log, 0, ["1-3", "1-4"])
    with pytest.raises(BrokenChain):
        await after(log, None, Kept(entries[3]))


async def test_only_what_is_archived_old_and_too_much_is_trimmed(log: Log) -> None:
    entries = await history(log)
    end = entries[-1].position
    assert await trim(log, 0, archived=end, keep_bytes=10**9, older_than_ms=0) == 0
    assert await trim(log, 0, archived=end, keep_bytes=0, older_than_ms=60_000) == 0
    assert await trim(log, 0, archived=Position(0, 1, 2), keep_bytes=0, older_than_ms=0) == 2
    assert await after(log, Position(0, 1, 2)) == entries[2:]


async def test_the_tail_is_known_also_when_its_entry_is_gone(log: Log) -> None:
    entries = await history(log)
    await delete_entries(log, 0, [entry.position.entry for entry in entries])
    assert await tail_of(log, 0) == entries[-1].position
    await ask(log, wish(9))
    assert await after(log, None, Kept(*entries)) == [*entries, *await after(log, entries[-1].position)]


async def test_the_chain_goes_on_from_epoch_to_epoch(log: Log) -> None:
    entries = await history(log)
    await open_partition(log, 0, epoch=5, expect_tail="1-6")
    await ask(log, wish(9))
    both = await after(log, entries[-1].position)
    assert [(entry.position.entry, entry.prev) for entry in both] == [("5-1", "1-6"), ("5-2", "5-1")]

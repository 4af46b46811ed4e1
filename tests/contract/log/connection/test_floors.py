"""A server that another has taken the place of takes no writes, and a log of others is not touched."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.contract.log.build import ask, create, entries_of, open_all, wish
from tests.support.memory.connection import memory_log
from tests.support.memory.store import Store
from tests.support.servers import Shared
from waterclock.log.client import Log, LogSettings
from waterclock.log.clock import now
from waterclock.log.commands.names import reserve_name
from waterclock.log.connection import calls, handshake
from waterclock.log.connection.errors import Foreign, Halted, StaleEpoch, Superseded
from waterclock.log.connection.floors import NAMES
from waterclock.log.connection.handshake import Handshake
from waterclock.log.connection.scripts import Script
from waterclock.log.gates import Gate, gate_of, gate_of_names, look_anew, supersede
from waterclock.log.reader import Reader
from waterclock.log.recovery.opening import identify, open_partition, prepare, prepare_again
from waterclock.log.tail import read
from waterclock.model.ids import JobId


@pytest_asyncio.fixture
async def others(log: Log, log_server: Shared | None, key_prefix: str) -> AsyncGenerator[Log]:
    """Another process on the same log."""
    if log_server is None:
        other = await memory_log(store_of(log), prefix=key_prefix)
    else:
        other = await Log.reach(LogSettings(url=log_server.url, prefix=key_prefix), role="other")
    await other.refresh()
    yield other
    await other.close()


def store_of(log: Log) -> Store:
    [node] = log.nodes.all()
    return node.target.options["store"]


async def set_meta(log: Log, place: int = 0, **fields: Any) -> None:
    key = log.keys.meta(place)
    await log.execute(key, "HSET", key, *(word for pair in fields.items() for word in pair))


async def without_floor(log: Log, name: str, payload: bytes = b"\x80") -> Any:
    """A call as the release before makes it."""
    script = Script(name, object)
    keys = [log.keys.partition(0, key) for key in script.source.spelled]
    await log.execute("", "SCRIPT", "LOAD", script.source.text)
    server = (await gate_of(log, 0)).run_id
    return await log.execute("", "EVALSHA", script.source.sha, len(keys), *keys, server, payload)


async def test_who_has_seen_a_later_epoch_writes_nothing_to_an_earlier_one(log: Log, others: Log) -> None:
    await create(log)
    await create(others, JobId("known"))
    log.floors.seen(0, 2)
    with pytest.raises(Superseded):
        await ask(log, wish(1))
    await ask(others, wish(1))  # which knows no better, and is told by nobody yet
    assert len(await entries_of(log)) == 4


async def test_a_process_learns_the_floor_when_it_connects_and_from_what_it_reads(log: Log, others: Log) -> None:
    assert (others.floors.of(0), others.floors.of(NAMES)) == (1, 0)
    await reserve_name(others, "g", "n", JobId("j"), "c")
    assert others.floors.of(NAMES) == 1
    await open_partition(log, 0, epoch=4, expect_tail=None)
    assert (log.floors.of(0), others.floors.of(0)) == (4, 1)
    await read(others, 0, None, count=10, block=None, archive=None)
    assert others.floors.of(0) == 4


async def test_who_connects_before_the_opening_learns_the_floor_with_the_first_answer(log: Log, others: Log) -> None:
    await set_meta(log, run_id="")
    others.floors.halted(0)
    assert not (await gate_of(others, 0)).opened
    await open_partition(log, 0, epoch=3, expect_tail=None)
    await now(others, 0)
    assert others.floors.of(0) == 3


async def test_the_floor_is_learnt_anew_after_a_halt(log: Log, others: Log) -> None:
    await now(others, 0)
    await set_meta(log, run_id="")
    with pytest.raises(Halted):
        await now(others, 0)
    await open_partition(log, 0, epoch=3, expect_tail=None)
    await now(others, 0)
    assert others.floors.of(0) == 3


async def test_the_floor_is_learnt_also_by_who_did_not_meet_the_halt(log: Log, others: Log) -> None:
    await ask(others, wish(1))
    assert await supersede(log, 0, await gate_of(log, 0), floor=4)
    await open_partition(log, 0, epoch=6, expect_tail=None)
    await ask(others, wish(2))
    assert others.floors.of(0) == 6
    await set_meta(log, epoch=5)  # as on a server that lives on in the epoch between
    with pytest.raises(Superseded):
        await ask(others, wish(3))


@pytest.mark.parametrize("only_reads", [True, False])
async def test_a_server_with_an_earlier_epoch_is_halted_by_who_writes_and_left_by_who_reads(
    log: Log, others: Log, *, only_reads: bool
) -> None:
    others.handshake = Handshake(others.keys, only_reads=only_reads)
    others.floors.seen(0, 4)
    others.floors.halted(0)  # so that it looks
    with pytest.raises(Superseded):
        await now(others, 0)
    assert (await gate_of(log, 0)).floor == (0 if only_reads else 4)
    assert (await gate_of(log, 0)).opened is only_reads


async def test_a_floor_that_is_written_there_holds_for_who_knows_less(log: Log, others: Log) -> None:
    await now(others, 0)
    assert await supersede(log, 0, await gate_of(log, 0), floor=5)
    for one in (log, others):
        with pytest.raises(Superseded):
            await ask(one, wish(1))
    with pytest.raises(StaleEpoch) as stale:
        await open_partition(log, 0, epoch=5, expect_tail=None)
    assert stale.value.current == 5
    await open_partition(log, 0, epoch=6, expect_tail=None)
    await ask(others, wish(1))
    assert (await gate_of(log, 0)).floor == 0


async def test_a_call_of_the_release_before_is_answered_as_it_knows(log: Log) -> None:
    assert await without_floor(log, "now")
    await supersede(log, 0, await gate_of(log, 0), floor=5)
    await set_meta(log, run_id=(await gate_of(log, 0)).run_id)  # as if it were open below
    with pytest.raises(Halted):
        await without_floor(log, "now")


async def test_where_there_is_nothing_all_is_halted_and_not_superseded(log: Log) -> None:
    await log.execute(log.keys.meta(0), "UNLINK", log.keys.meta(0))
    await prepare_again(log, 0)
    for floor in (0, 7):
        log.floors.seen(0, floor)
        with pytest.raises(Halted):
            await now(log, 0)


@pytest.mark.parametrize(
    "otherwise",
    [{"identity": "theirs"}, {"epoch": 2}, {"opened_on": "another process"}],
    ids=lambda one: next(iter(one)),
)
async def test_only_what_is_as_it_was_seen_is_closed(log: Log, otherwise: dict[str, Any]) -> None:
    gate = await gate_of(log, 0)
    assert not await supersede(log, 0, gate._replace(**otherwise), floor=9)
    assert not await supersede(log, 0, gate, floor=1)
    assert await gate_of(log, 0) == gate
    assert await supersede(log, 0, gate, floor=9)
    assert await gate_of(log, 0) == gate._replace(opened=False, opened_on="", floor=9)
    assert await supersede(log, 0, (await gate_of(log, 0))._replace(opened_on=""), floor=3)  # a higher one stays
    assert (await gate_of(log, 0)).floor == 9


async def test_who_connects_with_a_higher_floor_tells_all_others(log: Log, others: Log) -> None:
    await now(others, 0)
    await set_meta(log, identity="ours")
    log.floors.seen(0, 3)
    assert (await look_anew(log, 0))[1:5:3] == (False, 3)
    with pytest.raises(Superseded):
        await now(others, 0)


async def test_a_log_that_is_removed_while_it_is_told_that_it_was_superseded_is_no_error(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `restore --replace` does while readers go on; they wait for what comes."""
    await create(log)
    key, send = log.keys.meta(0), calls.send

    async def late(*given: Any, **more: Any) -> bytes:
        await log.execute(key, "DEL", key)
        return await send(*given, **more)

    log.floors.seen(0, 9)
    monkeypatch.setattr(handshake, "send", late)
    reader = log.reader()
    try:
        await read(reader, 0, None, count=1, block=None, archive=None)
        assert not reader.is_open(0)
    finally:
        await reader.close()


async def test_two_connections_of_one_process_know_what_one_of_them_has_seen(log: Log, others: Log) -> None:
    others.handshake.join(log.handshake)
    await open_partition(log, 0, epoch=4, expect_tail=None)
    assert others.floors.of(0) == 4
    await set_meta(log, epoch=3)
    with pytest.raises(Superseded):
        await now(others, 0)


async def test_names_have_a_floor_of_their_own(log: Log, others: Log) -> None:
    await reserve_name(others, "g", "n", JobId("j"), "c")
    assert await supersede(log, NAMES, await gate_of_names(log), floor=4)
    with pytest.raises(Superseded):
        await reserve_name(others, "g", "m", JobId("j"), "c")
    await now(others, 0)


async def test_the_log_of_another_installation_is_neither_read_nor_written(log: Log, others: Log) -> None:
    await set_meta(log, identity="ours")
    await others.refresh()
    await now(others, 0)
    before = await entries_of(log)
    await set_meta(log, identity="theirs")
    others.floors.halted(0)  # as a new connection: it looks again
    for attempt in (now(others, 0), entries_of(others), gate_of(others, 0), identify(others, 0)):
        with pytest.raises(Foreign, match="installation theirs, and ours is ours"):
            await attempt
    reader: Reader = others.reader()
    with pytest.raises(Foreign):
        await read(reader, 0, None, count=1, block=None, archive=None)
    await reader.close()
    assert await entries_of(log) == before


async def test_none_is_not_another_identity(log: Log, others: Log) -> None:
    others.handshake.identity = "ours"
    await now(others, 0)
    await identify(others, 0)
    assert (await gate_of(log, 0)).identity == "ours"
    await log.refresh()
    assert log.identity == "ours"


async def test_a_log_that_is_prepared_again_has_the_identity_that_was_known(log: Log, key_prefix: str) -> None:
    log.handshake.identity = "ours"
    for place in (0, NAMES):
        await log.execute(log.keys.meta(place), "UNLINK", log.keys.meta(place))
    await prepare_again(log, 0)
    assert await gate_of(log, 0) == Gate(True, False, 0, (await gate_of(log, 0)).run_id, identity="ours")
    await prepare(log, partitions=1, queues=log.queues, identity="ours")
    assert (await gate_of_names(log)).identity == "ours"
    await open_all(log, epoch=2)


async def test_a_call_costs_no_further_command_once_it_has_been_looked(log: Log) -> None:
    await now(log, 0)
    [node] = log.nodes.all()
    sent: list[bytes] = []
    async with node.writer.line() as line:
        ask_line = line.ask

        async def counted(packed: bytes) -> Any:
            sent.append(packed)
            return await ask_line(packed)

        line.ask = counted  # type: ignore[method-assign]
    for _ in range(3):
        await now(log, 0)
    assert [packed.split(b"\r\n")[2] for packed in sent] == [b"EVALSHA"] * 3
    assert all(packed.endswith(b"\r\n$1\r\n1\r\n") for packed in sent)
    assert msgspec.msgpack.decode(sent[0].split(b"\r\n")[-4]) == {}

"""The gate: nothing is written on a server process on which the partition has not been opened."""

import msgspec
import pytest

from tests.contract.log.build import (
    QUEUES,
    WORKER,
    ask,
    create,
    ending,
    entries_of,
    events_of,
    finish,
    grab,
    mop,
    run_of,
    wish,
)
from tests.support.servers import OwnServers, redis_server
from waterclock.log.client import Log, LogSettings, Queue
from waterclock.log.clock import now
from waterclock.log.commands.attempts import Grant, promote
from waterclock.log.commands.bodies import part
from waterclock.log.commands.names import reserve_name
from waterclock.log.commands.requests import Unit, decide
from waterclock.log.connection.errors import (
    Halted,
    LogUnavailable,
    LogUnfit,
    NotInitialised,
    StaleEpoch,
    TailMoved,
)
from waterclock.log.gates import gate_of, gate_of_names
from waterclock.log.liveness.leadership import acquire
from waterclock.log.liveness.sessions import join, renew
from waterclock.log.recovery.opening import Opened, initialise, open_partition, server_state
from waterclock.log.server_checks import durability_of
from waterclock.log.tail import tail_of
from waterclock.model.events import EpochBegan, LeadershipTaken, RunCancelled
from waterclock.model.ids import created_job
from waterclock.model.positions import Position

FENCES = 2**40


@pytest.fixture
def settings(any_redis_url: str, key_prefix: str) -> LogSettings:
    return LogSettings(url=any_redis_url, prefix=key_prefix)


async def test_a_log_must_be_initialised_first(settings: LogSettings) -> None:
    with pytest.raises(NotInitialised, match="waterclock migrate"):
        await Log.connect(settings, role="test")


async def test_a_new_log_is_halted_until_it_is_opened(settings: LogSettings) -> None:
    await initialise(settings, partitions=2, queues=QUEUES)
    log = await Log.connect(settings, role="test")
    assert (log.partitions, log.queues) == (2, QUEUES)
    assert not (await server_state(log, 1)).opened
    assert await tail_of(log, 1) is None
    with pytest.raises(Halted):
        await now(log, 1)
    assert await open_partition(log, 1, epoch=1, expect_tail="") == Opened(Position(1, 1, 1), already=False)
    state = await server_state(log, 1)
    assert (state.opened, state.epoch) == (True, 1)
    began = (await events_of(log, 1))[-1]
    assert isinstance(began, EpochBegan)
    assert (began.epoch, began.server) == (1, state.run_id)
    with pytest.raises(Halted):
        await now(log, 0)
    with pytest.raises(Halted):
        await reserve_name(log, "g", "n", created_job("j"), "c")
    await log.close()


async def test_initialising_again_changes_nothing_but_adds_queues(settings: LogSettings) -> None:
    await initialise(settings, partitions=2, queues=QUEUES)
    log = await Log.connect(settings, role="test")
    await open_partition(log, 0, epoch=1, expect_tail="")
    more = (*QUEUES, Queue(name="bulk", weight=1))
    await initialise(settings, partitions=2, queues=more)
    assert (await gate_of(log, 0)).opened
    assert not (await gate_of_names(log)).opened
    await open_partition(log, 1, epoch=1, expect_tail="")
    assert (await server_state(log, 0)).opened
    await ask(log, wish(0, job_id=None, run_id=run_of(1, created_job("a")), queue="bulk"))
    assert log.queues == more
    with pytest.raises(LogUnfit, match="2 partitions"):
        await initialise(settings, partitions=3, queues=more)
    with pytest.raises(LogUnfit, match="bulk"):
        await initialise(settings, partitions=2, queues=QUEUES)
    await log.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("low\u200b", "U+200B"),
        ("two  blanks", "two consecutive spaces"),
        ("a/b", "holds a slash, which separates parts"),
        ("q" * 65, "has 65 characters"),
        ("x\x85", "U+0085"),
        ("\u2764\ufe0f", "looks the same as '\u2764'"),
    ],
)
async def test_a_new_queue_has_a_name_that_can_be_told_from_others(settings: LogSettings, name: str, said: str) -> None:
    first, odd = Queue(name="\u2764", weight=1), Queue(name=name, weight=1)
    for _ in range(2):
        with pytest.raises(LogUnfit) as refused:
            await initialise(settings, partitions=1, queues=[first, odd])
        assert str(refused.value).startswith(f"WATERCLOCK_QUEUE_WEIGHTS: the name {name!r} ")
        assert said in str(refused.value)
        await initialise(settings, partitions=1, queues=[first])


async def test_a_new_queue_is_named_in_nfc_and_one_that_is_stored_stays(settings: LogSettings) -> None:
    older = (Queue(name="pru\u0308f ", weight=1), Queue(name="a/b", weight=2))
    await initialise(settings, partitions=1, queues=older, archived=1)  # an archive's log, which has lost all
    await initialise(settings, partitions=1, queues=(*older, Queue(name="mu\u0308de", weight=3)))
    log = await Log.connect(settings, role="test")
    assert log.queues == (*older, Queue(name="m\u00fcde", weight=3))
    await log.close()


async def test_an_empty_server_takes_only_as_many_partitions_as_the_archive_knows(settings: LogSettings) -> None:
    with pytest.raises(LogUnfit, match="4 partitions, not 2"):
        await initialise(settings, partitions=2, queues=QUEUES, archived=4)
    await initialise(settings, partitions=4, queues=QUEUES, archived=4)


async def test_opening_again_in_the_same_epoch_does_nothing(log: Log) -> None:
    again = await open_partition(log, 0, epoch=1, expect_tail="")
    assert again == Opened(Position(0, 1, 1), already=True)
    assert len(await entries_of(log)) == 1


async def test_an_epoch_only_grows(log: Log) -> None:
    await open_partition(log, 0, epoch=5, expect_tail="1-1")
    with pytest.raises(StaleEpoch):
        await open_partition(log, 0, epoch=4, expect_tail=None)


async def test_a_stream_that_ends_elsewhere_is_not_opened(log: Log) -> None:
    await create(log)
    with pytest.raises(TailMoved) as moved:
        await open_partition(log, 0, epoch=2, expect_tail="1-1")
    assert moved.value.found == "1-2"
    assert (await server_state(log, 0)).epoch == 1


async def test_fences_of_a_later_epoch_are_greater(log: Log) -> None:
    await join(log, WORKER, body=None)
    await ask(log, *(wish(0, job_id=None, run_id=run_of(n)) for n in (1, 2)))
    [first] = (await grab(log, 1, slots=1)).grants
    await open_partition(log, 0, epoch=3, expect_tail=None)
    [second] = (await grab(log, 2, slots=1)).grants
    assert (first.fence, second.fence) == (FENCES + 1, 3 * FENCES + 1)
    assert await finish(log, ending(first)) == ["done"]


async def decided_unseen(log: Log) -> None:
    unit = Unit(job_id=created_job("unseen"), version=1, mark=0, through=1, items=())
    await decide(log, 0, [unit], term=0, expected_now=0)


async def everything_is_refused(log: Log, grant: Grant) -> None:
    """While halted: no claim, no end, no decision, no renewal, no sweep."""
    body = part(RunCancelled)
    attempts = (
        lambda: grab(log, 2),
        lambda: finish(log, ending(grant)),
        lambda: decided_unseen(log),
        lambda: create(log, created_job("another")),
        lambda: renew(log, 0, WORKER, 1),
        lambda: mop(log, 0),
        lambda: promote(log, 0, body_cancelled=body),
        lambda: ask(log, wish(5)),
        lambda: acquire(log, 0, scheduler="s", ttl_ms=1, body=part(LeadershipTaken, scheduler="s")),
        lambda: reserve_name(log, "g", "n", grant.run_id, "c"),  # type: ignore[arg-type]
    )
    for attempt in attempts:
        with pytest.raises(Halted):
            await attempt()


@pytest.mark.parametrize("kind", ["valkey", "redis"])
async def test_after_a_crash_the_partition_is_halted_until_opened_and_then_goes_on(
    own_servers: OwnServers, kind: str
) -> None:
    server = await own_servers.valkey(binary=redis_server() if kind == "redis" else None)
    settings = LogSettings(url=server.url)
    await initialise(settings, partitions=1, queues=QUEUES)
    log = await Log.connect(settings, role="test")
    assert await durability_of(log.nodes) == "always"
    await open_partition(log, 0, epoch=1, expect_tail="")
    await create(log)
    await join(log, WORKER, body=None)
    await ask(log, wish(1), wish(2))
    [grant] = (await grab(log, 1, slots=1)).grants
    before = await entries_of(log)

    await server.kill()
    with pytest.raises(LogUnavailable):
        await grab(log, 1, slots=1)
    await server.start()

    await everything_is_refused(log, grant)
    assert await entries_of(log) == before
    assert not (await server_state(log, 0)).opened
    tail = await tail_of(log, 0)
    assert tail is not None
    assert tail == before[-1].position
    await open_partition(log, 0, epoch=2, expect_tail=tail.entry)

    [again] = (await grab(log, 1, slots=1)).grants
    assert again == msgspec.structs.replace(grant, waited=again.waited)
    assert await finish(log, ending(grant)) == ["done"]
    [second] = (await grab(log, 2)).grants
    assert (second.run_id, second.fence) == (run_of(2), 2 * FENCES + 2 - 1)
    after = await entries_of(log)
    assert after[: len(before)] == before
    assert after[len(before)].prev == before[-1].position.entry
    await log.close()


async def test_a_connection_that_reached_an_old_process_writes_nothing(log: Log) -> None:
    """What a proxy or a failover does to a connection: it greeted another process than the partition was opened on."""
    await create(log)
    meta = log.keys.partition(0, "meta")
    await log.execute(meta, "HSET", meta, "run_id", "another process")
    with pytest.raises(Halted):
        await ask(log, wish(1))
    assert len(await entries_of(log)) == 2


async def test_scripts_are_loaded_again_when_the_server_forgot_them(log: Log) -> None:
    await create(log)
    await join(log, WORKER, body=None)
    await log.execute("", "SCRIPT", "FLUSH")
    await ask(log, wish(1))
    await log.execute("", "SCRIPT", "FLUSH")
    [grant] = (await grab(log, 1)).grants
    await log.execute("", "SCRIPT", "FLUSH")
    assert await finish(log, ending(grant)) == ["done"]

"""Servers of the log that change places: an old primary takes no writes, and nothing is gone without a word.

A replica is promoted, the old primary lives on, and the address leads to either.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from psycopg import AsyncConnection

from tests.contract.log import build
from tests.integration.stage import Stage, staged
from tests.support import damage
from tests.support.asking import ask
from tests.support.relay import Relay
from tests.support.replicas import Replicas, replicated
from tests.support.servers import OwnValkey
from waterclock.log import gates, tail
from waterclock.log.client import Log, LogSettings
from waterclock.log.commands.names import reserve_name
from waterclock.log.connection.errors import Halted, LogError, LogRefuses, LogUnavailable, Superseded
from waterclock.log.connection.floors import NAMES
from waterclock.log.gates import gate_of
from waterclock.log.liveness.sessions import join
from waterclock.model.events import EpochBegan, LogForked, RunRequested
from waterclock.model.ids import JobId
from waterclock.model.positions import Position
from waterclock.store import epochs
from waterclock.store.connection.pool import connect_anew
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import Entry, read_document
from waterclock_api.consistency import reachability, sole_server
from waterclock_api.consistency.epoch_reservations import Reservations
from waterclock_api.consistency.open_partition import ensure_open
from waterclock_api.consistency.reachability import look
from waterclock_api.consistency.sole_server import NotOpened
from waterclock_api.operator.diagnostics.epochs import of_epochs
from waterclock_api.queries.read_models import PACKAGE
from waterclock_dev.servers.ports import LOOPBACK
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.valkey import Valkey

OURS = "the installation of the test"


class Places:
    """A primary `old` and its replica `new`, which services know by the address of a relay."""

    def __init__(self, replicas: Replicas, relay: Relay, stage: Stage) -> None:
        self.replicas = replicas
        self.old, self.new = replicas.members
        self.relay = relay
        self.stage = stage
        self.acked: set[str] = set()
        self._number = 0

    @property
    def log(self) -> Log:
        return self.stage.log

    async def asks(self, log: Log, count: int = 1) -> None:
        """A process requests runs; what was answered is to be found ever after."""
        for _ in range(count):
            self._number += 1
            run_id = build.run_of(self._number)
            await build.ask(log, build.wish(self._number))
            self.acked.add(run_id)

    async def promoted(self) -> None:
        """The replica becomes a primary, and nobody tells the old one."""
        await self.replicas.in_step(self.new, self.old)
        await self.replicas.promote(self.new)

    def led(self, to: Server[Valkey], *, cut: bool = True) -> None:
        self.relay.lead_to(to.port, cut=cut)

    async def opened(self, log: Log | None = None) -> int:
        """A projector opens the partition at where the address leads; the epoch."""
        async with await connect_anew(self.stage.pool) as connection:
            await ensure_open(log or self.log, connection, 0)
            return (await gate_of(log or self.log, 0)).epoch

    async def found(self) -> set[str]:
        """The runs that the archive knows, and the stream beyond it."""
        await again(self.stage.projected)  # connections from before are cut
        return requested(await self.stage.archived())


def requested(entries: list[Entry]) -> set[str]:
    return {entry.event.run_id for entry in entries if isinstance(entry.event, RunRequested)}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two looks at what may have been superseded follow each other soon."""
    monkeypatch.setattr(sole_server, "APART", 0.5)


@pytest_asyncio.fixture
async def places(tmp_path: Path, key_prefix: str, migrated_postgres_url: str) -> AsyncIterator[Places]:
    async with (
        replicated(tmp_path) as replicas,
        Relay(replicas.members[0].port) as relay,
        staged(f"redis://{LOOPBACK}:{relay.port}", key_prefix, migrated_postgres_url) as stage,
    ):
        yield Places(replicas, relay, stage)


Lone: TypeAlias = tuple[Server[Valkey], Stage]


@pytest_asyncio.fixture
async def lone(own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str) -> AsyncIterator[Lone]:
    server = await own_valkey()
    async with staged(server.url, key_prefix, migrated_postgres_url) as stage:
        yield server, stage


@asynccontextmanager
async def process(places: Places, port: int | None = None) -> AsyncGenerator[Log]:
    """Another process of ours, which knows the log by an address of its own or the common one."""
    port = port or places.relay.port
    settings = LogSettings(url=f"redis://{LOOPBACK}:{port}", prefix=places.log.keys.prefix)
    log = await Log.connect(settings, role="other")
    try:
        yield log
    finally:
        await log.close()


async def again(attempt: Callable[[], Awaitable[Any]]) -> None:
    """As a client that asks until it is answered."""
    while True:
        try:
            await attempt()
        except LogError:
            await asyncio.sleep(0.01)
        else:
            return


async def refused(attempt: Callable[[], Awaitable[Any]]) -> None:
    """Not answered, and not for want of a connection."""
    while True:
        try:
            await attempt()
        except (Superseded, Halted):
            return
        except LogUnavailable:
            await asyncio.sleep(0.01)
        else:
            pytest.fail("it was answered")


async def test_an_old_primary_that_the_address_leads_back_to_takes_no_writes(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A4: replica promoted, old primary alive; the address leads to the new one, the old one, the new one."""
    monkeypatch.setattr(sole_server, "APART", 1.5)
    async with process(places) as other, places.stage.projecting():
        await places.stage.ready.wait()
        await build.create(places.log)
        await places.asks(other, 3)
        await places.stage.projected()
        await places.promoted()

        places.led(places.new)
        await again(lambda: places.asks(other, 3))
        assert await places.found() == places.acked
        assert (await gate_of(other, 0)).epoch == 2

        places.led(places.old)
        for _ in range(3):
            await refused(lambda: places.asks(other))
        assert await ask(places.old, "HMGET", places.log.keys.meta(0), "floor", "run_id") == [b"2", b""]

        places.led(places.new)
        await again(lambda: places.asks(other, 3))
        assert await places.found() == places.acked
    assert not [entry for entry in await places.stage.archived() if isinstance(entry.event, LogForked)]


async def test_who_never_saw_the_later_epoch_is_stopped_by_who_did(places: Places) -> None:
    """A4, with a process that only connects when the address leads back to the old primary."""
    async with places.stage.projecting():
        await places.stage.ready.wait()
        await build.create(places.log)
        await places.asks(places.log, 2)
        await places.stage.projected()
        await places.promoted()
        places.led(places.new)
        await again(lambda: places.asks(places.log))
        await places.stage.projected()
    async with process(places, places.old.port) as late:
        assert late.floors.of(0) == 1
        places.led(places.old)
        await refused(lambda: places.asks(places.log))
        for attempt in (places.asks(late), join(late, "session", body=None)):
            with pytest.raises(Superseded):
                await attempt


async def test_what_a_repair_of_an_old_primary_drops_is_kept(places: Places) -> None:
    """A5: the old primary took writes of who knew no better, and is repaired once nobody uses the new one."""
    async with process(places, places.old.port) as blind:
        async with places.stage.projecting():
            await places.stage.ready.wait()
            await build.create(places.log)
            await places.asks(places.log, 2)
            await places.promoted()
            places.led(places.new)
            await again(lambda: places.asks(places.log))
            await places.stage.projected()
        known = set(places.acked)
        await places.asks(blind, 4)
        lost = places.acked - known

        places.led(places.old)
        async with process(places, places.new.port) as right, await connect_anew(places.stage.pool) as connection:
            await look(right, connection)
        with pytest.raises(NotOpened):
            await again(places.opened)
        await places.stage.rows("DELETE FROM reached RETURNING place")
        assert await places.opened() == 3

    async with places.stage.projecting():
        assert await places.found() == known
        (forked,) = [one.event for one in await places.stage.archived() if isinstance(one.event, LogForked)]
    kept = await places.stage.rows("SELECT fork, 'p-' || epoch || '-' || seq, run_id FROM dropped ORDER BY epoch, seq")
    assert {run for _, _, run in kept} == lost
    assert len(kept) == forked.dropped == 4
    assert [kept[0][1], kept[-1][1]] == [f"p{at[1:]}" for at in (forked.dropped_first, forked.dropped_last) if at]
    assert {fork for fork, _, _ in kept} == {forked.epoch} == {3}
    assert forked.lost > 0


@pytest.mark.parametrize("then", ["emptied", "the other"])
async def test_what_was_dropped_is_kept_if_another_failover_comes_before_that_is_archived(
    places: Places, then: str
) -> None:
    """The stream that says so is lost: all of it, or for one that never had what was dropped."""
    async with places.stage.projecting():
        await places.stage.ready.wait()
        await build.create(places.log)
        await places.asks(places.log, 2)
        await places.promoted()
        places.led(places.new)
        await again(lambda: places.asks(places.log))
        await places.stage.projected()
    known = set(places.acked)
    async with process(places, places.old.port) as blind:
        await places.asks(blind, 4)
    lost = places.acked - known
    await places.stage.rows("DELETE FROM reached RETURNING place")
    places.led(places.old)
    await again(places.opened)
    kept = await places.stage.rows(
        "SELECT run_id, '0-' || epoch || '-' || seq FROM dropped WHERE fork = 3 ORDER BY seq"
    )
    assert {run for run, _ in kept} == lost

    if then == "emptied":
        await ask(places.old, "FLUSHALL")
    else:
        places.led(places.new)
    await places.stage.rows("DELETE FROM reached RETURNING place")
    await again(places.opened)
    assert not await listed(places)
    async with places.stage.projecting():
        assert await places.found() == known
    assert await listed(places) == lost
    (opening,) = [one.event for one in await places.stage.archived() if one.position[1:] == (4, 1)]
    assert isinstance(opening, LogForked if then == "emptied" else EpochBegan)
    if isinstance(opening, LogForked):
        assert (opening.dropped, opening.dropped_first, opening.dropped_last) == (4, kept[0][1], kept[-1][1])


async def listed(places: Places) -> set[str]:
    """Runs among what is told to have been dropped."""
    page = {"partition": -1, "fork": 0, "after_epoch": 0, "after_seq": 0, "types": ["run.requested"], "limit": 100}
    async with places.stage.pool.connection() as connection:
        cursor = await connection.execute(statement("dropped_entries", PACKAGE), page)
        entries = [
            read_document(Position(partition, epoch, seq), prev, at, document)
            for partition, _, epoch, seq, prev, at, document in await cursor.fetchall()
        ]
    return requested(entries)


async def test_an_old_primary_is_not_repaired_while_others_are_at_work_on_the_new_one(places: Places) -> None:
    async with await connect_anew(places.stage.pool) as connection:
        await ensure_open(places.log, connection, 0)
        await build.create(places.log)
        await places.promoted()
        async with process(places, places.new.port) as ahead:
            await ensure_open(ahead, connection, 0)
            await look(ahead, connection)
        with pytest.raises(NotOpened, match=r"epoch 1, and epoch 2 was opened: another process reaches"):
            await ensure_open(places.log, connection, 0)
        assert not (await gate_of(places.log, 0)).opened
        await connection.execute("DELETE FROM reached")
        await ensure_open(places.log, connection, 0)
        assert (await gate_of(places.log, 0)).epoch == 3
        await reserve_name(places.log, "g", "n", JobId("j"), "c")


async def test_a_server_that_changes_between_two_looks_is_left_alone(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await connect_anew(places.stage.pool) as connection:
        await ensure_open(places.log, connection, 0)
        await build.create(places.log)
        await places.promoted()
        places.led(places.new)
        async with process(places) as other:
            await again(lambda: ensure_open(other, connection, 0))
        places.led(places.old)
        looked = asyncio.Event()
        look_anew = gates.look_anew

        async def seen(*given: Any) -> Any:
            found = await look_anew(*given)
            looked.set()
            return found

        monkeypatch.setattr(sole_server, "look_anew", seen)
        opening = asyncio.create_task(again(lambda: ensure_open(places.log, connection, 0)))
        await looked.wait()
        places.led(places.new)
        with pytest.raises(NotOpened, match="changed during the check"):
            await opening
        await again(lambda: gate_of(places.log, 0))
        assert (await gate_of(places.log, 0)).epoch == 2


async def test_only_the_projector_is_led_to_the_promoted_replica(places: Places) -> None:
    """A9: all others stay on the old primary; an API hears of the later epoch from Postgres, and stops it for all."""
    async with (
        process(places, places.old.port) as api,
        process(places, places.old.port) as worker,
        await connect_anew(places.stage.pool) as connection,
        places.stage.projecting(),
    ):
        await places.stage.ready.wait()
        await build.create(places.log)
        await join(worker, build.WORKER, body=None)
        await places.asks(api, 3)
        await places.stage.projected()
        await places.promoted()
        places.led(places.new)
        await places.stage.reasons.get()
        await again(places.opened)
        await look(api, connection)
        await refused(lambda: places.asks(api))
        await refused(lambda: build.grab(worker, 1))
        await refused(lambda: places.asks(worker))
        assert (await gate_of(worker, 0)).floor >= 2  # of two that open one has reserved the next
        assert await places.found() == places.acked
        async with process(places) as right:
            await join(right, build.WORKER + "-2", body=None)
            grants = (await build.grab(right, 1, session=build.WORKER + "-2")).grants
            assert {grant.run_id for grant in grants} == places.acked


async def test_a_repair_that_is_refused_uses_no_epoch_and_puts_off_nothing(lone: Lone, tmp_path: Path) -> None:
    """A12: the server lost its end, and takes no writes until its replica is back."""
    server, stage = lone
    async with await connect_anew(stage.pool) as connection:
        async with stage.projecting():
            await stage.ready.wait()
            damage.copy(server.program.data, tmp_path / "copy")
            await build.create(stage.log)
            await stage.projected()
        await server.kill()
        damage.restore(server.program.data, tmp_path / "copy")
        await server.start()
        await ask(server, "CONFIG", "SET", "min-replicas-to-write", "1")
        reservations, refused = Reservations(), 0
        while refused < 3:
            with pytest.raises(LogUnavailable) as error:
                await ensure_open(stage.log, connection, 0, reservations=reservations)
            refused += isinstance(error.value, LogRefuses)
        await ask(server, "CONFIG", "SET", "min-replicas-to-write", "0")

        await ensure_open(stage.log, connection, 0, reservations=reservations)

        assert (await gate_of(stage.log, 0)).epoch == 2
    assert [
        one.event for one in await tail.entries_back(stage.log, 0, None, count=1) if isinstance(one.event, LogForked)
    ]


async def test_a_live_process_keeps_an_epoch_from_beginning_again(lone: Lone, tmp_path: Path) -> None:
    """E3: both stores are put back to one moment in epoch 1, after a restart had begun epoch 2."""
    server, stage = lone
    async with await connect_anew(stage.pool) as connection:
        await ensure_open(stage.log, connection, 0)
        await build.create(stage.log)
        damage.copy(server.program.data, tmp_path / "copy")
        await server.kill()
        await server.start()
        await again(lambda: ensure_open(stage.log, connection, 0))
        await build.ask(stage.log, build.wish(1))
        seen = (await tail.entries_back(stage.log, 0, None, count=1))[0].position
        assert seen.epoch == 2
        await server.kill()
        damage.restore(server.program.data, tmp_path / "copy")
        await server.start()
        await connection.execute("UPDATE partitions SET opening = 1, opened = 1")
        await connection.execute("UPDATE openings_of_names SET opening = 1, opened = 1")
        await refused(lambda: build.ask(stage.log, build.wish(2)))  # it tells the partition of epoch 2
        fresh = await Log.connect(LogSettings(url=server.url, prefix=stage.log.keys.prefix), role="fresh")
        try:
            assert fresh.floors.of(0) == 0
            await ensure_open(fresh, connection, 0)
            assert (await gate_of(fresh, 0)).epoch == 3
            assert (await gate_of(fresh, NAMES)).opened
        finally:
            await fresh.close()


async def test_an_opening_that_cannot_write_uses_up_no_epochs(lone: Lone) -> None:
    """H2: the log takes no writes, and is tried again and again."""
    server, stage = lone
    async with await connect_anew(stage.pool) as connection:
        await ensure_open(stage.log, connection, 0)
        await server.kill()
        await server.start()
        await ask(server, "CONFIG", "SET", "min-replicas-to-write", 1)
        reservations = Reservations()
        for _ in range(6):
            with pytest.raises(LogUnavailable):
                await ensure_open(stage.log, connection, 0, reservations=reservations)
        assert await epochs.latest(connection, 0) == 2
        await ask(server, "CONFIG", "SET", "min-replicas-to-write", 0)
        await ensure_open(stage.log, connection, 0, reservations=reservations)
        assert (await gate_of(stage.log, 0)).epoch == 2
        assert await epochs.opened(connection) == {0: 2, NAMES: 2}


async def test_a_repair_that_comes_to_nothing_reserves_anew_but_not_each_second(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with (
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        await connect_anew(stage.pool) as connection,
    ):
        await connection.execute("INSERT INTO partitions (partition) VALUES (0)")
        reservations = Reservations()
        for epoch in (1, 2):
            assert await reservations.take(connection, 0, None, above=0, server="s") == epoch
            reservations.begun(0)
        with pytest.raises(NotOpened, match="the next one begins in 30 s"):
            await reservations.take(connection, 0, None, above=0, server="s")
        reservations.used(0)
        assert await reservations.take(connection, 0, None, above=0, server="s") == 3
        assert await reservations.take(connection, 0, None, above=0, server="s") == 3
        assert await reservations.take(connection, 0, None, above=0, server="another") == 4
        assert await reservations.take(connection, 0, None, above=4, server="another") == 5


async def test_an_epoch_in_which_fences_would_collide_is_not_opened(lone: Lone) -> None:
    """H1: something has put an epoch far beyond what fences can tell apart."""
    server, stage = lone
    async with await connect_anew(stage.pool) as connection:
        await ensure_open(stage.log, connection, 0)
        await connection.execute("UPDATE partitions SET opening = 9000")
        await server.kill()
        await server.start()
        await again(lambda: gate_of(stage.log, 0))
        with pytest.raises(epochs.EpochsUsedUp, match="Partition 0 has reached epoch 9000"):
            await ensure_open(stage.log, connection, 0)
        assert (await gate_of(stage.log, 0)).epoch == 1


async def test_an_api_halts_what_was_superseded_and_notes_what_was_not(places: Places) -> None:
    async with await connect_anew(places.stage.pool) as connection:
        await ensure_open(places.log, connection, 0)
        await look(places.log, connection)
        assert len(await places.stage.rows("SELECT FROM reached")) == 2
        await connection.execute("UPDATE openings_of_names SET opened = 7")
        await look(places.log, connection)
        assert (await gate_of(places.log, NAMES)).floor == 7
        with pytest.raises(Superseded):
            await reserve_name(places.log, "g", "n", JobId("j"), "c")
        assert (await gate_of(places.log, 0)).opened
        await ensure_open(places.log, connection, 0)
        assert (await gate_of(places.log, NAMES))[1:3] == (True, 8)
    assert reachability.EVERY < 5


@pytest.mark.parametrize(
    ("latest", "level", "said"),
    [
        (3_999, "ok", "3999 of 8000"),
        (4_000, "warning", "4000 of 8000"),
        (8_000, "problem", "no partition can be opened"),
    ],
)
async def test_doctor_tells_long_before_epochs_are_used_up(
    migrated_postgres_url: str, latest: int, level: str, said: str
) -> None:
    async with await AsyncConnection.connect(migrated_postgres_url, autocommit=True) as connection:
        await connection.execute("INSERT INTO partitions (partition, opening) VALUES (0, 1), (1, %s)", [latest])
        [finding] = [one async for one in of_epochs(connection)]
        assert (finding.level, said in finding.said) == (level, True)

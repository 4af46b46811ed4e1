"""Clocks leap, disks fill up, epochs run out."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import psycopg

from tests.support.asking import ask
from tests.support.evidence import connected
from tests.support.failover.field import PREFIX, Field, Row, noted_runs
from tests.support.failover.of_pairs import EXCLUDING
from tests.support.failover.stages import Pair, pair
from tests.support.leaps import leapt
from waterclock.kit.clock import SystemClock
from waterclock.model.timestamps import stamp
from waterclock_dev.servers.valkey import Valkey

HOUR = 3_600_000  # ms
WHILE = 12.0  # s
FULL = 10.0  # s that a disk is full
SOON = 3.0  # s
SEGMENT = 1 << 20


async def store_ahead(field: Field[Pair]) -> None:
    await _leaps(field, HOUR)
    code, said = await field.verb("reconcile", "--clock", "--apply")
    field.fleet.tell(f"reconcile --clock --apply: {code}\n{said}")
    await field.writable("the clock is set back")


async def store_back(field: Field[Pair]) -> None:
    """The clock of the log has been an hour ahead, and stands until its time comes again."""
    await _leaps(field, HOUR)
    await field.go_on(WHILE)
    await field.writable("the clock stands")
    _, said = await field.verb("doctor")
    if "clock" not in said:
        field.faults.append(f"doctor says nothing of a clock: {said}")


async def hosts_ahead(field: Field[Pair]) -> None:
    """Our own hosts' clocks were an hour ahead from the start; what is asked for in 3 s comes in 3 s."""
    wished = [{"delay": SOON}, {"runAt": stamp(SystemClock().now_ms() + int(SOON * 1000))}]
    asked = [await field.load.trigger("second-0", wish) for wish in wished]
    await field.go_on(SOON / 2)
    begun = noted_runs(field.notes, "begin")
    field.faults += [f"{wish} was executed at once" for run, wish in zip(asked, wished, strict=True) if run in begun]
    await field.go_on(WHILE)
    begun = noted_runs(field.notes, "begin")
    field.faults += [f"{wish} is not executed yet" for run, wish in zip(asked, wished, strict=True) if run not in begun]


async def disk_full(field: Field[Pair]) -> None:
    stage = field.stage
    limit(stage.old.pid, size_of(stage.old.program.data))
    await field.go_on(FULL)
    if stage.old.running:
        limit(stage.old.pid, resource.RLIM_INFINITY)
    else:  # with `always` it ends
        await stage.old.start()
    await field.writable("there is room again")


async def archive_full(field: Field[Pair]) -> None:
    """No file of Postgres may be longer than a segment of its write-ahead log."""
    server = field.stage.server
    limit_all(server.pid, SEGMENT)
    await field.go_on(2 * FULL)
    limit_all(server.pid, resource.RLIM_INFINITY)
    await field.writable("there is room again")


async def snapshot_fails(field: Field[Pair]) -> None:
    """A folder stands where the snapshot is to be put."""
    server = field.stage.old
    obstacle = server.program.data / "dump.rdb"
    (obstacle / "full").mkdir(parents=True)
    await ask(server, "CONFIG", "SET", "save", "1 1")
    await field.go_on(FULL)
    (obstacle / "full").rmdir()
    obstacle.rmdir()
    await field.writable("a snapshot can be written")


async def epochs_run_out(field: Field[Pair]) -> None:
    """A partition's next epoch would be 9 001; what is done then is an operator's: it is put back to what it was."""
    stage = field.stage
    with psycopg.connect(stage.archive, autocommit=True) as connection:
        connection.execute("UPDATE partitions SET opening = 9000")
    await stage.old.kill()
    await stage.old.start()
    await field.go_on(FULL)
    if not any("8000 is the last one that can be opened" in line for line in field.fleet.lines):
        field.faults.append("nobody says that epochs have run out")
    with psycopg.connect(stage.archive, autocommit=True) as connection:
        connection.execute("UPDATE partitions SET opening = epoch")
    await field.writable("epochs are as they were")


async def opened_without_writes(field: Field[Pair]) -> None:
    """The log comes back before its replica, without which it takes no writes."""
    stage = field.stage
    await stage.new.kill()
    await stage.old.kill()
    await stage.old.start()
    await field.go_on(2 * FULL)
    await stage.new.start()
    await stage.replicas.follow(stage.new, stage.old)
    await field.writable("the replica is back")
    async with connected(stage.holding, stage.archive, prefix=PREFIX) as stores:
        for partition in range(stage.partitions):
            epoch = (await stores.archived(partition))[-1].position.epoch
            if epoch > 4:
                field.faults.append(f"partition {partition} has used up {epoch} epochs")


async def _leaps(field: Field[Pair], ahead: int) -> None:
    stage = field.stage
    async with connected(stage.holding, stage.archive, prefix=PREFIX) as stores, AsyncExitStack() as held:
        for partition in range(stage.partitions):
            await held.enter_async_context(leapt(stores.log, partition=partition, ahead_ms=ahead))
        await field.go_on(WHILE)


@asynccontextmanager
async def pair_to_fill(
    folder: Path, *, appendfsync: Literal["always", "everysec"] = "everysec"
) -> AsyncGenerator[Pair]:
    """A server that is told of a file that is too long by an error, and is not ended by a signal."""
    program = Valkey(data=folder).binary
    deaf = folder / "valkey-server"
    deaf.write_text(f"#!/bin/sh\ntrap '' XFSZ\nexec {program} \"$@\"\n")
    deaf.chmod(0o700)
    async with pair(folder, appendfsync=appendfsync, binary=deaf) as stage:
        yield stage


def limit_all(parent: int, size: int) -> None:
    """Of a process and its children: Postgres has one for each connection."""
    limit(parent, size)
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                    limit(int(entry.name), size)


def limit(pid: int, size: int) -> None:
    """From now on no file of a process may be longer: to write more is refused, as on a disk that is full."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def size_of(folder: Path) -> int:
    """Of the longest file."""
    return max(file.stat().st_size for file in folder.rglob("*") if file.is_file())


SHIFTED = {"PYTHONPATH": str(Path(__file__).parent / "shifted"), "CLOCK_AHEAD_MS": str(HOUR)}
ROWS: tuple[Row[Pair], ...] = (
    Row("F1", "store's clock + 1 h for 12 s", pair, store_ahead),
    Row("F2", "store's clock - 1 h", pair, store_back),
    Row("F3", "our hosts' clocks + 1 h", pair, hosts_ahead, surroundings=SHIFTED),
    Row("G1", "Valkey's disk full, everysec", pair_to_fill, disk_full),
    Row("G2", "Valkey's disk full, always", partial(pair_to_fill, appendfsync="always"), disk_full),
    Row("G3", "a snapshot fails", pair, snapshot_fails),
    Row("G4", "Postgres' disk full", partial(pair, small_segments=True), archive_full),
    Row("H1", "epochs run out", pair, epochs_run_out),
    Row("H2", "opened while the log takes no writes", partial(pair, settings=EXCLUDING), opened_without_writes),
)

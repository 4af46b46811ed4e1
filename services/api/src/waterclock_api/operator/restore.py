"""`waterclock restore`: an empty store filled again from the archive, also into another number of partitions.

    what is there? ── halt and remove it, if told ── say in Postgres how many partitions there are from which epoch on
        ── prepare the log ── open each partition: it is repaired from the archive (opening.py)

Whoever is stopped leaves a store that the same command goes on with. Processes that know of another number of
partitions are halted by the gate, and projectors do not run meanwhile.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import click

from waterclock.cli.output import complain, tell
from waterclock.kit.randomness import token
from waterclock.kit.service import Unfit, run_service
from waterclock.kit.settings import TelemetrySettings, read
from waterclock.kit.telemetry import traces
from waterclock.log.client import Log, Queue
from waterclock.log.connection.errors import LogUnavailable, LogUnfit
from waterclock.log.gates import gate_of, gate_of_names
from waterclock.log.recovery.clearance import Found, borne, clear, found, halt
from waterclock.log.recovery.opening import prepare
from waterclock.log.tail import tail_of
from waterclock.store import archive, quarantine
from waterclock.store.connection.lock_wait import patient
from waterclock.store.connection.permissions import rights
from waterclock.store.connection.pool import Connection, connect_anew, open_pool
from waterclock.store.connection.statements import statement
from waterclock.store.installation import Installation, installation, move
from waterclock.store.installation import found as say
from waterclock.store.partitioning import Partitioning, present, repartition
from waterclock_api.consistency.open_partition import ensure_open
from waterclock_api.consistency.progress import put_back
from waterclock_api.settings import MigrateSettings, StoreSettings, log_settings, queues_of

Say = Callable[[str], None]


@click.command()
@click.option("--partitions", type=click.IntRange(1, 1024), help="Number of partitions; by default as before.")
@click.option("--replace", is_flag=True, help="Remove first what Redis holds of this installation.")
@click.option("--accept-loss", is_flag=True, help="Also remove events that are not archived.")
def restore(partitions: int | None, *, replace: bool, accept_loss: bool) -> None:
    """Restore an empty event log from the archive. Stop all projectors first. It may be interrupted and repeated."""

    async def work(stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            doing = tasks.create_task(_restore(partitions, replace, accept_loss), name="restore")
            stopping = tasks.create_task(stop.wait(), name="wait for stop")
            await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (doing, stopping):
                task.cancel()
        if doing.cancelled():
            raise Unfit("Stopped before the end: run the same command again to continue.")

    run_service(work, unfit=(LogUnfit, LogUnavailable), name="waterclock restore")


async def _restore(partitions: int | None, replace: bool, accept_loss: bool) -> None:
    store, migrating = read(StoreSettings, os.environ), read(MigrateSettings, os.environ)
    traces.setup("restore", read(TelemetrySettings, os.environ))
    log = await Log.reach(log_settings(), role="restore")
    try:
        async with (
            await open_pool(store.postgres_url, name="restore", max_size=1) as pool,
            await connect_anew(pool, work="restoring") as connection,
        ):
            with rights(store.postgres_url):
                work = Restore(log, connection, queues_of(migrating), tell)
                doing = work.do(partitions, replace=replace, accept_loss=accept_loss)
                await patient(connection, doing, connect=pool.connection, tell=complain)
    finally:
        await log.close()


class Restore:
    """One restore, with a log that was reached and a session of its own."""

    def __init__(self, log: Log, connection: Connection, queues: tuple[Queue, ...], say: Say) -> None:
        self._log = log
        self._connection = connection
        self._queues = queues
        self._say = say

    async def do(self, partitions: int | None, *, replace: bool = False, accept_loss: bool = False) -> Partitioning:
        """Restore the log; how many partitions it has now.

        Raises:
            Unfit: it must not be; the message says why, and what to do.
        """
        await self._connection.execute(statement("may_restore"))
        known = await self._check()
        wanted = partitions or known.partitions
        there = await found(self._log)
        ours = await self._installation()
        if there.keys:
            self._check_whose(ours, await borne(self._log, there.partitions), replace=replace, accept_loss=accept_loss)
        above = await self._make_room(known, wanted, there, replace=replace, accept_loss=accept_loss)
        if wanted != known.partitions:
            self._say(f"From {known.partitions} partitions into {wanted}.")
            known = await repartition(self._connection, wanted, above=above)
        else:
            await self._connection.execute(statement("level_openings"), {"above": above})
        if await move(self._connection, self._log.keys.prefix):
            self._say(
                f"Moved from the event log {ours.prefix} to {self._log.keys.prefix}: stop everything that runs on the "
                "former."
            )
        await prepare(
            self._log,
            partitions=wanted,
            queues=self._queues,
            archived=wanted,
            restored=known.since,
            identity=ours.identity,
        )
        await self._log.refresh()
        for partition in range(wanted):
            with put_back(partition, of=wanted) as told:
                await ensure_open(self._log, self._connection, partition, tell=told, careful=False)
            epoch = (await gate_of(self._log, partition)).epoch
            self._say(f"partition {partition}: open in epoch {epoch}")
        if count := await quarantine.count(self._connection):
            self._say(
                f"{count} archived events are unreadable, and their changes are not restored: `waterclock doctor` "
                "names them and says what to do"
            )
        self._say(
            f"Restored from the archive: {wanted} partition(s). Start projectors, then the rest;"
            f" WATERCLOCK_PARTITIONS is {wanted}."
        )
        return known

    async def _check(self) -> Partitioning:
        row = await (await self._connection.execute(statement("hold_projectors"))).fetchone()
        if row is None or not row[0]:
            raise Unfit(
                "A projector or another restore is running. A projector restores an emptied event log by itself, "
                "into the same number of partitions; stop all projectors to restore by hand."
            )
        known = await present(self._connection)
        if known is None:
            raise Unfit(
                "The archive is empty: there is nothing to restore. `waterclock migrate` prepares a new event log."
            )
        needed = await (await self._connection.execute(statement("queues_needed"))).fetchall()
        missing = sorted({row[0] for row in needed} - {queue.name for queue in self._queues})
        if missing:
            raise Unfit(f"WATERCLOCK_QUEUE_WEIGHTS lacks queues that jobs or runs use: {', '.join(missing)}")
        return known

    async def _installation(self) -> Installation:
        """Whose the database is; one that does not say is told a new identity."""
        ours = await installation(self._connection)
        return ours or await say(self._connection, Installation(token(16), self._log.keys.prefix))

    def _check_whose(self, ours: Installation, theirs: set[str], *, replace: bool, accept_loss: bool) -> None:
        """
        Raises:
            Unfit: the log is another's, and it was not said that it is to go.
        """
        others = sorted(theirs - {ours.identity})
        if not others:
            return
        whose = (
            f"the event log {self._log.keys.prefix} there belongs to installation {', '.join(others)}; the "
            f"archive belongs to {ours.identity}"
        )
        if not (replace and accept_loss):
            raise Unfit(
                f"Another installation's: {whose}. None of it is archived here. To delete it permanently, add "
                "--replace --accept-loss; otherwise correct WATERCLOCK_REDIS_URL, WATERCLOCK_KEY_PREFIX or "
                "WATERCLOCK_POSTGRES_URL."
            )
        self._say(f"Another installation's, deleted: {whose}.")

    async def _make_room(
        self, known: Partitioning, wanted: int, there: Found, *, replace: bool, accept_loss: bool
    ) -> int:
        """Remove what is there, if told; the latest epoch that it knew."""
        if there.keys == 0 or (not replace and await self._is_left_unfinished(known, wanted, there)):
            return 0
        if not replace:
            raise Unfit(
                f"Redis is not empty: it has {there.keys} keys of the event log {self._log.keys.prefix}. To delete "
                "them, add --replace."
            )
        held = max(there.partitions, known.partitions)
        epochs = [await halt(self._log, partition) for partition in range(held)]
        if not accept_loss:
            await self._check_archived(held)
        self._say(f"Removing {there.keys} keys.")
        await clear(self._log)
        return max(epochs)

    async def _is_left_unfinished(self, known: Partitioning, wanted: int, there: Found) -> bool:
        """Whether a restore like this one was stopped before it had opened all."""
        if (there.partitions, there.restored) != (known.partitions, known.since) or wanted != known.partitions:
            return False
        gates = [await gate_of(self._log, partition) for partition in range(wanted)]
        return not all(gate.opened for gate in [*gates, await gate_of_names(self._log)])

    async def _check_archived(self, partitions: int) -> None:
        for partition in range(partitions):
            end = await tail_of(self._log, partition)
            archived = await archive.position(self._connection, partition)
            if end is not None and (archived is None or archived < end):
                raise Unfit(
                    f"Partition {partition} ends at {end}, and is archived up to {archived}: the rest would be lost. "
                    "Run a projector until everything is archived, or add --accept-loss. The partition is halted until "
                    "it is opened."
                )

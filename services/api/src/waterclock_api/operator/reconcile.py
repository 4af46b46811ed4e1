"""`waterclock reconcile`: log and archive, put beside each other and, if told, brought together by hand.

A projector does the same by itself when it opens a halted partition. By hand it is for what that leaves alone: an open
partition whose stream lost entries, an archive that was put back to before what the log has trimmed, and a clock that
was set back.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import click

from waterclock.cli.output import complain, tell
from waterclock.kit.elapsed import told_every
from waterclock.kit.service import Unfit, run_service
from waterclock.kit.settings import TelemetrySettings, read
from waterclock.kit.telemetry import traces
from waterclock.log.client import Log
from waterclock.log.clock import ahead_of_server, server_time, turn_back
from waterclock.log.commands.aside import count_aside, return_aside
from waterclock.log.connection.errors import BrokenChain, LogUnavailable, LogUnfit
from waterclock.log.gates import gate_of
from waterclock.log.recovery.clearance import halt
from waterclock.model.events import ArchiveLost
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp
from waterclock.store import archive, quarantine
from waterclock.store.connection.lock_wait import patient
from waterclock.store.connection.permissions import rights
from waterclock.store.connection.pool import Connection, connect_anew, open_pool
from waterclock.store.connection.statements import statement
from waterclock.store.locks import PROJECTORS
from waterclock.store.readmodels.project import apply, batch_of
from waterclock.wire.envelope import AT, BODY, PREV, Entry, encode_body, read_entry
from waterclock_api.consistency.compare import Ends, Strangers, compare, fork_of
from waterclock_api.consistency.fit import gap_after
from waterclock_api.consistency.identity import check_installation
from waterclock_api.consistency.open_partition import ensure_open
from waterclock_api.consistency.progress import put_back
from waterclock_api.consistency.settle_runs import CAUGHT_UP, settle_lost
from waterclock_api.consistency.silent_jobs import named, silent_jobs
from waterclock_api.settings import StoreSettings, log_settings

TO_DO = 1
"""Exit code where something is left to be done."""
_TOLD = 20  # of dropped entries, unreadable events, lost runs, by name
_CATCH_UP = 2.0  # s, for the archive


@click.command(short_help="Compare the event log with the archive, or repair it.")
@click.option("--apply", "do", is_flag=True, help="Carry out the repairs; without it nothing changes.")
@click.option(
    "--accept-loss", is_flag=True, help="Record the loss of trimmed events that the archive lacks, and go on."
)
@click.option("--clock", is_flag=True, help="Set the clocks of partitions back to those of their servers.")
@click.option("--known", is_flag=True, help="Acknowledge unreadable events: they are not reported any more.")
@click.option("--aside", is_flag=True, help="Return runs that wait for an executor to their queues.")
@click.option("--partition", type=click.IntRange(0), help="Only this partition.")
def reconcile(*, do: bool, accept_loss: bool, clock: bool, known: bool, aside: bool, partition: int | None) -> None:
    """Compare the event log with the archive: differences, losses, repairs. Exit code 1: something is to be done."""

    async def work(stop: asyncio.Event) -> None:  # noqa: ARG001  each step may be repeated
        store = read(StoreSettings, os.environ)
        traces.setup("reconcile", read(TelemetrySettings, os.environ))
        log = await Log.connect(log_settings(), role="reconcile")
        try:
            async with (
                await open_pool(store.postgres_url, name="reconcile", max_size=1) as pool,
                await connect_anew(pool) as connection,
            ):
                one = Reconcile(log, connection, tell, do=do, accept_loss=accept_loss)
                if partition is not None and partition >= log.partitions:
                    raise Unfit(f"Unknown partition {partition}: the event log has {log.partitions}.")
                each = range(log.partitions) if partition is None else (partition,)
                step = one.known if known else one.clock if clock else one.aside if aside else one.partition
                with rights(store.postgres_url):
                    await check_installation(log, connection)
                    doing = _left(step, each)
                    left = await patient(connection, doing, connect=pool.connection, tell=complain)
        finally:
            await log.close()
        if left:
            raise click.exceptions.Exit(TO_DO)

    run_service(work, unfit=(LogUnfit, LogUnavailable), name="waterclock reconcile")


async def _left(step: Callable[[int], Awaitable[bool]], partitions: Iterable[int]) -> list[int]:
    """Take the step for each; those of which something is left to be done."""
    return [partition for partition in partitions if not await step(partition)]


class Reconcile:
    """Each method says what it finds, and whether nothing is left to be done."""

    def __init__(
        self, log: Log, connection: Connection, say: Callable[[str], None], *, do: bool, accept_loss: bool
    ) -> None:
        self._log = log
        self._connection = connection
        self._say = say
        self._do = do
        self._accept_loss = accept_loss

    async def partition(self, partition: int) -> bool:
        try:
            ends = await compare(self._log, self._connection, partition)
        except BrokenChain:
            return await self._lacking(partition)
        except Strangers as error:
            self._say(str(error))
            return False
        opened = (await gate_of(self._log, partition)).opened
        state = "open" if opened else "halted"
        self._say(f"partition {partition}: {state}; archived up to {ends.archived}, the stream ends at {ends.end}")
        if ends.forked:
            return await self._forked(partition, ends)
        if await self._unread(partition):
            self._say("  they are kept, and everything else continues: `waterclock doctor` says what to do")
        if opened:
            return await self._settle(partition)
        self._say("  nothing is lost; the partition has to be opened")
        return await self._open(partition)

    async def known(self, partition: int) -> bool:
        """Tell of what nobody can read no more; whether nothing is left to be told."""
        if not await self._unread(partition):
            self._say(f"partition {partition}: no unreadable event")
            return True
        if not self._do:
            self._say("  would be acknowledged: --apply")
            return False
        self._say(f"  {await quarantine.know(self._connection, partition)} acknowledged")
        return True

    async def aside(self, partition: int) -> bool:
        """Put what lies aside back into its queues; whether nothing is left there."""
        groups = (await count_aside(self._log, partition)).groups
        for one in groups:
            self._say(f"partition {partition}: {one.runs} runs of queue {one.queue} wait for executor {one.executor!r}")
        if not groups:
            self._say(f"partition {partition}: no run waits for an executor")
            return True
        if not self._do:
            self._say("  would return to their queues, for workers of an earlier release: --apply")
            return False
        self._say(f"  {await return_aside(self._log, partition)} returned to their queues")
        return True

    async def _unread(self, partition: int) -> bool:
        """Name what nobody can read; whether there is any. It is nothing to be mended here."""
        found = await quarantine.listed(self._connection, _TOLD + 1, partition)
        for one in found[:_TOLD]:
            about = f" of run {one.run_id}" if one.run_id else ""
            self._say(f"  unreadable: {one.position} {one.type}{about}: {one.reason}")
        if len(found) > _TOLD:
            self._say("  and more")
        return bool(found)

    async def _settle(self, partition: int) -> bool:
        """Runs that only the archive has: ended, if told."""
        within = CAUGHT_UP if self._accept_loss and await self._projects() else _CATCH_UP
        found = await settle_lost(self._log, self._connection, partition, do=self._do, within=within)
        if not found.known:
            self._say("  it may miss runs: the archive is behind the stream; a projector checks again")
            if self._accept_loss:
                self._say("  until then do not restart or empty Redis: a repair would start ended runs again")
            return True
        for runs, how in (
            (found.shown, "has ended, by an unreadable event"),
            (found.ended, "has ended, according to the event log; the archive lacks the event with its outcome"),
            (found.died, "has ended in neither store, and the event log does not know it: died"),
        ):
            for run_id in runs[:_TOLD]:
                self._say(f"  run {run_id} {how}")
            if len(runs) > _TOLD:
                self._say(f"  and {len(runs) - _TOLD} more")
        if not (found.shown or found.ended or found.died):
            return True
        self._say("  done" if self._do else "  would be recorded: --apply")
        return self._do

    async def _projects(self) -> bool:
        """Whether a projector is at work, which catches up."""
        row = await (await self._connection.execute(statement("count_sharers"), {"sharers": PROJECTORS.all})).fetchone()
        return row is not None and row[0] > 0

    async def clock(self, partition: int) -> bool:
        """Set its clock back; whether it was."""
        ahead = await ahead_of_server(self._log, partition)
        if ahead <= 0:
            self._say(f"partition {partition}: its clock is not ahead of its server's")
            await self._silent(partition, "are")
            return True
        now = await server_time(self._log, self._log.keys.partition(partition, "meta"))
        self._say(
            f"partition {partition}: its clock, {stamp(now + ahead)}, is {ahead / 1000:.1f} s ahead of its server's"
        )
        if not self._do:
            self._say("  would be set back: --apply")
            await self._silent(partition, "would be")
            return False
        turned = await turn_back(self._log, partition)
        self._say(f"  set back to {stamp(turned.now)}")
        await self._silent(partition, "are")
        return True

    async def _silent(self, partition: int, are: str) -> None:
        """Name the jobs that are decided beyond the clock of the partition's server."""
        now = await server_time(self._log, self._log.keys.partition(partition, "meta"))
        found = await silent_jobs(self._log, partition, now=now)
        if found.jobs or found.more:
            self._say(
                f"  {len(found.jobs) + found.more} jobs {are} silent, because they are decided beyond that time: "
                f"{named(found)}"
            )

    async def _forked(self, partition: int, ends: Ends) -> bool:
        try:
            fork = await fork_of(self._log, self._connection, partition, ends, give_up=self._accept_loss)
        except Strangers as error:
            self._say(f"  {error}")
            if error.ours:
                self._say(
                    "  restore the matching state; or drop what only the stream has (`waterclock dropped list` keeps "
                    "it): --accept-loss --apply"
                )
            return False
        self._say(f"  the stream lost {fork.lost} entries that the archive has; they agree up to {fork.common}")
        if fork.dropped:
            self._say(f"  {fork.dropped} entries that the archive does not know will be dropped:")
            for name in fork.names[:_TOLD]:
                self._say(f"    {name}")
        self._say("  jobs, watermarks, unfinished runs and recent commands would be restored from the archive")
        return await self._open(partition)

    async def _open(self, partition: int) -> bool:
        if not self._do:
            self._say("  would be done: --apply")
            return False
        if (await gate_of(self._log, partition)).opened:
            await halt(self._log, partition)
        with put_back(partition) as told, told_every(partial(_tell_standing, partition)):
            await ensure_open(
                self._log, self._connection, partition, tell=told, careful=False, give_up=self._accept_loss
            )
        self._say(f"  done: open in epoch {(await gate_of(self._log, partition)).epoch}")
        return True

    async def _lacking(self, partition: int) -> bool:
        """The archive ends before what was trimmed."""
        archived = await archive.position(self._connection, partition)
        entry = await self._lost(partition, archived)
        event = entry.event
        assert isinstance(event, ArchiveLost)
        count = event.lost if event.lost is not None else "an unknown number of"
        self._say(
            f"partition {partition}: the archive ends at {archived}, and the stream lacks everything up to "
            f"{entry.position}: {count} entries are in neither"
        )
        if not (self._do and self._accept_loss):
            self._say("  restore a later backup of Postgres; or record the loss permanently: --accept-loss --apply")
            return False
        await self._connection.execute(statement("add_partition"), {"partition": partition})
        if not await apply(self._connection, archived, [entry], batch_of([entry])):
            self._say("  not done: the archive has changed in the meantime; run it again")
            return False
        self._say(f"  recorded at {entry.position}: archive.lost")
        return await self.partition(partition)

    async def _lost(self, partition: int, archived: Position | None) -> Entry:
        """What is recorded of the loss, in the place of the last entry that is lost."""
        last, at, lost = await gap_after(self._log, partition, archived)
        known = str(archived) if archived is not None else None
        event = ArchiveLost(actor="operator", known_through=known, lost=lost)
        prev = archived.entry if archived is not None else ""
        fields = {BODY: encode_body(event), PREV: prev.encode(), AT: b"%d" % at}
        return read_entry(partition, last.entry, fields)


def _tell_standing(partition: int, seconds: float) -> None:
    sys.stderr.write(f"partition {partition} has stood still for {seconds:.0f} s, until it is open\n")

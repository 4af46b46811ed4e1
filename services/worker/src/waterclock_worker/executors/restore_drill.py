"""`db.restore-drill`: the newest verified backup of a database, restored into a scratch database and counted.

It is long: a drill from its parameters to its verdict, in order.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from waterclock.executors.context import RunContext, Step
from waterclock.executors.definition import executor
from waterclock.kit.clock import Clock, SystemClock
from waterclock.model.events import Level
from waterclock_worker.executors.backup.limits import MIB, Limits
from waterclock_worker.executors.backup.params import Older, StoreParams
from waterclock_worker.executors.backup.postgres.connection import Connection, private_environment
from waterclock_worker.executors.backup.postgres.process import Tell
from waterclock_worker.executors.backup.postgres.programs import (
    Programs,
    asked_server,
    found_programs,
    new_enough,
)
from waterclock_worker.executors.backup.postgres.restore import restore
from waterclock_worker.executors.backup.postgres.restorer import Where, judge, tools_refused
from waterclock_worker.executors.backup.postgres.role import Restorer, restorer_of, tools_of
from waterclock_worker.executors.backup.postgres.rows import Counts, RowCounter, largest
from waterclock_worker.executors.backup.postgres.scratch import Psql, scratch_database
from waterclock_worker.executors.backup.postgres.sql import quoted
from waterclock_worker.executors.backup.postgres.verify import verify
from waterclock_worker.executors.backup.s3 import manifest as manifests
from waterclock_worker.executors.backup.s3.keys import DUMP, MANIFEST, folder_of
from waterclock_worker.executors.backup.s3.manifest import Manifest
from waterclock_worker.executors.backup.s3.retention import found_in
from waterclock_worker.executors.backup.s3.sdk import sdk_in_process
from waterclock_worker.executors.backup.s3.store import Store, open_store
from waterclock_worker.executors.places.configuration import places_of_process, read_places
from waterclock_worker.executors.places.place import Places
from waterclock_worker.executors.places.site import Site, site_of, target_of
from waterclock_worker.executors.reach.references import Reference, redacted

_SHOWN = 200  # differences that the log names


class DrillParams(StoreParams, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is left out is as the place has it, as for `db.backup`."""

    target: Annotated[Reference | None, Older] = None
    """The server to restore on, by a URL whose user may create databases; by default the place's scratch server."""
    compare_with_source: bool = False
    """Count the tables of `connection` too; that makes sense where they have not changed since the backup."""
    max_age: Annotated[float, Meta(gt=0)] | None = None
    """Seconds; an older backup fails the drill."""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    table: str
    rows: int


class DrillResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A backup that could be restored, table by table."""

    database: str
    bucket: str
    object: str
    size: int
    sha256: str
    backup_run_id: str
    backup_at: str
    """When the backup was begun: its data are of that moment."""
    tables: int
    rows: int
    counts: tuple[Counted, ...]
    """Of the largest tables, at most 200, and 40 KiB."""
    compared_with: tuple[str, ...]
    server_version: str
    pg_restore_version: str
    duration_ms: int


class NoBackup(Exception):
    """There is no verified backup of the database, or only too old ones."""


class CountsDiffer(Exception):
    """What was restored is not what was dumped, or not what the source holds."""


@executor("db.restore-drill", timeout=timedelta(hours=6), aliases=("db:restore-drill",))
async def restore_drill(ctx: RunContext, params: DrillParams) -> DrillResult:
    """Restore the newest verified backup of a PostgreSQL database into a scratch database, and count its rows."""
    await ctx.use(sdk_in_process)
    return await drill(
        ctx, params, environment=os.environ, limits=Limits(), clock=SystemClock(), places=places_of_process()
    )


async def drill(
    ctx: RunContext,
    params: DrillParams,
    *,
    environment: Mapping[str, str],
    limits: Limits,
    clock: Clock,
    places: Places | None = None,
) -> DrillResult:
    """
    `places`: as they were when the worker started; by default those that `environment` describes.

    Raises:
        BadParams: the place that they name does not allow the parameters, or there is none.
        GiveUp: this worker's settings do not do.
        RoleTooWide: who would restore may do more than that; nothing was made.
        NotProved: the dump holds what only a superuser could restore.
        NoBackup, Damaged, CountsDiffer: the backup does not hold what it should.
        ChildExit, ChildSignal, StoreFault, Stalled: it could not be tried.
    """
    site = site_of(places or read_places(environment), restore_drill.key, params, environment)
    target = target_of(site.place, params.target, environment)
    async with open_store(site.bucket, limits) as store:
        return await _Drill(ctx, params, store, site, target, limits=limits, clock=clock).done(environment)


class _Drill:
    def __init__(
        self,
        ctx: RunContext,
        params: DrillParams,
        store: Store,
        site: Site,
        target: Connection | None,
        *,
        limits: Limits,
        clock: Clock,
    ) -> None:
        """`target`: the server for drills; None: the source's."""
        self._ctx = ctx
        self._params = params
        self._store = store
        self._prefix = site.prefix
        self._source = source = site.source
        self._target = source if target is None else target
        self._where: Where = "source" if target is None else "scratch"
        self._unlisted = target is None and site.place.drills == "sourceUnlisted"
        self._secrets = (*source.secrets, *self._target.secrets, *store.place.secrets)
        for secret in self._secrets:
            ctx.conceal(secret)
        self._limits = limits
        self._clock = clock
        self._began = clock.monotonic()

    async def done(self, environment: Mapping[str, str]) -> DrillResult:
        application = f"waterclock db.restore-drill {self._ctx.run_id}"
        with (
            private_environment(self._source, application=application) as source_env,
            private_environment(self._target, application=application) as target_env,
        ):
            async with self._ctx.step("Find backup") as step:
                found = found_programs(environment)
                restorer = await self._restorer(
                    step, Psql(found[0].psql, target_env, limits=self._limits, tell=self._tell(step))
                )
                manifest = await self._newest(step)
                server = await asked_server(found[0], target_env, self._tell(step))
                dumped_by = int(manifest.pg_dump_version.partition(".")[0])
                needed = msgspec.structs.replace(server, major=max(server.major, dumped_by))
                programs, version = await new_enough(found, needed, self._tell(step))
            async with self._ctx.step("Read backup") as step:
                dumped = await self._read(step, manifest, programs)
            restored = await self._restored(manifest, programs, target_env, dumped, restorer)
            compared = {"dump": dumped.rows}
            if self._params.compare_with_source:
                async with self._ctx.step("Count source") as step:
                    psql = Psql(programs.psql, source_env, limits=self._limits, tell=self._tell(step))
                    compared["source"] = await psql.counted(dumped)
            async with self._ctx.step("Compare") as step:
                for name, counts in compared.items():
                    self._compare(step, name, counts, restored)
        return self._result(manifest, restored, tuple(compared), server.version, version)

    async def _restorer(self, step: Step, psql: Psql) -> Restorer:
        def warn(text: str) -> None:
            step.log("%s", text, level="warning")

        if self._unlisted:
            warn("this drill restores on the server that was backed up: describe a scratch server, or list the source")
        restorer = await restorer_of(psql)
        judge(restorer, where=self._where, source=self._source.database, warn=warn)
        if not restorer.speaks_english:
            warn(
                f"the server speaks {restorer.messages}: what only a superuser can restore looks like another fault"
                f" until an administrator says ALTER ROLE {quoted(restorer.role)} SET lc_messages = 'C';"
            )
        return restorer

    async def _newest(self, step: Step) -> Manifest:
        folder = folder_of(self._prefix, self._source.database)
        for one in found_in(await self._store.list(folder), folder):
            if not (one.has_dump and one.has_manifest):
                continue
            manifest = await manifests.read(self._store, folder + one.stem + MANIFEST)
            if manifest is None or not manifest.is_verified or manifest.object != folder + one.stem + DUMP:
                step.log("passed over %s, which is not verified", folder + one.stem, level="warning")
                continue
            age = self._clock.now_ms() / 1000 - datetime.fromisoformat(manifest.started_at).timestamp()
            step.log("%s: %.1f MiB, %.1f h old", manifest.object, manifest.size / MIB, age / 3600)
            if self._params.max_age is not None and age > self._params.max_age:
                raise NoBackup(
                    f"{manifest.object} is the newest, and {age:.0f} s old: maxAge is {self._params.max_age:g}"
                )
            return manifest
        raise NoBackup(f"no verified backup in {folder} of the bucket {self._store.place.bucket}")

    async def _read(self, step: Step, manifest: Manifest, programs: Programs) -> Counts:
        """Rows by table, of an object that is whole: nothing of another is ever given to a database."""
        counter = RowCounter()
        await verify(
            self._store,
            manifest.object,
            size=manifest.size,
            sha256=manifest.sha256,
            pg_restore=programs.pg_restore,
            limits=self._limits,
            tell=self._tell(step),
            progressed=lambda done: step.progress(done, manifest.size),
            script=counter.feed,
        )
        dumped = counter.counts()
        step.log(
            "size, SHA-256 and archive are as the manifest says; %d rows in %d tables",
            sum(dumped.rows.values()), len(dumped.rows),
        )  # fmt: skip
        return dumped

    async def _restored(
        self,
        manifest: Manifest,
        programs: Programs,
        env: Mapping[str, str],
        dumped: Counts,
        restorer: Restorer,
    ) -> dict[str, int]:
        async with self._ctx.step("Restore") as step:
            psql = Psql(programs.psql, env, limits=self._limits, tell=self._tell(step))

            async def looked(name: str) -> None:
                tools_refused(restorer, await tools_of(psql, name))

            async with scratch_database(
                psql, self._ctx.run_id, self._ctx.attempt,
                encoding=dumped.encoding, limits=self._limits, step=step, looked=looked,
            ) as name:  # fmt: skip
                step.log("into %s", name)
                await restore(
                    self._store,
                    manifest,
                    programs.pg_restore,
                    database=name,
                    env=env,
                    limits=self._limits,
                    tell=self._tell(step),
                    progressed=lambda done: step.progress(done, manifest.size),
                )
                return await psql.counted(dumped, database=name)

    def _compare(self, step: Step, name: str, wanted: Mapping[str, int], restored: dict[str, int]) -> None:
        """
        Raises:
            CountsDiffer: a table has another number of rows.
        """
        differing = [table for table, rows in wanted.items() if restored.get(table) != rows]
        for table in differing[:_SHOWN]:
            step.log("%s: %d in the %s, %d restored", table, wanted[table], name, restored.get(table, 0), level="error")
        if differing:
            first = differing[0]
            there, here = wanted[first], restored.get(first, 0)
            raise CountsDiffer(
                f"{len(differing)} of {len(wanted)} tables differ from the {name}:"
                f" {first} has {there} rows there and {here} restored"
            )
        step.log("%d tables have as many rows as in the %s", len(wanted), name)

    def _result(
        self, manifest: Manifest, restored: dict[str, int], compared: tuple[str, ...], server: str, pg_restore: str
    ) -> DrillResult:
        return DrillResult(
            database=manifest.database,
            bucket=self._store.place.bucket,
            object=manifest.object,
            size=manifest.size,
            sha256=manifest.sha256,
            backup_run_id=manifest.run_id,
            backup_at=manifest.started_at,
            tables=len(restored),
            rows=sum(restored.values()),
            counts=tuple(Counted(table=table, rows=restored[table]) for table in largest(restored)),
            compared_with=compared,
            server_version=server,
            pg_restore_version=pg_restore,
            duration_ms=round((self._clock.monotonic() - self._began) * 1000),
        )

    def _tell(self, step: Step) -> Tell:
        def tell(level: Level, text: str) -> None:
            step.log("%s", redacted(text, self._secrets), level=level)

        return tell

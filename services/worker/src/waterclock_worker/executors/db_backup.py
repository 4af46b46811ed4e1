"""`db.backup`: a PostgreSQL database, streamed into an object store, read back, told of by a manifest written last."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec

from waterclock.executors.context import RunContext, Step
from waterclock.executors.definition import executor
from waterclock.kit.clock import Clock, SystemClock
from waterclock.model.events import Level
from waterclock.model.timestamps import stamp
from waterclock_worker.executors.backup.faults import StoreFault
from waterclock_worker.executors.backup.limits import MIB, Limits
from waterclock_worker.executors.backup.params import BackupParams, BackupResult
from waterclock_worker.executors.backup.place import Place
from waterclock_worker.executors.backup.postgres.connection import private_environment
from waterclock_worker.executors.backup.postgres.dump import dump
from waterclock_worker.executors.backup.postgres.programs import (
    Programs,
    Server,
    asked_server,
    found_programs,
    new_enough,
)
from waterclock_worker.executors.backup.postgres.verify import verify
from waterclock_worker.executors.backup.s3 import leftovers
from waterclock_worker.executors.backup.s3 import manifest as manifests
from waterclock_worker.executors.backup.s3.keys import DUMP, MANIFEST, folder_of, ours, stem_of
from waterclock_worker.executors.backup.s3.manifest import Manifest
from waterclock_worker.executors.backup.s3.retention import Cleaning
from waterclock_worker.executors.backup.s3.sdk import sdk_in_process
from waterclock_worker.executors.backup.s3.store import Store, open_store
from waterclock_worker.executors.backup.s3.upload import Upload, part_size_for
from waterclock_worker.executors.places.configuration import places_of_process, read_places
from waterclock_worker.executors.places.place import Places
from waterclock_worker.executors.places.site import Site, kept, site_of
from waterclock_worker.executors.reach.references import redacted

_DELETED_SHOWN = 200


@executor("db.backup", timeout=timedelta(hours=6), aliases=("db:backup",))
async def db_backup(ctx: RunContext, params: BackupParams) -> BackupResult:
    """Back up a PostgreSQL database to S3: dumped, verified, retained, without a temporary file."""
    await ctx.use(sdk_in_process)
    return await back_up(
        ctx, params, environment=os.environ, limits=Limits(), clock=SystemClock(), places=places_of_process()
    )


async def back_up(
    ctx: RunContext,
    params: BackupParams,
    *,
    environment: Mapping[str, str],
    limits: Limits,
    clock: Clock,
    places: Places | None = None,
) -> BackupResult:
    """
    `places`: as they were when the worker started; by default those that `environment` describes.

    Raises:
        BadParams: the place that they name does not allow the parameters, or there is none.
        GiveUp: this worker's settings do not do.
        ChildExit, ChildSignal, StoreFault, Stalled, EmptyDump, TooLarge, Damaged: there is no backup, and nothing
            that could be taken for one.
    """
    site = site_of(places or read_places(environment), db_backup.key, params, environment)
    async with open_store(site.bucket, limits) as store:
        backup = _Backup(ctx, params, store, site, limits=limits, clock=clock)
        return await backup.made(environment)


class _Backup:
    """One backup, from check to clean-up."""

    def __init__(
        self, ctx: RunContext, params: BackupParams, store: Store, site: Site, *, limits: Limits, clock: Clock
    ) -> None:
        self._ctx = ctx
        self._params = params
        self._store = store
        self._site = site
        self._connection = site.source
        self._secrets = (*site.source.secrets, *site.bucket.secrets)
        for secret in self._secrets:
            ctx.conceal(secret)
        self._limits = limits
        self._clock = clock
        self._began = clock.monotonic()
        self._began_ms = clock.now_ms()
        self._folder = folder_of(site.prefix, site.source.database)
        self._stem = stem_of(self._began_ms, ctx.run_id)

    async def made(self, environment: Mapping[str, str]) -> BackupResult:
        application = f"waterclock db.backup {self._ctx.run_id}"
        with private_environment(self._connection, application=application) as env:
            async with self._ctx.step("Check") as step:
                earlier = await self._made_before()
                if earlier is not None:
                    step.log("an earlier attempt of this run has made %s: nothing to do", earlier.object)
                    return self._result(earlier, repeated=True)
                if self._ctx.attempt > 1:
                    await self._cleared(step)
                server, programs, version = await self._checked(step, env, environment)
            upload = await self._dumped(server, programs, env)
        async with self._discarded_on_failure(upload):
            verified_at = await self._verified(upload, programs) if self._params.verify else None
            manifest = self._manifest(upload, server, version, verified_at)
            async with self._ctx.step("Write manifest") as step:
                await manifests.write(self._store, self._folder + self._stem + MANIFEST, manifest)
                step.log("%s", self._folder + self._stem + MANIFEST)
        result = self._result(manifest)
        return await self._cleaned(result) if self._params.cleanup_old_backups else result

    async def _made_before(self) -> Manifest | None:
        """What an earlier attempt of this run has left complete; it also shows whether the store answers us."""
        for one in await self._store.list(self._folder):
            name = ours(one.key, self._folder)
            if name is None or name.run_id != self._ctx.run_id or name.kind != MANIFEST:
                continue
            manifest = await manifests.read(self._store, one.key)
            if manifest is None or manifest.run_id != self._ctx.run_id:
                continue
            if self._params.verify and not manifest.is_verified:
                continue
            if await self._store.size(manifest.object) == manifest.size:
                return manifest
        return None

    async def _cleared(self, step: Step) -> None:
        """A store that does not let us is told of: the backup matters more."""
        try:
            await leftovers.clear(
                self._store, self._folder, run_id=self._ctx.run_id, tell=lambda text: step.log("%s", text)
            )
        except StoreFault as fault:
            step.log("what earlier attempts left unfinished stays for a later clean-up: %s", fault, level="warning")

    async def _checked(
        self, step: Step, env: Mapping[str, str], environment: Mapping[str, str]
    ) -> tuple[Server, Programs, str]:
        def tell(level: Level, text: str) -> None:
            step.log("%s", self._clean(text), level=level)

        found = found_programs(environment)
        server = await asked_server(found[0], env, tell)
        programs, version = await new_enough(found, server, tell)
        step.log(
            "PostgreSQL %s, database %s of %.1f MiB; pg_dump %s",
            server.version, self._connection.database, server.database_bytes / MIB, version,
        )  # fmt: skip
        return server, programs, version

    async def _dumped(self, server: Server, programs: Programs, env: Mapping[str, str]) -> Upload:
        limits, params = self._limits, self._params
        upload = Upload(
            self._store,
            self._folder + self._stem + DUMP,
            part_size=part_size_for(server.database_bytes, least=params.part_size_mib * MIB, most_parts=limits.parts),
            limits=limits,
            metadata={"waterclock-run": self._ctx.run_id, "waterclock-fence": str(self._ctx.fence)},
        )
        async with self._ctx.step("Dump and upload") as step:
            step.log("to %s, in parts of %d MiB", upload.key, upload.part_size // MIB)
            await dump(
                programs.pg_dump,
                params,
                upload,
                env=env,
                encoding=server.encoding,
                limits=limits,
                tell=lambda level, text: step.log("%s", text, level=level),
                clean=self._clean,
                progressed=step.progress,
            )
            step.log("%d bytes in %d parts, SHA-256 %s", upload.size, upload.parts, upload.sha256)
        return upload

    async def _verified(self, upload: Upload, programs: Programs) -> str:
        async with self._ctx.step("Verify") as step:
            await verify(
                self._store,
                upload.key,
                size=upload.size,
                sha256=upload.sha256,
                pg_restore=programs.pg_restore,
                limits=self._limits,
                tell=lambda level, text: step.log("%s", text, level=level),
                progressed=lambda done: step.progress(done, upload.size),
            )
            step.log("read back whole: size, SHA-256 and archive are as dumped")
        return stamp(self._clock.now_ms())

    @asynccontextmanager
    async def _discarded_on_failure(self, upload: Upload) -> AsyncGenerator[None]:
        """The manifest goes first: one without its object would lie, an object without one is no backup."""
        try:
            yield
        except BaseException:
            try:
                async with asyncio.timeout(self._limits.undo):
                    await self._store.delete(self._folder + self._stem + MANIFEST)
                    await self._store.delete(upload.key)
                self._ctx.log("deleted %s, which is no backup", upload.key, level="warning")
            except (StoreFault, TimeoutError) as error:
                self._ctx.log("could not delete %s, which is no backup: %s", upload.key, error, level="warning")
            raise

    async def _cleaned(self, result: BackupResult) -> BackupResult:
        """The backup stands, so a clean-up that fails is told, and the run succeeds."""
        failure = None
        cleaning: Cleaning | None = None
        try:
            async with self._ctx.step("Clean up") as step:
                cleaning = Cleaning(
                    self._store,
                    self._folder,
                    own=self._stem,
                    now_ms=self._clock.now_ms(),
                    tell=lambda text: step.log("%s", text),
                )
                days, number = kept(
                    self._site.place, retention_days=self._params.retention_days, keep_last=self._params.keep_last
                )
                await cleaning.clean(keep_last=number, retention_days=days)
        except StoreFault as fault:
            failure = str(fault)
        deleted = cleaning.deleted if cleaning is not None else []
        return msgspec.structs.replace(
            result,
            deleted=tuple(deleted[:_DELETED_SHOWN]),
            deleted_count=len(deleted),
            cleanup_error=failure,
            duration_ms=self._duration_ms(),
        )

    def _manifest(self, upload: Upload, server: Server, pg_dump_version: str, verified_at: str | None) -> Manifest:
        ctx, params = self._ctx, self._params
        return Manifest(
            object=upload.key,
            database=self._connection.database,
            size=upload.size,
            sha256=upload.sha256,
            parts=upload.parts,
            part_size=upload.part_size,
            verified_at=verified_at,
            pg_dump_version=pg_dump_version,
            server_version=server.version,
            include_schemas=params.include_schemas,
            exclude_tables=params.exclude_tables,
            compressed=params.compress,
            run_id=ctx.run_id,
            attempt=ctx.attempt,
            fence=ctx.fence,
            nominal_at=None if ctx.nominal_at is None else stamp(round(ctx.nominal_at.timestamp() * 1000)),
            started_at=stamp(self._began_ms),
            finished_at=stamp(self._clock.now_ms()),
        )

    def _result(self, manifest: Manifest, *, repeated: bool = False) -> BackupResult:
        return BackupResult(
            database=manifest.database,
            bucket=self._store.place.bucket,
            object=manifest.object,
            manifest=manifest.object.removesuffix(DUMP) + MANIFEST,
            size=manifest.size,
            sha256=manifest.sha256,
            parts=manifest.parts,
            verified=manifest.is_verified,
            duration_ms=self._duration_ms(),
            restore_command=restore_command(self._store.place, manifest.object),
            repeated=repeated,
        )

    def _duration_ms(self) -> int:
        return round((self._clock.monotonic() - self._began) * 1000)

    def _clean(self, text: str) -> str:
        return redacted(text, self._secrets)


def restore_command(place: Place, key: str) -> str:
    """The line for a shell that restores the object into the database that `$TARGET_URL` names."""
    copy = ["aws", "s3", "cp", *(["--endpoint-url", place.endpoint] if place.endpoint else [])]
    copy += ["--region", place.region, f"s3://{place.bucket}/{key}", "-"]
    return f'{shlex.join(copy)} | pg_restore --exit-on-error --no-owner --no-acl --dbname="$TARGET_URL"'

"""`waterclock dev`: the whole installation for one developer, until Ctrl-C."""

import asyncio
import errno
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from waterclock.cli.connection.resolve import ClientSettings
from waterclock.client import ApiError, AsyncClient, endpoints
from waterclock.kit import settings
from waterclock.kit.clock import SystemClock
from waterclock.kit.gc_tuning import calm_collector
from waterclock.model.timestamps import stamp
from waterclock_dev.installation import Installation, Plan
from waterclock_dev.notices import FILE
from waterclock_dev.reload import CannotWatch, changed
from waterclock_dev.sample.fill import Mark, fill, is_filled, leave_mark, mark_in
from waterclock_dev.sample.history import EXECUTORS as SAMPLE_EXECUTORS
from waterclock_dev.sample.history import history
from waterclock_dev.sample.puppets import keep_alive
from waterclock_dev.servers.external import Elsewhere
from waterclock_dev.servers.ports import LOOPBACK, free_port
from waterclock_dev.servers.prefix import Prefixed
from waterclock_dev.servers.record import held
from waterclock_dev.servers.supervise import until

DEMO_JOBS = (
    {
        "jobName": "tides",
        "jobGroup": "demo",
        "invokeTarget": "demo.steps",
        "cronExpression": "*/10 * * * * *",
        "remark": "three steps with a few lines each, every ten seconds",
    },
    {
        "jobName": "minutes",
        "jobGroup": "demo",
        "invokeTarget": "demo.noop",
        "cronExpression": "* * * * *",
        "remark": "nothing at all, once a minute",
    },
)


class PortTaken(Exception):
    """Nobody else may listen on the API's port."""


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    data_dir: Path
    port: int  # 0: any free one
    workers: int
    schedulers: int
    executors: tuple[str, ...]
    sources: tuple[Path, ...]  # where the executors' code lies
    reload: bool
    demo_jobs: bool
    notices: Path | None = None  # the file of those who are told; None: nobody is
    sample: bool = False
    until: int | None = None  # ms; the sample ends there, and stands still


async def serve(wishes: Wishes, environment: Mapping[str, str], output: Prefixed, stop: asyncio.Event) -> None:
    """Run everything until `stop` is set.

    Raises:
        PortTaken, FolderTaken, SettingsError: nothing was started.
        NotEmpty: there is another installation already, so there is no room for the sample.
        ServerError: something did not start; what had is stopped again.
    """
    elsewhere = settings.read(Elsewhere, environment)
    folder = wishes.data_dir.resolve()
    filling = wishes.sample and not is_filled(folder, wishes.until)
    sample = Mark(until=wishes.until) if filling else mark_in(folder)
    plan = Plan(
        data_dir=folder,
        port=free_port() if wishes.port == 0 else check_port(wishes.port),
        workers=wishes.workers,
        schedulers=wishes.schedulers,
        notices=wishes.notices,
        executors=(*((SAMPLE_EXECUTORS,) if sample is not None else ()), *wishes.executors),
        frozen_at=None if sample is None else sample.until,
    )
    with held(plan.data_dir):
        installation = Installation(plan, environment, elsewhere, output)
        try:
            await until(stop, _run(installation, wishes, plan, environment, filling=filling))
        finally:
            await installation.stop()


def check_port(port: int) -> int:
    """The port, if we may listen on it.

    Raises:
        PortTaken: somebody does, or we may not.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that just ended are no obstacle
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise PortTaken(f"port {port} {reason}: name another with --port") from None
    return port


async def _run(
    installation: Installation, wishes: Wishes, plan: Plan, environment: Mapping[str, str], *, filling: bool
) -> None:
    if filling:
        await _start_filled(installation, plan)
    else:
        await installation.start()
    if plan.frozen_at is not None:
        installation.tell(f"here it stays {stamp(plan.frozen_at)}: no scheduler and no worker is started")
    elif wishes.demo_jobs and not filling:
        await _create_demo_jobs(installation)
    installation.note()
    _say_where(installation, plan)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(installation.keep(), name="keep all running")
        if plan.frozen_at is not None:
            told = {**environment, f"{settings.PREFIX}REDIS_URL": installation.record.redis}
            tasks.create_task(keep_alive(told), name="keep puppets")
        if wishes.reload:
            tasks.create_task(_reload(installation, list(wishes.sources)), name="reload executors")


async def _start_filled(installation: Installation, plan: Plan) -> None:
    """Start it with the sample in its stores; what there is to fill in is worked out while these start."""
    calm_collector()  # the past is many objects without cycles: a fifth of the time that it takes
    lives_on = plan.frozen_at is None
    ends_at = SystemClock().now_ms() if plan.frozen_at is None else plan.frozen_at
    past = asyncio.create_task(asyncio.to_thread(history, ends_at, lives_on=lives_on), name="work the sample out")

    async def fill_in(environment: Mapping[str, str]) -> None:
        filled = await fill(environment, past, lives_on=lives_on)
        leave_mark(plan.data_dir, Mark(until=plan.frozen_at))
        installation.tell(str(filled))

    try:
        await installation.start(fill_in)
    finally:
        past.cancel()


async def _create_demo_jobs(installation: Installation) -> None:
    """Give a newcomer something to look at. A job of his own is better, so they are made in an empty store only."""
    try:
        async with AsyncClient(installation.api_url) as api:
            if (await api.send(endpoints.list_jobs(limit=1))).items:
                return
            first, *_ = [await api.send(endpoints.create_job(definition)) for definition in DEMO_JOBS]
            await api.send(endpoints.trigger_job(first.id))
    except ApiError as error:
        installation.tell(f"no demo jobs: {error}")


async def _reload(installation: Installation, sources: list[Path]) -> None:
    try:
        while True:
            await changed(sources)
            installation.tell("an executor changed; workers drain and start again")
            await installation.restart_workers()
    except CannotWatch as error:
        installation.tell(f"executors are not watched any more: {error}")


def _say_where(installation: Installation, plan: Plan) -> None:
    """Without passwords, for logs are kept and shown around: those are in the record."""
    found = installation.record
    lines = (
        "ready; Ctrl-C stops everything",
        f"  Console   {found.api}/console/",
        f"  API       {found.api}/v1/monitor/   (reference: {found.api}/api)",
        *how_to_ask(found.api),
        f"  Redis     {_without_password(found.redis)}",
        f"  Postgres  {_without_password(found.postgres)}",
        f"  S3        {found.s3.endpoint}/{found.s3.bucket}",
        f"  Metrics   {' '.join(found.metrics.values())}",
        f"  Notices   {who_is_told(plan)}",
        f"  all of it, with passwords and pids: {installation.record_file}",
    )
    installation.tell("\n".join(lines))


def who_is_told(plan: Plan) -> str:
    if plan.frozen_at is not None:
        return "nobody is told of anything, as time stands still"
    if plan.notices is None:
        return f"nobody is told of runs that fail: write {FILE} beside your executors, and start again"
    return f"sent after {plan.notices}"


def how_to_ask(url: str) -> tuple[str, ...]:
    """What verbs in another terminal need, where they would ask another API by default."""
    return () if url == ClientSettings().api_url else (f"  Verbs     export {settings.PREFIX}API_URL={url}",)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return parts._replace(netloc=f"{name}@{host}" if name else host, query="").geturl()  # options can be secrets

"""`waterclock doctor`: what is wrong with a deployment, in plain words, and what to do about it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing

import click
import msgspec
import psycopg

from waterclock.cli.connection.options import connection_options
from waterclock.cli.connection.resolve import resolve
from waterclock.cli.output import put_json, say
from waterclock.kit.clock import SystemClock
from waterclock.kit.service import run_service
from waterclock.kit.settings import given, read
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogError, LogUnavailable, LogUnfit, NotInitialised
from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.connection.pool import Connection, open_pool
from waterclock_api.operator.diagnostics import (
    api_alone,
    archive_fit,
    clocks,
    default_zone,
    encryption,
    epochs,
    executors,
    lost_runs,
    older_parts,
    overdue_runs,
    places,
    replicas,
    retention,
    schemas,
    told,
)
from waterclock_api.operator.diagnostics import (
    checks as findings,
)
from waterclock_api.operator.diagnostics.checks import Finding, problem
from waterclock_api.settings import ProjectorSettings, StoreSettings, log_settings

WARNED, WRONG = 1, 2
"""Exit codes: something is worth a look; something is wrong."""
LOOK = 30.0  # s, for all of it


@click.command(short_help="Check the installation, and say what to do.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@connection_options
def doctor(*, as_json: bool) -> None:
    """Check the installation. Exit code 0: no findings, 1: warnings, 2: errors.

    It checks Redis and Postgres if WATERCLOCK_REDIS_URL and WATERCLOCK_POSTGRES_URL are set, and the API that an
    option, WATERCLOCK_API_URL or a context names. Without Redis and Postgres it checks the API alone, and says which
    checks it left out. It changes nothing.
    """

    async def work(stop: asyncio.Event) -> None:  # noqa: ARG001  all of it has a bound
        found = await examine()
        if as_json:
            put_json(msgspec.json.encode({"findings": found}))
        else:
            say(lines_of(found))
        if code := exit_code(found):
            raise click.exceptions.Exit(code)

    run_service(work, name="waterclock doctor")


def exit_code(found: Sequence[Finding]) -> int:
    levels = {one.level for one in found}
    return WRONG if "problem" in levels else WARNED if "warning" in levels else 0


async def examine() -> list[Finding]:
    """All findings, those that are wrong first."""
    own = resolve()
    has_archive = given(os.environ, "WATERCLOCK_POSTGRES_URL") is not None
    has_log = has_archive or any(given(os.environ, name) is not None for name in ("WATERCLOCK_REDIS_URL", "REDIS_URL"))
    found = api_alone.without_stores(log=not has_log, archive=not has_archive)
    async with AsyncExitStack() as held:
        log = await _log(held, found) if has_log else None
        connection = await _store(held, found) if has_archive else None
        clock = SystemClock()
        checks: list[AsyncGenerator[Finding]] = []
        if log is not None:
            checks += [encryption.of_log(log), findings.of_servers(log)]
            checks.append(replicas.of_replicas(log, log_settings().replicas))
        if log is not None and log.partitions:
            checks.append(clocks.of_clocks(log, clock))
            checks.append(findings.of_partitions(log, read(ProjectorSettings, os.environ).stream_bytes))
            checks.append(executors.of_executors(log, connection))
        if connection is not None:
            known = log if log is not None and log.partitions else None
            checks += [encryption.of_store(connection), findings.of_store(connection, clock, known)]
            checks += [places.of_jobs(connection), schemas.of_jobs(connection)]
            checks.append(findings.of_credentials(connection, os.environ, clock))
            checks += [epochs.of_epochs(connection), default_zone.of_apis(connection)]
            checks.append(older_parts.of_parts(connection))
            checks += [retention.of_runs(connection, os.environ), told.of_notices(connection)]
        if connection is not None and log is not None and log.partitions:
            checks += [epochs.of_installation(log, connection)]
            checks += [archive_fit.of_both(log, connection), overdue_runs.of_runs(log, connection)]
            checks.append(lost_runs.of_runs(log, connection))
        if not (has_log or has_archive):
            checks.append(api_alone.of_installation(own))
        elif not own.is_default:
            checks.append(findings.of_api(own.url, own.key))
        for check in checks:
            await _made(check, found)
    order = ("problem", "warning", "ok", "skipped")
    return sorted(found, key=lambda one: order.index(one.level))


def lines_of(found: Sequence[Finding]) -> Iterator[str]:
    """The findings in lines."""
    for one in found:
        yield f"{one.level:<8} {one.check}: {one.said}"
        if one.do:
            yield f"         → {one.do}"
    wrong = sum(one.level in ("warning", "problem") for one in found)
    whole = all(one.level != "skipped" for one in found)
    if wrong:
        yield f"{wrong} of {len(found)} findings need attention."
    else:
        yield "Everything is healthy." if whole else "Everything that was checked is healthy."


async def _made(check: AsyncGenerator[Finding], found: list[Finding]) -> None:
    """What a check finds, to where it can go no further."""
    try:
        async with asyncio.timeout(LOOK), aclosing(check) as made:
            async for one in made:  # each as soon as it is found: what follows may fail
                found += [one]
    except (TimeoutError, LogError, psycopg.Error) as error:
        said = " ".join(str(error).split()) or f"no answer within {LOOK:.0f} s"
        found.append(problem("examination", f"not finished: {said}", "fix what is named, and run doctor again"))


async def _log(held: AsyncExitStack, found: list[Finding]) -> Log | None:
    """The log, if its server can be used; without partitions if there is none."""
    try:
        log = await Log.reach(log_settings(), role="doctor")
    except LogUnavailable as error:
        found.append(problem("redis", str(error), "start it, or correct WATERCLOCK_REDIS_URL"))
        return None
    except LogUnfit as error:
        found.append(problem("redis", str(error), "Waterclock does not start on it as it is"))
        return None
    held.push_async_callback(log.close)
    try:
        await log.refresh()
    except NotInitialised as error:
        do = (
            "run `waterclock migrate`, with the former WATERCLOCK_PARTITIONS and WATERCLOCK_QUEUE_WEIGHTS if it "
            "has lost everything; then start a projector, which restores the archived events"
        )
        found.append(problem("log", str(error), do))
    return log


async def _store(held: AsyncExitStack, found: list[Finding]) -> Connection | None:
    try:
        pool = await open_pool(read(StoreSettings, os.environ).postgres_url, name="doctor", max_size=1)
    except StoreUnfit as error:
        found.append(problem("Postgres", str(error), "until then reads fail, and after a restart writes fail, too"))
        return None
    held.push_async_callback(pool.close)
    return await held.enter_async_context(pool.connection())

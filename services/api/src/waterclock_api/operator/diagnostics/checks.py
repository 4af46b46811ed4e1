"""What `waterclock doctor` looks at, each check by itself: what it found, in plain words, and what to do about it.

It is long: one check for each part of a deployment.
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from typing import Literal, cast

import msgspec
import psycopg

from waterclock.client.errors import Problem
from waterclock.kit.clock import Clock
from waterclock.kit.settings import PREFIX, SettingsError, read
from waterclock.log.client import Log
from waterclock.log.connection.connections import facts, pack
from waterclock.log.connection.errors import LogFull, LogRefuses
from waterclock.log.gates import gate_of, gate_of_names
from waterclock.log.liveness import leadership
from waterclock.log.liveness.projector_end import last_end
from waterclock.log.liveness.sessions import LEASE_MS, list_sessions, sessions
from waterclock.log.server_checks import Durability, durability_of
from waterclock.log.topology.node import Node
from waterclock.log.writable import check_writable
from waterclock.store import api_keys, quarantine
from waterclock.store.connection.migrate import foreign
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.locks import PROJECTORS
from waterclock_api.access.anonymous import MEANS, SETTING, why_not
from waterclock_api.consistency.clocks import SKEW_MOST_MS, SKEW_MS, apart, offset_of_postgres
from waterclock_api.settings import ApiSettings
from waterclock_api.telemetry.schedule_watch import overdue

Level = Literal["ok", "warning", "problem", "skipped"]

FULL, FULL_MOST = 0.75, 0.9
"""Of `maxmemory`: told; new runs are soon refused."""
BACKLOG = 2
"""A stream that takes more than its share so many times over is not trimmed."""
AT_ONCE = 1000  # sessions
QUARANTINED = 40  # events that cannot be read, by name


_MAKE_KEY = "create a key with `waterclock key create`, and give it to your clients"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`do` is empty where there is nothing to be done."""

    level: Level
    check: str
    said: str
    do: str = ""


def ok(check: str, said: str) -> Finding:
    return Finding(level="ok", check=check, said=said)


def skipped(check: str, what: str, setting: str) -> Finding:
    """What was not looked at, for a setting that is not there."""
    return Finding(level="skipped", check=check, said=f"not checked: {what}", do=f"set {setting} to check it, too")


def warning(check: str, said: str, do: str) -> Finding:
    return Finding(level="warning", check=check, said=said, do=do)


def problem(check: str, said: str, do: str) -> Finding:
    return Finding(level="problem", check=check, said=said, do=do)


async def of_servers(log: Log) -> AsyncGenerator[Finding]:
    """Of the log's servers, each by itself, whatever they hold."""
    yield _durability(await durability_of(log.nodes))
    for node in log.nodes.all():
        said = await _info(node)
        where = f"{node.target.address.host}:{node.target.address.port}"
        if said.get("role") == "slave":
            yield problem("server", f"{where} is a replica", "set WATERCLOCK_REDIS_URL to the primary")
        for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"):
            if said.get(name, "ok") != "ok":
                do = "check its log: often the disk is full or not writable"
                yield problem("persistence", f"{where} says {name}: {said[name]}", do)
        yield _memory(where, said)
    for asked, refusal in log.nodes.lacks.items():
        do = (
            "grant it to every service's user (users.acl): without it a failover is detected later, or not at "
            "all in some cases"
        )
        yield warning("rights", f"our Redis user may not run {asked}: {refusal}", do)
    if log.partitions:
        yield await _writes(log)


async def of_partitions(log: Log, stream_bytes: int) -> AsyncGenerator[Finding]:
    """Of what the log holds."""
    halted = [partition for partition in range(log.partitions) if not (await gate_of(log, partition)).opened]
    if halted:
        do = "start a projector, or look for `projection stopped` in its log"
        yield problem("partitions", f"nothing can be written to {_named(halted)}: not open on this Redis server", do)
    elif not (await gate_of_names(log)).opened:
        yield problem("partitions", "the index of job names is not open: no job can be created", "start a projector")
    else:
        yield ok("partitions", f"{log.partitions} of {log.partitions} open")
    for partition in range(log.partitions):
        if partition in halted:
            continue
        try:
            async for found in _of_partition(log, partition, stream_bytes // log.partitions):
                yield found
        except LogRefuses:  # `of_servers` says why
            said = f"the leader and the workers of partition {partition} are not known: its server rejects writes"
            yield warning("workers", said, "fix that, and run doctor again")


async def of_store(connection: Connection, clock: Clock, log: Log | None = None) -> AsyncGenerator[Finding]:
    """Of Postgres, by itself; the log, if there is one, may know why no projector works on it."""
    yield skew("clock of Postgres", await offset_of_postgres(clock, connection))
    if newer := await foreign(connection):
        said = f"migrated by a newer release ({', '.join(newer)})"
        yield warning("Postgres", said, "upgrade to that release; a downgrade is possible by one release at most")
    else:
        yield ok("Postgres", f"version {connection.info.server_version // 10_000}, migrated")
    counted = await (await connection.execute(statement("count_sharers"), {"sharers": PROJECTORS.all})).fetchone()
    assert counted is not None
    if counted[0] == 0:
        yield await _no_projector(log)
    else:
        yield ok("projectors", f"{counted[0]} at work")
    yield await _of_quarantine(connection)


async def _of_quarantine(connection: Connection) -> Finding:
    count = await quarantine.count(connection)
    if not count:
        return ok("events", "none that cannot be read")
    first = [_told(one) for one in await quarantine.listed(connection, QUARANTINED)]
    more = f", and {count - len(first)} more" if count > len(first) else ""
    said = f"{count} cannot be read: {'; '.join(first)}{more}"
    do = (
        "everything else continues, and they are kept. If a later release wrote them, upgrade and run "
        "`waterclock rebuild --swap`, which reads them; otherwise find out who writes to Redis by hand, and "
        "acknowledge them: `waterclock reconcile --known --apply`"
    )
    return warning("events", said, do)


def _told(one: quarantine.Quarantined) -> str:
    about = f" of run {one.run_id}" if one.run_id else f" of job {one.job_id}" if one.job_id else ""
    return f"{one.position} {one.type}{about} ({one.reason})"


async def _no_projector(log: Log | None) -> Finding:
    said = "no projector runs: reads are stale, and after a restart of Redis everything stops"
    end = await last_end(log) if log is not None else None
    if end is None:
        return problem("projectors", said, "start one")
    do = "fix that before you restart it, or it stops again; its log has the details"
    return problem("projectors", f"{said}; the last one ended at {end.at} with {end.error}", do)


async def of_credentials(
    connection: Connection, environment: Mapping[str, str], clock: Clock
) -> AsyncGenerator[Finding]:
    """Whether an API of these settings would start, and whether it would ask who calls."""
    check = "credentials"
    try:
        found = await api_keys.all_keys(connection)
    except psycopg.errors.InsufficientPrivilege:
        return  # a role that may not read the keys
    now = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
    live = sum(key.is_live(now) for key in found)
    if live or environment.get(f"{PREFIX}JWT_ISSUER"):
        yield ok(check, f"{live} active key(s); each request needs one, or a token")
        return
    try:
        refusal = why_not(read(ApiSettings, environment))
    except SettingsError as error:
        yield problem(check, str(error), "correct the setting")
        return
    if refusal is not None:
        yield warning(check, f"an API with these settings would not start: {refusal}", _MAKE_KEY)
    elif found:
        yield warning(check, "all keys have expired or were revoked, so every request is refused", _MAKE_KEY)
    else:
        yield ok(check, f"{SETTING}: authentication is off, and {MEANS}")


async def of_api(url: str, key: str | None) -> AsyncGenerator[Finding]:
    """Of an API, what it says of itself, and of the key."""
    root = url.rstrip("/")
    status, body = await asyncio.to_thread(_get, f"{root}/readyz", None)
    if status == 200:
        yield ok("api", f"{url} is ready")
    elif status == 0:
        yield problem(
            "api", f"{url} does not answer: {body}", "start it, or correct WATERCLOCK_API_URL, --url or the context"
        )
    else:
        yield problem("api", f"{url} is not ready: {body[:500]}", "the API cannot reach what it names")
    if status != 0:
        status, body = await asyncio.to_thread(_get, f"{root}/v1/monitor/queues", key)
        yield _of_key(status, body, given=key is not None)


def _of_key(status: int, body: str, *, given: bool) -> Finding:
    check = "API key"
    match status, given:
        case (200, True):
            return ok(check, "accepted, or authentication is off")
        case (200, False):
            return ok(check, "not needed: authentication is off")
        case (403, True):
            return ok(check, "accepted; it lacks the scope list")
        case (401, False):
            do = "set WATERCLOCK_API_KEY for the commands and for doctor"
            return warning(check, "the API requires credentials, and none is set", do)
        case (401, True):
            do = (
                "correct WATERCLOCK_API_KEY; `waterclock key list` shows all keys, `waterclock key rotate` makes a "
                "new one"
            )
            return problem(check, _detail(body), do)
        case _:
            return warning(check, f"not known: {status} {_detail(body)}", "fix what is named, and run doctor again")


def _detail(body: str) -> str:
    try:
        return msgspec.json.decode(body, type=Problem).detail
    except msgspec.MsgspecError:
        return body[:500]


async def _of_partition(log: Log, partition: int, share: int) -> AsyncGenerator[Finding]:
    seen = await leadership.watch(log, partition)
    trouble = overdue(partition, seen)
    if trouble is not None:
        yield problem("schedules", trouble, "start a scheduler, or check the log of the one that leads")
    names = sorted(await sessions(log, partition))[:AT_ONCE]
    stand = await list_sessions(log, partition, names)
    silent = [
        name
        for name, state in zip(names, stand.sessions, strict=True)
        if state is not None and stand.now - state.heard_at > LEASE_MS
    ]
    if silent:
        do = "they are dead or disconnected; another live worker takes over their runs"
        yield warning("workers", f"silent in partition {partition}: {', '.join(silent)}", do)
    events = log.keys.partition(partition, "events")
    used = cast("int | None", await log.execute(events, "MEMORY", "USAGE", events)) or 0
    if used > BACKLOG * share:
        said = f"the stream of partition {partition} uses {used >> 20} of {share >> 20} MiB"
        yield warning("stream", said, "check that a projector runs; or lower WATERCLOCK_TRIM_AFTER")


def _durability(found: Durability) -> Finding:
    match found:
        case "always":
            return ok("persistence", "appendfsync always: every acknowledged write is on disk")
        case "everysec":
            return ok("persistence", "appendfsync everysec: a crash may lose the last second or two")
        case "none":
            said = "no append-only file, or never flushed: a crash or restart loses everything since the last snapshot"
            return problem("persistence", said, "set appendonly yes and appendfsync everysec or always")


def _memory(where: str, said: Mapping[str, str]) -> Finding:
    used, most = int(said.get("used_memory", 0)), int(said.get("maxmemory", 0))
    if most == 0:
        do = "set maxmemory below the machine's memory: then new runs are refused, and Redis is not killed"
        return warning("memory", f"{where} uses {used >> 20} MiB and has no maxmemory", do)
    text = f"{where} uses {used >> 20} of {most >> 20} MiB ({100 * used / most:.0f} %)"
    do = "raise maxmemory, lower WATERCLOCK_STREAM_BYTES, or see what waits: `waterclock queue list`"
    if used > FULL_MOST * most:
        return problem("memory", f"{text}: new runs are refused, or soon will be", do)
    return warning("memory", text, do) if used > FULL * most else ok("memory", text)


async def _writes(log: Log) -> Finding:
    """Whether the servers take writes."""
    try:
        await check_writable(log)
    except LogRefuses as error:
        do = (
            "MISCONF: check that its disk has space and is writable; NOREPLICAS: check why its replicas are "
            "missing (min-replicas-to-write); BUSY: check which script it runs"
        )
        return problem("writes", str(error), do)
    except LogFull as error:
        do = "raise maxmemory, lower WATERCLOCK_STREAM_BYTES, or see what waits: `waterclock queue list`"
        return problem("writes", f"{error} New writes are refused", do)
    return ok("writes", "taken")


def skew(check: str, ms: int) -> Finding:
    """Of a clock that is so much ahead of this machine's."""
    said = f"{apart(ms)} this machine's"
    if abs(ms) <= SKEW_MS:
        return ok(check, "as this machine's")
    do = "synchronize both with a time server (NTP)"
    return warning(check, said, do) if abs(ms) <= SKEW_MOST_MS else problem(check, said, do)


async def _info(node: Node) -> dict[str, str]:
    async with node.writer.line() as line:
        return facts(cast("bytes", await line.ask(pack("INFO"))))


def _get(url: str, key: str | None) -> tuple[int, str]:
    if not url.startswith(("http://", "https://")):
        return 0, "not an HTTP URL"
    try:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        asked = urllib.request.Request(url, headers=headers)  # noqa: S310  of HTTP, as seen
        with urllib.request.urlopen(asked, timeout=5) as response:  # noqa: S310 # nosec B310 # of HTTP, as seen
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (OSError, ValueError) as error:
        return 0, str(error)


def _named(partitions: list[int]) -> str:
    return f"partition{'s' if len(partitions) > 1 else ''} {', '.join(map(str, partitions))}"

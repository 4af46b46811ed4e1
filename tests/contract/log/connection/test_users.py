"""Each service has a user of the log, which may do what the service's code asks, and nothing else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from tests.contract.log import build
from tests.support.servers import OwnServers, redis_server
from tests.support.users import SERVICES, Users, granted, make_users, reached
from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.errors import AccessLost, LogUnfit, NotPermitted
from waterclock.log.connection.scripts import Script
from waterclock.log.recovery.opening import initialise
from waterclock.log.server_checks import durability_of
from waterclock.wire.keys import PARTITION_KEYS, STREAMS, Keys

kinds = pytest.mark.parametrize("kind", ["valkey", "redis"])

CLUSTER = {"asking", "cluster|info", "cluster|nodes", "cluster|shards", "cluster|slots"}
CONNECTING = {"ping", "client|setname", "client|setinfo", "info", "time", "script|load", "evalsha"} | CLUSTER
"""What any connection of ours does."""
HEARING = {"scheduler": {"publish", "subscribe", "unsubscribe", "xread"}, "worker": {"xread", "command"}}
"""What FastStream does for a service; in the release before redis-py asked on a cluster which commands there are."""
SPARED = {"notifier": {"hset"}}
"""What the client does for a service that writes, and not for one that only reads."""
PARTS = {
    "CLUSTER": "cluster|slots",  # and its other subcommands, which stand above
    "CONFIG": "config|get",
    "MEMORY": "memory|usage",
    "SCRIPT": "script|load",
    "XINFO": "xinfo|stream",
}
NO_COMMANDS = {
    "GET",  # of CONFIG GET, and a method of HTTP: the log has no strings
    "READONLY",  # an answer of replicas
}

FORBIDDEN = (
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("CONFIG", "REWRITE"),
    ("SHUTDOWN",),
    ("KEYS", "*"),
    ("MONITOR",),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("CLIENT", "LIST"),
    ("ACL", "LIST"),
    ("ACL", "SETUSER", "me", "on"),
    ("SCRIPT", "FLUSH"),
    ("FUNCTION", "FLUSH"),
    ("EVAL", "return redis.call('FLUSHALL')", "0"),
    ("REPLICAOF", "NO", "ONE"),
    ("SAVE",),
    ("SLOWLOG", "GET"),
    ("DEL", "{wc:0}:events"),
    ("XREAD", "STREAMS", "{other:0}:events", "0"),
    ("HSET", "{other:0}:meta", "a", "b"),
    ("HGET", "wc", "a"),
)
CUTTING = (
    ("UNLINK", "{wc:0}:events"),
    ("UNLINK", "{wc:0}:jobs"),
    ("UNLINK", "{wc:0}:meta"),
    ("UNLINK", "{wc:0}:due:default"),
    ("UNLINK", "{wc:0}:ended0", "{wc:0}:events"),
    ("UNLINK", "{wc:0}:ended0x"),
    ("UNLINK", "{other:0}:ended0"),
    ("RENAME", "{wc:0}:events", "{wc:0}:ended0"),
    ("XDEL", "{wc:0}:wake", "1-1"),
)
"""What only those may do whose work it is to archive and to repair."""
ABROAD = {
    "worker": (
        ("HGET", "{wc:names}:names", "a"),
        ("XADD", "{wc:control}:messages", "*", "a", "b"),
        ("SCAN", "0"),
        ("CONFIG", "GET", "masterauth"),
        ("XDEL", "{wc:0}:events", "1-1"),
        ("XTRIM", "{wc:0}:events", "MAXLEN", "0"),
        ("XTRIM", "{wc:0}:changes", "MAXLEN", "0"),
        ("HDEL", "{wc:0}:jobs", "a"),
        ("HDEL", "{wc:0}:meta", "epoch"),
        *CUTTING,
    ),
    "scheduler": (
        ("HGET", "{wc:names}:names", "a"),
        ("PUBLISH", "{wc:control}:others", "a"),
        ("SCAN", "0"),
        ("CONFIG", "GET", "masterauth"),
        ("XDEL", "{wc:0}:events", "1-1"),
        ("XTRIM", "{wc:0}:due:default", "MAXLEN", "0"),
        *CUTTING,
    ),
    "api": (
        ("XREAD", "STREAMS", "{wc:control}:messages", "0"),
        ("SUBSCRIBE", "{wc:control}:schedulers"),
        ("CONFIG", "GET", "*"),
        ("CONFIG", "GET", "masterauth"),
        ("XTRIM", "{wc:0}:events", "MAXLEN", "0"),
        ("XDEL", "{wc:0}:events", "1-1"),
        ("UNLINK", "{wc:names}:names"),
        *CUTTING,
    ),
    "notifier": (
        ("HGET", "{wc:names}:names", "a"),
        ("XREAD", "STREAMS", "{wc:control}:messages", "0"),
        ("SCAN", "0"),
        ("CONFIG", "GET", "masterauth"),
        ("HSET", "{wc:0}:meta", "floor", "1"),
        ("HDEL", "{wc:0}:meta", "epoch"),
        ("XADD", "{wc:0}:events", "*", "a", "b"),
        ("XDEL", "{wc:0}:events", "1-1"),
        *CUTTING,
    ),
    "projector": (("CONFIG", "GET", "*"), ("XREAD", "STREAMS", "{wc:control}:messages", "0")),
    "operator": (("PUBLISH", "{wc:control}:schedulers", "a"),),
}


@asynccontextmanager
async def served(own_servers: OwnServers, folder: Path, kind: str, prefix: str) -> AsyncGenerator[tuple[Users, str]]:
    users = make_users(folder / "users", prefix=prefix)
    settings = {"aclfile": str(users.acl_file)}
    server = await own_servers.valkey(settings=settings, binary=redis_server() if kind == "redis" else None)
    yield users, server.url


@asynccontextmanager
async def as_user(users: Users, url: str, name: str) -> AsyncGenerator[Any]:
    async with Redis.from_url(users.url(url, name)) as client:  # pyright: ignore[reportUnknownMemberType]
        client.response_callbacks.clear()
        yield client


@kinds
async def test_a_user_may_do_what_its_service_does_and_nothing_else(
    own_servers: OwnServers, tmp_path: Path, kind: str
) -> None:
    server = await own_servers.valkey(binary=redis_server() if kind == "redis" else None)
    async with Redis.from_url(server.url) as client:  # pyright: ignore[reportUnknownMemberType]
        untyped: Any = client
        untyped.response_callbacks.clear()
        known = {name.decode().upper() for name in await untyped.execute_command("COMMAND", "LIST")}
    for name in SERVICES:
        words = reached(name).words & known - NO_COMMANDS
        wanted = {PARTS.get(word, word.lower()) for word in words} | CONNECTING | HEARING.get(name, set())
        assert granted(name) == wanted - SPARED.get(name, set()), name


@kinds
async def test_what_a_user_must_not_do_is_refused(own_servers: OwnServers, tmp_path: Path, kind: str) -> None:
    async with served(own_servers, tmp_path, kind, "wc") as (users, url):
        for name in SERVICES:
            async with as_user(users, url, name) as client:
                assert await client.execute_command("PING") == b"PONG"
                for command in FORBIDDEN + ABROAD[name]:
                    with pytest.raises(NoPermissionError):
                        await client.execute_command(*command)
                flush = b"#!lua\nreturn redis.call('FLUSHALL')"
                await client.execute_command("SCRIPT", "LOAD", flush)
                with pytest.raises(ResponseError, match="flushall"):
                    await client.execute_command("EVALSHA", hashlib.sha1(flush).hexdigest(), 0)
        async with Redis.from_url(url) as nobody:  # pyright: ignore[reportUnknownMemberType]
            untyped: Any = nobody
            with pytest.raises(AuthenticationError):
                await untyped.execute_command("PING")


REMOVES = re.compile(r"'(UNLINK|XDEL|XTRIM|HDEL|RENAME)',\s*(\w+(?:\.\w+)?(?:\[[^)]*?\])?)(?=[,)])")
PLACES = {
    "keys[side + 1]": {"ended0", "ended1", "commands0", "commands1"},
    "streams[record[PLACE]]": {f"{name}:default" for name in STREAMS},
    "stream": {f"{name}:default" for name in STREAMS},
}
"""What a script calls the keys that it removes from."""


@kinds
async def test_who_does_not_repair_removes_from_the_keys_that_its_scripts_do(
    own_servers: OwnServers, tmp_path: Path, kind: str
) -> None:
    keys = Keys()
    every = {*PARTITION_KEYS, *(f"{name}:default" for name in STREAMS)}
    async with served(own_servers, tmp_path, kind, "wc") as (users, url), as_user(users, url, "admin") as admin:
        for name, cutters in (
            ("api", ("UNLINK", "XDEL", "XTRIM")),
            ("scheduler", ("UNLINK", "XDEL", "XTRIM")),
            ("worker", ("UNLINK", "XDEL", "XTRIM", "HDEL")),
        ):
            wanted: dict[str, set[str]] = {word: set() for word in cutters}
            for script in reached(name).scripts:
                for word, place in REMOVES.findall(Script(script, object).source.text.decode()):
                    if word in wanted:
                        wanted[word] |= PLACES[place] if place in PLACES else {place.removeprefix("K.")}
            for word, places in wanted.items():
                assert places <= every, (name, word)
                for place in every:
                    asked = (word, keys.partition(0, place), *{"XTRIM": ("MAXLEN", "0")}.get(word, ("1-1",)))
                    if word == "UNLINK":
                        asked = asked[:2]
                    answer = await admin.execute_command("ACL", "DRYRUN", f"waterclock-{name}", *asked)
                    assert (answer == b"OK") is (place in places), (name, asked, answer)


@kinds
async def test_a_script_may_be_called_with_its_keys(own_servers: OwnServers, tmp_path: Path, kind: str) -> None:
    keys = Keys()
    async with served(own_servers, tmp_path, kind, "wc") as (users, url), as_user(users, url, "admin") as admin:
        for name in SERVICES:
            for script in sorted(reached(name).scripts):
                source = Script(script, object).source
                spelled = [*source.spelled]
                spelled += [f"{one}{stream}:low" for one in source.kinds for stream in STREAMS]
                named = [keys.partition(0, one) for one in spelled]
                if "names" in source.keys:
                    named = [keys.names_meta, keys.names]
                asked = ("EVALSHA", source.sha, len(named), *named, "server", "payload")
                answer = await admin.execute_command("ACL", "DRYRUN", f"waterclock-{name}", *asked)
                assert answer == b"OK", (name, script, answer)


async def test_what_is_not_permitted_is_told_with_the_user_and_the_command(
    own_servers: OwnServers, tmp_path: Path, key_prefix: str
) -> None:
    async with served(own_servers, tmp_path, "valkey", key_prefix) as (users, url):
        operator = LogSettings(url=users.url(url, "operator"), prefix=key_prefix)
        await initialise(operator, partitions=1, queues=build.QUEUES)
        log = await Log.connect(LogSettings(url=users.url(url, "worker"), prefix=key_prefix), role="worker")
        try:
            with pytest.raises(NotPermitted, match=r"user waterclock-worker may not .* CONFIG .*'config\|set'"):
                await log.execute("", "CONFIG", "SET", "appendonly", "no")
            with pytest.raises(NotPermitted, match=r"user waterclock-worker may not .* HGET .*access a key"):
                await log.execute("", "HGET", log.keys.names, "secret")
            assert await durability_of(log.nodes) == "none"  # it may not look
        finally:
            await log.close()
        log = await Log.connect(operator, role="operator")
        try:
            await build.open_all(log, epoch=1)
            with pytest.raises(AccessLost, match=r"user waterclock-operator may not .* EVALSHA .*'xlen'"):
                await log.call(Script("trim", object), 0, {"through": "1-1"})
        finally:
            await log.close()
        elsewhere = users.url(url, "worker").replace(users.passwords["worker"], "guessed")
        with pytest.raises(LogUnfit, match=r"refuses the user waterclock-worker \(WATERCLOCK_REDIS_URL\)") as refused:
            await Log.reach(LogSettings(url=elsewhere), role="worker")
        assert "guessed" not in str(refused.value)


async def test_redis_7_0_is_told_of_no_command_that_it_does_not_know(tmp_path: Path) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64'\n")
    old.chmod(0o755)
    for server, told in ((old, False), (Path("true"), True)):
        users = make_users(tmp_path / server.name.upper(), prefix="wc", server=server)
        assert ("client|setinfo" in users.acl_file.read_text()) is told

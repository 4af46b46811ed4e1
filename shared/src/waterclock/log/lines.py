"""Connections to one server, each knowing which server process it reached.

A connection that saw anything but a whole reply is dropped: its next reply might be another call's. Nothing is sent
twice.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from waterclock.log.errors import LogUnavailable, LogUnfit, NotPermitted, NotPrimary
from waterclock.log.passing import DROPPED, KEPT, NO_ACCESS, NOT_NOW, NOT_THE_ONE, code_of, not_now, not_the_one
from waterclock.log.tls import TlsConnection, check_options, refusal_of

_OPTIONS = {"host", "port", "path", "username", "password", "db", "protocol", "socket_keepalive"} | {
    "socket_timeout",  # this and what follows is ours to say: taken and not followed
    "socket_connect_timeout",
    "health_check_interval",
    "retry_on_timeout",
    "client_name",
}

_PASSWORD = "password="  # noqa: S105 # nosec B105 # how the option of a URL begins
_SAFE = ("Invalid value for '", "Redis URL must")  # complaints that hold nothing but a known option's name
_FORM = (
    "not like redis://user:password@host:6379/0 (percent-encode a password: in it / : @ ? # & are written"
    " %2F %3A %40 %3F %23 %26)"
)
_ODD = re.compile(r"[^\w.:%~-]")


class Address(NamedTuple):
    host: str
    port: int


class Server(NamedTuple):
    """What a connection learns of the process at its other end."""

    run_id: str
    valkey: bool
    version: tuple[int, ...]
    cluster: bool
    replica: bool = False


class Target(NamedTuple):
    """Where and how to connect; `at` moves it to another node of the same cluster."""

    kind: type[AbstractConnection]  # TCP, TLS or a Unix socket
    options: dict[str, Any]

    @property
    def address(self) -> Address:
        host = self.options.get("path") or self.options.get("host", "localhost")
        return Address(str(host), int(self.options.get("port", 6379)))

    @property
    def user(self) -> str:
        return str(self.options.get("username") or "default")

    @property
    def tls(self) -> bool:
        return issubclass(self.kind, SSLConnection)

    def at(self, address: Address) -> Target:
        return Target(self.kind, self.options | {"host": address.host, "port": address.port})


def target_of(url: str) -> Target:
    """
    Raises:
        ValueError: not a URL of a Redis server, or one with options that cannot be followed.
    """
    try:
        is_cut = _is_cut(url)
        options = cast("dict[str, Any]", parse_url(url))
    except ValueError as error:
        said = str(error)
        if said.startswith("Port"):  # it would be shown, and may be part of a password
            raise ValueError("the port is no number (in a password, / is written %2F)") from None
        raise ValueError(said if said.startswith(_SAFE) else _FORM) from None
    if is_cut:
        raise ValueError(_FORM)
    kind = options.pop("connection_class", Connection)
    if unknown := options.keys() - _OPTIONS - {name for name in options if name.startswith("ssl")}:
        if _PASSWORD in url:
            raise ValueError(f"an option is not known; {_FORM}")
        raise ValueError(f"the option {min(unknown)} is not known")
    check_options(kind, options)
    return Target(TlsConnection if kind is SSLConnection else kind, options)


def _is_cut(url: str) -> bool:
    """Whether a sign in the password seems to have ended it, so that a part of it would be a host, and be shown.

    Raises:
        ValueError: it is no URL at all.
    """
    parts = urlsplit(url)
    options = [one for one in parts.query.split("&") if not one.startswith((_PASSWORD, "username="))]
    later = [parts.path, *options] if parts.scheme != "unix" else options
    is_odd = _ODD.search(parts.hostname or "") is not None
    return is_odd or bool(parts.fragment) or any("@" in one for one in later) or not all("=" in o for o in options if o)


class Line:
    """One connection: a call, its reply, the next call."""

    def __init__(self, target: Target, *, timeout: float, name: str) -> None:
        self._timeout = timeout
        self._target = target
        self.server: Server = Server("", valkey=False, version=(), cluster=False)
        options: dict[str, Any] = target.options | {
            "socket_timeout": None,  # ours is around each call: the driver's `wait_for` can swallow a cancellation
            "socket_connect_timeout": timeout,
            "retry": Retry(NoBackoff(), 0),  # a call that was executed must not be sent again behind our back
            "retry_on_error": [],
            "health_check_interval": 0,
            "protocol": 2,
            "client_name": name,
            "redis_connect_func": self._greet,
        }
        self._connection: AbstractConnection = target.kind(**options)

    async def open(self) -> None:
        """
        Raises:
            LogUnavailable: the server cannot be reached, or is a replica.
            LogUnfit: it refuses our user.
            ResponseError: it refuses us.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._connection.connect()
        except (RedisError, OSError) as error:  # TimeoutError is one
            _raise_ours(error, self._target, greeting=True)
            raise
        if self.server.replica:
            await self.drop()
            raise NotPrimary(f"{self._where} is a replica.")

    async def ask(self, packed: bytes) -> Any:
        """Send one packed command, and give its reply.

        Raises:
            LogUnavailable: no answer, and the command may have been executed; or one that passes by itself.
            LogFull: the server has no memory for it.
            NotPermitted: our user may not do that.
            ResponseError: the server's answer is an error.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._connection.send_packed_command(packed, check_health=False)
                return cast("object", await self._connection.read_response())
        except (RedisError, OSError) as error:
            if isinstance(error, RedisError) and code_of(error) == "NOPERM":
                said = f"The user {self._target.user} may not do what {_command_of(packed)} asks: {error}"
                raise NotPermitted(f"{said} (what each service's user needs is in users.acl)") from error
            _raise_ours(error, self._target)
            raise

    @property
    def _where(self) -> str:
        return f"{self._target.address.host}:{self._target.address.port}"

    async def drop(self) -> None:
        """Close at once: what is under way on it is lost."""
        await self._connection.disconnect(nowait=True)

    async def close(self) -> None:
        """Close, and wait until it is closed."""
        await self._connection.disconnect()

    async def _greet(self, connection: AbstractConnection) -> None:
        await connection.on_connect()
        await connection.send_command("INFO", "server", "replication")
        self.server = _server_of(cast("bytes", await connection.read_response()))


class Lines:
    """At most `size` connections to one server, for calls that follow each other closely."""

    def __init__(self, target: Target, *, size: int, timeout: float, name: str) -> None:
        self._new: Callable[[], Line] = lambda: Line(target, timeout=timeout, name=name)
        self._address = target.address
        self._timeout = timeout
        self._free = asyncio.Semaphore(size)
        self._idle: list[Line] = []
        self._dropped = 0  # how often all were
        self._closed = False

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        """Lend a connection. One that got no answer is dropped with the idle ones: they reached the same server."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._free.acquire()
        except TimeoutError as error:
            raise LogUnavailable(f"All connections to {self._address.host}:{self._address.port} are busy.") from error
        line = self._idle.pop() if self._idle else self._new()
        lent_at = self._dropped
        try:
            if not line.server.run_id:
                await line.open()
            yield line
        except (ResponseError, *KEPT):
            await self._take_back(line, lent_at)
            raise
        except DROPPED:
            await line.drop()
            await self.drop()
            raise
        except LogUnavailable:
            await line.drop()
            await self._drop_idle()
            raise
        except BaseException:
            await line.drop()
            raise
        else:
            await self._take_back(line, lent_at)
        finally:
            self._free.release()

    async def drop(self) -> None:
        """Use none of them again: those that are lent are dropped when they come back."""
        self._dropped += 1
        await self._drop_idle()

    async def close(self) -> None:
        """Close what is idle now, and each that is still lent when it comes back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _take_back(self, line: Line, lent_at: int) -> None:
        if self._closed:
            await line.close()
        elif lent_at != self._dropped or not line.server.run_id:
            await line.drop()
        else:
            self._idle.append(line)

    async def _drop_idle(self) -> None:
        while self._idle:
            await self._idle.pop().drop()


def pack(*words: str | bytes | float) -> bytes:
    """A command as the server reads it."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [pack_word(word) for word in words]
    return b"".join(parts)


def pack_word(word: str | bytes | float) -> bytes:
    raw = word if isinstance(word, bytes) else str(word).encode()
    return b"$%d\r\n%b\r\n" % (len(raw), raw)


def facts(info: bytes) -> dict[str, str]:
    """What `INFO` tells, by name."""
    pairs = (line.partition(":") for line in info.decode().splitlines() if not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _command_of(packed: bytes) -> str:
    """The command's name; its arguments may be anybody's secrets."""
    return packed.split(b"\r\n", 3)[2].decode()


def _raise_ours(error: Exception, target: Target, *, greeting: bool = False) -> None:
    """Raise the error of ours that an error of the driver stands for; of error replies few stand for one."""
    where = f"{target.address.host}:{target.address.port}"
    code = code_of(error) if isinstance(error, RedisError) else ""
    if code in NOT_THE_ONE:
        raise not_the_one(where, code, cast("RedisError", error)) from error
    if code in NOT_NOW:
        raise not_now(where, code, cast("RedisError", error)) from error
    if code in NO_ACCESS or isinstance(error, AuthenticationError):
        said = f"The server refuses the user {target.user} (WATERCLOCK_REDIS_URL): {error}"
        raise LogUnfit(said) from error
    if not isinstance(error, ResponseError):
        said = refusal_of(error, tls=target.tls, greeting=greeting) or f"gives no answer: {str(error) or 'timeout'}"
        raise LogUnavailable(f"{where} {said}") from error


def _server_of(info: bytes) -> Server:
    told = facts(info)
    version = told.get("valkey_version", told.get("redis_version", "0"))
    return Server(
        run_id=told["run_id"],
        valkey="valkey_version" in told,
        version=tuple(int(part) for part in version.split(".") if part.isdigit()),
        cluster=told.get("server_mode", told.get("redis_mode")) == "cluster",
        replica=told.get("role") == "slave",
    )

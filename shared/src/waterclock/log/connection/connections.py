"""A connection to a server, which knows the server process that it reached. Nothing is sent twice."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from waterclock.log.connection.addresses import Address, Target
from waterclock.log.connection.errors import LogUnavailable, LogUnfit, NotPermitted, NotPrimary
from waterclock.log.connection.tls import TcpConnection, TlsConnection, refusal_of
from waterclock.log.connection.transient import (
    NO_ACCESS,
    NOT_NOW,
    NOT_THE_ONE,
    code_of,
    not_now,
    not_the_one,
)

_DRIVER = DriverInfo()  # whose version is looked up in its package's files, which takes a millisecond
_OWN = ("",)  # the address is what the host says by itself


class Server(NamedTuple):
    """What a connection learns of the process at its other end."""

    run_id: str
    valkey: bool
    version: tuple[int, ...]
    cluster: bool
    replica: bool = False
    sentinel: bool = False


class Line:
    """One connection: a call, its reply, the next call. `any_role`: a replica will do, for it is asked about others."""

    def __init__(self, target: Target, *, timeout: float, name: str, any_role: bool = False) -> None:
        self._timeout = timeout
        self._target = target
        self._any_role = any_role
        self.met: dict[int, int] = {}  # partitions that were looked at on it (`Handshake`), and after how many halts
        self.asking = False  # each command is for a slot that is on its way to this node of a cluster
        self.server: Server = Server("", valkey=False, version=(), cluster=False)
        options: dict[str, Any] = target.options | {
            "socket_timeout": None,  # ours is around each call: the driver's `wait_for` can swallow a cancellation
            "socket_connect_timeout": timeout,
            "retry": Retry(NoBackoff(), 0),  # a call that was executed must not be sent again behind our back
            "retry_on_error": [],
            "health_check_interval": 0,
            "protocol": 2,
            "client_name": name,
            "driver_info": _DRIVER,
            "redis_connect_func": self._greet,
        }
        self._connection: AbstractConnection = target.kind(**options)

    @property
    def address(self) -> Address:
        return self._target.address

    async def open(self) -> None:
        """Connect to the first of the host's addresses, as they are now, where what is wanted answers.

        Raises:
            LogUnavailable: the server cannot be reached, or is a replica.
            LogUnfit: it refuses our user.
            ResponseError: it refuses us.
        """
        addresses = await self._addresses()
        for address in addresses[:-1]:
            with contextlib.suppress(LogUnavailable):
                await self._open(address, self._timeout / len(addresses))
                return
        await self._open(addresses[-1], self._timeout / len(addresses))

    async def _open(self, address: str, within: float) -> None:
        if isinstance(self._connection, TcpConnection | TlsConnection):
            self._connection.address = address
        try:
            async with asyncio.timeout(within):
                await self._connection.connect()
        except (RedisError, OSError) as error:  # TimeoutError is one
            await self.drop()
            _raise_ours(error, self._target, greeting=True)
            raise
        if self.server.replica and not self._any_role:
            self.server = self.server._replace(run_id="")
            await self.drop()
            raise NotPrimary(f"{self._target.address} is a replica.")

    async def _addresses(self) -> Sequence[str]:
        """
        Raises:
            LogUnavailable: the host's name is not known.
        """
        host, port = self._target.address
        if not isinstance(self._connection, TcpConnection | TlsConnection) or _is_literal(host):
            return _OWN
        try:
            async with asyncio.timeout(self._timeout):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:  # TimeoutError is one
            raise LogUnavailable(f"{self._target.address} cannot be resolved: {error}") from error
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))

    async def ask(self, packed: bytes) -> Any:
        """Send one packed command, and give its reply; while `asking`, after the word that has it answered at all.

        Raises:
            LogUnavailable: no answer, and the command may have been executed; or one that passes by itself.
            LogFull: the server has no memory for it.
            NotPermitted: our user may not do that.
            ResponseError: the server's answer is an error.
        """
        if self.asking:
            _, reply = await self.ask_all(_ASKING, packed)
            return self.checked(reply, packed)
        try:
            async with asyncio.timeout(self._timeout):
                await self._connection.send_packed_command(packed, check_health=False)
                return cast("object", await self._connection.read_response())
        except (RedisError, OSError) as error:
            self._raise_ours(error, packed)
            raise

    def checked(self, reply: Any, packed: bytes) -> Any:
        """A reply that `ask_all` gave to this command, as `ask` gives or raises it."""
        if isinstance(reply, ResponseError):
            self._raise_ours(reply, packed)
            raise reply
        return reply

    async def ask_all(self, *commands: bytes) -> list[Any]:
        """Send several packed commands at once, and give their replies; a refused one's is an error, which is not
        raised.

        Raises:
            LogUnavailable: no answer, or one that passes by itself.
        """
        replies: list[Any] = []
        try:
            async with asyncio.timeout(self._timeout):
                await self._connection.send_packed_command(b"".join(commands), check_health=False)
                for _ in commands:
                    try:
                        replies.append(cast("object", await self._connection.read_response()))
                    except ResponseError as error:
                        replies.append(error)
        except (RedisError, OSError) as error:
            _raise_ours(error, self._target)
            raise
        return replies

    def _raise_ours(self, error: RedisError | OSError, packed: bytes) -> None:
        if isinstance(error, RedisError) and code_of(error) == "NOPERM":
            said = f"The user {self._target.user} may not do what {_command_of(packed)} asks: {error}"
            raise NotPermitted(f"{said} (deploy/valkey/users.acl has the permissions of each service)") from error
        _raise_ours(error, self._target)

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


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _command_of(packed: bytes) -> str:
    """The command's name; its arguments may be anybody's secrets."""
    return packed.split(b"\r\n", 3)[2].decode()


def _raise_ours(error: Exception, target: Target, *, greeting: bool = False) -> None:
    """Raise the error of ours that an error of the driver stands for; of error replies few stand for one."""
    where = str(target.address)
    code = code_of(error) if isinstance(error, RedisError) else ""
    if code in NOT_THE_ONE:
        raise not_the_one(where, code, cast("RedisError", error)) from error
    if code in NOT_NOW:
        raise not_now(where, code, cast("RedisError", error)) from error
    if code in NO_ACCESS or isinstance(error, AuthenticationError):
        said = f"{where} refuses the user {target.user} (WATERCLOCK_REDIS_URL): {error}"
        raise LogUnfit(said) from error
    if not isinstance(error, ResponseError):
        said = refusal_of(error, tls=target.tls, greeting=greeting) or f"does not answer: {str(error) or 'timeout'}"
        raise LogUnavailable(f"{where} {said}") from error


def _server_of(info: bytes) -> Server:
    told = facts(info)
    version = told.get("valkey_version", told.get("redis_version", "0"))
    mode = told.get("server_mode", told.get("redis_mode"))
    return Server(
        run_id=told["run_id"],
        valkey="valkey_version" in told,
        version=tuple(int(part) for part in version.split(".") if part.isdigit()),
        cluster=mode == "cluster",
        replica=told.get("role") == "slave",
        sentinel=mode == "sentinel",
    )


_ASKING = pack("ASKING")

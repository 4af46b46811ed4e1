"""A connection to the Postgres that the settings name, or one line why there is none. The URL is never shown."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from waterclock.store.connection.errors import StoreAway, StoreUnfit
from waterclock.store.connection.session import Session, check_schema
from waterclock.store.connection.transient import PASSES, lasts

_SETTING = "WATERCLOCK_POSTGRES_URL"
_FORM = (
    "must look like postgresql://user:password@host:5432/name (percent-encode the password: write / : @ "
    "? as %2F %3A %40 %3F)"
)
_UNKNOWN = "invalid URI query parameter"  # of libpq's complaints about a URL the one that need not hold a password
_PARTS = re.compile(
    r"postgres(?:ql)?://(?P<user>[^@/]*@)?[^/?]*(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?", re.DOTALL
)
_MAY_HOLD = ("password=", "user=", "host=")  # options that may hold an `@` as it is
_ODD = re.compile(r"[^\w.:,%~-]")
_REFUSED = "certificate verify failed"
_SSL_REQUEST = (8).to_bytes(4) + (1234 << 16 | 5679).to_bytes(4)
_LOOK = 5.0  # s


async def reach(url: str, **arguments: Any) -> AsyncConnection[TupleRow]:
    """
    Raises:
        StoreAway: it cannot be reached now.
        StoreUnfit: it cannot be reached so.
    """
    try:
        told = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        said = line_of(error)
        is_safe = said.startswith(_UNKNOWN) and not _is_cut(url) and "password=" not in url
        raise StoreUnfit(f"{_SETTING}: {said if is_safe else _FORM}") from None
    ports = str(told.get("port") or "").split(",")
    hosts = str(told.get("host") or "")
    is_odd = _ODD.search(hosts) is not None and not hosts.startswith("/")
    if is_odd or _is_cut(url) or not all(port.isdecimal() for port in ports if port):
        raise StoreUnfit(f"{_SETTING}: {_FORM}")  # it would be shown, and may be part of a password
    try:
        connection = await Session.connect(url, **arguments)
    except psycopg.Error as error:
        said = line_of(error)
        if _REFUSED in said:
            said = f"{said}: {await _flaw(error) or 'not signed by a trusted CA'} (see sslrootcert)"
        kind = StoreUnfit if lasts(said) or not isinstance(error, PASSES) else StoreAway
        raise kind(f"Cannot connect to Postgres ({_SETTING}): {said}") from error
    try:
        await check_schema(connection)
    except BaseException:
        await connection.close()
        raise
    return connection


def _is_cut(url: str) -> bool:
    """Whether a slash or an `@` in the password seems to have ended it: libpq takes the rest for other parts."""
    found = _PARTS.fullmatch(url)
    if found is None:
        return False
    known = ":" in (found["user"] or "")
    options = [one for one in (found["query"] or "").split("&") if known or not one.startswith(_MAY_HOLD)]
    return any("@" in one for one in (found["database"] or "", *options))


def line_of(error: psycopg.Error) -> str:
    return " ".join(str(error).split()) or type(error).__name__


async def _flaw(error: psycopg.Error) -> str:
    """What is wrong with the server's certificate, which libpq does not tell; empty if nothing is found."""
    assert error.pgconn is not None
    given = {option.keyword: option.val for option in error.pgconn.info}
    roots = (given.get(b"sslrootcert") or b"").decode()
    with suppress(OSError, EOFError):
        try:
            async with asyncio.timeout(_LOOK):
                known = ssl.create_default_context(cafile=roots if roots != "system" else None)
                known.check_hostname = False
                await _greet(error.pgconn.host.decode(), int(error.pgconn.port), known)
        except ssl.SSLCertVerificationError as found:
            return found.verify_message
    return ""


async def _greet(host: str, port: int, known: ssl.SSLContext) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_SSL_REQUEST)
        await writer.drain()
        if await reader.readexactly(1) == b"S":
            await writer.start_tls(known)
    finally:
        writer.transport.abort()

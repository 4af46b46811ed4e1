"""TCP and TLS to the log's server: what the URL may ask for, and why a connection with it came to nothing."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection

OPTIONS = (
    "ssl_ca_certs",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_cert_reqs",
    "ssl_check_hostname",
    "ssl_ciphers",
    "ssl_min_version",
)
_FILES = OPTIONS[:3]
_OF_FILES = ("PEM", "X509", "ASN1")  # parts of OpenSSL that read them
_VERIFY = ("required", "optional", "none")
_SETTING = "WATERCLOCK_REDIS_URL"
_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, BrokenPipeError, EOFError)


class TcpConnection(Connection):
    """Connects to the one of its host's addresses that `address` names, if it names one."""

    address = ""

    def _connection_arguments(self) -> Mapping[str, Any]:
        given = cast("Mapping[str, Any]", super()._connection_arguments())  # pyright: ignore[reportUnknownMemberType]
        return {**given, "host": self.address} if self.address else given


class TlsConnection(SSLConnection):
    """As `TcpConnection`, with TLS: the certificate must fit the host's name, whichever address was taken.

    Reads the files anew each time it connects, so that they may be replaced while we run. Unlike the driver's own it
    believes no other authorities than those that `ssl_ca_certs` names, if it is given.
    """

    address = ""

    def _connection_arguments(self) -> Mapping[str, Any]:
        self.ssl_context.context = self.fresh_context()
        given = cast("Mapping[str, Any]", super()._connection_arguments())  # pyright: ignore[reportUnknownMemberType]
        return {**given, "host": self.address, "server_hostname": self.host} if self.address else given

    def fresh_context(self) -> ssl.SSLContext:
        asked: Any = self.ssl_context
        made = ssl.create_default_context(cafile=asked.ca_certs)
        made.check_hostname = asked.check_hostname
        made.verify_mode = ssl.VerifyMode(asked.cert_reqs)
        if asked.certfile is not None:
            made.load_cert_chain(asked.certfile, asked.keyfile)
        if asked.min_version is not None:
            made.minimum_version = asked.min_version
        if asked.ciphers is not None:
            made.set_ciphers(asked.ciphers)
        return made


def check_options(kind: type[AbstractConnection], options: Mapping[str, Any]) -> None:
    """
    Raises:
        ValueError: TLS is asked for as it cannot be had; the message names the option.
    """
    asked = sorted(name for name in options if name.startswith("ssl"))
    for name in asked:
        if name not in OPTIONS:
            raise ValueError(f"unknown option {name}; known options: {', '.join(OPTIONS)}")
    if not issubclass(kind, SSLConnection):
        if asked:
            raise ValueError(f"the option {asked[0]} needs TLS: use rediss://")
        return
    for name in _FILES:
        _check_file(name, options.get(name))
    if "ssl_keyfile" in options and "ssl_certfile" not in options:
        raise ValueError("ssl_keyfile is given without ssl_certfile")
    if options.get("ssl_cert_reqs", "none") not in _VERIFY:
        raise ValueError(f"ssl_cert_reqs must be one of {', '.join(_VERIFY)}")
    try:
        TlsConnection(**{name: options[name] for name in asked}).fresh_context()
    except ssl.SSLError as error:
        raise ValueError(f"{' or '.join(asked)}: {_plain(error)}") from error
    except ValueError as error:
        raise ValueError(f"ssl_min_version: {error}") from error


def is_verified(options: Mapping[str, Any]) -> bool:
    """Whether the server must show a certificate that fits."""
    return options.get("ssl_cert_reqs") != "none"


def refusal_of(error: Exception, *, tls: bool, greeting: bool) -> str:
    """What the server does, as far as TLS may be the reason that it gives no answer; else empty.

    `greeting`: nothing has been answered yet on this connection.
    """
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            said = each.verify_message.rstrip(".")
            return f"has a certificate that is not accepted: {said} ({_SETTING}: ssl_ca_certs, the host)"
        if isinstance(each, ssl.SSLError) and "ALERT" in (each.reason or ""):
            return f"refuses the TLS handshake: {_plain(each)} ({_SETTING}: ssl_certfile)"
        if isinstance(each, ssl.SSLError) and each.library in _OF_FILES:
            return f"cannot be reached by TLS: {_plain(each)} ({_SETTING}: {', '.join(_FILES)})"
        if isinstance(each, ssl.SSLError) and not isinstance(each, _CLOSED):
            return f"does not use TLS: {_plain(each)} ({_SETTING}: rediss://)"
    if not greeting:
        return ""
    said = f"does not answer: {str(error) or 'timeout'}"
    if tls and (_is_closed(error) or isinstance(error, TimeoutError)):
        return f"{said} (does it use TLS and require a client certificate? {_SETTING}: rediss://, ssl_certfile)"
    return f"{said} (does it require TLS? {_SETTING}: rediss://)" if _is_closed(error) else ""


def _is_closed(error: Exception) -> bool:
    """By the other end, in one of the ways to say so."""
    return "closed" in str(error) or any(isinstance(each, _CLOSED) for each in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _check_file(name: str, path: str | None) -> None:
    if path is None:
        return
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{name}: {path}: {error.strerror}") from error
    if b"ENCRYPTED" in text:  # OpenSSL would ask for the pass phrase, at the terminal
        raise ValueError(f"{name}: {path}: is protected by a passphrase, which is not supported")


def _plain(error: ssl.SSLError) -> str:
    """OpenSSL's word for it, as people write."""
    said = getattr(error, "reason", None) or error.args[-1]  # a list of ciphers is refused without a reason
    return str(said).replace("_", " ").lower().rstrip(".")

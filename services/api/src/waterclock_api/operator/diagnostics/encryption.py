"""What `waterclock doctor` says of the ways to the stores: whether they are encrypted, and whom they believe."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from waterclock.log.client import Log
from waterclock.log.connection.tls import is_verified
from waterclock.store.connection.pool import Connection
from waterclock_api.operator.diagnostics.checks import Finding, ok, warning

CHECK = "encryption"
_SSLMODE: Mapping[str, str] = {
    "verify-full": "by TLS: its certificate fits its name and an authority that we know",
    "verify-ca": "by TLS: its certificate is of an authority that we know, whatever its name",
}


async def of_log(log: Log) -> AsyncGenerator[Finding]:
    target = log.nodes.all()[0].target  # the others of a cluster are reached in the same way
    if not target.tls:
        yield ok(CHECK, "Redis is reached without TLS")
    elif is_verified(target.options):
        yield ok(CHECK, "Redis is reached by TLS, and its certificate looked at")
    else:
        said = "Redis is reached by TLS, but whoever answers is believed (ssl_cert_reqs=none)"
        yield warning(CHECK, said, "name in WATERCLOCK_REDIS_URL who signs its certificate: ssl_ca_certs")


async def of_store(connection: Connection) -> AsyncGenerator[Finding]:
    mode = connection.info.get_parameters().get("sslmode", "prefer")
    if not connection.pgconn.ssl_in_use:
        yield ok(CHECK, "Postgres is reached without TLS")
    elif mode in _SSLMODE:
        yield ok(CHECK, f"Postgres is reached {_SSLMODE[mode]}")
    else:
        said = f"Postgres is reached by TLS, but whoever answers is believed (sslmode={mode})"
        do = "ask for sslmode=verify-full in WATERCLOCK_POSTGRES_URL, and name who signs its certificate: sslrootcert"
        yield warning(CHECK, said, do) if mode == "require" else ok(CHECK, said)

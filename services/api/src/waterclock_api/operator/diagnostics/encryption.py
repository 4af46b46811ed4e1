"""What `waterclock doctor` says of the ways to the stores: whether they are encrypted, and whom they believe."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from waterclock.log.client import Log
from waterclock.log.connection.tls import is_verified
from waterclock.store.connection.pool import Connection
from waterclock_api.operator.diagnostics.checks import Finding, ok, warning

CHECK = "encryption"
_SSLMODE: Mapping[str, str] = {
    "verify-full": "by TLS: its certificate matches its name and a trusted CA",
    "verify-ca": "by TLS: its certificate is signed by a trusted CA; its name is not checked",
}


async def of_log(log: Log) -> AsyncGenerator[Finding]:
    target = log.nodes.all()[0].target  # the others of a cluster are reached in the same way
    if not target.tls:
        yield ok(CHECK, "Redis is reached without TLS")
    elif is_verified(target.options):
        yield ok(CHECK, "Redis is reached by TLS, and its certificate is verified")
    else:
        said = "Redis is reached by TLS, but its certificate is not verified (ssl_cert_reqs=none)"
        yield warning(CHECK, said, "name the CA that signs its certificate in WATERCLOCK_REDIS_URL: ssl_ca_certs")


async def of_store(connection: Connection) -> AsyncGenerator[Finding]:
    mode = connection.info.get_parameters().get("sslmode", "prefer")
    if not connection.pgconn.ssl_in_use:
        yield ok(CHECK, "Postgres is reached without TLS")
    elif mode in _SSLMODE:
        yield ok(CHECK, f"Postgres is reached {_SSLMODE[mode]}")
    else:
        said = f"Postgres is reached by TLS, but its certificate is not verified (sslmode={mode})"
        do = (
            "set sslmode=verify-full in WATERCLOCK_POSTGRES_URL, and name the CA that signs its certificate: "
            "sslrootcert"
        )
        yield warning(CHECK, said, do) if mode == "require" else ok(CHECK, said)

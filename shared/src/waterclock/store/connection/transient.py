"""What goes wrong with Postgres and passes by itself: whoever meets it waits, and tries again.

Away, starting or stopping (08, 57P), without connections, memory or disk (53, 58), in the way of a lock or a deadlock
(55P03, 40), all of which psycopg derives from OperationalError; read-only, as after a fail-over to a replica (25006);
and a transaction that was ended because we stood still (25P03, 25P04).
"""

from __future__ import annotations

import psycopg
from psycopg.errors import IdleInTransactionSessionTimeout, ReadOnlySqlTransaction, TransactionTimeout

PASSES: tuple[type[psycopg.Error], ...] = (
    psycopg.OperationalError,
    ReadOnlySqlTransaction,
    IdleInTransactionSessionTimeout,
    TransactionTimeout,
)

_LASTING = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",  # the role, the database, a file of ours
    "is not permitted to log in",
    "permission denied",
    "certificate",
    "does not support ssl",
    "invalid ",
    "definition of service",
    "service file",
)


def lasts(said: str) -> bool:
    """Whether what a server says to whoever connects is for a person to mend. libpq tells no code, but these words."""
    return any(word in said.lower() for word in _LASTING)

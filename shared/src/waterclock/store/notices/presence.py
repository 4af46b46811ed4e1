"""Whether a notifier is there, as others see it: by a lock of a session that ends with it, and when it stands still.

What it has claimed is free at once when it is not. Without a lock only the time of a claim counts.
"""

from __future__ import annotations

from waterclock.kit.randomness import fraction
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

_PRESENT = "waterclock notifier present"
_MOST = 2**31 - 1


class Presence:
    """`number`: of the lock; None: there is none."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._own = 1 + int(fraction() * (_MOST - 1))

    async def appear(self, connection: Connection) -> None:
        """Be seen as long as the session of this connection lives."""
        await connection.execute(statement("take_partition"), {"sharers": _PRESENT, "partition": self._own})
        self.number = self._own

    def vanish(self) -> None:
        """The session has ended, or is about to."""
        self.number = None


async def free_claims(connection: Connection) -> None:
    """Free what notifiers have claimed that are not there any more."""
    await connection.execute(statement("free_claims"), {"present": _PRESENT})

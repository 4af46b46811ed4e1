"""The attempts that this process holds in one partition, and by which session.

It is written by the I/O loop alone; the renewing thread reads it. An attempt is known until its ending is answered.
"""

from __future__ import annotations

from waterclock_worker.execution.attempt import Attempt


class HeldAttempts:
    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.session = ""  # empty until it is opened, and when it was lost
        self.asked_at = 0.0  # monotonic: when the last claim was sent
        self.attempts: dict[int, Attempt] = {}  # by fence

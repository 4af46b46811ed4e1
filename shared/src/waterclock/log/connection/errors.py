"""What can go wrong with the log.

LogError
├── LogUnfit           this server must not be used: one clear line says why; raised at start only
│   ├── NotInitialised `waterclock migrate` has not prepared it
│   └── NotPermitted   our user may not do this there
├── LogUnavailable     no answer in time; a write may have happened, and may be repeated as it was
│   ├── NotReplicated  it was written, and too few replicas have it yet
│   ├── LogRefuses     it takes no writes now: its disk, its replicas, or a script in its way; nothing was done
│   ├── NotPrimary     it is not the one to ask: a replica, loading, cut off from its cluster; nothing was done
│   │   └── Superseded it was the one: another server has taken its place
│   ├── AccessLost     it let us in before, and refuses our user or what that user asks now
│   └── Foreign        what it holds is another installation's; nothing was done
├── LogFull            the server is at its memory watermark: nothing new; what runs may finish
├── Halted             the partition has not been opened on this server process
├── UnknownQueue       no such queue, also after asking again
├── Unreadable         what a partition holds of something is not what we write
├── NoSession          the session is not, or no longer, alive in the partition
├── StaleTerm          another scheduler leads the partition
├── ClockAhead         the store's clock is far ahead of what the caller expects
├── BrokenChain        entries are missing between two that should be neighbours
├── TailMoved          the stream does not end where the opener saw it end
├── StaleEpoch         the partition was opened with a later epoch, or with this one by another
└── StaleRepair        another has begun to repair the partition, or has opened it
"""

from __future__ import annotations


class LogError(Exception):
    """Something about the log; the message says what, in plain words."""


class LogUnfit(LogError):
    pass


class NotInitialised(LogUnfit):
    pass


class NotPermitted(LogUnfit):
    pass


class LogUnavailable(LogError):
    pass


class NotReplicated(LogUnavailable):
    pass


class LogRefuses(LogUnavailable):
    """`lacks_replicas`: too few of them hear it, so that it may be cut off from all others."""

    def __init__(self, message: str, *, lacks_replicas: bool = False) -> None:
        super().__init__(message)
        self.lacks_replicas = lacks_replicas


class NotPrimary(LogUnavailable):
    pass


class Superseded(NotPrimary):
    pass


class AccessLost(LogUnavailable):
    pass


class Foreign(LogUnavailable):
    pass


class LogFull(LogError):
    pass


class Halted(LogError):
    pass


class UnknownQueue(LogError):
    def __init__(self, queue: str) -> None:
        super().__init__(f"There is no queue {queue!r}.")
        self.queue = queue


class Unreadable(LogError):
    """`name` is the id of the job or run, `kind` which of these it is."""

    def __init__(self, kind: str, name: str, reason: object) -> None:
        super().__init__(f"The stored {kind} {name} cannot be read: {reason}")
        self.kind = kind
        self.name = name


class NoSession(LogError):
    def __init__(self, session: str, partition: int) -> None:
        super().__init__(f"The session {session} has ended in partition {partition}.")
        self.session = session
        self.partition = partition


class StaleTerm(LogError):
    def __init__(self, partition: int, term: int) -> None:
        super().__init__(f"The leadership of partition {partition} in term {term} has ended.")
        self.partition = partition
        self.term = term


class ClockAhead(LogError):
    """`now` is the store's clock, ms."""

    def __init__(self, now: int, expected: int) -> None:
        super().__init__(f"The store's clock is {now - expected} ms ahead of what was expected.")
        self.now = now
        self.expected = expected


class BrokenChain(LogError):
    """`after` is what the reader holds, `found` what the next entry names as the one before it; both are entry ids."""

    def __init__(self, partition: int, after: str, found: str) -> None:
        super().__init__(f"Partition {partition} lacks the events between {after or 'its start'} and {found}.")
        self.partition = partition
        self.after = after
        self.found = found


class TailMoved(LogError):
    """`found` is the id of the stream's last entry, empty for none."""

    def __init__(self, partition: int, expected: str, found: str) -> None:
        super().__init__(f"Partition {partition} ends at {found or 'nothing'}, not at {expected or 'nothing'}.")
        self.partition = partition
        self.found = found


class StaleEpoch(LogError):
    def __init__(self, partition: int, epoch: int, current: int) -> None:
        super().__init__(f"Partition {partition} is in epoch {current}; it cannot be opened in epoch {epoch}.")
        self.partition = partition
        self.current = current


class StaleRepair(LogError):
    def __init__(self, partition: int, status: str) -> None:
        super().__init__(f"The repair of partition {partition} was rejected: {status}.")
        self.partition = partition

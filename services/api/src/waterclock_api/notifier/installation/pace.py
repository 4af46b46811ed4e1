"""How often the installation is looked at, and how long its parts are waited for."""

from __future__ import annotations

import msgspec


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. A trouble is told `clockAfter` + `look` + two times `patience` after it began, at the latest."""

    look: float = 1.0  # from one look to the next
    patience: float = 1.5  # that the log, or Postgres, has to answer
    gap: float = 6.0  # from one look to the next, at most: else nobody knows what was between them
    quiet: float = 5.0  # without a sign of it until it is over, whoever looks
    executors: float = 3.0  # from one count of what lies aside to the next
    dead_after: float = 600.0  # a channel that delivers nothing
    behind: float = 30.0  # at most, while the heartbeat is sent
    untried: float = 90.0  # at most that a message is due; of a channel's twenty a minute the last waits for one minute

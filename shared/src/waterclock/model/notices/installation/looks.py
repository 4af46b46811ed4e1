"""What a look at the whole installation has seen: at each partition of the log, at Postgres, at the channels.

Moments are milliseconds: of a partition by its own clock.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from waterclock.model.positions import Position


class PartitionLook(msgspec.Struct, frozen=True, kw_only=True):
    """`silent`: what was said where the log gave no answer; then nothing else of the log is known."""

    partition: int
    silent: str | None = None
    now: int = 0
    led_until: int = 0  # the end of its leader's term
    next_at: int | None = None  # no undecided instant was older, by its leader's last word; 0: none was to come
    last: Position | None = None  # its last event
    projected: Position | None = None
    judged: Position | None = None
    due: int | None = None  # the earliest deadline that nothing has answered, and no reading has judged
    lacked: Mapping[str, int] | None = None  # runs that lie aside, by executors that no session has; None: not known


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """`store_silent`: what was said where Postgres gave no answer; then nothing that it keeps is known."""

    at: float  # s, by our monotonic clock
    clock: int  # by our wall clock
    partitions: tuple[PartitionLook, ...]
    store_silent: str | None = None
    dead: Mapping[str, str] | None = None  # channels that deliver nothing, and what they said; None: not known

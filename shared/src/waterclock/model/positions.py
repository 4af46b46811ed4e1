"""A place in the log: `<partition>-<epoch>-<seq>`. Nothing else names one."""

from __future__ import annotations

import re
from typing import NamedTuple

_PATTERN = re.compile(r"([0-9]{1,9})-([0-9]{1,15})-([0-9]{1,15})")


class Position(NamedTuple):
    """Ordered within its partition; between partitions there is no order."""

    partition: int
    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"{self.partition}-{self.epoch}-{self.seq}"

    @property
    def entry(self) -> str:
        """The id of the stream entry: the position without its partition."""
        return f"{self.epoch}-{self.seq}"


def at_entry(partition: int, entry: str) -> Position:
    """The position of a stream entry, by its id `<epoch>-<seq>`."""
    epoch, _, seq = entry.partition("-")
    return Position(partition, int(epoch), int(seq))


def parse_position(text: str) -> Position:
    """
    Raises:
        ValueError: not a position.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a position: it has the form <partition>-<epoch>-<seq>")
    return Position(int(match[1]), int(match[2]), int(match[3]))

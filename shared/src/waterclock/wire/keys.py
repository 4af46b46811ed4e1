"""The spelling of every key: one place, one function each. All keys of a partition share its hash slot."""

from __future__ import annotations

from typing import NamedTuple

PARTITION_KEYS = (
    "jobs",
    "marks",
    "successes",
    "delayed",
    "runs",
    "specs",
    "active",
    "waiting",
    "sessions",
    "announced",
    "held",
    "aside",
    "events",
    "changes",
    "wake",
    "ended0",
    "ended1",
    "commands0",
    "commands1",
    "lost",
    "meta",
)
"""Keys of a partition by name; the streams of each queue stand beside them."""

STREAMS = ("due", "again", "suspect")
"""What stands before a queue's name in the keys of its streams: runs that are due; given back; lost often."""

SHADOW = "shadow:"
"""Before the name of a key: what a repair has gathered to put in that key's place."""


class Keys(NamedTuple):
    """The keys of one deployment; `prefix` tells deployments that share a server apart."""

    prefix: str = "wc"

    def partition(self, partition: int, name: str) -> str:
        return f"{{{self.prefix}:{partition}}}:{name}"

    def meta(self, place: int) -> str:
        """Of a partition, or of the names (-1)."""
        return self.partition(place, "meta") if place >= 0 else self.names_meta

    def place_of(self, tag: str) -> int | None:
        """The partition whose keys begin so, -1 for the names; None: there is none."""
        name = tag.removeprefix(f"{{{self.prefix}:").removesuffix("}")
        return -1 if tag == f"{{{self.prefix}:names}}" else int(name) if name.isdecimal() else None

    def due(self, partition: int, queue: str) -> str:
        return self.partition(partition, f"due:{queue}")

    def again(self, partition: int, queue: str) -> str:
        return self.partition(partition, f"again:{queue}")

    @property
    def names(self) -> str:
        """Reservations of job names, a hash: `<group>\\0<name>` to job id and command id."""
        return f"{{{self.prefix}:names}}:names"

    @property
    def names_meta(self) -> str:
        return f"{{{self.prefix}:names}}:meta"

    @property
    def control(self) -> str:
        """What operators say to workers (drain), a stream that may be lost and heard again."""
        return f"{{{self.prefix}:control}}:messages"

    @property
    def schedulers(self) -> str:
        """Word of the schedulers that are alive, a channel."""
        return f"{{{self.prefix}:control}}:schedulers"

    @property
    def published(self) -> str:
        """Run and job events as CloudEvents, for other services."""
        return f"{{{self.prefix}:published}}:events"

"""The control stream: what an operator says to workers. Words may be lost, and are then said again.

They are read by FastStream (`log/broker.py`), each process from its own start on.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import msgspec

from waterclock.log.client import Log
from waterclock.log.connection.connections import Line, pack
from waterclock.log.connection.errors import NotPermitted

KEPT = 1_000  # entries, about
DATA = "__data__"
"""The field of an entry that FastStream reads."""


# A dataclass, not a struct: FastStream draws its document through pydantic, which knows no structs.


@dataclass(frozen=True)
class Control:
    """What an operator says to workers; each takes what concerns it, and none relies on hearing it."""

    say: Literal["drain"]
    worker: str  # a worker's session, or its name
    by: str | None = None  # who asked


async def say(log: Log, word: Control) -> None:
    """Tell all workers.

    Raises:
        LogUnavailable, LogFull: it may not have been said; to say it twice does no harm.
        NotPermitted: our user may not; the message says so.
    """
    document = {name: value for name, value in asdict(word).items() if value is not None}
    key = log.keys.control
    command = pack("XADD", key, "MAXLEN", "~", KEPT, "*", DATA, msgspec.json.encode(document))

    async def add(line: Line) -> NotPermitted | None:
        try:
            await line.ask(command)
        except NotPermitted as error:  # of this stream alone: the server is not to be left for it
            return error
        return None

    refused = await log.ask(key, add)
    if refused is not None:
        raise refused

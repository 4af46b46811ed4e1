"""Messages on their way: claimed for a while, then delivered, tried again, or given up.

A claim is a lease: whoever stands still while it sends loses it, and another sends it again, under the same id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from waterclock.model.notices.notice import Notice
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

_notice: msgspec.json.Decoder[Notice] = msgspec.json.Decoder(Notice)


class Claimed(NamedTuple):
    """`notice`: what it says; or `digest`, JSON, where it stands for many. `waited`: seconds since it was put out."""

    number: int
    channel: str
    message: str
    failures: int
    notice: Notice | None
    digest: bytes | None
    waited: float


class Waiting(NamedTuple):
    """Messages of a channel that stand for one notice and were not tried yet; seconds, and how many were just sent."""

    messages: int
    old: int
    newest: float
    oldest: float
    sent: int


async def any_waits(connection: Connection) -> bool:
    """Whether any message waits: else there is nothing to look at."""
    row = await (await connection.execute(statement("any_message_waits"))).fetchone()
    return row is not None and row[0]


async def waiting(connection: Connection, channels: Sequence[str]) -> Mapping[str, Waiting]:
    cursor = await connection.execute(statement("waiting_messages"), {"channels": list(channels)})
    return {channel: Waiting(*numbers) for channel, *numbers in await cursor.fetchall()}


async def claim(
    connection: Connection, most: Mapping[str, int], *, lease: float, claim: str, owner: int | None = None
) -> list[Claimed]:
    """Claim messages that may go out, of each channel at most so many. `claim`: whose it is, `owner`: by presence."""
    arguments = {
        "channels": list(most),
        "most": list(most.values()),
        "lease": lease,
        "claim": claim,
        "owner": owner,
    }
    rows = await (await connection.execute(statement("claim_messages"), arguments)).fetchall()
    found = [
        Claimed(
            number,
            channel,
            message,
            failures,
            None if document is None else _notice.decode(bytes(document)),
            None if digest is None else bytes(digest),
            waited,
        )
        for number, channel, message, failures, digest, document, waited in rows
    ]
    return sorted(found)


async def take_for_digest(connection: Connection, channel: str, *, only_old: bool) -> list[Notice]:
    """The notices of a channel that are to be told as one; the caller puts the digest out in the same transaction."""
    cursor = await connection.execute(statement("digestible"), {"channel": channel, "only_old": only_old})
    return [_notice.decode(bytes(document)) for (document,) in await cursor.fetchall()]


async def put_digest(connection: Connection, channel: str, message: str, digest: bytes) -> None:
    await connection.execute(statement("put_digest"), {"channel": channel, "message": message, "digest": digest})


async def settle(
    connection: Connection, one: Claimed, claim: str, state: Literal["delivered", "givenUp"], said: str | None = None
) -> None:
    """Note how it ended; what takes a notice back that was given up is dropped."""
    arguments = {"number": one.number, "claim": claim, "state": state, "said": said}
    await connection.execute(statement("settle_message"), arguments)
    if state == "givenUp":
        await connection.execute(statement("drop_recoveries"))


async def postpone(connection: Connection, one: Claimed, claim: str, *, after: float, said: str) -> None:
    """Try it again after so many seconds."""
    arguments = {"number": one.number, "claim": claim, "after": after, "said": said}
    await connection.execute(statement("postpone_message"), arguments)


async def note_channel(connection: Connection, channel: str, said: str | None, *, gave_up: bool = False) -> None:
    """Note how a channel is doing. `said`: why it did not deliver; None: it has. `gave_up`: a message, for good."""
    arguments = {"channel": channel, "said": said, "gave_up": gave_up}
    await connection.execute(statement("note_channel"), arguments)


async def dead_channels(connection: Connection, channels: Sequence[str], *, after: float) -> Mapping[str, str]:
    """Those that have delivered nothing for `after` s, or have given a message up, and what they said last."""
    cursor = await connection.execute(statement("dead_channels"), {"channels": list(channels), "after": after})
    return dict(await cursor.fetchall())


async def delays(connection: Connection, channels: Sequence[str]) -> list[tuple[str, float, float]]:
    """Of each channel: for how long its oldest message has waited, and it has delivered nothing, s; 0: not at all."""
    cursor = await connection.execute(statement("channel_delays"), {"channels": list(channels)})
    return [(channel, waits, fails) for channel, waits, fails in await cursor.fetchall()]


class FailingChannel(NamedTuple):
    """`seconds`: for so long it has delivered nothing; `said`: why, at the last try."""

    channel: str
    seconds: float
    said: str


async def failing(connection: Connection, *, longer_than: float) -> list[FailingChannel]:
    """Channels that were tried and have delivered nothing for longer than so many seconds."""
    rows = await (await connection.execute(statement("failing_channels"), {"seconds": longer_than})).fetchall()
    return [FailingChannel(*row) for row in rows]

"""What a client's command did when it was executed before, asked without executing it."""

from __future__ import annotations

from typing import cast

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands.idempotency import AnswerGiven, Command, KeyReused, Replayed

_decoder = msgspec.msgpack.Decoder(tuple[str, AnswerGiven])


async def earlier_answer(log: Log, partition: int, command: Command) -> Replayed | KeyReused | None:
    """The first answer to a client's key; None for a new key, and for every command of our own."""
    if not command.client:
        return None
    for name in ("commands0", "commands1"):
        key = log.keys.partition(partition, name)
        packed = cast("bytes | None", await log.execute(key, "HGET", key, command.id))
        if packed is not None:
            fingerprint, given = _decoder.decode(packed)
            if fingerprint != command.fingerprint and not given.burnt:
                return KeyReused()
            return Replayed(given.at(partition))
    return None

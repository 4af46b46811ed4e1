"""What only newer parts know is written once no older one is at work."""

from __future__ import annotations

import psycopg

from waterclock.model.errors import OlderPartsAtWork, TryLater
from waterclock_api.commands.context import CommandContext
from waterclock_api.consistency.older_parts import older_parts
from waterclock_api.http.problems import ReadTooSlow
from waterclock_api.queries.sources import COMMAND

_ASK_AGAIN = 5.0  # s


async def check_known_to_all(context: CommandContext, what: str, level: int) -> None:
    """
    Raises:
        OlderPartsAtWork: some know none, being below the level.
        TryLater: Postgres, which knows who is at work, does not answer.
    """
    try:
        async with context.reading(COMMAND) as connection:
            older = await older_parts(connection, level=level)
    except (psycopg.OperationalError, ReadTooSlow) as error:
        said = f"No {what} is written unless Postgres tells which releases are at work; it does not now."
        raise TryLater(said, after_s=_ASK_AGAIN) from error
    if older:
        raise OlderPartsAtWork(what, older)

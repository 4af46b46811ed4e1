"""Pauses of queues: the leader of a partition keeps them as partition 0 has them."""

from __future__ import annotations

import logging

from waterclock.kit.clock import wait
from waterclock.log.client import Log
from waterclock.log.commands.queues import TRUTH, follow
from waterclock.log.connection.transient import PASSES
from waterclock_scheduler.leadership import Term

LOOK_S = 0.5

log_line = logging.getLogger(__name__)


async def keep_pauses(log: Log, term: Term) -> None:
    """Copy the pauses of partition 0 until the term is over; while either partition is unreachable they stay."""
    if term.partition == TRUTH:
        return
    failing = False
    while not term.over.is_set():
        try:
            queues = await follow(log, term.partition, actor="scheduler")
            failing = False
        except PASSES as error:
            if not failing:
                log_line.warning("queue pauses not copied", extra={"partition": term.partition, "error": str(error)})
            queues, failing = [], True
        if queues:
            log_line.info("pauses copied", extra={"partition": term.partition, "queues": queues})
        await wait(term.over, LOOK_S)

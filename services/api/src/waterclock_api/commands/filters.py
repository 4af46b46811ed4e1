"""Commands about many runs: which those are, told by a body with the filters of the list.

Each run is dealt with by a command of its own, derived from the client's and the run, so a repeated call repeats none.
With a client's key the filter is about what was so when the key first came.

An empty selection is never everything: a filter that is given holds something, and all runs are asked for by `all`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from msgspec import UNSET

from waterclock.log.commands.first_seen import Noted, first_heard
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.idempotency import KeyReused as Reused
from waterclock.log.tail import tail_of
from waterclock.model.errors import Flaw, KeyReused, TryLater
from waterclock.model.ids import digest
from waterclock.model.outcomes import RunStatus
from waterclock_api.commands.context import CommandContext
from waterclock_api.commands.outage_retry import PATIENCE, appended
from waterclock_api.http.caller import Caller
from waterclock_api.http.problems import BadRequest
from waterclock_api.queries.cursors import read_runs_cursor
from waterclock_api.schemas.requests import CancelRunsWrite, RetryRunsWrite, RunsQuery
from waterclock_api.validation.values import instant

FILTERS = ("jobId", "queue", "status", "trigger", "label", "from", "to", "q")


def selection(
    write: RetryRunsWrite | CancelRunsWrite,
    body: Mapping[str, Any],
    flaws: list[Flaw],
    *,
    statuses: Sequence[RunStatus],
) -> RunsQuery:
    """The filters as those of a list; `statuses` where the body names none.

    `body`: what was read into `write`. What selects nothing, or does not say what, is added to `flaws`.
    """
    try:
        read_runs_cursor(write.cursor)
    except BadRequest:
        flaws.append(Flaw("/cursor", "is not a cursor of this list: use `nextCursor` of the previous page"))
    query = RunsQuery(
        job_id=_several(write.job_id),
        queue=_several(write.queue),
        status=_several(write.status) or tuple(statuses),
        trigger=_several(write.trigger),
        label=_several(write.label),
        from_=instant("from", write.from_, flaws),
        to=instant("to", write.to, flaws),
        q=write.q,
        limit=write.limit,
        cursor=write.cursor,
    )
    given = [name for name in FILTERS if body.get(name) is not None]
    flaws.extend(_empty(body, (name for name in given if name not in {"from", "to"}), flaws))
    if given and write.all_:
        flaws.append(Flaw("/all", f"cannot be combined with {', '.join(given)}: give `all` or a filter"))
    elif not given and not write.all_ and not any(_member(flaw) in {*FILTERS, "all"} for flaw in flaws):
        said = f'no runs are selected: give a filter ({", ".join(FILTERS)}), or "all": true for all of them'
        flaws.append(Flaw("/all", said))
    return query


def _empty(body: Mapping[str, Any], given: Iterable[str], flaws: Sequence[Flaw]) -> Iterator[Flaw]:
    """Filters that hold nothing, and were not refused for something else."""
    refused = {flaw.pointer for flaw in flaws}
    for name in given:
        value = body[name]
        values = cast("list[object]", value) if isinstance(value, list) else [value]
        if not values and f"/{name}" not in refused:
            yield Flaw(f"/{name}", "is an empty list: add a value, or leave the filter out")
        for place, one in enumerate(values):
            pointer = f"/{name}/{place}" if values is value else f"/{name}"
            if isinstance(one, str) and not one.strip() and pointer not in refused:
                yield Flaw(pointer, "is empty: add a value, or leave the filter out")


async def first_heard_of(context: CommandContext, caller: Caller, *, relieving: bool = False) -> Noted | None:
    """When the client's key first came; None without one. `relieving`: the command is executed by a full log, too.

    Raises:
        KeyReused: it stands for another command.
    """
    if not caller.command.client:
        return None
    noted = await appended(context.clock, lambda: first_heard(context.log, caller.command, relieving=relieving))
    if isinstance(noted, Reused):
        raise KeyReused
    return noted


async def all_caught_up(context: CommandContext) -> None:
    """Wait until the read models show all that is in the log now.

    Raises:
        TryLater: they are too far behind.
    """
    for partition in range(context.log.partitions):
        end = await tail_of(context.log, partition)
        if end is None:
            continue
        async with context.reading_after(end, PATIENCE) as connection:
            if connection is None:
                raise TryLater("The read models are behind the event log: the matching runs are not known yet.")


def command_for(caller: Caller, run_id: str) -> Command:
    """The command about one of the runs."""
    known = caller.command
    return Command(id=digest(f"{known.id} {run_id}", 32), fingerprint=known.fingerprint, client=known.client)


def _member(flaw: Flaw) -> str:
    """The member of the body that it is about."""
    return flaw.pointer.split("/")[1] if flaw.pointer else ""


def _several(given: Any) -> tuple[Any, ...]:
    """A filter's values, of which one may be given bare."""
    if given is UNSET:
        return ()
    return cast("tuple[Any, ...]", given) if isinstance(given, tuple) else (given,)

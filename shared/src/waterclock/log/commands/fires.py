"""A job's settlement → the unit that the log appends whole, with the job's mark."""

from __future__ import annotations

from waterclock.log.commands.bodies import body_of
from waterclock.log.commands.requests import Item, Quiet, Request, Unit
from waterclock.model.definition import Overlap
from waterclock.model.events import RunRequested
from waterclock.model.instants.fires import Owed, Owing, Trace, owed
from waterclock.model.instants.misfire import Settlement


def unit(
    job: Owing,
    settlement: Settlement,
    *,
    mark: int,
    actor: str = "scheduler",
    command_id: str | None = None,
    trace: Trace | None = None,
) -> Unit:
    """The unit that decides a job's instants in (mark, through]: for the scheduler, or for an edit.

    It is appended only while the job's version and mark are those given here.
    """
    overlap = job.definition.overlap
    events = owed(job, settlement, mark=mark, actor=actor, command_id=command_id, trace=trace)
    return Unit(
        job_id=job.job_id,
        version=job.version,
        mark=mark,
        through=settlement.through,
        items=tuple(_item(one, overlap) for one in events),
    )


def _item(one: Owed, overlap: Overlap) -> Item:
    event = one.event
    if not isinstance(event, RunRequested):
        return Quiet(body=body_of(event))
    return Request(
        run_id=event.run_id,
        job_id=event.job_id,
        queue=event.queue,
        overlap=overlap,
        ready_at=one.ready_at,
        body=body_of(event),
        otherwise=None if one.otherwise is None else body_of(one.otherwise),
    )

"""The route that foretells an outage: what would run when a scheduler is back, under each policy."""

from __future__ import annotations

from typing import Annotated, Any, get_args

import msgspec
from litestar import post
from msgspec.structs import replace

from waterclock.kit.text.members import said
from waterclock.log.commands.jobs import StoredJob
from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.cron.zones import LAST
from waterclock.model.definition import Definition, MisfirePolicy
from waterclock.model.errors import Flaw, Invalid, pointer_to
from waterclock.model.instants.simulate import Simulated, simulate
from waterclock.model.instants.timetable import named_by
from waterclock.model.job import Job
from waterclock.model.timestamps import Stamp, millis
from waterclock_api.access.principal import caller_id
from waterclock_api.commands import edit_job
from waterclock_api.commands.definition import definition_in
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Id, Spec
from waterclock_api.schemas.requests import SimulateWrite
from waterclock_api.validation.values import instant

INSTANTS_MOST = 1_000_000
"""In the outage: each of the policies takes about 0.3 s for so many."""
_YEAR = 366 * 86_400_000
LONGEST = 10 * _YEAR  # ms

_UNSAID = "1970-01-01T00:00:00Z"


class Simulation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An outage of all schedulers under each misfire policy."""

    from_: Annotated[Stamp, said("Begin of the outage.")] = msgspec.field(name="from")
    to: Annotated[Stamp, said("End of the outage.")]
    instants: Annotated[int, said("Scheduled times in the outage.")]
    misfire_policy: Annotated[MisfirePolicy, said("The job's own misfire policy.")]
    assumed: Annotated[tuple[str, ...], said("What the simulation assumes, because nobody can know it.")]
    policies: Annotated[tuple[Simulated, ...], said("What would happen under each misfire policy.")]


@post(
    "/v1/monitor/jobs/{job_id:str}/simulate",
    spec=Spec(scope="query", body=SimulateWrite, answers={200: Simulation}, refuses=(404, 413, 415, 422)),
    status_code=200,
)
async def simulate_job(request: AnyRequest, job_id: Id) -> Answer:
    """Simulate an outage of all schedulers under each misfire policy. Nothing is stored."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    body = await read_json(request)
    stored = await edit_job.load(parts, job_id)
    flaws: list[Flaw] = []
    write = read_struct(SimulateWrite, body, flaws, stand_ins={"from_": _UNSAID, "to": _UNSAID})
    low, high = instant("from", write.from_, flaws), instant("to", write.to, flaws)
    refuse(flaws)
    assert low is not None
    assert high is not None
    who = caller_id(request.scope)
    job = Job(job_id=stored.job_id, version=stored.version, definition=await _definition(parts, who, stored, write))
    instants = await parts.offload.run(who, _counted, job, millis(low), millis(high))
    policies = await parts.offload.run(who, _under_each, job, millis(low), millis(high), write)
    return answer(
        Simulation(
            from_=low,
            to=high,
            instants=instants,
            misfire_policy=job.definition.misfire_policy,
            assumed=_assumed(job.definition, low, high, write),
            policies=policies,
        )
    )


async def _definition(parts: Dependencies, who: str, stored: StoredJob, write: SimulateWrite) -> Definition:
    """
    Raises:
        Invalid: what is to stand in for members of the job's definition does not fit.
    """
    if not write.definition:
        return stored.definition
    body: dict[str, Any] = msgspec.to_builtins(stored.definition) | write.definition
    try:
        return await definition_in(
            parts, body, stored.job_id, [], who=who, allow_unknown=True, before=stored.definition
        )
    except Invalid as error:
        raise Invalid(*(Flaw(pointer_to("definition") + flaw.pointer, flaw.message) for flaw in error.flaws)) from error


def _counted(job: Job, low: int, high: int) -> int:
    """
    Raises:
        Invalid: the outage is none, or too long.
    """
    if high <= low:
        raise Invalid(Flaw("/to", "is not after from"))
    if high > LAST * 1000:
        raise Invalid(Flaw("/to", "is after 9989, the last year of schedules"))
    if high - low > LONGEST:
        raise Invalid(Flaw("/from", f"is more than {LONGEST // _YEAR} years before to"))
    try:
        instants = named_by(job.job_id, job.definition).count_between(low, high)
    except BadSchedule as error:
        raise Invalid(Flaw(pointer_to("definition", error.field), error.message)) from error
    if instants > INSTANTS_MOST:
        said = (
            f"{instants} scheduled times are in that outage, and at most {INSTANTS_MOST} are simulated: give a "
            "shorter outage"
        )
        raise Invalid(Flaw("/to", said))
    return instants


def _under_each(job: Job, low: int, high: int, write: SimulateWrite) -> tuple[Simulated, ...]:
    policies: tuple[MisfirePolicy, ...] = get_args(MisfirePolicy)
    jobs = (replace(job, definition=replace(job.definition, misfire_policy=policy)) for policy in policies)
    return tuple(simulate(one, from_ms=low, to_ms=high, running=write.running, limit=write.limit) for one in jobs)


def _assumed(definition: Definition, low: Stamp, high: Stamp, write: SimulateWrite) -> tuple[str, ...]:
    said = [f"Scheduled times are decided up to {low}, and then none until a scheduler is back at {high}."]
    if definition.concurrent == "1":
        state = "A run" if write.running else "No run"
        said.append(
            f"{state} of the job is unfinished at {high}; all missed times are decided in one step, so no run ends "
            "in between."
        )
    if not definition.enabled:
        said.append("The simulation treats the job as enabled; it is disabled now.")
    if definition.cron_expression is None:
        said.append("The job has no schedule: it runs on demand only, so an outage misses nothing.")
    return tuple(said)


HANDLERS = (simulate_job,)

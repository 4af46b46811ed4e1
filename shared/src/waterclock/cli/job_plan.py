"""A file of jobs and the jobs that are → what to do, and what that changes of the fires to come. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, cast

import msgspec

from waterclock.cli.job_files import OWNER, File, Wanted
from waterclock.client.errors import FieldProblem
from waterclock.client.models import Job
from waterclock.model.cron.parse import is_seeded
from waterclock.model.definition import Definition
from waterclock.model.ids import JobId
from waterclock.model.instants.table import supposed, table
from waterclock.model.names import normal
from waterclock.model.parameters.bounds import change_flaws
from waterclock.model.timestamps import stamp

DAY = 86_400_000  # ms
DAYS = 30
LISTED = 20_000
"""Instants compared one by one, of each side; where there are more, the comparison ends with the last of them."""
EXAMPLES = 3

_FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(Definition)}


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """`pointer` is a JSON pointer into the job; None stands for a member that is not there too."""

    pointer: str
    before: Any
    after: Any


class Fires(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Instants from now `through` a moment: all of each side are counted, what appears and vanishes up to `compared`.

    `example`: they follow from the id that the job will have, and are others.
    """

    through: str
    before: int
    after: int
    compared: str
    appear: int
    vanish: int
    appearing: tuple[str, ...]
    vanishing: tuple[str, ...]
    example: bool


class Change(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`foreign`: it belongs to another owner, and is left alone; `orphan`: it is the file's no more, and not pruned."""

    action: Literal["create", "change", "delete", "foreign", "orphan"]
    name: str
    job_id: str | None
    version: int | None
    fields: tuple[FieldChange, ...] = ()
    fires: Fires | None = None
    owner: str | None = None
    zone_kept: str | None = None  # the job's own, where the file names none and the API keeps it
    definition: Definition | None = None  # to write


class Plan(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Deletes come last."""

    changes: tuple[Change, ...]
    same: int
    zones_kept: int = 0

    def of(self, *actions: str) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.action in actions)


def name_of(definition: Definition) -> str:
    return f"{definition.job_group}/{definition.job_name}"


def planned(
    file: File,
    known: Iterable[Job],
    *,
    now: int,
    zone: str | None = None,
    prune: bool = False,
    take_over: bool = False,
) -> Plan:
    """What makes the jobs those of the file. `known`: those of its names, and of its owner.

    `zone`: the installation's, for jobs of which the file names none: a new one gets it, one that is keeps its own.
    `prune`: delete what has the file's owner and is not in it. `take_over`: change jobs of other owners too.
    """
    found = {(job.job_group, job.job_name): job for job in known}
    file = in_zones(file, found.values(), zone)
    paired = _paired(file, found)
    keeping = [
        zone is not None and job is not None and not one.zoned for one, job in zip(file.jobs, paired, strict=True)
    ]
    wanted = [_towards(one, job, file.owner, now, take_over) for one, job in zip(file.jobs, paired, strict=True)]
    kept = {job.id for job in paired if job is not None}
    rest = [job for job in found.values() if job.id not in kept and _owner(job) == file.owner is not None]
    gone = [_without(job, now, prune=prune) for job in rest]
    told = [
        msgspec.structs.replace(change, zone_kept=change.definition.timezone)
        if change is not None and change.definition is not None and keeps
        else change
        for change, keeps in zip(wanted, keeping, strict=True)
    ]
    return Plan(changes=(*filter(None, told), *gone), same=wanted.count(None), zones_kept=sum(keeping))


def in_zones(file: File, known: Iterable[Job], zone: str | None) -> File:
    """The file with the zones of those of its jobs that name none, where the installation has one."""
    if zone is None:
        return file
    paired = _paired(file, {(job.job_group, job.job_name): job for job in known})
    return msgspec.structs.replace(
        file,
        jobs=tuple(
            one if one.zoned else msgspec.structs.replace(one, definition=_in_zone(one.definition, job, zone))
            for one, job in zip(file.jobs, paired, strict=True)
        ),
    )


def _in_zone(definition: Definition, job: Job | None, zone: str) -> Definition:
    return msgspec.structs.replace(definition, timezone=zone if job is None else job.timezone)


def flaws_of(file: File, known: Iterable[Job], *, now: int, zone: str | None = None) -> list[FieldProblem]:
    """What the API would refuse of what is newly written, by the bounds that it keeps; `known`, `zone` as `planned`."""
    known = list(known)
    file = in_zones(file, known, zone)
    paired = _paired(file, {(job.job_group, job.job_name): job for job in known})
    owners = f"/labels/{OWNER.replace('/', '~1')}"
    found: dict[FieldProblem, None] = {}
    for place, (one, job) in enumerate(zip(file.jobs, paired, strict=True)):
        before = None if job is None else definition_of(job)
        after = one.definition
        if before is not None:
            after = msgspec.structs.replace(after, job_group=before.job_group, job_name=before.job_name)
        for flaw in change_flaws(JobId("" if job is None else job.id), after, before, now=now):
            of_owner = file.owner is not None and flaw.pointer == owners
            found[FieldProblem("/owner" if of_owner else f"/jobs/{place}{flaw.pointer}", flaw.message)] = None
    return list(found)


def _paired(file: File, known: Mapping[tuple[str, str], Job]) -> list[Job | None]:
    """For each of the file's jobs the one that is: of that very name, else of one that is the same letters (NFC)."""
    names = [(one.definition.job_group, one.definition.job_name) for one in file.jobs]
    own = set(names)
    others = {_normal(name): job for name, job in known.items() if name not in own}
    return [known.get(name) or others.pop(_normal(name), None) for name in names]


def _normal(name: tuple[str, str]) -> tuple[str, str]:
    return normal(name[0]), normal(name[1])


def _towards(one: Wanted, job: Job | None, owner: str | None, now: int, take_over: bool) -> Change | None:
    """What makes a job that of the file; None: nothing, it is."""
    after, name = one.definition, name_of(one.definition)
    if job is None:
        fires = fires_changed(None, after, None, now)
        fields = tuple(_differences(_nothing(after), _plain(after)))
        return Change(
            action="create", name=name, job_id=None, version=None, fields=fields, fires=fires, definition=after
        )
    before = definition_of(job)
    after = msgspec.structs.replace(after, job_group=before.job_group, job_name=before.job_name)
    if not one.settled:
        after = msgspec.structs.replace(after, status=before.status)
    if owner is None and OWNER in before.labels and OWNER not in after.labels:
        after = msgspec.structs.replace(after, labels={**after.labels, OWNER: before.labels[OWNER]})
    if after == before:
        return None
    theirs = _owner(job)
    foreign = theirs is not None and theirs != after.labels.get(OWNER) and not take_over
    return Change(
        action="foreign" if foreign else "change",
        name=name,
        job_id=job.id,
        version=job.version,
        fields=tuple(_differences(_plain(before), _plain(after))),
        fires=fires_changed(before, after, job.id, now),
        owner=theirs,
        definition=after,
    )


def _without(job: Job, now: int, *, prune: bool) -> Change:
    return Change(
        action="delete" if prune else "orphan",
        name=name_of(job),
        job_id=job.id,
        version=job.version,
        fires=fires_changed(definition_of(job), None, job.id, now) if prune else None,
        owner=_owner(job),
    )


def definition_of(job: Job) -> Definition:
    members: dict[str, Any] = {name: getattr(job, name) for name in _FIELDS.values()}
    members["promise"] = job.promise or msgspec.UNSET
    return Definition(**members)


def fires_changed(before: Definition | None, after: Definition | None, job_id: str | None, now: int) -> Fires | None:
    """What becomes of the instants of the next 30 days; None where they stay."""
    if before is not None and after is not None and _timing(before) == _timing(after):
        return None
    through = now + DAYS * DAY
    old, new = _instants(before, job_id, now, through), _instants(after, job_id, now, through)
    if not old.count and not new.count:
        return None
    compared = min(old.until, new.until)
    was = {at for at in old.listed if at <= compared}
    will = {at for at in new.listed if at <= compared}
    appearing, vanishing = sorted(will - was), sorted(was - will)
    return Fires(
        through=stamp(through),
        before=old.count,
        after=new.count,
        compared=stamp(compared),
        appear=len(appearing),
        vanish=len(vanishing),
        appearing=tuple(stamp(at) for at in appearing[:EXAMPLES]),
        vanishing=tuple(stamp(at) for at in vanishing[:EXAMPLES]),
        example=job_id is None and after is not None and is_seeded(after.cron_expression or ""),
    )


class _Instants(msgspec.Struct, frozen=True):
    count: int
    listed: list[int]
    until: int  # those that are listed are all up to here


def _instants(definition: Definition | None, job_id: str | None, after: int, through: int) -> _Instants:
    rows = () if definition is None else table([supposed(JobId(job_id or ""), definition, after)], now=after)
    ahead = next((row for row in rows if row.reason == "future"), None)
    if ahead is None:
        return _Instants(0, [], through)
    count, listed = ahead.count_within(after, through), ahead.instants(after, through, LISTED)
    return _Instants(count, listed, through if len(listed) == count else listed[-1])


def _timing(definition: Definition) -> tuple[Any, ...]:
    """All that decides the instants."""
    names = ("cron_expression", "timezone", "cron_dialect", "dst_gap", "dst_fold", "start_at", "end_at", "status")
    return tuple(getattr(definition, name) for name in names)


def _owner(job: Job) -> str | None:
    return job.labels.get(OWNER)


def _plain(definition: Definition) -> dict[str, Any]:
    return cast("dict[str, Any]", msgspec.to_builtins(definition))


def _nothing(after: Definition) -> dict[str, Any]:
    """What a new job is told against: its names, and defaults."""
    return _plain(Definition(job_name=after.job_name, job_group=after.job_group, invoke_target=""))


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], at: str = "") -> Iterator[FieldChange]:
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        pointer = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(cast("dict[str, Any]", old), cast("dict[str, Any]", new), pointer)
        elif old != new:
            yield FieldChange(pointer=pointer, before=old, after=new)

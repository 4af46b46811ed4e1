"""Mutes, as clients write and read them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from waterclock.kit.text.members import said
from waterclock.model.timestamps import Stamp
from waterclock_api.schemas.requests import Cursor, Duration, Limit, Moment, Name, Text
from waterclock_api.schemas.responses import NextCursor

LONGEST_LABEL = 400  # characters of a name, an equals sign and a value
_WHY = "Why, in your words. It is stored with the event."


class MuteWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whose notices are not sent: one of `jobId`, `group`, `label` and `all`. For how long: `for` or `until`."""

    reason: Annotated[Annotated[Text, msgspec.Meta(min_length=1)], said(_WHY, "INC-4711: the source is down")]
    job_id: Annotated[Name | None, said("Id of the job.")] = None
    group: Annotated[Name | None, said("All jobs of this group, now and later.", "reports")] = None
    label: Annotated[
        Annotated[str, msgspec.Meta(max_length=LONGEST_LABEL)] | None,
        said("All jobs that have this label with this value, and runs without a job that have it.", "tier=gold"),
    ] = None
    all_: Annotated[
        bool, said("`true`: everything, also what is about the installation itself (`clock`). Needs the scope `admin`.")
    ] = msgspec.field(default=False, name="all")
    for_: Annotated[Duration | None, said("For so long from now on; at least 1 s, at most 30 days.", 7200)] = (
        msgspec.field(default=None, name="for")
    )
    until: Annotated[Moment | None, said("Until this time, at most 30 days from now.", "2026-12-01T08:00:00+01:00")] = (
        None
    )


class MutesQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which mutes to list."""

    all_: Annotated[bool, said("`true`: those that are over, too.")] = msgspec.field(default=False, name="all")
    job_id: Annotated[
        str | None, said("Those that concern this job: its own, and those of its group, of its labels, and of all.")
    ] = None
    limit: Limit = 50
    cursor: Cursor = None


class UnmuteQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a mute ends before its time."""

    reason: Annotated[Text | None, said(_WHY, "the source is back")] = None


class Mute(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Notices that are not sent for a while. Of `jobId`, `group`, `label` and `all` one says whose."""

    id: Annotated[str, said("Id of the mute.")]
    job_id: Annotated[str | None, said("Id of the job.")]
    job_group: Annotated[str | None, said("Group of that job, as it is now.")]
    job_name: Annotated[str | None, said("Name of that job, as it is now.")]
    group: Annotated[str | None, said("The group whose jobs are muted.")]
    label: Annotated[str | None, said("The label, `name=value`, whose jobs are muted.")]
    all_: Annotated[bool, said("Whether everything is muted.")] = msgspec.field(name="all")
    position: Annotated[str, said("Position of the event since which it holds.", "0-1-140")]
    muted_at: Annotated[Stamp, said("When it began.")]
    until: Annotated[Stamp, said("When it ends by itself.")]
    ends_at: Annotated[
        Stamp, said("When it ends or has ended: at `until`, or before, by hand or because the job was deleted.")
    ]
    in_force: Annotated[bool, said("Whether it is in force now.")]
    actor: Annotated[str | None, said("Who muted.")]
    reason: Annotated[str, said("Why.")]
    unmuted_by: Annotated[str | None, said("Who ended it before its time; null: nobody.")]
    unmuted_reason: Annotated[str | None, said("Why it was ended.")]


class Mutes(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of mutes."""

    items: Annotated[list[Mute], said("The mutes, newest first.")]
    next_cursor: NextCursor

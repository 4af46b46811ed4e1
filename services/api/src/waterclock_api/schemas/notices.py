"""What the API answers of notices: what was told, of what, and how it was delivered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from waterclock.kit.text.members import said
from waterclock.model.notices.facts import What
from waterclock.model.notices.kinds import Kind
from waterclock.model.promise import Promise
from waterclock.model.timestamps import Stamp
from waterclock_api.schemas.promises import PromiseStanding, State
from waterclock_api.schemas.requests import Cursor, Limit, Moment
from waterclock_api.schemas.responses import NextCursor

DeliveryState = Literal["waiting", "delivered", "digested", "dropped", "givenUp", "muted"]


class NoticesQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which notices to list."""

    job_id: Annotated[tuple[str, ...], said("Notices of these jobs, by id.")] = ()
    run_id: Annotated[tuple[str, ...], said("Notices of these runs, by id.")] = ()
    kind: Annotated[tuple[Kind, ...], said("Notices of this kind, such as `failed` or `late`. Repeatable.")] = ()
    rule: Annotated[tuple[str, ...], said("Notices of the rule with this name. Repeatable.")] = ()
    from_: Annotated[Moment | None, said("Notices at this time or later.")] = msgspec.field(default=None, name="from")
    to: Annotated[Moment | None, said("Notices at this time or before.")] = None
    limit: Limit = 50
    cursor: Cursor = None


class NoticeDelivery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The message that brings a notice to a channel. Rules that say the same share one."""

    channel: Annotated[str, said("Name of the channel.")]
    state: Annotated[
        DeliveryState,
        said(
            "`waiting`, also between two tries; `delivered`; `digested`: told in a digest with others; `dropped`: it "
            "took back what was never delivered; `givenUp`: after three days, or because the channel refused it; "
            "`muted`: a mute has kept it back."
        ),
    ]
    at: Annotated[Stamp | None, said("When that came to be; null while it waits.")]
    tries: Annotated[int, said("How often it was sent.")]
    next_try_at: Annotated[Stamp | None, said("When it is sent next, at the earliest; null unless it waits.")]
    error: Annotated[str | None, said("Why the last try failed, as the channel said.")]
    mute: Annotated[str | None, said("Id of the mute that has kept it back.")]


class Said(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a rule is told."""

    id: Annotated[str, said("Id of the notice.")]
    kind: Annotated[Kind, said("What it tells.")]
    rule: Annotated[str, said("Name of the rule.")]
    at: Annotated[Stamp, said("When it was known, by the clock of the event log.")]
    since: Annotated[Stamp, said("When it began.")]
    count: Annotated[int, said("How often it had happened since then.")]
    job_id: Annotated[str | None, said("Id of the job; null: a run without one, or the installation itself.")]
    job_group: Annotated[str | None, said("Group of the job at that time.")]
    job_name: Annotated[str | None, said("Name of the job at that time.")]
    run_id: Annotated[str | None, said("Id of the run.")]
    instant: Annotated[Stamp | None, said("Scheduled time; of several that were skipped the first.")]
    last: Annotated[Stamp | None, said("Of several that were skipped the last.")]
    due: Annotated[Stamp | None, said("When it should have happened, as the job promises.")]
    what: Annotated[
        What | None, said("What was due then: the `start` or the `finish` of the run, or the end of the `attempt`.")
    ]
    attempt: Annotated[int | None, said("Number of the attempt.")]
    position: Annotated[
        str | None, said("Position of the event, or of the last event before a deadline passed without one.")
    ]
    reason: Annotated[
        str | None, said("Why a time was skipped or a run cancelled; why an event cannot be read; what is lost.")
    ]
    reminder: Annotated[int, said("Which reminder it is; 0: none.")]
    recovers: Annotated[Kind | None, said("Of `recovered`: the kind of notice that is over.")]
    of: Annotated[str | None, said("Id of the notice that it repeats, or says is over.")]


class Notice(Said, frozen=True, kw_only=True, rename="camel"):
    """What a rule was told."""

    deliveries: Annotated[list[NoticeDelivery], said("One for each channel of the rule.")]


class Notices(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of notices."""

    items: Annotated[list[Notice], said("The notices, newest first.")]
    next_cursor: NextCursor


class PromisesQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which promises to list."""

    state: Annotated[tuple[State, ...], said("Promises that are kept so. Repeatable.")] = ()
    job_id: Annotated[tuple[str, ...], said("Promises of these jobs, by id.")] = ()
    job_group: Annotated[tuple[str, ...], said("Promises of jobs in these groups.")] = ()
    limit: Limit = 50
    cursor: Cursor = None


class JobPromise(PromiseStanding, frozen=True, kw_only=True, rename="camel"):
    """What a job promises, and how it is kept."""

    job_id: Annotated[str, said("Id of the job.")]
    job_group: Annotated[str, said("Group of the job.")]
    job_name: Annotated[str, said("Name of the job.")]
    promise: Annotated[Promise, said("What it promises.")]


class Promises(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of promises."""

    items: Annotated[list[JobPromise], said("One for each job that promises something, oldest job first.")]
    next_cursor: NextCursor


class RehearsalWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which rules to rehearse, on which range of the past."""

    rules: Annotated[
        str | dict[str, Any],
        said(
            "A file of rules, as text in YAML or as JSON: the one of a notifier, or another to be tried. Channels need "
            "no addresses: `{}` will do.",
            {"channels": {"oncall": {}}, "rules": [{"name": "all", "on": ["failed", "late"], "channels": ["oncall"]}]},
        ),
    ]
    from_: Annotated[Moment, said("Start of the range, inclusive.", "2026-11-18T00:00:00Z")] = msgspec.field(
        name="from"
    )
    to: Annotated[Moment | None, said("End of the range, exclusive. By default now. At most 31 days after `from`.")] = (
        None
    )
    limit: Annotated[Limit, said("Notices to list, at most.")] = 100


class RehearsedNotice(Said, frozen=True, kw_only=True, rename="camel"):
    """What a rule would have told."""

    channels: Annotated[tuple[str, ...], said("Names of the channels that it would have been sent to.")]


class NoticeCount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How often a rule would have told of a kind."""

    rule: Annotated[str, said("Name of the rule.")]
    kind: Annotated[Kind, said("The kind.")]
    count: Annotated[int, said("How many notices.")]


class RehearsedNotices(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What rules would have told."""

    from_: Annotated[Stamp, said("Start of the range, inclusive.")] = msgspec.field(name="from")
    to: Annotated[Stamp, said("End of the range, exclusive.")]
    events: Annotated[int, said("Events that were judged.")]
    notices: Annotated[int, said("Notices in all. Digests and the limit per minute do not count.")]
    counts: Annotated[list[NoticeCount], said("How many there are of each rule and kind, most first.")]
    items: Annotated[list[RehearsedNotice], said("The first of them, oldest first.")]
    more: Annotated[bool, said("Whether there are more than are listed.")]

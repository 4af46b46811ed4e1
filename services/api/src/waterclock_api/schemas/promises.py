"""What the API answers of promises: how they are kept, and which were broken."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from waterclock.kit.text.members import said
from waterclock.model.notices.facts import What
from waterclock.model.notices.kinds import Kind
from waterclock.model.timestamps import Stamp

State = Literal["broken", "open", "kept", "unjudged"]

_KIND = said(
    "`late`: a run has not started or ended in time; `missing`: a scheduled time has no run; `tooLong`: an attempt; "
    "`silent`: the job has not succeeded for too long."
)


class OpenBreak(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A promise of a job that is broken now."""

    kind: Annotated[Kind, _KIND]
    since: Annotated[Stamp, said("Since when.")]
    count: Annotated[int, said("How often it was broken since then.")]
    run_id: Annotated[str | None, said("Id of the last run that broke it.")]
    instant: Annotated[Stamp | None, said("Scheduled time that broke it last.")]
    due: Annotated[Stamp | None, said("When the last of it should have happened.")]


class PromiseStanding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How the promise of a job is kept, as far as a notifier has judged."""

    state: Annotated[
        State,
        said(
            "`broken`: something of it is broken now; `open`: a deadline is running; `kept`: none is; `unjudged`: no "
            "notifier has judged the job yet."
        ),
    ]
    broken: Annotated[list[OpenBreak], said("What is broken now.")]
    next_due_at: Annotated[
        Stamp | None,
        said("The next time at which something must have happened, also for the next scheduled time. Null: none."),
    ]


class BrokenPromise(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A promise that a run has broken."""

    kind: Annotated[Kind, _KIND]
    what: Annotated[What | None, said("What was due: the `start` or `finish` of the run, or the end of the `attempt`.")]
    attempt: Annotated[int | None, said("Number of the attempt that took too long.")]
    due: Annotated[Stamp | None, said("When it should have happened: from then on the promise was broken.")]
    at: Annotated[Stamp, said("When it was judged, by the clock of the event log.")]
    position: Annotated[str, said("Position of the event, or of the last event before the deadline passed.")]

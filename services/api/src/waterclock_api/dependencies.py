"""What handlers work with. `app` puts it together; every handler gets it."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request

from waterclock.kit.telemetry.metrics import Exposition
from waterclock.log.liveness.waiting import WaitingRuns
from waterclock_api.access.guard import Access
from waterclock_api.commands.context import CommandContext
from waterclock_api.live.hub import Hub
from waterclock_api.live.pulse.beat import Beat
from waterclock_api.queries.overview.jobs_index import JobsIndexCache
from waterclock_api.queries.overview.kept_answers import KeptAnswers
from waterclock_api.telemetry.outages import Outages
from waterclock_api.validation.notes import JobNotes

PARTS = "parts"
"""Their name in the application's state."""


class Dependencies(CommandContext, frozen=True, kw_only=True):
    notes: JobNotes
    hub: Hub
    beat: Beat
    exposition: Exposition
    access: Access
    outages: Outages
    waiting: WaitingRuns
    strips: KeptAnswers = msgspec.field(default_factory=KeptAnswers)
    jobs_index: JobsIndexCache = msgspec.field(default_factory=JobsIndexCache)


def dependencies_of(request: Request[Any, Any, Any]) -> Dependencies:
    """The parts of the application that was asked. Litestar's injection would cost 30 µs a request."""
    return request.app.state[PARTS]

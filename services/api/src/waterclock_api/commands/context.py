"""What commands work with, beside what reads are answered from."""

from __future__ import annotations

import msgspec

from waterclock.log.commands.batching import RequestBatches
from waterclock_api.commands.job_cache import JobCache
from waterclock_api.commands.names import OddNames
from waterclock_api.queries.sources import Sources


class CommandContext(Sources, frozen=True, kw_only=True):
    gathering: RequestBatches
    memory: JobCache
    zone: str | None = None
    """Of a job that names none, where the installation has one."""
    odd_names: OddNames = msgspec.field(default_factory=OddNames)

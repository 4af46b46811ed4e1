"""Parameters of stored jobs that the check of an executor refuses, as a worker has found when it joined.

What is found is told of parameters, not of jobs: whatever has these would end the same way, and of a job that is edited
nothing is told any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from waterclock.model.ids import digest

MOST = 100
"""Of one worker."""
LONGEST = 300
"""Characters of a message."""


class UnfitParams(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of stored jobs that the check of an executor refuses."""

    executor: Annotated[str, Meta(description="Name of the executor.")]
    params: Annotated[str, Meta(description="Digest of the parameters.")]
    message: Annotated[str, Meta(description="Why they are refused.")]


def params_digest(params: Mapping[str, Any]) -> str:
    """Of parameters as JSON, in whatever order their members stand."""
    return digest(msgspec.json.encode(params, order="deterministic").decode(), 32)

"""What `waterclock doctor` says of projectors and APIs of an earlier release: beside them not all can be written."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from waterclock.store.connection.pool import Connection
from waterclock_api.consistency.older_parts import older_parts
from waterclock_api.operator.diagnostics.checks import Finding, ok, warning

CHECK = "releases"


async def of_parts(connection: Connection) -> AsyncGenerator[Finding]:
    found = await older_parts(connection)
    if not found:
        yield ok(CHECK, "no projector or API of an earlier release is at work")
        return
    said = (
        f"of an earlier release: {', '.join(map(str, found))}. They lose the promise of a job that they edit or "
        "project, and neither a promise nor a mute can be written now"
    )
    yield warning(CHECK, said, "replace them; if jobs had promises before, run `waterclock rebuild --swap` afterwards")

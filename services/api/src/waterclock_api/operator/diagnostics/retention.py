"""What `waterclock doctor` says of ended runs: for how long they are kept, and how fast they grow."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

from waterclock.kit.settings import SettingsError, read
from waterclock.store import retention
from waterclock.store.connection.pool import Connection
from waterclock_api.operator.diagnostics.checks import Finding, ok, problem, warning
from waterclock_api.settings import ProjectorSettings

CHECK = "ended runs"
SETTING = "WATERCLOCK_KEEP_RUNS"
LARGE = 1 << 30
"""Bytes that are worth a word of warning."""
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


async def of_runs(connection: Connection, environment: Mapping[str, str]) -> AsyncGenerator[Finding]:
    """By the setting of this process's environment, which is to be the projectors', else by what the store says."""
    try:
        own = read(ProjectorSettings, environment)
    except SettingsError as error:
        yield problem(CHECK, str(error), "correct the setting")
        return
    said = ",".join(own.keep_runs) or await retention.age_of_runs(connection)
    if own.keep_runs:
        yield ok(CHECK, f"kept for {said}, by {SETTING} here")
    elif said is not None:
        yield ok(CHECK, f"kept for {said}, the default of this installation; {SETTING} of the projectors overrides it")
    else:
        yield _of_growth(await retention.ended_runs(connection), own)


def _of_growth(found: retention.EndedRuns, own: ProjectorSettings) -> Finding:
    each = found.bytes / found.ended if found.ended else 0
    whole = f"kept as long as events, {own.keep_events}" if own.keep_events else "kept forever"
    told = (
        f"{whole}: {found.ended} run(s) in {size(found.bytes)}; "
        f"{found.lately} ended in the last day, about {size(each * found.lately)}"
    )
    if found.bytes < LARGE:
        return ok(CHECK, told)
    return warning(
        CHECK, told, f"set {SETTING}=90d for the projectors, or `forever` to keep them and silence this finding"
    )


def size(count: float) -> str:
    """Bytes in the largest unit of which there is one."""
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 or count >= 10 else f"{count:.1f} {_UNITS[unit]}"

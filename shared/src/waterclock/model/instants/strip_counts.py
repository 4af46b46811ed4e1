"""What a strip shows of a bin: how many of its scheduled times came to what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta


class StripCounts(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How many scheduled times of a bin came to what; what is 0 is left out."""

    succeeded: Annotated[int, Meta(description="Their run succeeded.")] = 0
    failed: Annotated[int, Meta(description="Their run failed.")] = 0
    timed_out: Annotated[int, Meta(description="Their run timed out.")] = 0
    died: Annotated[int, Meta(description="Their run was lost with its worker too often.")] = 0
    cancelled: Annotated[int, Meta(description="Their run was cancelled.")] = 0
    running: Annotated[int, Meta(description="Their run is running.")] = 0
    waiting: Annotated[int, Meta(description="Their run has not started, or is to be started again.")] = 0
    skipped: Annotated[int, Meta(description="They were skipped.")] = 0
    coalesced: Annotated[int, Meta(description="They were merged into another run.")] = 0
    pending: Annotated[int, Meta(description="They are due and not decided yet.")] = 0
    missing: Annotated[int, Meta(description="Nothing was decided about them: a hole in the ledger.")] = 0
    double: Annotated[int, Meta(description="They were decided twice; each is counted once by its outcome, too.")] = 0
    stray: Annotated[
        int, Meta(description="They were decided and not scheduled; each is counted by its outcome, too.")
    ] = 0
    future: Annotated[int, Meta(description="They are to come.")] = 0
    disabled: Annotated[int, Meta(description="The job was disabled.")] = 0
    deleted: Annotated[int, Meta(description="The job had been deleted.")] = 0
    not_yet_created: Annotated[int, Meta(description="The job had not been created.")] = 0
    forgotten: Annotated[int, Meta(description="Retention deleted what was decided, or the run.")] = 0
    broken: Annotated[
        int,
        Meta(
            description="Promises about them that were broken, or that had to be kept then; each scheduled time is "
            "counted by its outcome, too."
        ),
    ] = 0


Cell = tuple[Annotated[int, Meta(ge=1)], StripCounts | None]
"""How many bins in a row have these counts; None: no scheduled times."""
_FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(StripCounts)}


def cells_of(bins: Iterable[Mapping[str, int]]) -> list[Cell]:
    """Bins run-length encoded; each is given as counts by outcome."""
    found: list[Cell] = []
    last: Mapping[str, int] | None = None
    for counts in bins:
        if counts == last:
            number, same = found[-1]
            found[-1] = (number + 1, same)
        else:
            last = counts
            written = StripCounts(**{_FIELDS[name]: count for name, count in counts.items()}) if counts else None
            found.append((1, written))
    return found

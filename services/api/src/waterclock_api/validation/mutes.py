"""What a mute must be: of one thing, for a while, with a reason."""

from __future__ import annotations

from typing import NamedTuple

from waterclock.model.durations import moment, seconds
from waterclock.model.errors import Flaw
from waterclock.model.ids import ID_PATTERN, JobId
from waterclock.model.names import normal
from waterclock.model.parameters.bounds import label_flaws, named_flaw
from waterclock.model.timestamps import millis
from waterclock_api.schemas.mutes import MuteWrite

LONGEST_MS = 30 * 86_400_000
SHORTEST_MS = 1_000
_ONE_OF = "one of jobId, group, label and all"


class Wanted(NamedTuple):
    """Of the first four one says whose notices; `for_ms` or `until_ms`: for how long."""

    job_id: JobId | None
    group: str | None
    label: str | None
    everything: bool
    for_ms: int | None
    until_ms: int | None
    reason: str


def wanted_by(write: MuteWrite, flaws: list[Flaw]) -> Wanted:
    """What a body asks for. Whether that time is yet to come, nobody says here."""
    _check_whose(write, flaws)
    for_ms, until_ms = _duration(write, flaws), _moment(write, flaws)
    if write.reason.isspace():
        flaws.append(Flaw("/reason", "is blank"))
    return Wanted(
        None if write.job_id is None else JobId(write.job_id),
        None if write.group is None else normal(write.group),
        write.label,
        write.all_,
        for_ms,
        until_ms,
        write.reason,
    )


def until_of(wanted: Wanted, now: int, flaws: list[Flaw]) -> int:
    """When the mute ends by itself, ms; `now` by the clock of its partition, ms."""
    until = now + wanted.for_ms if wanted.for_ms is not None else wanted.until_ms or 0
    if until <= now:
        flaws.append(Flaw("/until", "is in the past"))
    elif until > now + LONGEST_MS:
        flaws.append(Flaw("/until", "is more than 30 days from now"))
    return until


def _check_whose(write: MuteWrite, flaws: list[Flaw]) -> None:
    given = {"jobId": write.job_id, "group": write.group, "label": write.label, "all": write.all_ or None}
    first, *more = [name for name, value in given.items() if value is not None] or [None]
    if first is None:
        flaws.append(Flaw("", f"says not whose notices: give {_ONE_OF}"))
    flaws += [Flaw(f"/{name}", f"is given beside {first}: give {_ONE_OF}") for name in more]
    if write.job_id is not None and ID_PATTERN.fullmatch(write.job_id) is None:
        flaws.append(Flaw("/jobId", "is no id of a job"))
    if write.group is not None and (said := named_flaw(write.group, before=None, slash=False)) is not None:
        flaws.append(Flaw("/group", said))
    if write.label is not None:
        name, equals, value = write.label.partition("=")
        if not equals:
            flaws.append(Flaw("/label", "is not name=value"))
        else:
            flaws += [Flaw("/label", flaw.message) for flaw in label_flaws({name: value})]


def _duration(write: MuteWrite, flaws: list[Flaw]) -> int | None:
    if write.for_ is None:
        return None
    try:
        found = round(1000 * seconds(write.for_))
    except ValueError as error:
        flaws.append(Flaw("/for", str(error)))
        return SHORTEST_MS
    if not SHORTEST_MS <= found <= LONGEST_MS:
        flaws.append(Flaw("/for", f"must be from {SHORTEST_MS // 1000} to {LONGEST_MS // 1000} seconds"))
        return SHORTEST_MS
    return found


def _moment(write: MuteWrite, flaws: list[Flaw]) -> int | None:
    if write.until is None:
        if write.for_ is None:
            flaws.append(Flaw("", "says not for how long: give for or until"))
        return None
    if write.for_ is not None:
        flaws.append(Flaw("/until", "is given beside for: give one of them"))
    try:
        return millis(moment(write.until))
    except ValueError as error:
        flaws.append(Flaw("/until", str(error)))
        return None

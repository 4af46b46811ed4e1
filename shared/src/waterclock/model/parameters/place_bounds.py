"""What a place allows: the bounds and floors that parameters are held by, whoever sends them.

A worker asks with the place as its own configuration describes it, before it opens anything; the API asks with what
workers announced. Each flaw points into the parameters, names place and bound, and says what configuration allows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from waterclock.model.errors import Flaw
from waterclock.model.places import DEFAULT, DRILLS, OWN, REFERENCES, PlaceSpec, ReferenceSpec, accepted, reference

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_REFERENCE = re.compile(r"env:[A-Za-z0-9_]+|file:/[!-~]+")
_NAMED = 20  # known places, databases or patterns named in a refusal


def place_named(params: Mapping[str, Any]) -> Any:
    """The place that parameters name; a name only if it is a text."""
    name = params.get("place")
    return DEFAULT if name is None else name


def unknown_place(params: Mapping[str, Any], known: Iterable[str]) -> Flaw:
    """What is said where no place bears the name."""
    names = sorted(set(known))
    there = f"known places: {_listed(names)}" if names else "none is known"
    table = place_named(params)
    told = (
        f": describe it as `[{_table_name(table)}]` in a worker's WATERCLOCK_PLACES" if isinstance(table, str) else ""
    )
    return Flaw("/place", f"is not a place of any worker ({there}){told}")


def place_flaws(place: PlaceSpec, key: str, params: Mapping[str, Any], *, stored: bool = False) -> list[Flaw]:
    """What lies outside the place. `key` is the executor's, or an alias of it.

    `stored`: as of a job that was written before: what only goes on for such jobs is no flaw.
    """
    return list(_flaws(place, key, params, stored))


def reference_flaw(
    text: object, patterns: Iterable[ReferenceSpec], *, pointer: str, where: str, stored: bool = False
) -> Flaw | None:
    """Whether a reference is listed among patterns, which stand `where`; hosts are looked at where it is sent.

    `stored`: patterns without hosts do, as for a job that was written before they were asked for.
    """
    listed = _matching(text, patterns)
    if any(one.hosts or stored for one in listed):
        return None
    if listed:
        said = f"is listed without the hosts it may be sent to: write `{listed[0].pattern}@HOST`"
        return Flaw(pointer, f"{said} {where}")
    return Flaw(pointer, f"is not a listed reference: add `{_shown(text)}@HOST` {where}")


def role_flaw(params: Mapping[str, Any], places: Iterable[PlaceSpec] | None) -> Flaw | None:
    """Whether a drill restores as a role that no configuration vouches for: of a `target`, or of the source's server.

    `places`: those that bear the name, as workers announced them; None: no worker has told. Who the role is only the
    worker sees, when it looks at it; it is known of a scratch server, which is described by whoever knows of that.
    """
    if params.get("target") is not None:
        whose, do = "of this URL", "leave `target` out, with that role's URL as `scratch`"
    elif places is None or any(one.drills in {"source", "sourceUnlisted"} for one in places):
        whose, do = "of the source's URL", "give that role's URL as `scratch`"
    else:
        return None
    name = place_named(params)
    table = f"`[{_table_name(name)}]`" if isinstance(name, str) else "the place"
    said = f"a drill is refused (RoleTooWide) if the role {whose} may do more than restore, such as a superuser"
    return Flaw(
        "/target", f"{said}: create a role with deploy/postgres/scratch.sql, and {do} in {table} of WATERCLOCK_PLACES"
    )


def _flaws(place: PlaceSpec, key: str, params: Mapping[str, Any], stored: bool) -> Iterator[Flaw]:
    table = f"`[{_table_name(place.name)}]`"
    database = params.get("database")
    if database is not None and place.databases is not None and database not in place.databases:
        there = f"has {_listed(place.databases)}" if place.databases else "has none to name"
        yield Flaw("/database", f"is outside the place {place.name!r}, which {there}: add it to `databases` in {table}")
    for member in OWN:
        if (value := params.get(member)) is not None and (flaw := _own(place, member, value, stored)) is not None:
            yield flaw
    prefix = params.get("prefix")
    if prefix is not None and not _within(prefix, place.prefix):
        said = f"is outside the folder {place.prefix!r} of the place {place.name!r}"
        yield Flaw("/prefix", f"{said}: name a folder in it, or change `prefix` in {table}")
    for member, floor in (("retentionDays", place.retention_days), ("keepLast", place.keep_last)):
        given = params.get(member)
        if isinstance(given, int | float) and given < floor:
            said = f"is below {floor}, the floor of the place {place.name!r}"
            yield Flaw(f"/{member}", f"{said}: keep more, or lower `{member}` in {table}")
    if key in DRILLS and params.get("target") is None:
        yield from _drill(place, table, stored)


def _own(place: PlaceSpec, member: str, value: object, stored: bool) -> Flaw | None:
    if isinstance(value, str) and accepted(place.name, member, value) in place.accepts.get(member, ()):
        return None
    pointer, table = f"/{member}", _table_name(place.name)
    if member in REFERENCES and _matching(value, place.references):
        where = f"in `references` of `[{table}]`"
        return reference_flaw(value, place.references, pointer=pointer, where=where, stored=stored)
    said = f"is neither what the place {place.name!r} has nor listed there"
    do = f"leave it out, name another `place`, or add it to `{member}` in `[{table}.accepts]`"
    return Flaw(pointer, f"{said}: {do}")


def _drill(place: PlaceSpec, table: str, stored: bool) -> Iterator[Flaw]:
    wanted = f'describe a scratch server in {table}, or list the source there with `drills = "source"`'
    if place.drills == "none":
        yield Flaw("/target", f"is left out, and the place {place.name!r} has no server to restore on: {wanted}")
    elif place.drills == "sourceUnlisted" and not stored:
        said = f"is left out, and the place {place.name!r} can restore only on the source server, which only jobs"
        yield Flaw("/target", f"{said} stored by an earlier release may use: {wanted}")


def _within(prefix: object, folder: str | None) -> bool:
    """By whole segments; one that leads upwards, or is none, lies nowhere."""
    if not isinstance(prefix, str):
        return False
    segments = prefix.split("/")
    if any(one in {"", ".", ".."} for one in segments):
        return False
    above = [] if folder is None else [one for one in folder.split("/") if one]
    return segments[: len(above)] == above


def _matching(text: object, patterns: Iterable[ReferenceSpec]) -> list[ReferenceSpec]:
    return [one for one in patterns if fnmatchcase(reference(text), one.pattern)] if isinstance(text, str) else []


def _listed(names: Iterable[str]) -> str:
    told = list(names)
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return ", ".join(told[:_NAMED]) + more


def _shown(text: object) -> str:
    """A reference for a line of configuration; what is none may be a secret, and is not told."""
    return reference(text) if isinstance(text, str) and _REFERENCE.fullmatch(text) else "env:NAME"


def _table_name(name: str) -> str:
    return name if _BARE.fullmatch(name) else f'"{name}"'

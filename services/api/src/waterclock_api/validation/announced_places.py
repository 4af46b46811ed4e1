"""Where executors may go, as workers announced it, and what of a job lies outside.

Workers that differ: a job passes where any worker that may take its runs would take it. For what a caller with `run`
alone may send, all of them must say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from waterclock.model.errors import Flaw
from waterclock.model.events import ExecutorSpec
from waterclock.model.parameters.authority import HTTP, MOST, held_by, references_in, same_member
from waterclock.model.parameters.place_bounds import (
    place_flaws,
    place_named,
    reference_flaw,
    role_flaw,
    unknown_place,
)
from waterclock.model.places import DRILLS, OWN, PlaceSpec, Reach
from waterclock.model.stored_parameters import params_digest

_LISTS: Mapping[str, str] = {HTTP: "WATERCLOCK_HTTP_REFERENCES"}
"""Settings of workers that list references, by executor."""


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """A start of a worker; `reach` None: it is of a release that told of none. `is_here`: it has not left."""

    queues: frozenset[str]
    executors: frozenset[str]
    reach: Reach | None
    is_here: bool = True


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """An executor as a job names it. `spec`: what was announced of it. `queue` None: of any."""

    name: str
    spec: ExecutorSpec | None
    queue: str | None = None

    @property
    def keys(self) -> frozenset[str]:
        return frozenset({self.name} if self.spec is None else {self.name, self.spec.key})


def authorities(announced: Iterable[Announced], target: Target) -> tuple[PlaceSpec, ...]:
    """The places of all workers that may take a run, for what is asked of all of them."""
    found: list[PlaceSpec] = []
    for one in _able(announced, target):
        if target.queue is not None and target.queue not in one.queues:
            continue
        if one.reach is None:  # it holds to nothing, so nothing is free there
            return ()
        found += one.reach.places
    return tuple(found)


def places_of(announced: Iterable[Announced], target: Target) -> list[PlaceSpec]:
    """The places at which an executor works, by name; those that workers describe differently beside each other."""
    found = [place for one in _able(announced, target) if one.reach is not None for place in one.reach.places]
    alike = {msgspec.json.encode(place, order="deterministic"): place for place in found}
    return [alike[text] for text in sorted(alike, key=lambda text: (alike[text].name, text))]


def outside(
    announced: Sequence[Announced],
    target: Target,
    params: Mapping[str, Any],
    *,
    before: Mapping[str, Any] | None = None,
) -> list[Flaw]:
    """What is newly written and lies outside. `before`: the parameters that the job has, of the same executor."""
    flaws = _flaws(announced, target, params, stored=False)
    return [flaw for flaw in flaws if before is None or not _as_before(target, flaw, params, before)]


def told(announced: Sequence[Announced], target: Target, params: Mapping[str, Any]) -> Iterator[tuple[Flaw, bool]]:
    """What is to be known of a job that is stored, and whether its runs would be stopped for it."""
    if held_by(target.name, target.spec) not in {"places", "references"}:
        return
    if all(one.reach is None for one in _running(announced, target)):
        yield from ((flaw, False) for flaw in _unsure(target, params))
        return
    stopped = dict.fromkeys(_flaws(announced, target, params, stored=True))
    yield from ((flaw, True) for flaw in stopped)
    pointers = {flaw.pointer for flaw in stopped}
    for flaw in _flaws(announced, target, params, stored=False):
        if flaw.pointer not in pointers:
            yield flaw, False


def refused(announced: Sequence[Announced], target: Target, params: Mapping[str, Any]) -> Iterator[str]:
    """Why the check of an executor refuses these parameters, as its workers found when they joined."""
    by_worker = [one.reach.unfit for one in announced if one.reach is not None and one.reach.unfit]
    if not by_worker:
        return
    digest = params_digest(params)
    for one in _running(announced, target):
        if one.reach is not None:
            yield from (
                each.message for each in one.reach.unfit if each.params == digest and each.executor in target.keys
            )


def restoring(announced: Sequence[Announced], target: Target, params: Mapping[str, Any]) -> Flaw | None:
    """What is to be known of a drill though nobody announces it: that its role may be one that workers refuse."""
    if _key(target) not in DRILLS:
        return None
    reaches = [one.reach for one in _running(announced, target) if one.reach is not None]
    named = place_named(params)
    here = [place for reach in reaches for place in reach.places if place.name == named]
    return role_flaw(params, here if reaches else None)


def _flaws(announced: Sequence[Announced], target: Target, params: Mapping[str, Any], *, stored: bool) -> list[Flaw]:
    """None where nobody has told; else those that the worker has which would take the most."""
    reaches = [one.reach for one in _running(announced, target) if one.reach is not None]
    if not reaches:
        return []
    match held_by(target.name, target.spec):
        case "places":
            named = place_named(params)
            here = [place for reach in reaches for place in reach.places if place.name == named]
            if not here:
                return [unknown_place(params, (place.name for reach in reaches for place in reach.places))]
            return min((place_flaws(place, _key(target), params, stored=stored) for place in here), key=len)
        case "references":
            return min((_of_references(reach, target, params, stored=stored) for reach in reaches), key=len)
        case _:
            return []


def _of_references(reach: Reach, target: Target, params: Mapping[str, Any], *, stored: bool) -> list[Flaw]:
    key = _key(target)
    where = f"to {_LISTS.get(key, 'what is listed for it')} of its workers"
    patterns = reach.references.get(key, ())
    found = references_in(target.name, target.spec, params)
    flaws = (
        reference_flaw(text, patterns, pointer=pointer, where=where, stored=stored) for pointer, text in found.items()
    )
    return list(islice((flaw for flaw in flaws if flaw is not None), MOST))


def _unsure(target: Target, params: Mapping[str, Any]) -> Iterator[Flaw]:
    """Of an executor whose workers have not told yet: what only goes on where their configuration has or lists it."""
    if held_by(target.name, target.spec) == "references":
        said = "workers of this release send a reference only to hosts that it is listed with"
        yield from (
            Flaw(pointer, f"{said}: list it as `REFERENCE@HOST` in {_LISTS.get(_key(target), 'their list')}")
            for pointer in references_in(target.name, target.spec, params)
        )
        return
    table = place_named(params)
    for member in OWN:
        if params.get(member) is not None:
            do = f"else add it to `{member}` in `[{table}.accepts]` of their WATERCLOCK_PLACES"
            yield Flaw(f"/{member}", f"workers of this release take it only where their place has the same: {do}")
    if params.get("database") is not None:
        do = f"else add it to `databases` in `[{table}]` of their WATERCLOCK_PLACES"
        yield Flaw("/database", f"workers of this release take it only where the connection names the same: {do}")


def _running(announced: Sequence[Announced], target: Target) -> list[Announced]:
    """Those that run the executor; of them those that take the queue, if any does."""
    able = _able(announced, target)
    return [one for one in able if target.queue in one.queues] or able


def _able(announced: Iterable[Announced], target: Target) -> list[Announced]:
    """Those that are here and run the executor; where there are none, those that ran it and have left."""
    able = [one for one in announced if one.executors & target.keys]
    return [one for one in able if one.is_here] or able


def _as_before(target: Target, flaw: Flaw, params: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    if held_by(target.name, target.spec) == "references":
        was = references_in(target.name, target.spec, before)
        now = references_in(target.name, target.spec, params)
        return flaw.pointer in was and was[flaw.pointer] == now[flaw.pointer] and same_member(params, before, "url")
    return place_named(params) == place_named(before) and same_member(params, before, flaw.pointer[1:])


def _key(target: Target) -> str:
    return target.name if target.spec is None else target.spec.key

"""The places of this worker, read once when it starts: from a file, and from the older variables."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

import msgspec

from waterclock.executors.context import GiveUp
from waterclock.kit.settings import SettingsError
from waterclock.model.places import DEFAULT, PlaceSpec
from waterclock_worker.executors.backup.postgres.connection import connection_of
from waterclock_worker.executors.places import variables
from waterclock_worker.executors.places.file import read_file
from waterclock_worker.executors.places.place import Place, Places
from waterclock_worker.executors.reach.references import Listed, secret_of

FILE = "WATERCLOCK_PLACES"


def read_places(environment: Mapping[str, str]) -> Places:
    """
    Raises:
        SettingsError: something is wrong with them; the message names file, place and member.
    """
    file = environment.get(FILE)
    found = read_file(file) if file else {}
    older = variables.place_of_variables(environment)
    if older is not None:
        if DEFAULT in found:
            said = ", ".join(variables.given(environment))
            raise SettingsError(f"{FILE}: {file}: [{DEFAULT}] is described here and by {said}: leave one of them out")
        found[DEFAULT] = older
    return Places(by_name=found)


@functools.cache
def places_of_process() -> Places:
    """As they were when they were first asked for: when the worker started.

    Raises:
        SettingsError: as `read_places`.
    """
    return read_places(os.environ)


def announced(places: Places, environment: Mapping[str, str]) -> tuple[PlaceSpec, ...]:
    """What other processes may know of them.

    Raises:
        SettingsError: some of it is no text that they could read.
    """
    return tuple(_announced(place, environment) for place in places.by_name.values())


def _announced(place: Place, environment: Mapping[str, str]) -> PlaceSpec:
    try:
        spec = place.spec(_databases(place, environment))
        msgspec.json.encode(spec)
    except UnicodeEncodeError as error:
        unread = [name for name in variables.given(environment) if not _is_text(environment.get(name, ""))]
        where = ", ".join(unread) or place.setting
        raise SettingsError(f"{where}: the place {place.name!a} holds bytes that are not UTF-8") from error
    return spec


def _is_text(value: str) -> bool:
    """Whether it is whole: bytes of the environment that are not UTF-8 are half surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _databases(place: Place, environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """All that a job may name: those listed, and those of the URLs that it may give, as far as they are known now."""
    found = list(place.databases)
    for one in (*([place.connection] if place.connection else []), *place.taken("connection")):
        names = _names(one, environment)
        if names is None:
            return None
        for name in names:
            try:
                url = secret_of("connection", name, environment)
                found.append(connection_of(url, database=None).database)
            except GiveUp:  # no URL, or not there yet: it can become one
                if one.is_literal:
                    return None
    return tuple(dict.fromkeys(found))


def _names(one: Listed, environment: Mapping[str, str]) -> list[str] | None:
    """The references that a pattern names; None: nobody can say."""
    if one.is_literal:
        return [one.pattern]
    return (
        [f"env:{name}" for name in environment if one.names(f"env:{name}")] if one.pattern.startswith("env:") else None
    )
